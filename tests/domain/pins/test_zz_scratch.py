import time
from sqlalchemy import text
from domain.pins.statements import *
from domain.pins.queries import visitor_map, staff_map
from domain.groups import actions as groups
from domain.lots import actions as lots
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor
async def test_perf(parking):
    async with parking.databases.ledger(parking.environment.cell).begin() as c:
        await c.execute(text("insert into platform.task_schedule(id, environment, task, rule, time_zone, is_enabled) select gen_random_uuid(), 'e_'||n, t, 'every 600','UTC',true from generate_series(1,10000) n, unnest(array['update_mistall','update_parking_logix','a','b']) t"))
    async with parking.databases.owner(parking.environment.cell).begin() as c:
        await c.execute(text("set role opscom_test_master_owner"))
        await c.execute(text("analyze platform.task_schedule"))
    async with parking.work() as w:
        for g in range(30):
            gid = await groups.create(w, f"G{g}", point=MapPoint(1,2))
            for l in range(2):
                await lots.create(w, f"L{g}.{l}", "x", lot_group_id=gid, temporary_maximum=10, standard_allocated=10)
    for _ in range(3):
        t=time.perf_counter()
        for _ in range(100):
            async with parking.reading(Actor.guest()) as s:
                await visitor_map(s)
        print("map ms", (time.perf_counter()-t)*10)
    t=time.perf_counter()
    for _ in range(1000): LISTED_LOTS.params(now=None, user_type_id=None)
    print("params us", (time.perf_counter()-t)*1000)
    import cProfile, pstats
    p=cProfile.Profile(); p.enable()
    for _ in range(100):
        async with parking.reading(Actor.guest()) as s:
            await visitor_map(s)
    p.disable(); pstats.Stats(p).sort_stats("tottime").print_stats(25)

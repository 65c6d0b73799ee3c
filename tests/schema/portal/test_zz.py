import time, operator
from tests.fixtures.pins import GUEST
from schema.operations.execution import execute
from schema.context import *
from domain.pins.queries import visitor_map
from schema.loaders import once
import asyncio
Q="{ lotGroups { id name mapColor latitude longitude occupancy { percentFull source stale observedAt } lots { id name availablePercent standard temporary } } }"
async def test_perf(campus, portal):
    for g in range(20):
        gid = await campus.group(f"G{g}")
        for l in range(2):
            await campus.lot(f"L{g}.{l}", lot_group_id=gid, temporary_maximum=10, standard_allocated=10)
    op = portal.api.operations.prepare(Q)
    async def go(n, preload):
        async with campus.parking.reading(GUEST) as s:
            m = await visitor_map(s)
        t=time.perf_counter()
        for _ in range(n):
            ctx = Context(portal.services, GUEST, RequestFacts("portal", Transport.HTTP), portal.located)
            if preload:
                f=asyncio.get_running_loop().create_future(); f.set_result(m); ctx.loaded[visitor_map]=f
            a = await execute(op, {}, ctx)
            a.to_json()
            await ctx.end_reads()
        return (time.perf_counter()-t)/n*1000
    await go(50, False)
    print("full ms", await go(200, False), await go(200, False))
    print("exec only ms", await go(200, True), await go(200, True))
    for t in portal.api.core.type_map.values():
        if hasattr(t,"fields") and not t.name.startswith("__"):
            for name, f in t.fields.items():
                r = getattr(f,"resolve",None)
                if r is not None and getattr(r,"_is_default",False):
                    py = f.extensions["strawberry-definition"].python_name
                    g = operator.attrgetter(py)
                    f.resolve = (lambda g: lambda source, info: g(source))(g)
    print("fast resolvers exec only ms", await go(200, True), await go(200, True))
    print("fast full ms", await go(200, False), await go(200, False))
    import cProfile, pstats
    p=cProfile.Profile(); p.enable(); await go(100, True); p.disable(); pstats.Stats(p).sort_stats("tottime").print_stats(18)

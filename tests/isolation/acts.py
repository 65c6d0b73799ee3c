"""What happens in the world: each act does one thing through a surface of the product and looks at what comes back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.groups.models import LotGroup
from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError
from domain.kernel.ledger import Trigger
from domain.mail.actions import write
from domain.mail.models import MessageKind
from domain.users.models import User
from jobs.context import RunContext
from jobs.faults import Fault
from schema.ids import PLATFORM, global_id
from tenants.backups.actions import back_up
from tenants.databases import REGISTRY
from tests.isolation.people import LOG_IN, Json, Person, text_of
from tests.isolation.world import EVERYBODY, PREVIEW, Backup, Home, Leak, World

WRITE = """mutation($n: String!) { createLotGroup(input: {name: $n, showOnMap: true, mapColor: "#336699",
    point: {latitude: 45.0, longitude: -75.0}}) { lotGroup { id name } userErrors { code message } } }"""
READ = "{ lotGroups { name } me { name userName } environment { tenantName host } }"
READ_WITH_ERROR = '{ lotGroups { name } permits(filter: {plate: "?!"}) { edges { node { id } } } me { name } }'
READ_MAIL = "{ mail { edges { node { subject text address } } } users { edges { node { name } } } }"
AS_GUEST = "{ lotGroups { name } pins { name } }"
"""What is kept for guests: every root field of it has its live topics."""
AS_GUEST_ANEW = "{ lotGroups { name } environment { tenantName host } }"
ME = "{ me { id name userName } lotGroups { name } users { edges { node { name } } } }"
STEP = 'mutation($id: ID!) { %s(id: $id, reason: "the machine") { userErrors { code } } }'
RENAME = "mutation($id: ID!, $s: String!) { renameTenant(id: $id, slug: $s) { userErrors { code } } }"
RESTORE = """mutation($id: ID!, $b: ID!) { restoreEnvironment(id: $id, backupId: $b, reason: "the machine") {
    userErrors { code } } }"""
REFRESH = "mutation($b: ID!) { refreshPreview(input: {backupId: $b}) { userErrors { code } } }"
DELETE = """mutation($id: ID!, $c: String!) { deleteTenant(id: $id, confirm: $c, reason: "the machine") {
    userErrors { code } } }"""
TASK = "canary"
ROUNDS = 5


class FirstTime(Fault):
    """The first attempt of the job fails."""

    error_class = "first_time"
    is_passing = True


async def add_group(world: World, label: str, gateway: int) -> None:
    """Write a row, and see that it is the one that is answered."""
    name = world.canary(label)
    answer = await _asked(world, label, world.admin(label, gateway), WRITE, n=name)
    if _is_done(answer, "createLotGroup"):
        world.homes[label].groups.add(name)
        world.done["written"] += 1


async def add_group_twice(world: World, label: str, gateway: int) -> None:
    """An error in SQL: a name that is taken, which the database refuses, so that the transaction is rolled back."""
    for name in sorted(world.homes[label].groups)[:1]:
        answer = await _asked(world, label, world.admin(label, gateway), WRITE, n=name)
        assert not _is_done(answer, "createLotGroup")
        world.done["refused by the database"] += "taken" in text_of(answer)


async def fail_in_sql(world: World, label: str) -> None:
    """A statement that PostgreSQL can not carry out, in the middle of a transaction that has written something."""
    with pytest.raises(DBAPIError, match="division by zero"):
        await _write_and(world, label, "select 1 / 0")


async def fail_by_timeout(world: World, label: str) -> None:
    """A statement that takes too long."""
    with pytest.raises(DBAPIError, match="statement timeout"):
        await _write_and(world, label, "set local statement_timeout = 20", "select pg_sleep(5)")


async def read(world: World, label: str, gateway: int) -> None:
    """Exactly the groups of the model, whichever gateway is asked."""
    home = world.homes[label]
    answer = await _asked(world, label, world.admin(label, gateway), READ)
    shown = (answer.get("data") or {}).get("lotGroups")
    if shown is not None:
        names = {group["name"] for group in shown}
        if names - home.groups:
            raise Leak(f"{label} shows what is not there: {sorted(names - home.groups)}")
        assert names == home.groups, label
        world.done["read as written"] += bool(home.groups)


async def read_with_error(world: World, label: str, gateway: int) -> None:
    """An error in a resolver, beside one that reads."""
    await _asked(world, label, world.admin(label, gateway), READ_WITH_ERROR)


async def read_as_guest(world: World, label: str, gateway: int) -> None:
    """What guests are answered, the second time from what is kept."""
    for document in (AS_GUEST, AS_GUEST, AS_GUEST_ANEW):
        await _asked(world, label, world.guest(label, gateway), document)


async def read_mail(world: World, label: str, gateway: int) -> None:
    """What was written to people."""
    await _asked(world, label, world.admin(label, gateway), READ_MAIL)


async def hang_up(world: World, label: str, gateway: int, after: int) -> None:
    """A request whose client goes away in the middle: its task is cancelled."""
    asking = asyncio.create_task(world.admin(label, gateway).ask(READ))
    for _ in range(after):
        await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking


async def carry_cookies(world: World, label: str, other: str, gateway: int) -> None:
    """The cookies of one site sent to another: nobody is logged in there by them."""
    if label == other:
        return
    stranger = world.admin(label, gateway).at(world.environment(other, gateway).primary_host)
    response = await stranger.ask(ME)
    answer = response.body.decode()
    if "canary-" in answer:
        raise Leak(f"the cookies of {label} opened {other}: {answer[:400]}")
    world.done["cookies refused"] += "login_required" in answer


async def log_in_again(world: World, label: str) -> None:
    """Log out, and in again as somebody new."""
    home, environment = world.homes[label], world.environment(label)
    if home.is_suspended:
        return
    await world.admin(label).ask("mutation { logOut { userErrors { code } } }")
    await relogin(world, home)
    assert world.environment(label) == environment


async def fail_to_log_in(world: World, label: str, gateway: int) -> None:
    """A name that nobody has, and a wrong password: both are counted, and a line of the log tells of it."""
    typed = {"userName": world.canary(label), "password": "a wrong password"}
    answer = await _asked(world, label, world.guest(label, gateway), LOG_IN, i=typed)
    world.done["logins refused"] += "login.refused" in text_of(answer)


async def relogin(world: World, home: Home) -> None:
    """A new administrator of the environment as it is now."""
    await world.settle(home.label, world.environment(home.label))
    again = world.homes[home.label]
    again.groups, again.backups, again.copied_at = home.groups, home.backups, home.copied_at


async def queue_job(world: World, label: str) -> None:
    """Runs that carry a word of their environment: one that reads, and one that writes and fails the first time."""
    async with world.platform.databases.work(world.environment(label), Actor.system()) as work:
        for only_reads in (True, False):
            work.enqueue(TASK, {"word": world.canary(label), "only_reads": only_reads}, Trigger.EVENT)


async def write_mail(world: World, label: str) -> None:
    """A message to somebody; in a preview it is captured."""
    async with world.platform.databases.work(world.environment(label), Actor.system()) as work:
        for user_id in (await work.scalars(select(User.id)))[:1]:
            facts: Json = {"by": world.canary(label), "user_name": world.canary(label)}
            await write(work, MessageKind.INVITATION, user_id, facts)


async def work_off(world: World) -> None:
    """A worker takes all runs that wait, of all tenants, again and again until none is due."""
    runner = world.desk.runner()
    for _ in range(ROUNDS):
        await world.desk.execute("update platform.task_run set not_before = now() where state = 'queued'")
        waiting = await world.desk.rows("select id from platform.task_run where state = 'queued' order by id")
        for run in waiting:
            await runner.run(run["id"])
            world.done["attempts of jobs"] += 1
        if not waiting:
            return


async def job(context: RunContext) -> None:
    """The job: reads and writes a line for its log; if it does more, fails the first time in the words of what it read."""
    async with context.snapshot() as reads:
        names = await reads.scalars(select(LotGroup.name))
    context.runlog.info("seen", f"{context.payload['word']} sees {' '.join(names)}")
    if context.payload["only_reads"]:
        return
    if context.claim.failures < 1 or not context.progress:
        async with context.work():
            context.progress["seen"] = names[:1]
        raise FirstTime(f"{context.payload['word']} saw {' '.join(names)}")


async def take_backup(world: World, label: str) -> None:
    """A backup; what is in it is read with the tenant's key, and with nobody else's."""
    home, environment = world.homes[label], world.environment(label)
    before = set(world.stores.files())
    backup_id = await back_up(world.platform.copier, environment, reason=world.canary(label), actor="machine")
    if strays := set(world.stores.files()) - before - set(world.stores.files(str(environment.tenant.id))):
        raise Leak(f"files of {label} lie outside its folder: {sorted(map(str, strays))[:3]}")
    home.backups.append(Backup(backup_id, frozenset(home.groups), next(world.words)))
    world.saw(label, await world.stores.backup(backup_id, environment.tenant.id), "a backup")
    for other in EVERYBODY:
        if world.environment(other).tenant != environment.tenant:
            with suppress(ParkingError):
                opened = await world.stores.backup(backup_id, world.environment(other).tenant.id)
                raise Leak(f"{other} opened a backup of {label}: {opened[:100]}")


async def export_data(world: World, label: str) -> None:
    """What the client is given when it leaves."""
    world.saw(label, await world.stores.export(world.environment(label)), "an export")


async def refresh_preview(world: World, which: int) -> None:
    """Bring production's data into the preview; a gateway that heard nothing of it serves on."""
    home = world.homes[PREVIEW]
    if world.homes["a"].is_suspended:
        return
    backup = await _some_backup(world, "a", which)
    wanted = global_id("Backup", world.environment("a").tenant.number, backup.id)
    if _is_done(await _asked(world, "a", world.admin("a"), REFRESH, b=wanted), "refreshPreview"):
        await work_off(world)
        home.groups, home.copied_at = set(backup.groups), backup.taken_at
        await relogin(world, home)
        world.done["refreshed"] += 1


async def restore_backup(world: World, label: str, which: int) -> None:
    """Bring an environment back to an earlier state of its own."""
    home = world.homes[label]
    if home.is_suspended:
        return
    backup = await _some_backup(world, label, which)
    ids = {"id": global_id("Environment", PLATFORM, home.id), "b": global_id("Backup", PLATFORM, backup.id)}
    if _is_done((await world.staff.ask(RESTORE, **ids)).json(), "restoreEnvironment"):
        await work_off(world)
        home.groups = set(backup.groups)
        await relogin(world, home)
        world.done["restored"] += 1


async def _some_backup(world: World, label: str, which: int) -> Backup:
    """One of the backups that there are; a new one if there is none."""
    backups = world.homes[label].backups
    if not backups:
        await take_backup(world, label)
    return backups[which % len(backups)]


async def suspend(world: World, label: str, *, is_suspended: bool) -> None:
    """Suspend a tenant or let it answer again, its preview too."""
    step = "suspendTenant" if is_suspended else "resumeTenant"
    tenant = world.environment(label).tenant
    answer = (await world.staff.ask(STEP % step, id=global_id("Tenant", PLATFORM, tenant.id))).json()
    if _is_done(answer, step):
        world.done[step] += 1
        for home in world.homes.values():
            if world.environment(home.label).tenant == tenant:
                home.is_suspended = is_suspended


async def rename(world: World, label: str) -> None:
    """Give a tenant another name; a gateway that heard nothing of it knows the old one."""
    tenant = world.environment(label).tenant
    slug = f"{tenant.slug.partition('-x')[0]}-x{next(world.words)}"
    answer = (await world.staff.ask(RENAME, id=global_id("Tenant", PLATFORM, tenant.id), s=slug)).json()
    world.done["renamed"] += _is_done(answer, "renameTenant")


async def replace_tenant(world: World, label: str) -> None:
    """Delete a tenant for ever, and let another one move in."""
    await delete_tenant(world, label)
    await world.settle(label, await world.make_tenant(name=f"Tenant {world.canary(label)}"))
    await world.registries[1].load()


async def delete_tenant(world: World, label: str) -> None:
    """Delete a tenant for ever."""
    tenant = world.environment(label).tenant
    await world.staff.ask(STEP % "archiveTenant", id=global_id("Tenant", PLATFORM, tenant.id))
    wanted = {"id": global_id("Tenant", PLATFORM, tenant.id), "c": tenant.slug}
    assert _is_done((await world.staff.ask(DELETE, **wanted)).json(), "deleteTenant")
    await work_off(world)
    assert world.stores.files(str(tenant.id)) == []
    world.done["deleted"] += 1


async def end_backends(world: World, *, only_idle: bool) -> None:
    """The database ends the connections of the application, or those that nobody uses; its login may end its own."""
    databases = world.platform.databases
    login = f"{databases.database_name(REGISTRY)}_app"
    url = databases.owner_connector(REGISTRY).url.set(drivername="postgresql")
    url = url.set(username=login, password=databases.key_ring.login_password(login))
    connecting = psycopg.AsyncConnection.connect(url.render_as_string(hide_password=False), autocommit=True)
    async with await connecting as connection:
        await connection.execute(
            "select pg_terminate_backend(pid, 2000) from pg_stat_activity where usename = current_user"
            " and datname = current_database() and pid <> pg_backend_pid() and (state = 'idle' or not %s)",
            [only_idle],
        )


async def hear(world: World) -> None:
    """The deaf gateway looks at the registry at last."""
    await world.registries[1].load()


async def _write_and(world: World, label: str, *statements: str) -> None:
    async with world.platform.databases.work(world.environment(label), Actor.system()) as work:
        work.add(LotGroup(name=world.canary(label), map_color="#000000", is_on_map=True))
        await work.flush()
        for statement in statements:
            await work.execute(text(statement))


async def _asked(world: World, label: str, person: Person, document: str, **variables: object) -> Json:
    """The answer, after it was looked at."""
    try:
        response = await person.ask(document, **variables)
    except (PoolTimeout, OSError):
        return {}
    heads = " ".join(f"{name}: {value}" for name, value in response.headers)
    world.saw(label, response.body.decode() + heads, "an answer")
    assert "domain=" not in heads.lower(), heads
    if response.status != 200 or not response.body.startswith(b"{"):
        return {}
    answer: Json = response.json()
    return answer


def _is_done(answer: Json, name: str) -> bool:
    payload = (answer.get("data") or {}).get(name)
    return payload is not None and payload["userErrors"] == []

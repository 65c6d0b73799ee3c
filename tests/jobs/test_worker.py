"""Dispatcher and worker together over a real Redis: everything is done once, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import orjson
import pytest
from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.clock import utc_now
from domain.settings.actions import change_integration
from domain.settings.models import Vendor
from domain.tasks.catalogue import Queue
from jobs.broker import make_broker, message_of, send
from jobs.context import RunContext
from jobs.fairness import Caps, Chosen
from jobs.ledger import Ledger
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform, open_platform
from tenants.databases import REGISTRY
from tenants.environments import Environment, State
from tenants.registry.actions import transition
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.fixtures.simulators import Simulator
from tests.simulators.campus import MISTALL_PASSWORD, MISTALL_USER

ADMIN = Actor(ActorKind.STAFF, frozenset({Permission.RUN_SYSTEM_TASKS}))


class Tally:
    """A task that counts how often each run was carried out."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.done: Counter[UUID] = Counter()
        self.seconds = seconds

    async def __call__(self, context: RunContext) -> None:
        """Take a while, and count."""
        await asyncio.sleep(self.seconds)
        self.done[context.claim.run_id] += 1


async def test_what_is_due_is_done(desk: Desk, tenant: Environment, broker: RedisBroker) -> None:
    desk.define("probe", tally := Tally())
    await desk.schedule(tenant, "probe")

    async with desk.working(), desk.dispatching(broker):
        await desk.until(lambda: _ended(desk, tenant, "probe", 1))

    (run,) = [run for run in await desk.runs(tenant) if run["task"] == "probe"]
    assert (run["state"], run["trigger"], tally.done[run["id"]]) == ("succeeded", "schedule", 1)


async def test_a_pressed_run_is_sent_at_once_by_the_nudge_of_its_commit(
    desk: Desk, tenant: Environment, broker: RedisBroker
) -> None:
    desk.timing = replace(desk.timing, poll=timedelta(hours=1))
    async with desk.dispatching(broker):
        await desk.until(lambda: _listens(desk, broker))
        requested = await desk.press(tenant, "update_mistall")

        async def is_sent() -> bool:
            return (await desk.run(requested.run_id))["sent_at"] is not None

        await desk.until(is_sent)


async def test_schedules_of_a_suspended_tenant_rest(
    desk: Desk, platform: Platform, make_tenant: MakeTenant, broker: RedisBroker
) -> None:
    environment = await make_tenant()
    desk.define("probe")
    await desk.schedule(environment, "probe")
    async with platform.databases.control().begin() as connection:
        await transition(connection, environment.id, State.SUSPENDED, actor="tests", reason="unpaid")
    await platform.registry.load()
    before = utc_now()

    await desk.dispatcher(broker).tick()

    (schedule,) = await desk.rows("select next_run_at from platform.task_schedule where task = 'probe'")
    assert await desk.runs(environment) == []
    assert schedule["next_run_at"] > before


async def test_run_pressed_twenty_times_asks_the_vendor_once(
    desk: Desk, tenant: Environment, broker: RedisBroker, mistall: Simulator
) -> None:
    async with desk.platform.databases.work(tenant, Actor.system()) as work:
        await change_integration(
            work,
            Vendor.MISTALL,
            is_enabled=True,
            live_endpoint=mistall.endpoint,
            live_user_name=MISTALL_USER,
            live_password=MISTALL_PASSWORD,
        )
    mistall.fault("held")
    before = mistall.requests()["total"]

    async def is_asked() -> bool:
        return bool(mistall.requests()["total"] > before)

    async with desk.working(), desk.dispatching(broker):
        queued = await asyncio.gather(*(desk.press(tenant, "update_mistall", ADMIN) for _ in range(10)))
        await desk.until(is_asked)
        running = await asyncio.gather(*(desk.press(tenant, "update_mistall", ADMIN) for _ in range(10)))
        mistall.fault("ok")
        await desk.until_ended(*{answer.run_id for answer in queued + running})

    (run_id,) = {answer.run_id for answer in queued + running}
    assert (await desk.run(run_id))["state"] == "succeeded"
    assert mistall.requests()["total"] == before + 1


async def test_two_dispatchers_and_two_workers_do_everything_once(
    desk: Desk, tenant: Environment, make_tenant: MakeTenant, broker: RedisBroker
) -> None:
    desk.define("probe", tally := Tally())
    environments = [tenant, await make_tenant(), await make_tenant()]
    runs = [run for environment in environments for run in await desk.queue(environment, "probe", 40)]

    async with desk.working(), desk.working(), desk.dispatching(broker), desk.dispatching(broker):
        await desk.until_ended(*runs)

    assert tally.done == dict.fromkeys(runs, 1)
    assert {run["attempt"] for run in await desk.runs() if run["task"] == "probe"} == {1}


async def test_losing_every_message_loses_nothing(desk: Desk, tenant: Environment, broker: RedisBroker) -> None:
    desk.define("probe", tally := Tally(0.05))
    runs = await desk.queue(tenant, "probe", 40)

    async with desk.working(), desk.dispatching(broker):
        for _ in range(6):
            await asyncio.sleep(0.15)
            _forget_everything(broker)
        await desk.until_ended(*runs)

    assert tally.done == dict.fromkeys(runs, 1)


async def test_a_message_carries_the_id_of_its_run_and_nothing_else(
    desk: Desk, tenant: Environment, broker: RedisBroker
) -> None:
    (run_id,) = await desk.queue(tenant, "probe", payload='{"permit": "0198"}')
    desk.define("probe")

    await desk.dispatcher(broker).tick()

    (stored,) = broker.client.hgetall(f"{broker.namespace}:poll.msgs").values()
    told = orjson.loads(stored)
    assert (told["args"], told["kwargs"], set(told["options"])) == ([str(run_id)], {}, {"redis_message_id"})


async def test_duplicate_and_foreign_messages_do_no_harm(desk: Desk, tenant: Environment, broker: RedisBroker) -> None:
    desk.define("probe", tally := Tally())
    (run_id,) = await desk.queue(tenant, "probe")
    strange = message_of(run_id, Queue.POLL).copy(args=("no id at all",))

    async with desk.working():
        broker.enqueue(strange)
        await asyncio.to_thread(send, broker, [Chosen(run_id, Queue.POLL)] * 20)
        await desk.until_ended(run_id)

    assert tally.done == {run_id: 1}


async def test_ten_thousand_runs_of_one_tenant_hold_up_nobody(
    desk: Desk, tenant: Environment, broker: RedisBroker
) -> None:
    desk.define("probe", Tally(0.01), queue=Queue.BULK)
    await desk.queue(tenant, "probe", 10_000)
    quiet = [f"e_quiet_{number}" for number in range(50)]  # of nobody: their runs are taken and cancelled

    async with desk.working(threads={Queue.BULK: 4}), desk.dispatching(broker, Caps(per_queue=32)):
        await desk.until(lambda: _ended(desk, tenant, "probe", 20))
        runs = [(await desk.queue(role, "probe"))[0] for role in quiet]
        await desk.until_ended(*runs)

    went_before = await desk.rows(
        "select count(busy.id) as number from platform.task_run quiet left join platform.task_run busy"
        " on busy.environment = :role and busy.started_at between quiet.created_at and quiet.started_at"
        " where quiet.id = any(:ids) group by quiet.id",
        role=tenant.role,
        ids=runs,
    )
    assert max(row["number"] for row in went_before) < 200  # of 10,000 that were there first, whatever the machine


async def test_a_restarted_redis_is_no_end(
    desk: Desk, platform: Platform, tenant: Environment, own_valkey: EmbeddedValkey
) -> None:
    desk.define("probe", tally := Tally(0.02))
    settings = platform.settings.model_copy(update={"redis_url": own_valkey.url})
    async with open_platform(settings) as own:
        there = Desk(own, Ledger(REGISTRY, own.databases.ledger(REGISTRY)), tasks=desk.tasks, catalogue=desk.catalogue)
        broker = make_broker(settings.redis_url, settings.namespace)
        async with there.working(), there.dispatching(broker):
            first = await there.queue(tenant, "probe", 10)
            await there.until_ended(*first)
            own_valkey.kill()
            second = await there.queue(tenant, "probe", 10)
            await asyncio.sleep(0.5)
            own_valkey.restart()
            await there.until_ended(*second)
        broker.client.close()

    assert tally.done == dict.fromkeys(first + second, 1)


async def test_a_send_that_fails_is_sent_again_when_redis_is_back(
    desk: Desk, tenant: Environment, own_valkey: EmbeddedValkey
) -> None:
    desk.define("probe")
    (run_id,) = await desk.queue(tenant, "probe")
    broker = make_broker(own_valkey.url, "opscom-test")
    own_valkey.kill()

    was_reached = await desk.dispatcher(broker).tick()

    assert not was_reached
    assert (await desk.run(run_id))["sent_at"] is None
    with pytest.raises(RedisError):
        broker.client.ping()
    own_valkey.restart()
    assert await desk.dispatcher(broker).tick()
    assert (await desk.run(run_id))["sent_at"] is not None
    broker.client.close()


async def _listens(desk: Desk, broker: RedisBroker) -> bool:
    """Whether the bus is subscribed to the dispatcher's nudges."""
    channel = f"{desk.platform.settings.namespace}:nudge:dispatcher"
    ((_, listeners),) = broker.client.pubsub_numsub(channel)
    return bool(listeners)


def _forget_everything(broker: RedisBroker) -> None:
    """Lose every key of this platform, as FLUSHALL would; the server is shared with other tests."""
    for key in broker.client.scan_iter(f"{broker.namespace}:*"):
        broker.client.delete(key)


async def _ended(desk: Desk, environment: Environment, task: str, count: int) -> bool:
    (row,) = await desk.rows(
        "select count(*) as ended from platform.task_run"
        " where environment = :role and task = :task and state = 'succeeded'",
        role=environment.role,
        task=task,
    )
    return bool(row["ended"] >= count)

"""What one environment may use of a process: counted, never timed. The clock is the test's."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from gateway.shares import MOST, WAITING, Rank, Share, Shares
from schema.operations.errors import Refused
from tenants.plans.entitlements import Entitlements
from tenants.plans.limits import Limits
from tests.gateway.asking import JSON, LIVE, Response, ask, connected, query, settled
from tests.gateway.toy import HOST, Toy, actor_with, environment_at

SMALL = Limits(operations=2, cost_per_second=10, cost_at_once=100)
LOGGED_IN = [("cookie", "toy=ann")]


@dataclass
class Seconds:
    """A clock that stands still until the test goes on."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now


def limited(toy: Toy, limits: Limits) -> None:
    """Give the toy's environment these limits, and somebody who is logged in there."""
    toy.world.actors["ann"] = actor_with()
    entitled = Entitlements(limits=limits)
    toy.sites.put(replace(toy.environment, tenant=replace(toy.environment.tenant, entitled=entitled)))


def spent(response: Response) -> tuple[int, list[str], str | None]:
    return response.status, response.codes, response.header("retry-after")


async def test_a_bucket_fills_by_the_second_up_to_what_may_be_saved() -> None:
    clock = Seconds()
    share = Share(SMALL, clock)

    for _ in range(10):
        assert share.begin(10)
        share.end()
    with pytest.raises(Refused) as refused:
        share.begin(1)
    clock.now += 0.2
    assert share.begin(1)
    share.end()
    clock.now += 3600

    assert (refused.value.code, refused.value.retry_after) == ("COST_SPENT", 1)
    assert share.is_idle
    assert share.begin(100)
    share.end()
    with pytest.raises(Refused):
        share.begin(1)


async def test_the_largest_operation_runs_on_debt_and_the_debt_has_an_end() -> None:
    clock = Seconds()
    share = Share(SMALL, clock)

    assert share.begin(10**9)
    share.end()
    with pytest.raises(Refused) as refused:
        share.begin(1)
    clock.now += 11

    assert refused.value.retry_after == 11
    assert share.begin(1)


async def test_guests_leave_a_part_to_who_logs_in_and_both_to_who_is_logged_in() -> None:
    share = Share(replace(SMALL, operations=100), Seconds())

    assert share.begin(80, Rank.GUEST)
    with pytest.raises(Refused):
        share.begin(1, Rank.GUEST)
    assert share.begin(10, Rank.COMING)
    with pytest.raises(Refused):
        share.begin(1, Rank.COMING)

    assert share.begin(1)


async def test_a_flood_of_guests_leaves_places_to_who_logs_in_and_who_is_logged_in_goes_first() -> None:
    """Guests whose queries are slow filled all places and the whole queue: nobody could log in, and staff were refused."""
    shares, where = Shares(Seconds()), environment_at(HOST)
    limits = replace(SMALL, operations=8)
    where = replace(where, tenant=replace(where.tenant, entitled=Entitlements(limits=limits)))
    begun: list[str] = []

    async def operate(name: str, rank: Rank) -> None:
        await shares.begin(where, 0, rank)
        begun.append(name)

    ranks = {"guest": Rank.GUEST, "coming": Rank.COMING, "known": Rank.KNOWN}
    crowd = [*["guest"] * 100, *["coming"] * 3, *["known"] * 3]
    tasks = [asyncio.create_task(operate(name, ranks[name])) for name in crowd]
    await settled()
    first = list(begun)
    begun.clear()
    for _ in range(5):
        shares.of(where).end()
    await settled()

    assert first == [*["guest"] * 6, "coming", "known"]
    assert begun == ["known", "known", "coming", "coming"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_finds_no_room_waits_in_order_and_who_would_wait_behind_too_many_is_refused() -> None:
    shares, where = Shares(Seconds()), environment_at(HOST)
    where = replace(where, tenant=replace(where.tenant, entitled=Entitlements(limits=SMALL)))
    begun: list[int] = []

    async def operate(number: int) -> None:
        await shares.begin(where, 0)
        begun.append(number)

    tasks = [asyncio.create_task(operate(n)) for n in range(2 + 2 * WAITING)]
    await settled()
    with pytest.raises(Refused) as refused:
        await shares.begin(where, 0)
    first = list(begun)
    tasks[2].cancel()
    for _ in range(3):
        shares.of(where).end()
    await settled()

    assert refused.value.code == "TOO_MANY_AT_ONCE"
    assert (first, begun) == ([0, 1], [0, 1, 3, 4, 5])
    assert shares.refused == {"TOO_MANY_AT_ONCE": 1}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_who_goes_away_just_as_its_turn_comes_gives_the_turn_on() -> None:
    share = Share(replace(SMALL, operations=1), Seconds())
    assert share.begin(0)
    going, staying = asyncio.create_task(share.wait(0)), asyncio.create_task(share.wait(0))
    await settled()

    share.end()
    going.cancel()
    await asyncio.wait({going, staying})

    assert going.cancelled()
    assert staying.exception() is None
    assert share.running == 1


async def test_limits_that_change_hold_for_the_next_operation_and_idle_shares_are_forgotten() -> None:
    clock = Seconds()
    shares, where = Shares(clock), environment_at(HOST)
    (await shares.begin(where, 100_000)).end()
    with pytest.raises(Refused):
        await shares.begin(where, 1)

    larger = replace(where.tenant, entitled=Entitlements(limits=Limits(cost_per_second=10**6)))
    clock.now += 1
    (await shares.begin(replace(where, tenant=larger), 1)).end()
    for number in range(MOST):
        shares.of(environment_at(f"site-{number}.ops-com.localhost"))

    assert shares.count <= MOST


async def test_a_site_that_spent_everything_gets_429_with_the_time_to_come_back(toy: Toy) -> None:
    limited(toy, replace(SMALL, cost_at_once=10))

    statuses = [await query(toy.app, "{ groups { name } }", LOGGED_IN) for _ in range(2)]

    assert statuses[0].status == 200
    assert spent(statuses[1]) == (429, ["COST_SPENT"], "2")
    assert statuses[1].json()["errors"][0]["extensions"]["retryAfter"] == 2


async def test_over_server_sent_events_it_is_429_too_and_over_a_socket_an_error_of_the_operation(toy: Toy) -> None:
    limited(toy, replace(SMALL, cost_at_once=10))
    await query(toy.app, "{ groups { name } }", LOGGED_IN)

    streamed = await ask(
        toy.app, {"query": "{ groups { name } }"}, [*JSON.items(), *LOGGED_IN, ("accept", "text/event-stream")]
    )
    async with connected(toy.app, LOGGED_IN) as peer:
        peer.subscribe("a", "{ groups { name } }")
        peer.subscribe("b", LIVE)
        said = await peer.until(3)

    assert spent(streamed) == (429, ["COST_SPENT"], "2")
    assert sorted((m["id"], m["type"], m["payload"][0]["extensions"]["code"]) for m in said[1:]) == [
        ("a", "error", "COST_SPENT"),
        ("b", "error", "COST_SPENT"),
    ]


async def test_kept_answers_and_states_that_are_rendered_already_cost_nothing(toy: Toy) -> None:
    limited(toy, replace(SMALL, cost_at_once=10))
    kept = [await query(toy.app, "{ count }") for _ in range(50)]
    await query(toy.app, "{ groups { name } }", LOGGED_IN)

    again = await query(toy.app, "{ count }")

    assert {response.status for response in [*kept, again]} == {200}


async def test_viewers_of_one_feed_pay_once(toy: Toy) -> None:
    limited(toy, replace(SMALL, cost_at_once=4))

    async with connected(toy.app) as one, connected(toy.app) as two:
        for peer in (one, two):
            for name in "abcde":
                peer.subscribe(name, LIVE)
        await one.until(6)
        await two.until(6)

    assert toy.endpoint.shares.refused == {}


async def test_a_flood_of_one_site_leaves_another_as_it_was(toy: Toy) -> None:
    """200 operations of A at once, none of which ends; B's are all answered, and A has no more of them in execution than it may."""
    limited(toy, Limits(operations=8))
    other = environment_at("quiet.ops-com.localhost")
    toy.sites.put(other)
    flood = [asyncio.create_task(query(toy.app, "{ slow }", LOGGED_IN)) for _ in range(200)]
    await settled()
    running = toy.endpoint.shares.of(toy.sites.by_id(toy.environment.id)).running

    quiet = [await query(toy.app, "{ hello }", [*LOGGED_IN, ("host", "quiet.ops-com.localhost")]) for _ in range(50)]
    toy.world.gate.set()
    answers = await asyncio.gather(*flood)

    assert running == 8
    assert [response.json() for response in quiet] == [{"data": {"hello": "hello world"}}] * 50
    refused = [response for response in answers if response.status == 429]
    assert len(refused) == 200 - 8 - 8 * WAITING
    assert all(spent(response) == (429, ["TOO_MANY_AT_ONCE"], "1") for response in refused)
    assert all(response.status == 200 for response in answers if response not in refused)

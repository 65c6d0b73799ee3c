"""Verify Domains: every day each own domain is looked at, and what follows is done and told."""

from dataclasses import replace

import pytest
from sqlalchemy import RowMapping, delete, select, update

from auth.accounts import NewAccount, create_account
from auth.roles import ADMINISTRATOR
from domain.kernel.actor import Actor
from domain.mail.models import Message
from tenants.domains import actions
from tenants.domains.rules import GRACE, Standing
from tenants.environments import Environment
from tenants.platform_tasks import VERIFY_DOMAINS, ledger_name
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import VanityDomainRow
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.fixtures.vanity import ANN, Domains

MAIL = "ann@x.example"


@pytest.fixture
async def alone(domains: Domains) -> Domains:
    """Own domains, none of them of another test."""
    async with domains.databases.control().begin() as connection:
        await connection.execute(delete(VanityDomainRow))
    return domains


async def _verify(desk: Desk, domains: Domains) -> tuple[RowMapping, dict[str, str]]:
    """A run of the task, and its lines: name -> code."""
    theirs = replace(desk, platform=domains.platform)
    (run_id,) = await theirs.queue(ledger_name(domains.databases.database_name("")), VERIFY_DOMAINS.name)
    await theirs.runner().run(run_id)
    run = await theirs.run(run_id)
    assert run["state"] == "succeeded", run["error_message"]
    return run, {str(line["data"].get("name")): line["code"] for line in await theirs.lines(run_id)}


async def test_each_name_is_looked_at_and_what_was_found_is_told(
    alone: Domains, desk: Desk, client: Environment
) -> None:
    right, wrong, silent = "right.daily.example", "wrong.daily.example", "silent.daily.example"
    for name in (right, wrong, silent):
        await alone.served(client, name)
    await actions.request(alone.databases, client, "asked.daily.example", actor=ANN)
    alone.nameserver.put(wrong, "CNAME")
    alone.nameserver.broken.add(silent)

    run, lines = await _verify(desk, alone)

    assert lines == {wrong: "domain_failing", silent: "domain_silent"}
    assert (run["counters"]["read"], run["counters"]["unchanged"]) == (3, 1)
    assert (run["counters"]["failed"], run["counters"]["skipped"]) == (1, 1)
    states = {name: (await alone.claim(client, name)).state for name in (right, wrong, silent)}
    assert states == {right: Standing.ACTIVE, wrong: Standing.FAILING, silent: Standing.ACTIVE}


async def test_a_name_that_stays_wrong_is_served_no_more_and_comes_back_when_it_is_right(
    alone: Domains, desk: Desk, client: Environment
) -> None:
    name, registry = "parking.back.example", alone.platform.registry
    await alone.served(client, name)
    alone.nameserver.put(name, "CNAME")
    await _verify(desk, alone)
    assert registry.by_host(name) is not None

    alone.clock.now += GRACE
    _, lines = await _verify(desk, alone)
    assert lines == {name: "domain_ended"}
    assert registry.by_host(name) is None

    await alone.enter(client, name)
    _, lines = await _verify(desk, alone)
    assert lines == {name: "domain_right_again"}
    assert registry.by_host(name) is not None


async def test_our_own_broken_dns_takes_no_name_away(alone: Domains, desk: Desk, client: Environment) -> None:
    names = [f"p{number}.ours.example" for number in range(8)]
    for name in names:
        await alone.served(client, name)
    alone.nameserver.records.clear()

    run, lines = await _verify(desk, alone)

    assert lines == {"None": "domains_doubted"}
    assert run["counters"]["failed"] == 8
    assert {(await alone.claim(client, name)).state for name in names} == {Standing.ACTIVE}


async def test_what_was_in_quarantine_long_enough_is_free(alone: Domains, desk: Desk, client: Environment) -> None:
    name = "parking.free.example"
    await alone.served(client, name)
    await actions.release(alone.databases, client.id, name, actor=ANN)
    _, early = await _verify(desk, alone)
    async with alone.databases.control().begin() as connection:
        await connection.execute(update(VanityDomainRow).values(until=alone.clock()))

    _, late = await _verify(desk, alone)

    assert (early, late) == ({}, {name: "domain_free"})


async def test_who_looks_after_own_domains_is_told_when_one_begins_to_fail_and_when_it_ends(
    alone: Domains, desk: Desk, client: Environment
) -> None:
    name = "parking.told.example"
    await alone.served(client, name)
    async with alone.databases.work(client, Actor.system()) as work:
        await create_account(work, NewAccount(MAIL, "Ann", MAIL, role=ADMINISTRATOR), "no hash")
        await create_account(work, NewAccount("sam", "Sam", "sam@x.example"), "no hash")
    alone.nameserver.put(name, "CNAME")

    for _ in range(2):
        await _verify(desk, alone)
    alone.clock.now += GRACE
    await _verify(desk, alone)

    async with alone.databases.work(client, Actor.system()) as work:
        found = await work.scalars(select(Message).order_by(Message.id))
    assert [message.kind for message in found] == ["domain_failing", "domain_ended"]
    assert all(message.facts["name"] == name and message.facts["problems"] for message in found)
    assert len({message.user_id for message in found}) == 1


async def test_a_client_that_is_being_moved_is_told_afterwards_and_holds_up_no_other(
    alone: Domains, desk: Desk, client: Environment, make_client: MakeTenant
) -> None:
    """What it was to be told of was written first, so that nobody was ever told."""
    moving, other = "parking.moving.example", await make_client()
    for name, site in ((moving, client), ("parking.other.example", other)):
        await alone.served(site, name)
        async with alone.databases.work(site, Actor.system()) as work:
            await create_account(work, NewAccount(MAIL, "Ann", MAIL, role=ADMINISTRATOR), "no hash")
        alone.nameserver.put(name, "CNAME")
    await _set_moving(alone, client, is_moving=True)

    theirs = replace(desk, platform=alone.platform)
    (run_id,) = await theirs.queue(ledger_name(alone.databases.database_name("")), VERIFY_DOMAINS.name)
    await theirs.runner().run(run_id)
    run = await theirs.run(run_id)
    state, others = (await alone.claim(client, moving)).state, await _told(alone, other)
    await _set_moving(alone, client, is_moving=False)
    await _verify(desk, alone)

    assert (run["state"], run["error_class"], state) == ("queued", "part_failed", Standing.ACTIVE)
    assert others == ["domain_failing"]
    assert await _told(alone, client) == ["domain_failing"]


async def _told(domains: Domains, environment: Environment) -> list[str]:
    """The kinds of the messages there."""
    async with domains.databases.snapshot(environment, Actor.system()) as snapshot:
        return list(await snapshot.scalars(select(Message.kind)))


async def _set_moving(domains: Domains, environment: Environment, *, is_moving: bool) -> None:
    """Let writes of an environment be refused as by a move, or no more."""
    async with domains.databases.control().begin() as connection:
        row = update(EnvironmentRow).where(EnvironmentRow.id == environment.id)
        await connection.execute(row.values(is_moving=is_moving))
    await domains.platform.registry.load()

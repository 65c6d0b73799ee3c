"""A client's own domain: asked for, proved by DNS, served, made primary, failing, released. And who else wants it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.kernel.features import FeatureOff
from tenants.domains import actions
from tenants.domains.errors import (
    DnsSilent,
    DomainNotFound,
    DomainNotReady,
    DomainTaken,
    PrimaryAnswers,
    ProductionOnly,
    TooManyDomains,
)
from tenants.domains.queries import hosts_of
from tenants.domains.rules import GRACE, QUARANTINE, Standing
from tenants.domains.serving import set_primary, set_redirect
from tenants.domains.verifying import due, follow, free_quarantined, is_our_fault, look_at_all
from tenants.environments import Environment, State
from tenants.lifecycle.actions import rename, set_state
from tenants.lifecycle.deleting import delete_tenant
from tenants.plans.actions import set_limit, set_plan
from tenants.registry.models import RegistryAuditRow
from tests.fixtures.platform import MakeTenant
from tests.fixtures.vanity import ANN, Domains
from tests.tenants.test_previews import _refreshed


async def test_a_name_is_served_once_its_dns_is_right_and_not_before(domains: Domains, client: Environment) -> None:
    name = "parking.first.example"
    claim = await actions.request(domains.databases, client, "Parking.First.example.", actor=ANN)
    assert (claim.name, claim.state, len(claim.token)) == (name, Standing.REQUESTED, 32)

    with pytest.raises(DomainNotReady, match=r"leads nowhere.*has no TXT record"):
        await actions.activate(domains.databases, domains.dns, client, name, actor=ANN)
    assert domains.platform.registry.by_host(name) is None
    assert len((await domains.claim(client, name)).problems) == 2

    version = domains.platform.registry.version
    served = await domains.served(client, name)

    assert domains.platform.registry.version > version
    assert domains.platform.registry.by_host(name) == served
    assert served.own_domains == {name}
    assert served.primary_host == client.primary_host
    assert (await domains.claim(client, name)).problems == ()


async def test_a_repeated_request_keeps_its_token(domains: Domains, client: Environment) -> None:
    first = await actions.request(domains.databases, client, "parking.again.example", actor=ANN)
    second = await actions.request(domains.databases, client, "parking.again.example", actor="bob")

    assert second == first


async def test_whoever_shows_the_token_gets_the_name_however_many_asked(
    domains: Domains, make_client: MakeTenant
) -> None:
    """The owner's DNS leads to the address that all tenants share: that alone proves nothing."""
    name, owner, thief = "parking.shared.example", await make_client(), await make_client()
    for one in (thief, owner):
        await actions.request(domains.databases, one, name, actor=ANN)
    await domains.enter(owner, name)
    domains.nameserver.put(name, "CNAME", f"{thief.primary_host}.")

    with pytest.raises(DomainNotReady, match="TXT record"):
        await actions.activate(domains.databases, domains.dns, thief, name, actor="eve")
    await domains.enter(owner, name)
    served = await domains.served(owner, name)
    with pytest.raises(DomainTaken):
        await actions.begin(domains.databases, thief.id, name, actor="eve")

    assert domains.platform.registry.by_host(name) == served


async def test_two_that_both_were_right_at_once_get_it_once(domains: Domains, make_client: MakeTenant) -> None:
    name, tenants = "parking.race.example", [await make_client(), await make_client()]
    for one in tenants:
        await actions.request(domains.databases, one, name, actor=ANN)

    ends = await asyncio.gather(
        *(actions.begin(domains.databases, one.id, name, actor=ANN) for one in tenants), return_exceptions=True
    )

    assert sorted(type(end).__name__ for end in ends) == ["DomainTaken", "NoneType"]


async def test_a_served_name_is_refused_to_others_without_telling_whose_it_is(
    domains: Domains, make_client: MakeTenant, client: Environment
) -> None:
    other = await make_client()
    await domains.served(client, "parking.held.example")

    with pytest.raises(DomainTaken) as refused:
        await actions.request(domains.databases, other, "parking.held.example", actor=ANN)

    assert client.tenant.slug not in refused.value.message
    assert refused.value.details == {}


async def test_silence_is_neither_right_nor_wrong(domains: Domains, client: Environment) -> None:
    name = "parking.silent.example"
    await domains.served(client, name)
    domains.nameserver.broken.add(name)

    verdict = await actions.check(domains.databases, domains.dns, client.id, name, actor=ANN)
    with pytest.raises(DnsSilent):
        await actions.activate(domains.databases, domains.dns, client, name, actor=ANN)

    assert verdict.problems == ()
    assert (await domains.claim(client, name)).state is Standing.ACTIVE


async def test_there_is_an_end_to_names_of_one_tenant(domains: Domains, client: Environment) -> None:
    most = client.tenant.entitled.limits.own_domains
    for number in range(most):
        await actions.request(domains.databases, client, f"p{number}.many.example", actor=ANN)

    with pytest.raises(TooManyDomains):
        await actions.request(domains.databases, client, "more.many.example", actor=ANN)
    await actions.release(domains.databases, client.id, "p0.many.example", actor=ANN)
    await actions.request(domains.databases, client, "more.many.example", actor=ANN)


async def test_a_released_name_that_is_taken_again_counts_again(domains: Domains, make_client: MakeTenant) -> None:
    """A name in quarantine does not count; activated from there it once was one more than the plan has."""
    owner = await make_client()
    await set_limit(domains.databases, owner.tenant.id, "own_domains", 1, actor=ANN)
    owner = await domains.known(owner)
    await domains.served(owner, "first.limit.example")
    await actions.release(domains.databases, owner.id, "first.limit.example", actor=ANN)
    await domains.served(owner, "second.limit.example")

    with pytest.raises(TooManyDomains):
        await actions.activate(domains.databases, domains.dns, owner, "first.limit.example", actor=ANN)

    assert (await domains.known(owner)).own_domains == {"second.limit.example"}


async def test_a_tenant_whose_plan_has_no_own_domain_asks_for_none_and_keeps_what_is_served(
    domains: Domains, client: Environment
) -> None:
    name = "parking.plan.example"
    await domains.served(client, name)
    await set_plan(domains.databases, client.tenant.id, "standard", actor=ANN)
    known = await domains.known(client)

    with pytest.raises(FeatureOff):
        await actions.request(domains.databases, known, "other.plan.example", actor=ANN)
    with pytest.raises(FeatureOff):
        await actions.activate(domains.databases, domains.dns, known, name, actor=ANN)

    assert name in known.own_domains


async def test_a_preview_has_no_own_domain(domains: Domains, client: Environment) -> None:
    preview = await _refreshed(domains.platform, client)

    with pytest.raises(ProductionOnly):
        await actions.request(domains.databases, preview, "parking.preview.example", actor=ANN)


async def test_links_go_to_the_primary_host_and_others_lead_there_without_a_circle(
    domains: Domains, client: Environment
) -> None:
    own, second, canonical = "parking.primary.example", "second.primary.example", client.primary_host
    for name in (own, second):
        await domains.served(client, name)

    await set_primary(domains.databases, client.id, own, actor=ANN)
    for name in (canonical, second):
        await set_redirect(domains.databases, client.id, name, leads=True, actor=ANN)
    known = await domains.known(client)
    assert (known.primary_host, set(known.redirects)) == (own, {canonical, second})
    with pytest.raises(PrimaryAnswers):
        await set_redirect(domains.databases, client.id, own, leads=True, actor=ANN)
    with pytest.raises(DomainNotFound):
        await set_primary(domains.databases, client.id, "elsewhere.example", actor=ANN)

    await set_primary(domains.databases, client.id, second, actor=ANN)
    known = await domains.known(client)
    assert (known.primary_host, set(known.redirects)) == (second, {canonical})


async def test_a_released_primary_gives_its_place_to_the_platforms_name(domains: Domains, client: Environment) -> None:
    name = "parking.gone.example"
    await domains.served(client, name)
    await set_primary(domains.databases, client.id, name, actor=ANN)
    await set_redirect(domains.databases, client.id, client.primary_host, leads=True, actor=ANN)

    await actions.release(domains.databases, client.id, name, actor=ANN)

    known = await domains.known(client)
    assert known == client
    assert domains.platform.registry.by_host(name) is None


async def test_after_a_renaming_an_own_domain_stays_primary_and_redirects_stay(
    domains: Domains, make_client: MakeTenant
) -> None:
    client, name = await make_client(slug="before-domain"), "parking.renamed.example"
    await domains.served(client, name)
    await set_primary(domains.databases, client.id, name, actor=ANN)
    await set_redirect(domains.databases, client.id, client.primary_host, leads=True, actor=ANN)

    await rename(domains.databases, client.tenant.id, "after-domain", actor=ANN, now=domains.clock())

    known = await domains.known(client)
    after = "after-domain.ops-com.localhost"
    assert known.primary_host == name
    assert known.redirects == {client.primary_host, after}
    ends = {host.name: host.until is not None for host in await hosts_of(domains.databases, client.id)}
    assert ends == {client.primary_host: True, after: False, name: False}
    assert await look_at_all(domains.databases, domains.dns, [await domains.claim(client, name)])


async def test_a_wrong_dns_is_forgiven_for_a_week_and_nothing_leads_there_meanwhile(
    domains: Domains, client: Environment
) -> None:
    name = "parking.failing.example"
    await domains.served(client, name)
    await set_primary(domains.databases, client.id, name, actor=ANN)
    await set_redirect(domains.databases, client.id, client.primary_host, leads=True, actor=ANN)
    domains.nameserver.put(name, "CNAME", "elsewhere.example.")

    assert await _verified(domains, client, name) is Standing.FAILING
    known = await domains.known(client)
    assert name in known.hosts
    assert (known.primary_host, known.redirects) == (client.primary_host, frozenset())
    with pytest.raises(DomainNotReady):
        await set_primary(domains.databases, client.id, name, actor=ANN)

    await domains.enter(client, name)
    assert await _verified(domains, client, name) is Standing.ACTIVE
    known = await domains.known(client)
    assert (known.primary_host, set(known.redirects)) == (name, {client.primary_host})

    domains.nameserver.put(name, "CNAME")
    assert await _verified(domains, client, name) is Standing.FAILING
    domains.clock.now += GRACE
    assert await _verified(domains, client, name) is Standing.REQUESTED
    assert await domains.known(client) == client

    await domains.enter(client, name)
    await _verified(domains, client, name)
    assert (await domains.claim(client, name)).state is Standing.ACTIVE
    assert name in (await domains.known(client)).hosts


async def test_a_name_that_stayed_wrong_goes_to_whoever_shows_a_token(
    domains: Domains, make_client: MakeTenant
) -> None:
    name, before, after = "parking.sold.example", await make_client(), await make_client()
    await domains.served(before, name)
    domains.nameserver.put(f"_opscom-challenge.{name}", "TXT")
    for wait in (timedelta(0), GRACE):
        domains.clock.now += wait
        await _verified(domains, before, name)

    served = await domains.served(after, name)

    assert domains.platform.registry.by_host(name) == served
    await _verified(domains, before, name)
    assert (await domains.claim(before, name)).state is Standing.REQUESTED
    assert (await domains.claim(after, name)).state is Standing.ACTIVE


async def test_most_names_wrong_at_once_change_nothing(domains: Domains, make_client: MakeTenant) -> None:
    client = await make_client()
    names = [f"p{number}.outage.example" for number in range(7)]
    for name in names:
        await domains.served(client, name)
    for name in names[1:]:
        domains.nameserver.put(name, "CNAME")

    found = await look_at_all(domains.databases, domains.dns, [await domains.claim(client, name) for name in names])

    assert is_our_fault(found)
    assert not is_our_fault(found[:6])


async def test_a_released_name_is_kept_for_its_tenant_alone_for_a_time(
    domains: Domains, make_client: MakeTenant
) -> None:
    """Its CNAME still leads here: nobody else may wait for that."""
    name, owner, other = "parking.released.example", await make_client(), await make_client()
    await domains.served(owner, name)
    await actions.release(domains.databases, owner.id, name, actor=ANN)

    with pytest.raises(DomainTaken):
        await actions.request(domains.databases, other, name, actor="eve")
    await actions.activate(domains.databases, domains.dns, owner, name, actor=ANN)
    assert name in (await domains.known(owner)).hosts

    await actions.release(domains.databases, owner.id, name, actor=ANN)
    domains.clock.now += QUARANTINE
    served = await domains.served(other, name)
    assert domains.platform.registry.by_host(name) == served
    with pytest.raises(DomainNotFound):
        await domains.claim(owner, name)


async def test_a_dangling_cname_alone_gives_the_name_to_nobody(domains: Domains, make_client: MakeTenant) -> None:
    name, owner, other = "parking.dangling.example", await make_client(), await make_client()
    await domains.served(owner, name)
    await actions.release(domains.databases, owner.id, name, actor=ANN)
    domains.clock.now += QUARANTINE
    assert name in await free_quarantined(domains.databases)

    await actions.request(domains.databases, other, name, actor="eve")
    with pytest.raises(DomainNotReady, match="The TXT record of"):
        await actions.activate(domains.databases, domains.dns, other, name, actor="eve")

    await domains.known(other)
    assert domains.platform.registry.by_host(name) is None


async def test_an_archived_tenant_gives_its_names_up_and_a_deleted_one_leaves_none(
    domains: Domains, client: Environment
) -> None:
    name = "parking.archived.example"
    await domains.served(client, name)

    await set_state(domains.databases, client.tenant.id, State.ARCHIVED, actor=ANN, reason="over")
    await domains.platform.registry.load()
    assert domains.platform.registry.by_host(name) is None
    assert (await domains.claim(client, name)).state is Standing.QUARANTINED
    assert name not in [claim.name for claim in await due(domains.databases)]

    await delete_tenant(domains.platform.copier, client.tenant.id, actor=ANN, reason="over")
    with pytest.raises(DomainNotFound):
        await domains.claim(client, name)


async def test_a_suspended_tenant_keeps_its_names(domains: Domains, client: Environment) -> None:
    name = "parking.suspended.example"
    await domains.served(client, name)

    await set_state(domains.databases, client.tenant.id, State.SUSPENDED, actor=ANN, reason="unpaid")

    assert name in (await domains.known(client)).own_domains
    assert name in [claim.name for claim in await due(domains.databases)]


async def test_every_step_is_kept_with_who_took_it(domains: Domains, client: Environment) -> None:
    name = "parking.audited.example"
    await domains.served(client, name)
    await set_primary(domains.databases, client.id, name, actor="bob")
    await set_redirect(domains.databases, client.id, client.primary_host, leads=True, actor="bob")
    await actions.release(domains.databases, client.id, name, actor="cid")

    async with domains.databases.control().connect() as connection:
        a = RegistryAuditRow
        wanted = select(a.actor, a.action).where(a.facts["environment"].astext == str(client.id)).order_by(a.id)
        assert [tuple(row) for row in await connection.execute(wanted)] == [
            ("ann", "domain_requested"),
            ("ann", "domain_activated"),
            ("bob", "primary_host_set"),
            ("bob", "host_redirect_set"),
            ("cid", "domain_released"),
        ]


async def _verified(domains: Domains, client: Environment, name: str) -> Standing:
    """Where a name stands after it was checked by the daily task."""
    (found,) = await look_at_all(domains.databases, domains.dns, [await domains.claim(client, name)])
    kept = await follow(domains.databases, found)
    return kept.state if kept else Standing.REQUESTED

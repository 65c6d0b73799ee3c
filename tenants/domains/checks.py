"""Comparing the real DNS of a name with what it must be. Each problem says what was found and what is expected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address

from tenants.domains.authorities import why_refused
from tenants.domains.dns import Dns, Found, Silent
from tenants.domains.rules import Verdict, apex_of, is_apex
from tenants.domains.words import listed
from tenants.domains.zone import Zone


async def check(dns: Dns, zone: Zone) -> Verdict:
    """Ask for everything at once and put into words what is wrong, and what could not be asked."""
    asked = await asyncio.gather(
        _leads_here(dns, zone), _shows_token(dns, zone), _allows_us(dns, zone), return_exceptions=True
    )
    problems = [one for one in asked if isinstance(one, str) and one]
    silent = [
        f"The {one.kind} record of {one.name} could not be asked for." for one in asked if isinstance(one, Silent)
    ]
    for one in asked:
        if isinstance(one, BaseException) and not isinstance(one, Silent):
            raise one
    return Verdict(tuple(problems), tuple(silent))


async def _leads_here(dns: Dns, zone: Zone) -> str:
    """What is wrong with where the name leads; empty if nothing is. Raises Silent."""
    four, six = await asyncio.gather(dns.ask(zone.name, "A"), dns.ask(zone.name, "AAAA"))
    chain = {*four.chain, *six.chain}
    if chain & zone.hosts:
        return ""
    found = _addresses(four, six)
    if not found and not chain:
        return f"{zone.name} leads nowhere. {_expected(zone)}{await _entered_twice(dns, zone, zone.name)}"
    if any(name.startswith(f"{host}.") for name in chain for host in zone.hosts):
        return f"The CNAME of {zone.name} leads to {listed(chain)}: end the value with a dot. {_expected(zone)}"
    ours = {str(one) for one in zone.addresses} or _addresses(
        await dns.ask(zone.host, "A"), await dns.ask(zone.host, "AAAA")
    )
    foreign = found - ours
    if found and not foreign:
        return ""
    if found & ours:
        return f"{zone.name} leads to us and also to {listed(foreign)}: remove what is not ours."
    way = f" by way of {listed(chain)}" if chain else ""
    return f"{zone.name} leads to {listed(foreign) or 'no address'}{way}. {_expected(zone)}"


async def _shows_token(dns: Dns, zone: Zone) -> str:
    found = {_text(value) for value in (await dns.ask(zone.challenge, "TXT")).values}
    if zone.token in found:
        return ""
    expected = f'Expected: a TXT record of {zone.challenge} with the value "{zone.token}".'
    if found:
        return f"The TXT record of {zone.challenge} says {listed(found)}. {expected}"
    return f"{zone.challenge} has no TXT record. {expected}{await _entered_twice(dns, zone, zone.challenge)}"


async def _allows_us(dns: Dns, zone: Zone) -> str:
    """RFC 8659: the records nearest above the name count, also where they forbid."""
    labels = zone.name.split(".")
    for depth in range(len(labels)):
        name = ".".join(labels[depth:])
        found = await dns.ask(name, "CAA")
        if found.values:
            refused = why_refused(found.values, zone.authorities)
            return f"The CAA records of {name} {refused}" if refused else ""
    return ""


async def _entered_twice(dns: Dns, zone: Zone, name: str) -> str:
    """A hint for the commonest slip: a form that adds the domain by itself was given the whole name."""
    apex = apex_of(zone.name) or zone.name
    try:
        kinds = ("TXT",) if name == zone.challenge else ("CNAME", "A")
        doubled = [await dns.ask(f"{name}.{apex}", kind) for kind in kinds]
    except Silent:
        return ""
    if not any(found.values or found.chain for found in doubled):
        return ""
    return (
        f" There is a record of {name}.{apex}: your provider adds the domain itself, so enter only {zone.label(name)}."
    )


def _expected(zone: Zone) -> str:
    if not is_apex(zone.name):
        return f"Expected: CNAME {zone.host}."
    addresses = " or ".join(str(address) for address in zone.addresses)
    return f"Expected: ALIAS or ANAME {zone.host}.{f', or the address {addresses}.' if addresses else ''}"


def _addresses(*answers: Found) -> set[str]:
    return {str(ip_address(value.to_text())) for found in answers for value in found.values}


def _text(value: object) -> str:
    """The text of a TXT record, as it was meant: some forms keep the quotes that were copied along."""
    strings: Iterable[bytes] = getattr(value, "strings", ())
    return b"".join(strings).decode("utf-8", "replace").strip().strip('"')

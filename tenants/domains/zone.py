"""What a client's IT enters in its DNS for an own domain: pure values, ready to be copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from tenants.domains.rules import CHALLENGE, apex_of, is_apex


class Need(StrEnum):
    """Whether a record must be there."""

    ALWAYS = "always"
    EITHER = "either"
    WHERE_LIMITED = "where_limited"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``name`` is whole, ``label`` is what most providers' forms want: relative to the domain, ``@`` for it."""

    kind: str
    name: str
    label: str
    value: str
    need: Need
    why: str

    @property
    def line(self) -> str:
        """The record as a line of a zone file."""
        value = f'"{self.value}"' if self.kind == "TXT" else self.value
        return f"{self.name}. {self.kind} {value}"


@dataclass(frozen=True, slots=True)
class Zone:
    """All that a check compares with, and the records are made from.

    ``host`` is the site's canonical host; ``hosts`` are all of them, those of before a renaming too. ``addresses`` are the
    platform's (empty: those of ``host`` in the DNS), ``authorities`` what CAA records call the certificate authorities.
    """

    name: str
    token: str
    host: str
    hosts: frozenset[str]
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    authorities: tuple[str, ...] = ()

    @property
    def challenge(self) -> str:
        """The name of the TXT record."""
        return f"{CHALLENGE}.{self.name}"

    def label(self, name: str) -> str:
        """A name relative to the registered domain."""
        apex = apex_of(self.name) or self.name
        return "@" if name == apex else name.removesuffix(f".{apex}")


def records_of(zone: Zone) -> list[Record]:
    """The records to enter, in the order in which they are explained."""
    return [*_ways_here(zone), _token(zone), *_authority(zone)]


def _ways_here(zone: Zone) -> Iterator[Record]:
    name, label = zone.name, zone.label(zone.name)
    if not is_apex(name):
        yield Record("CNAME", name, label, f"{zone.host}.", Need.ALWAYS, "Leads visitors of the name to your site.")
        return
    why = "A whole domain can have no CNAME: use what your provider calls ALIAS, ANAME or CNAME flattening."
    yield Record("ALIAS", name, label, f"{zone.host}.", Need.EITHER, why)
    for address in zone.addresses:
        kind = "A" if address.version == 4 else "AAAA"  # noqa: PLR2004 - the version of the protocol
        why = "Where your provider has no such record: the platform's address. You change it when we do."
        yield Record(kind, name, label, str(address), Need.EITHER, why)


def _token(zone: Zone) -> Record:
    why = "Proves that the domain is yours. Leave it there: it is looked for every day."
    return Record("TXT", zone.challenge, zone.label(zone.challenge), zone.token, Need.ALWAYS, why)


def _authority(zone: Zone) -> Iterator[Record]:
    apex = apex_of(zone.name) or zone.name
    for authority in zone.authorities[:1]:
        why = "Only if the domain has CAA records already: they must allow the authority of our certificates."
        yield Record("CAA", apex, "@", f'0 issue "{authority}"', Need.WHERE_LIMITED, why)

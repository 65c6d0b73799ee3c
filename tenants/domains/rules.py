"""Pure rules of own domains: which names may be asked for, what a check does to their state, how long each thing lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import idna
from publicsuffixlist import PublicSuffixList

from tenants.domains.errors import DomainNameRefused
from tenants.hostnames import MAX_HOST, MalformedHost, normalise_host

CHALLENGE = "_opscom-challenge"
"""The label below which the TXT record with the token is looked for."""
GRACE = timedelta(days=7)
"""How long a name is still served after its DNS went wrong."""
QUARANTINE = timedelta(days=30)
"""How long a released name is kept from every other tenant."""
MOST_AT_ONCE = 5
"""Names that may go wrong at once without a doubt in our own way into the DNS."""
NOWHERE = frozenset({"alt", "arpa", "internal", "invalid", "local", "localhost", "onion", "test"})
"""Top-level domains that the public DNS does not have (RFC 6761 and its followers)."""


class Standing(StrEnum):
    """Where a claim to a name stands. Only one tenant has a name that is ``HELD``; any number may ask for one."""

    REQUESTED = "requested"
    ACTIVE = "active"
    FAILING = "failing"
    QUARANTINED = "quarantined"


HELD = (Standing.ACTIVE, Standing.FAILING, Standing.QUARANTINED)
SERVED = (Standing.ACTIVE, Standing.FAILING)


@dataclass(frozen=True, slots=True)
class Claim:
    """A tenant's claim to a name. ``until``: when a failing name is served no more, or a quarantined one is free."""

    environment_id: UUID
    name: str
    state: Standing
    token: str
    requested_by: str
    requested_at: datetime
    verified_at: datetime | None
    checked_at: datetime | None
    problems: tuple[str, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: ``problems`` are wrong for certain, ``silent`` could not be asked."""

    problems: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether everything was asked and is as it must be."""
        return not self.problems and not self.silent


def checked_name(typed: str, base_domain: str) -> str:
    """The name as DNS has it: lower case, IDNA, without the dot at the end. Raises DomainNameRefused with the reason."""
    name = _in_dns(typed.strip())
    if name is None:
        raise DomainNameRefused("Enter a host name only, such as parking.example.org.", field="name")
    if name == base_domain or name.endswith(f".{base_domain}"):
        raise DomainNameRefused("Names below the platform's own domain are given by the platform.", field="name")
    if name.rpartition(".")[2] in NOWHERE or name.rpartition(".")[2].isdigit():
        raise DomainNameRefused("This name is not in the public DNS.", field="name")
    if apex_of(name) is None:
        raise DomainNameRefused("This is a suffix under which others register their domains.", field="name")
    if len(f"{CHALLENGE}.{name}") > MAX_HOST:
        raise DomainNameRefused("The name is too long.", field="name")
    return name


def apex_of(name: str) -> str | None:
    """The registered domain that a name lies in, by the public suffix list; None for a suffix itself."""
    found: str | None = _suffixes().privatesuffix(name)
    return found


def is_apex(name: str) -> bool:
    """Whether the name is a whole domain, where DNS allows no CNAME."""
    return apex_of(name) == name


def written(name: str) -> str:
    """The name as people write it, where it has other letters than a to z."""
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name


def after_check(
    state: Standing, until: datetime | None, verdict: Verdict, now: datetime
) -> tuple[Standing, datetime | None]:
    """Where a served claim stands after a check, and until when. What could not be asked changes nothing."""
    if state not in SERVED or (verdict.silent and not verdict.problems):
        return state, until
    if not verdict.problems:
        return Standing.ACTIVE, None
    if state is Standing.ACTIVE:
        return Standing.FAILING, now + GRACE
    return (Standing.REQUESTED, None) if until is not None and until <= now else (state, until)


def is_doubtful(turned_wrong: int, served: int) -> bool:
    """Whether so many names went wrong at once that our own way into the DNS is doubted rather than theirs."""
    return turned_wrong > MOST_AT_ONCE and turned_wrong * 2 > served


def _in_dns(typed: str) -> str | None:
    """The name as DNS has it; None for anything else, an address with a port or a path too."""
    if any(sign in typed for sign in ":/@"):
        return None
    try:
        name = normalise_host(typed.encode())
        for label in name.split("."):
            if label.startswith("xn--"):
                idna.ulabel(label)
    except (MalformedHost, idna.IDNAError, UnicodeEncodeError):
        return None
    return name


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()

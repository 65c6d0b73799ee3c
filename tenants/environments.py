"""Values: a tenant, an environment of it, and the immutable map from host names to environments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from domain.kernel.features import Feature
from tenants.embedding import NOTHING, Embedding
from tenants.hostnames import preview_host, production_host
from tenants.plans.entitlements import Entitlements


class EnvironmentKind(StrEnum):
    """What an environment is for. The kind is told by the registry, never by the data in it."""

    PRODUCTION = "production"
    STAGING = "staging"
    BETA = "beta"
    PREVIEW = "preview"
    TEST = "test"
    DEVELOPMENT = "development"

    @property
    def group(self) -> EnvironmentGroup:
        """The group, which decides egress addresses, mail and vendor credentials."""
        live = {EnvironmentKind.PRODUCTION, EnvironmentKind.STAGING, EnvironmentKind.BETA}
        return EnvironmentGroup.LIVE if self in live else EnvironmentGroup.TEST


class EnvironmentGroup(StrEnum):
    """Live environments use live credentials and real effects, test environments never do."""

    LIVE = "live"
    TEST = "test"


class State(StrEnum):
    """The life of a tenant and of an environment; ``TRANSITIONS`` says what may follow what."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"
    DELETING = "deleting"
    DELETED = "deleted"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.PENDING: frozenset({State.ACTIVE, State.DELETING}),
        State.ACTIVE: frozenset({State.SUSPENDED, State.ARCHIVED}),
        State.SUSPENDED: frozenset({State.ACTIVE, State.ARCHIVED}),
        State.ARCHIVED: frozenset({State.ACTIVE, State.DELETING}),
        State.DELETING: frozenset({State.DELETED}),
        State.DELETED: frozenset(),
    }
)


UNCHANGED = Entitlements()
"""What a tenant has for which nobody chose anything."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer. ``number`` is short, never reused, and part of every global id.

    ``mail_domain`` is the domain of its own that its mail comes from, while the DNS of that is right.
    """

    id: UUID
    number: int
    slug: str
    name: str
    entitled: Entitlements = UNCHANGED
    mail_domain: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """The unit of isolation: one copy of a tenant's data with a schema and a database role of its own.

    ``redirects`` are those of its hosts that lead to the primary one, ``own_domains`` those that are the client's own.
    ``features`` are what may be used in it: the tenant's, and ``trials`` that it has alone.
    """

    id: UUID
    tenant: Tenant
    kind: EnvironmentKind
    state: State
    cell: str
    schema: str
    role: str
    head: str
    time_zone: str
    primary_host: str
    hosts: frozenset[str]
    embedding: Embedding = NOTHING
    redirects: frozenset[str] = frozenset()
    features: frozenset[Feature] = frozenset()
    trials: frozenset[Feature] = frozenset()
    own_domains: frozenset[str] = frozenset()
    is_moving: bool = False

    @property
    def is_routable(self) -> bool:
        """Whether hosts of it answer at all (a suspended one answers with its own page)."""
        return self.state in {State.ACTIVE, State.SUSPENDED}


@dataclass(frozen=True, slots=True)
class Cell:
    """A database that holds environments. ``address`` is a URL without credentials, None for the registry's own database.

    ``group`` is the one it is made for, None for both. A closed cell takes no further environments.
    """

    name: str
    address: str | None = None
    group: EnvironmentGroup | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class RegistryMap:
    """Everything a process knows about who the tenants are and where they live, at one version of the registry."""

    version: int
    by_host: Mapping[str, Environment]
    by_id: Mapping[UUID, Environment]
    by_role: Mapping[str, Environment]
    by_tenant: Mapping[UUID, tuple[Environment, ...]]
    data_keys: Mapping[UUID, Mapping[int, str]]
    cells: Mapping[str, Cell]

    @classmethod
    def of(
        cls,
        version: int,
        environments: Iterable[Environment],
        data_keys: Mapping[UUID, Mapping[int, str]],
        cells: Iterable[Cell] = (),
    ) -> RegistryMap:
        """Build the map. Only routable environments get hosts."""
        environments, by_tenant = list(environments), defaultdict[UUID, list[Environment]](list)
        for one in environments:
            by_tenant[one.tenant.id].append(one)
        return cls(
            version,
            {host: e for e in environments if e.is_routable for host in e.hosts},
            {e.id: e for e in environments},
            {e.role: e for e in environments},
            {tenant: tuple(of_tenant) for tenant, of_tenant in by_tenant.items()},
            data_keys,
            {cell.name: cell for cell in cells},
        )

    def replaced(
        self,
        version: int,
        tenants: Collection[UUID],
        environments: Iterable[Environment],
        data_keys: Mapping[UUID, Mapping[int, str]],
    ) -> RegistryMap:
        """The map with everything of some tenants replaced by what is given. Microseconds for thousands of others."""
        by_host, by_id, by_role = dict(self.by_host), dict(self.by_id), dict(self.by_role)
        by_tenant, keys = dict(self.by_tenant), dict(self.data_keys)
        for tenant in tenants:
            for old in by_tenant.pop(tenant, ()):
                del by_id[old.id], by_role[old.role]
                for host in old.hosts:
                    by_host.pop(host, None)
            keys.pop(tenant, None)
        new = RegistryMap.of(version, environments, data_keys)
        by_host.update(new.by_host)
        by_id.update(new.by_id)
        by_role.update(new.by_role)
        by_tenant.update(new.by_tenant)
        keys.update(new.data_keys)
        return RegistryMap(version, by_host, by_id, by_role, by_tenant, keys, self.cells)


def canonical_host(kind: EnvironmentKind, slug: str, base_domain: str) -> str:
    """The canonical host of a tenant's environment of a kind."""
    if kind is EnvironmentKind.PRODUCTION:
        return production_host(slug, base_domain)
    if kind is EnvironmentKind.PREVIEW:
        return preview_host(slug, base_domain)
    return f"{slug}-{kind}.preview.{base_domain}"

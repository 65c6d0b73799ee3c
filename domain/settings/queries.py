"""Reading settings: what staff may see of a connection, and the open connection that an integration uses."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Select, select

from domain.kernel.actor import Actor, Permission
from domain.kernel.features import require_feature
from domain.kernel.snapshot import Snapshot
from domain.kernel.vault import Vault
from domain.kernel.work import Work
from domain.settings.errors import ConnectionMissing
from domain.settings.models import Integration, Vendor

KEYS_ELSEWHERE = frozenset({Vendor.PARKING_LOGIX})
"""Vendors whose credentials are keys of lot groups: a copy loses them, so those of a preview are its own."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What staff may see of one side of a connection: of secrets, only whether there are any."""

    endpoint: str | None
    user_name: str | None
    has_password: bool
    has_token: bool


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """What staff may see of the connection to a vendor."""

    vendor: Vendor
    is_enabled: bool
    technical_contact: str | None
    documentation_url: str | None
    live: Credentials
    test: Credentials


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection ready to be used: the secrets are open here, and printed nowhere."""

    vendor: Vendor
    endpoint: str
    user_name: str | None
    password: str | None = field(repr=False)
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sides:
    """What was entered for a vendor: where live calls go, and whether there is a test side to use in their place."""

    live_endpoint: str | None
    has_test: bool


async def integrations(snapshot: Snapshot) -> list[IntegrationView]:
    """The connections to all vendors whose feature is on, also those never entered. Needs VIEW_SETTINGS."""
    rows = {row.vendor: row for row in await snapshot.scalars(visible_integrations(snapshot.actor))}
    return [_view(vendor, rows.get(vendor.value)) for vendor in Vendor if vendor.feature in snapshot.features]


def visible_integrations(actor: Actor) -> Select[Integration]:
    """The stored connections, secrets sealed. Needs VIEW_SETTINGS."""
    actor.require(Permission.VIEW_SETTINGS)
    return select(Integration).order_by(Integration.vendor)


async def sides_of(reads: Snapshot | Work, vendor: Vendor) -> Sides:
    """The sides of a connection that is enabled. Needs RUN_SYSTEM_TASKS. Raises FeatureOff, ConnectionMissing."""
    row = await _enabled(reads, vendor)
    has_credentials = vendor in KEYS_ELSEWHERE or row.test_password is not None or row.test_token is not None
    return Sides(row.live_endpoint, row.test_endpoint is not None and has_credentials)


async def open_connection(reads: Snapshot | Work, vendor: Vendor, vault: Vault, *, is_production: bool) -> Connection:
    """The connection of this environment: live in the production group, test in the preview group, never the other.

    Needs RUN_SYSTEM_TASKS. Raises FeatureOff, ConnectionMissing when the vendor is not enabled or has no endpoint, and
    SecretUnreadable when the tenant's key is gone.
    """
    row = await _enabled(reads, vendor)
    endpoint = row.live_endpoint if is_production else row.test_endpoint
    if endpoint is None:
        side = "live" if is_production else "test"
        raise ConnectionMissing(f"No {side} endpoint was entered for this integration.", vendor=vendor.value)
    return Connection(
        vendor=vendor,
        endpoint=endpoint,
        user_name=row.live_user_name if is_production else row.test_user_name,
        password=_opened(vault, row.live_password if is_production else row.test_password),
        token=_opened(vault, row.live_token if is_production else row.test_token),
    )


async def _enabled(reads: Snapshot | Work, vendor: Vendor) -> Integration:
    reads.actor.require(Permission.RUN_SYSTEM_TASKS)
    require_feature(reads.features, vendor.feature)
    row = await reads.scalar(select(Integration).where(Integration.vendor == vendor.value))
    if row is None or not row.is_enabled:
        raise ConnectionMissing("This integration is not enabled.", vendor=vendor.value)
    return row


def _opened(vault: Vault, sealed: str | None) -> str | None:
    return None if sealed is None else vault.open(sealed)


def _view(vendor: Vendor, row: Integration | None) -> IntegrationView:
    row = row or Integration(vendor=vendor.value, is_enabled=False)
    return IntegrationView(
        vendor=vendor,
        is_enabled=row.is_enabled,
        technical_contact=row.technical_contact,
        documentation_url=row.documentation_url,
        live=_seen(row.live_endpoint, row.live_user_name, row.live_password, row.live_token),
        test=_seen(row.test_endpoint, row.test_user_name, row.test_password, row.test_token),
    )


def _seen(endpoint: str | None, user_name: str | None, password: str | None, token: str | None) -> Credentials:
    return Credentials(endpoint, user_name, has_password=password is not None, has_token=token is not None)

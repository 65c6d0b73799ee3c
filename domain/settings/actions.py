"""Changing settings. All of it needs MANAGE_SETTINGS; secrets go in and never come out again."""

from __future__ import annotations

from typing import TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.groups.actions import forget_parking_logix_keys
from domain.kernel.actor import Permission
from domain.kernel.changes import apply
from domain.kernel.features import require_feature
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.settings.events import IntegrationChanged
from domain.settings.models import Integration, Vendor
from domain.settings.rules import checked_endpoint, checked_text, is_same_peer

SIDES = ("live", "test")
SECRETS = ("password", "token")
SECRET = frozenset(f"{side}_{secret}" for side in SIDES for secret in SECRETS)
ENDPOINTS = frozenset({"live_endpoint", "test_endpoint", "documentation_url"})


class IntegrationChanges(TypedDict, total=False):
    """What may be changed of a connection. A field that is absent stays as it is; None or an empty text removes it.

    Passwords and tokens are plain text here and sealed before they are stored.
    """

    is_enabled: bool
    technical_contact: str | None
    documentation_url: str | None
    live_endpoint: str | None
    live_user_name: str | None
    live_password: str | None
    live_token: str | None
    test_endpoint: str | None
    test_user_name: str | None
    test_password: str | None
    test_token: str | None


async def change_integration(work: Work, vendor: Vendor, **changes: Unpack[IntegrationChanges]) -> None:
    """Change the connection to a vendor. An endpoint of another scheme, host or port blanks the stored secrets of its side.

    With it go the keys of Parking Logix that lot groups hold: nobody reads a secret by having it sent to another peer.
    Raises EndpointInvalid, SettingInvalid, FeatureOff. The same values record nothing.
    """
    work.actor.require(Permission.MANAGE_SETTINGS)
    require_feature(work.features, vendor.feature)
    row = await _locked(work, vendor)
    values = {name: _column(work, name, value) for name, value in changes.items()}
    if vendor is Vendor.PARKING_LOGIX and _moved_sides(row, values):
        await forget_parking_logix_keys(work)
    difference = apply(row, _blanked(row, values) | values, secret=SECRET)
    if difference:
        work.record(IntegrationChanged(vendor.value), before=difference.before, after=difference.after)


async def _locked(work: Work, vendor: Vendor) -> Integration:
    """The row of the vendor, made if there is none."""
    fresh = insert(Integration).values(id=uuid7(), vendor=vendor.value, is_enabled=False).on_conflict_do_nothing()
    await work.execute(fresh)
    (row,) = await work.scalars(select(Integration).where(Integration.vendor == vendor.value).with_for_update())
    return row


def _column(work: Work, name: str, value: object) -> object:
    """A change as the value of its column."""
    if not isinstance(value, str):
        return value
    text = checked_text(value, name)
    if not text:
        return None
    if name in SECRET:
        return work.vault.seal(text)
    return checked_endpoint(text, name) if name in ENDPOINTS else text


def _blanked(row: Integration, values: dict[str, object]) -> dict[str, object]:
    """The secrets that may not be sent to the new endpoint: who enters another must enter them again."""
    moved = (side for side in _moved_sides(row, values) if getattr(row, f"{side}_endpoint") is not None)
    return {f"{side}_{secret}": None for side in moved for secret in SECRETS}


def _moved_sides(row: Integration, values: dict[str, object]) -> list[str]:
    """The sides, live or test, that would call another peer than now; a first endpoint is another peer too."""
    moved = []
    for side in SIDES:
        old = row.live_endpoint if side == "live" else row.test_endpoint
        new = values.get(f"{side}_endpoint", old)
        if old != new and not (old is not None and is_same_peer(old, new if isinstance(new, str) else None)):
            moved.append(side)
    return moved

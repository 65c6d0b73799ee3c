"""The system task Update Parking Logix: the free spaces of lot groups, one call for each distinct API key."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.groups.queries import keyed_groups
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorSource
from domain.settings.models import Vendor
from jobs.integrations.faults import VendorFault
from jobs.integrations.parking_logix.client import fetch_counts
from jobs.integrations.parking_logix.mapping import Matched, match, read_counts
from jobs.integrations.poll import MOST_SHOWN, connection_of, note_recorded, note_unreadable

if TYPE_CHECKING:
    from jobs.context import RunContext


@dataclass(frozen=True, slots=True)
class _Key:
    """An API key and the exact names that lot groups expect behind it."""

    secret: str = field(repr=False)
    names: frozenset[str]


async def update_parking_logix(context: RunContext) -> None:
    """Poll Parking Logix once. A key that fails does not keep the others' readings back.

    Raises the VendorFault of the first key that failed, after everything else was written.
    """
    connection = await connection_of(context, Vendor.PARKING_LOGIX)
    readings: list[Reading] = []
    faults: list[VendorFault] = []
    for number, key in enumerate(await _keys(context), start=1):
        context.check_stopping()
        try:
            readings += await _ask(context, connection.endpoint, key)
        except VendorFault as fault:
            faults.append(fault)
            context.runlog.error(fault.error_class, fault.message, call=number)
    if readings:
        async with context.work() as work:
            note_recorded(context, await record_readings(work, SensorSource.PARKING_LOGIX, readings))
    if faults:
        raise faults[0]


async def _keys(context: RunContext) -> list[_Key]:
    """The distinct keys of all lot groups; the same key in several groups is one call."""
    vault = context.platform.databases.vault(context.environment)
    names: defaultdict[str, set[str]] = defaultdict(set)
    async with context.snapshot() as snapshot:
        groups = await snapshot.scalars(keyed_groups(context.actor))
    for group in groups:
        if group.parking_logix_key is None or group.parking_logix_name is None:
            context.counters.skipped += 1
            context.runlog.warning(
                "group_without_name", "A lot group has a key and no Parking Logix name.", group=group.id
            )
            continue
        names[vault.open(group.parking_logix_key)].add(group.parking_logix_name)
    if not groups:
        context.runlog.info("no_groups", "No lot group has a Parking Logix key.")
    return [_Key(secret, frozenset(names[secret])) for secret in names]


async def _ask(context: RunContext, endpoint: str, key: _Key) -> list[Reading]:
    entries = await fetch_counts(context.http, endpoint, key.secret)
    mapped = read_counts(entries)
    context.counters.read += len(entries)
    note_unreadable(context, mapped)
    matched = match(mapped.readings, key.names)
    _note_matched(context, matched)
    return matched.readings


def _note_matched(context: RunContext, matched: Matched) -> None:
    """Names that do not fit are counted and shown, since nobody would notice a misspelt one otherwise."""
    context.counters.skipped += len(matched.unmatched)
    for name in matched.unmatched[:MOST_SHOWN]:
        context.runlog.warning("name_unmatched", "No lot group has this Parking Logix name.", name=name)
    for name in matched.missing[:MOST_SHOWN]:
        context.runlog.warning("name_missing", "The answer has no lot of this name.", name=name)

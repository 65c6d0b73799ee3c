"""Mistall's values as ours. Pure. Numbers stay raw: a drifting camera may count past the capacity or below zero."""

from __future__ import annotations

from collections.abc import Iterable

from domain.occupancy.actions import Reading
from jobs.integrations.mapping import Mapped
from jobs.integrations.values import aware_time, short_text, whole_number


def read_lots(entries: Iterable[object]) -> Mapped:
    """The readings of all lots that can be read."""
    mapped = Mapped()
    for position, entry in enumerate(entries):
        mapped.add(position, _read(entry))
    return mapped


def _read(entry: object) -> Reading | str:
    if not isinstance(entry, dict):
        return "not an object"
    lot_id, occupied = short_text(entry.get("id")), whole_number(entry.get("occupied"))
    capacity = whole_number(entry.get("capacity"))
    if lot_id is None:
        return "id is missing"
    if occupied is None:
        return "occupied is no whole number"
    if capacity is None or capacity < 0:
        return "capacity is no whole number from 0 on"
    return Reading(
        external_id=lot_id,
        name=short_text(entry.get("name")) or lot_id,
        capacity=capacity,
        occupied=occupied,
        observed_at=aware_time(entry.get("updatedAt")),
    )

"""Parking Logix's values as ours, and which of them belong to a lot group: the exact name decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from domain.occupancy.actions import Reading
from jobs.integrations.mapping import Mapped
from jobs.integrations.values import aware_time, short_text, whole_number


@dataclass(frozen=True, slots=True)
class Matched:
    """The readings of the wanted names, the names nobody wants, and the wanted ones that did not come."""

    readings: list[Reading]
    unmatched: list[str]
    missing: list[str]


def read_counts(entries: Iterable[object]) -> Mapped:
    """The readings of all entries that can be read."""
    mapped = Mapped()
    for position, entry in enumerate(entries):
        mapped.add(position, _read(entry))
    return mapped


def match(readings: Iterable[Reading], wanted: AbstractSet[str]) -> Matched:
    """Keep the readings whose name a lot group has, exactly as it is written."""
    kept, unmatched = [], set[str]()
    for reading in readings:
        if reading.external_id in wanted:
            kept.append(reading)
        else:
            unmatched.add(reading.external_id)
    return Matched(kept, sorted(unmatched), sorted(wanted - {reading.external_id for reading in kept}))


def _read(entry: object) -> Reading | str:
    if not isinstance(entry, dict):
        return "not an object"
    name, free = short_text(entry.get("location_name")), whole_number(entry.get("free_spaces"))
    if name is None:
        return "location_name is missing"
    if free is None:
        return "free_spaces is no whole number"
    return Reading(external_id=name, name=name, free=free, observed_at=aware_time(entry.get("date_time")))

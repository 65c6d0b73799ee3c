"""Reading inputs: what is absent, null or given becomes keywords of an action."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import strawberry
from strawberry import UNSET, Some

from domain.groups.rules import MapPoint

Reader = Callable[[object], object]


@strawberry.input(description="A place on the map (WGS 84).")
class PointInput:
    """A map point."""

    latitude: float = strawberry.field(description="Degrees north, from -90 to 90.")
    longitude: float = strawberry.field(description="Degrees east, from -180 to 180.")


def given(typed: object, readers: Mapping[str, Reader] | None = None) -> dict[str, object]:
    """The fields of an input that were given, by their names; ``readers`` translate values other than null.

    In an input for an update every field is a ``Maybe``: absent is left out, null is None. In one for a creation a field
    that is left out is UNSET.
    """
    found: dict[str, object] = {}
    for field in dataclasses.fields(typed):  # type: ignore[arg-type]  # Strawberry's inputs are dataclasses
        value = getattr(typed, field.name)
        if isinstance(value, Some):
            found[field.name] = value.value
        elif value is not UNSET and value is not None:
            found[field.name] = value
    for name, read in (readers or {}).items():
        if found.get(name) is not None:
            found[name] = read(found[name])
    return found


def point_of(typed: object) -> MapPoint:
    """The map point that was given. Raises MapPointInvalid."""
    if not isinstance(typed, PointInput):
        msg = "the schema lets nothing else through"
        raise TypeError(msg)
    return MapPoint(typed.latitude, typed.longitude)

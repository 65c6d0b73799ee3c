"""Pure decisions on permits: plates, times, and whether a temporary permit still fits."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime

from domain.permits.errors import PermitTimesInvalid, PlateInvalid

LONGEST_PLATE = 50
"""What the partner API allows for a vehicle's plate."""


def normalise_plate(plate: str) -> str:
    """The plate as it is compared: letters and digits only, without accents and width, in capitals.

    Letters that look like digits stay letters: ``O`` and ``0`` are two plates. Raises PlateInvalid when nothing is left,
    and when it is longer than 50 characters, or has control characters, as typed.
    """
    if len(plate) > LONGEST_PLATE:
        raise PlateInvalid(f"A plate has at most {LONGEST_PLATE} characters.")
    if any(unicodedata.category(letter) == "Cc" for letter in plate.strip()):
        raise PlateInvalid("A plate has no control characters.")
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", plate).upper())
    normalised = "".join(letter for letter in decomposed if unicodedata.category(letter) in _KEPT)
    if not normalised:
        raise PlateInvalid("A plate has at least one letter or digit.")
    return normalised


def checked_times(starts_at: datetime, ends_at: datetime) -> None:
    """Raise PermitTimesInvalid unless both are aware and the end is after the start."""
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise PermitTimesInvalid("Times need their offset.")
    if starts_at >= ends_at:
        raise PermitTimesInvalid("A permit ends after it starts.")


def most_at_once(times: Iterable[tuple[datetime, datetime]]) -> int:
    """How many of these half-open times overlap at the worst moment."""
    # An end sorts before a start at the same moment: whoever leaves then makes room for whoever comes.
    changes = sorted(change for start, end in times for change in ((start, 1), (end, -1)))
    most = now = 0
    for _moment, change in changes:
        now += change
        most = max(most, now)
    return most


_KEPT = frozenset({"Lu", "Lo", "Nd"})

"""What mapping a vendor's answer gives: readings of ours, and the entries that could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.occupancy.actions import Reading


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that means nothing to us: its place in the answer (from 0), and what is wrong with it."""

    position: int
    reason: str


@dataclass(slots=True)
class Mapped:
    """An answer in our terms."""

    readings: list[Reading] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, position: int, entry: Reading | str) -> None:
        """Take an entry: a reading, or the reason why it is none."""
        if isinstance(entry, Reading):
            self.readings.append(entry)
        else:
            self.unreadable.append(Unreadable(position, entry))

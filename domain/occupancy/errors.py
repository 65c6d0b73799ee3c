"""Errors of sensor readings."""

from __future__ import annotations

from domain.kernel.errors import Invalid


class ReadingInvalid(Invalid):
    """A vendor's reading can not be meant as it is written."""

    code = "occupancy.reading_invalid"

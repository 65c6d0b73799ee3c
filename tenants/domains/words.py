"""Things found in somebody's DNS, as they may be shown: a few of them, cut, and without what a page or terminal obeys."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 5
LONGEST_SHOWN = 80


def listed(found: Iterable[str]) -> str:
    """A list in words."""
    ordered = sorted(found)
    shown = ["".join(sign for sign in one if sign.isprintable())[:LONGEST_SHOWN] for one in ordered[:SHOWN]]
    return ", ".join(shown) + (", …" if len(ordered) > SHOWN else "")

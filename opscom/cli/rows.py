"""How facts are printed: a line each, tabs between them, moments in UTC. No text in a fact passes for another line or column."""

from __future__ import annotations

from datetime import UTC, datetime

import typer


def print_row(*facts: object) -> None:
    """Print one line; a dash stands for None."""
    typer.echo("\t".join(_cell(fact) for fact in facts))


def in_utc(moment: datetime) -> str:
    """A moment to the minute, with the Z that says UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def _cell(fact: object) -> str:
    if fact is None:
        return "-"
    text = in_utc(fact) if isinstance(fact, datetime) else str(fact)
    return "".join(sign if sign.isprintable() else " " for sign in text)

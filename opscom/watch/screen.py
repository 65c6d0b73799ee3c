"""The live map as a terminal shows it: a drawing with a pin for each place, and a list beside or below it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.pages.projection import project
from gateway.pages.wording import SOURCES, left
from opscom.watch.stream import Place

WIDE = 120
DRAWING = 62, 19
BAR = 14
PIES = "○◔◑◕●"
BUSY, FULL = 70, 90


def screen(
    places: Sequence[Place], before: Mapping[str, int | None], *, title: str, note: str, size: ConsoleDimensions
) -> RenderableType:
    """Everything that is shown; ``before`` are the per cents of the state before this one, by id.

    Lots are listed if there is room for all of them: what is below the edge of a terminal is lost.
    """
    drawing = Panel(_drawing(places), title=title, title_align="left", width=DRAWING[0] + 4, border_style="dim")
    lines = len(places) + sum(len(place.lots) for place in places)
    foot = Text(note, style="dim")
    if size.width >= WIDE:
        side = Table.grid(padding=(0, 1))
        side.add_row(drawing, listed(places, before, has_lots=lines < size.height - 2))
        return Group(side, foot)
    return Group(drawing, listed(places, before, has_lots=lines < size.height - DRAWING[1] - 4), foot)


def rows(places: Sequence[Place]) -> list[str]:
    """One line for each place, for programs: name, per cent, source, time seen, ``stale`` or ``fresh``, by tabs."""
    return [
        "\t".join(
            (
                place.name,
                "" if place.percent is None else str(place.percent),
                place.source,
                place.observed_at or "",
                "stale" if place.is_stale else "fresh",
            )
        )
        for place in places
    ]


def changes(places: Sequence[Place], before: Mapping[str, int | None]) -> list[str]:
    """One plain line for each place that changed: what is printed where there is no terminal."""
    return [
        f"{place.name}: {_percent(place)}{_since(place, before)}" for place in places if _has_changed(place, before)
    ]


def _drawing(places: Sequence[Place]) -> Text:
    width, height = DRAWING
    rows = [[(" ", "")] * width for _ in range(height)]
    points = project([(place.latitude, place.longitude) for place in places])
    for place, point in zip(places, points, strict=True):
        x, y = round(point.x / 100 * (width - 1)), round(point.y / 100 * (height - 2))
        _write(rows[y], x, f"{_pie(place)} {_percent(place)}", _style(place))
        _write(rows[y + 1], x, place.name, "dim")
    text = Text()
    for row in rows:
        for character, style in row:
            text.append(character, style)
        text.append("\n")
    text.right_crop(1)
    return text


def _write(row: list[tuple[str, str]], middle: int, words: str, style: str) -> None:
    start = min(max(middle - len(words) // 2, 0), max(len(row) - len(words), 0))
    for offset, character in enumerate(words[: len(row)]):
        row[start + offset] = (character, style)


def listed(places: Sequence[Place], before: Mapping[str, int | None], *, has_lots: bool) -> Table:
    """The list of places by name, each with its lots and what is left of their permits."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("place")
    table.add_column("full", justify="right")
    table.add_column("")
    table.add_column("counted by", style="dim")
    for place in sorted(places, key=lambda place: place.name):
        arrow = _arrow(place, before)
        table.add_row(place.name, Text(f"{arrow} {_percent(place)}", _style(place)), _bar(place), _source(place))
        for name, percent in place.lots if has_lots else ():
            table.add_row(f"  {name}", left(percent), style="dim")
    return table


def _bar(place: Place) -> Text:
    filled = round((place.percent or 0) / 100 * BAR)
    return Text("━" * filled, _style(place)) + Text("─" * (BAR - filled), "dim")


def _source(place: Place) -> str:
    words = SOURCES[place.source].removeprefix("Counted by ")
    if place.observed_at is None:
        return words
    seen = datetime.fromisoformat(place.observed_at).astimezone().strftime("%H:%M:%S")
    return f"no news since {seen}" if place.is_stale else f"{words}, {seen}"


def _percent(place: Place) -> str:
    return "?" if place.percent is None else f"{place.percent} %"


def _pie(place: Place) -> str:
    return "·" if place.percent is None else PIES[round(place.percent / 100 * (len(PIES) - 1))]


def _style(place: Place) -> str:
    if place.percent is None or place.is_stale:
        return "dim"
    return "bold red" if place.percent >= FULL else "yellow" if place.percent >= BUSY else "green"


def _has_changed(place: Place, before: Mapping[str, int | None]) -> bool:
    return place.id not in before or before[place.id] != place.percent


def _arrow(place: Place, before: Mapping[str, int | None]) -> str:
    was = before.get(place.id)
    if was is None or place.percent is None or was == place.percent:
        return " "
    return "▲" if place.percent > was else "▼"


def _since(place: Place, before: Mapping[str, int | None]) -> str:
    was = before.get(place.id)
    return "" if was is None else f" (was {was} %)"

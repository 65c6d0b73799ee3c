"""What a measurement says: a row beside its bar, printed as a table and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured fact. ``bar`` says what was wanted, ``is_met`` whether it was reached (None: printed only)."""

    what: str
    value: str
    bar: str = ""
    is_met: bool | None = None


def show(title: str, rows: Iterable[Row]) -> None:
    """Print one bench's table and keep it in ``bench/results``."""
    kept = list(rows)
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("what", "measured", "bar", ""):
        table.add_column(heading, overflow="fold")
    for row in kept:
        table.add_row(row.what, row.value, row.bar, {None: "", True: "met", False: "missed"}[row.is_met])
    Console(width=140).print(table)
    RESULTS.mkdir(exist_ok=True)
    lines = [asdict(row) for row in kept]
    (RESULTS / f"{title.split(':', maxsplit=1)[0]}.json").write_text(json.dumps(lines, indent=1))

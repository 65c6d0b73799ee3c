"""What a measurement says: a number beside its bar, printed as a table and kept as JSON."""

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
    """One measured number. At most one of the bars is given; without any the number is printed only."""

    what: str
    number: float
    unit: str = "times"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bar(self) -> str:
        """The bar in words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}"
        return "" if self.at_least is None else f"≥ {self.at_least:g} {self.unit}"

    @property
    def is_met(self) -> bool | None:
        """Whether the bar was reached; None without a bar."""
        if self.at_most is not None:
            return self.number <= self.at_most
        return None if self.at_least is None else self.number >= self.at_least

    @property
    def value(self) -> str:
        """The number to three digits, and its unit."""
        digits = 0 if self.number >= 100 else 1 if self.number >= 10 else 2  # noqa: PLR2004 - three digits
        return f"{self.number:,.{digits}f} {self.unit}"


def show(title: str, rows: Iterable[Row]) -> list[Row]:
    """Print one measurement's table, keep it in ``bench/results``, and return its rows."""
    kept = list(rows)
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("what", "measured", "bar", ""):
        table.add_column(heading, overflow="fold")
    for row in kept:
        table.add_row(row.what, row.value, row.bar, {None: "", True: "met", False: "MISSED"}[row.is_met])
    Console(width=140).print(table)
    RESULTS.mkdir(exist_ok=True)
    facts = [asdict(row) | {"is_met": row.is_met} for row in kept]
    (RESULTS / f"{title.split(':', maxsplit=1)[0]}.json").write_text(json.dumps(facts, indent=1) + "\n")
    return kept

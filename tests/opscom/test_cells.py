"""`opscom cell …` from a shell, and `opscom doctor` and `opscom migrate` over two databases."""

import asyncio
import json

from tests.fixtures.cells import NewDatabase, Split
from tests.opscom.test_cli import opscom, settings_of


async def test_a_cell_is_added_listed_closed_and_looked_after(split: Split, new_database: NewDatabase) -> None:
    given = settings_of(split.platform)
    urls = {name: url.get_secret_value() for name, url in split.platform.settings.cell_urls.items()}
    urls |= {"live-2": new_database("cells_cli")}
    knowing = given | {"OPSCOM_CELL_URLS": json.dumps(urls)}

    def steps() -> list[str]:
        commands = [
            (("cell", "add", "live-2", "--group", "live"), given),
            (("cell", "add", "live-2", "--group", "live"), knowing),
            (("cell", "close", "live-2"), given),
            (("cell", "list"), given),
            (("migrate",), given),
            (("migrate",), knowing),
            (("doctor",), given),
            (("audit",), given),
            (("cell", "remove", "live-2", "--reason", "outgrown"), given),
            (("cell", "list"), given),
            (("migrate",), given | {"OPSCOM_CELL_URLS": json.dumps({"previews": urls["previews"]})}),
        ]
        done = [opscom(*words, **environ) for words, environ in commands]
        return [one.stdout + one.stderr for one in done]

    refused, added, closed, listed, unable, migrated, healthy, audited, *gone = await asyncio.to_thread(steps)

    assert refused.startswith("cell.unprovisioned: ")
    assert "live-2 is at postgresql://" in added
    assert "live-2 is closed" in closed
    assert "live-2\tlive\tclosed\t0\tpostgresql://" in listed
    assert "main\tboth\topen\t0\tthe registry's own database" in listed
    assert unable.startswith("cell.unprovisioned: ")
    assert "run ledgers are at head" in migrated
    assert [f"ok   cell {name}:" in healthy for name in ("live-2", "main", "previews")] == [True, True, True]
    assert "0 findings" in audited
    removed, left, without = gone
    assert removed.startswith("live-2 is removed; ")
    assert "live-2" not in left
    assert "run ledgers are at head" in without

"""What the demo prints: each command works as it is printed, in a terminal that knows nothing of the demo."""

from pathlib import Path

import pytest

from opscom.demo.facts import CIVIC, TOMAHAWKU
from opscom.demo.places import FOLDER, Places
from opscom.demo.words import Site, greeting

SITES = [Site(facts, f"http://{facts.slug}.ops-com.localhost", None) for facts in (TOMAHAWKU, CIVIC)]


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        (FOLDER, ".venv/bin/opscom mail list civic"),
        (Path("/srv/a demo"), "OPSCOM_DEMO_FOLDER='/srv/a demo' .venv/bin/opscom mail list civic"),
    ],
)
def test_commands_are_printed_with_the_folder_that_they_would_not_look_in(folder: Path, command: str) -> None:
    """Those of a demo elsewhere found no settings."""
    told = greeting(SITES, "http://ops.ops-com.localhost", Places(folder), 1.0)

    assert f"mail (kept here)   {command}\n" in told

"""The command line explains itself quickly, and tells a failure in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

COMMANDS = ["demo", "watch", "gateway", "worker", "dispatcher", "migrate", "doctor", "tenant", "staff", "schema"]


def opscom(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command with no settings but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSCOM_")}
    nowhere = {"OPSCOM_DEMO_FOLDER": "/nonexistent", "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "opscom", *words],
        cwd=ROOT,
        env=kept | nowhere | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    done = opscom("--help")

    assert done.returncode == 0
    assert [name for name in COMMANDS if f"│ {name} " not in done.stdout] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert "Usage:" in opscom(command, "--help").stdout


def test_help_loads_nothing_heavy() -> None:
    """A command line that takes seconds to say what it can do is not asked twice."""
    heavy = ("sqlalchemy", "strawberry", "starlette", "dramatiq", "argon2", "uvicorn")
    code = f"import sys, opscom.cli.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_missing_settings_are_named_and_no_traceback_is_shown() -> None:
    done = opscom("tenant", "list")

    assert done.returncode == 1
    assert "OPSCOM_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_known_failure_is_told_in_one_line_with_its_code(postgres_url: str, redis_url: str, settings: object) -> None:
    del settings
    given = {
        "OPSCOM_DATABASE_URL": postgres_url,
        "OPSCOM_REDIS_URL": redis_url,
        "OPSCOM_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }

    done = opscom("tenant", "create", "www", "--name", "Reserved", "--admin", "ann@tomahawku.example", **given)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "tenant.slug_refused" in done.stderr


def test_a_command_without_settings_uses_those_of_the_demo_started_here(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("OPSCOM_REDIS_URL='unix:///nowhere'\nOPSCOM_SECRET_KEYS='not a ring'\n")

    done = opscom("tenant", "list", OPSCOM_DEMO_FOLDER=str(tmp_path))

    assert "OPSCOM_DATABASE_URL" in done.stderr
    assert "OPSCOM_REDIS_URL" not in done.stderr

"""The command line explains itself quickly, and tells a failure in one line."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opscom.cli.app import app
from opscom.platform import Platform
from tests.architecture.sources import ROOT

COMMANDS = [
    "demo",
    "watch",
    "gateway",
    "worker",
    "dispatcher",
    "migrate",
    "doctor",
    "tenant",
    "environment",
    "plan",
    "feature",
    "domain",
    "staff",
    "schema",
]


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
    done = CliRunner().invoke(app, [command, "--help"])

    assert done.exit_code == 0
    assert "Usage:" in done.output


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


def test_a_wrong_command_is_told_by_the_name_of_the_command() -> None:
    done = opscom("tenant", "creat")

    assert done.returncode == 2
    assert done.stderr.startswith("Usage: opscom tenant ")


def test_a_full_disk_is_told_in_one_line() -> None:
    """Whoever wrote an export or a list to a full disk got a traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "opscom", "plan", "list"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "No space left on device")
    assert "Traceback" not in done.stderr


async def test_a_known_failure_is_told_in_one_line_with_its_code(platform: Platform) -> None:
    given = settings_of(platform)

    done = await asyncio.to_thread(
        opscom, "tenant", "create", "www", "--name", "Reserved", "--admin", "ann@tomahawku.example", **given
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "tenant.slug_refused" in done.stderr


async def test_a_tenant_is_made_listed_and_its_administrator_gets_another_password(platform: Platform) -> None:
    given = settings_of(platform)

    def steps() -> list[str]:
        made = opscom("tenant", "create", "by-hand", "--name", "By Hand", "--admin", "ann@by-hand.example", **given)
        again = opscom("tenant", "create", "by-hand", "--name", "By Hand", "--admin", "ann@by-hand.example", **given)
        mail = opscom("mail", "list", "by-hand", **given)
        listed = opscom("tenant", "list", **given)
        word = ("--password", "another horse battery")
        changed = opscom("tenant", "set-password", "by-hand", "ANN@by-hand.example", *word, **given)
        staff = opscom("staff", "create", "Operator@example.org", "--name", "An Operator", **given)
        return [done.stdout + done.stderr for done in (made, again, mail, listed, changed, staff)]

    made, again, mail, listed, changed, staff = await asyncio.to_thread(steps)

    assert "http://by-hand.ops-com.localhost:8000/admin" in made
    assert "the invitation of ann@by-hand.example is kept, since no mail server is configured" in made
    assert again.endswith("by-hand was made before with all of this, and is left as it is\n")
    assert mail.count("\twaiting\t") == 1
    assert "by-hand\tproduction\tactive" in listed
    assert "has a new password" in changed
    assert "password" in staff


def test_a_database_that_is_not_there_is_told_in_one_line() -> None:
    given = {
        "OPSCOM_DATABASE_URL": "postgresql://opscom@127.0.0.1:1/opscom",
        "OPSCOM_REDIS_URL": "redis://127.0.0.1:1",
        "OPSCOM_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }

    done = opscom("tenant", "list", **given)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "database" in done.stderr


async def test_a_port_that_is_taken_is_told_in_one_line(platform: Platform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = settings_of(platform) | {"OPSCOM_PORT": str(taken.getsockname()[1])}
        done = await asyncio.to_thread(opscom, "gateway", **given)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Address already in use")


def settings_of(platform: Platform) -> dict[str, str]:
    """What a command must be told to work on the platform of the tests."""
    settings = platform.settings
    return {
        "OPSCOM_DATABASE_URL": settings.database_url.get_secret_value(),
        "OPSCOM_REDIS_URL": settings.redis_url,
        "OPSCOM_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "OPSCOM_NAMESPACE": settings.namespace,
    }


def test_a_command_without_settings_uses_those_of_the_demo_started_here(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("OPSCOM_REDIS_URL='unix:///nowhere'\nOPSCOM_SECRET_KEYS='not a ring'\n")

    done = opscom("tenant", "list", OPSCOM_DEMO_FOLDER=str(tmp_path))

    assert "OPSCOM_DATABASE_URL" in done.stderr
    assert "OPSCOM_REDIS_URL" not in done.stderr


def test_manifests_are_looked_at_before_a_start(tmp_path: Path) -> None:
    (tmp_path / "portal.json").write_text('{"map": "{ lotGroups { name } }"}')
    good = opscom("schema", "check-manifests", str(tmp_path))
    (tmp_path / "admin.json").write_text('{"wrong": "{ nothing }"}')
    bad = opscom("schema", "check-manifests", str(tmp_path))

    assert (good.returncode, good.stdout.splitlines()[0]) == (0, "portal: 1 documents")
    assert bad.returncode == 1
    assert bad.stderr.startswith("manifest.invalid: ")
    assert "id=wrong" in bad.stderr

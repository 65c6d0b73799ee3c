"""The embedded servers: they start, keep their data, and never outlive us."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from opscom.embedded.child import EmbeddedServerError, start_child
from opscom.embedded.places import NOBODY, OURS, make_private, socket_folder
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PARENT = """
import sys
from pathlib import Path
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
folder = Path(sys.argv[1])
servers = [EmbeddedPostgres.start(folder / "postgres", durable=False), EmbeddedValkey.start(folder / "valkey")]
print(*(server.pid for server in servers), flush=True)
sys.stdin.read()
"""


def test_the_provisioner_is_no_superuser_and_may_make_roles_and_schemas(own_postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE environment_role NOLOGIN")
        connection.execute("CREATE SCHEMA s_000001")
        who = connection.execute(
            "SELECT current_user, current_database(), rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

    assert who == ("opscom", "opscom", False)


def test_a_second_start_takes_up_the_data(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path / "postgres", durable=True) as first:
        _execute(first.url, "CREATE TABLE kept AS SELECT 'here' AS word")
        address = first.url

    with EmbeddedPostgres.start(tmp_path / "postgres", durable=True) as second:
        assert second.url == address
        assert _execute(second.url, "SELECT word FROM kept") == ("here",)


def test_a_server_killed_under_load_recovers_every_commit_at_the_same_address(own_postgres: EmbeddedPostgres) -> None:
    _execute(own_postgres.url, "CREATE TABLE kept AS SELECT 'here' AS word")
    with contextlib.closing(psycopg.connect(own_postgres.url)) as busy:
        # A query that never waits does not see that its postmaster is gone, and holds the shared memory on.
        busy.pgconn.send_query(b"SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) AS endless")
        own_postgres.kill()
        own_postgres.restart()

    assert _execute(own_postgres.url, "SELECT word FROM kept") == ("here",)


def test_a_lock_whose_number_another_program_has_now_is_ignored(tmp_path: Path) -> None:
    EmbeddedPostgres.start(tmp_path / "postgres", durable=False).stop()
    lock = tmp_path / "postgres" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{tmp_path / 'postgres'}\n")
    lock.chmod(0o600)

    with EmbeddedPostgres.start(tmp_path / "postgres", durable=False) as server:
        assert _execute(server.url, "SELECT 1") == (1,)


def test_data_that_another_server_serves_is_refused(own_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=f"process {own_postgres.pid}"):
        EmbeddedPostgres.start(tmp_path / "postgres", durable=False, patience=0.1)

    assert _execute(own_postgres.url, "SELECT 1") == (1,)


def test_a_first_start_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.new"
    draft.mkdir(mode=0o700)
    (draft / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres.start(tmp_path / "postgres", durable=False) as server:
        assert _execute(server.url, "SELECT 1") == (1,)
    assert not draft.exists()


def test_a_server_that_can_not_start_says_why(tmp_path: Path) -> None:
    EmbeddedPostgres.start(tmp_path / "postgres", durable=False).stop()
    with (tmp_path / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("max_connections = many\n")

    with pytest.raises(EmbeddedServerError, match='invalid value for parameter "max_connections"'):
        EmbeddedPostgres.start(tmp_path / "postgres", durable=False)


def test_data_may_lie_deeper_than_a_socket_can(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 6)

    with EmbeddedPostgres.start(deep / "postgres", durable=False) as server:
        assert _execute(server.url, "SELECT 1") == (1,)


def test_settings_of_the_caller_do_not_reach_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("LC_ALL", "nowhere.UTF-8")

    with EmbeddedPostgres.start(tmp_path / "postgres", durable=False) as server:
        assert _execute(server.url, "SELECT upper('äö')") == ("ÄÖ",)


def test_the_server_runs_under_the_account_it_is_given(tmp_path: Path) -> None:
    account = NOBODY if os.geteuid() == 0 else OURS  # only root can become another

    with EmbeddedPostgres.start(tmp_path / "closed" / "postgres", durable=False, account=account) as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid
        assert _execute(server.url, "SELECT 1") == (1,)

    assert owner == (account.owner or os.geteuid())


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sockets").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(EmbeddedServerError, match="belongs to somebody else"):
        make_private(tmp_path / "sockets")


def test_sockets_are_closed_to_others(own_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    assert own_postgres.pid
    assert socket_folder(tmp_path / "postgres").stat().st_mode & 0o077 == 0


def test_valkey_comes_back_empty_at_the_same_address(own_valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("word", "here")
        own_valkey.kill()
        own_valkey.restart()

        assert client.get("word") is None


def test_killing_the_parent_leaves_no_server(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with parent:
        assert parent.stdout is not None
        servers = [int(word) for word in parent.stdout.readline().split()]
        endings = [_ending_of(pid) for pid in servers]

        parent.kill()

    assert len(servers) == 2
    assert [wait() for wait in endings] == [True, True]
    with EmbeddedPostgres.start(tmp_path / "postgres", durable=False) as server:
        assert _execute(server.url, "SELECT 1") == (1,)
    EmbeddedValkey.start(tmp_path / "valkey").stop()
    assert "not properly shut down" not in (tmp_path / "postgres.log").read_text()


def test_a_child_whose_parent_is_gone_gets_the_signal_it_asked_for(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        child = start_child(["sleep", "600"], output=log)
    child.send_signal(signal.SIGTERM)

    assert child.wait(PATIENCE_S) == -signal.SIGTERM


def _execute(url: str, statement: str) -> tuple[object, ...] | None:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def _ending_of(pid: int) -> Callable[[], bool]:
    """Return a function that waits until the process has ended; it is no child of ours, so the kernel is asked."""
    handle = os.pidfd_open(pid)

    def wait() -> bool:
        try:
            return bool(select.select([handle], [], [], PATIENCE_S)[0])
        finally:
            os.close(handle)

    return wait

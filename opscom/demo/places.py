"""Where the demo keeps its things, and the settings it gives to its processes."""

from __future__ import annotations

import base64
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".opscom"
FOLDER_NAME = "OPSCOM_DEMO_FOLDER"
"""The environment variable that names another folder: to the demo, and to the commands that look for it."""

DEFAULT_PORT = 8000
LOOPBACK = "127.0.0.1"
KEY_BYTES = 32


class DemoError(RuntimeError):
    """The demo cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """The demo's folder and what is in it."""

    folder: Path

    @property
    def postgres(self) -> Path:
        """The cluster of the embedded PostgreSQL."""
        return self.folder / "postgres"

    @property
    def valkey(self) -> Path:
        """The folder of the embedded Valkey."""
        return self.folder / "valkey"

    @property
    def backups(self) -> Path:
        """The folder of the backups."""
        return self.folder / "backups"

    @property
    def keys(self) -> Path:
        """The key ring. Without it the secrets in the database cannot be opened again."""
        return self.folder / "secret-keys"

    @property
    def settings(self) -> Path:
        """The settings of the running demo, for commands given in another terminal."""
        return self.folder / "settings.env"

    def log(self, name: str) -> Path:
        """The log of one of the demo's processes."""
        return self.folder / "logs" / f"{name}.log"

    def make(self) -> None:
        """Make the folders, closed to others."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(mode=0o700, exist_ok=True)


def secret_keys(places: Places) -> str:
    """The key ring of the demo, made at the first start, readable by its owner only."""
    if not places.keys.exists():
        ring = f"demo:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"
        _write_private(places.keys, ring)
    return places.keys.read_text().strip()


def write_settings(places: Places, settings: Mapping[str, str]) -> None:
    """Leave the settings for other commands, readable by their owner only."""
    _write_private(places.settings, "".join(f"{name}='{value}'\n" for name, value in sorted(settings.items())))


def settings_file() -> Path | None:
    """The settings of the demo for a command that was given none, if the demo was ever started here."""
    file = Places(Path(os.environ.get(FOLDER_NAME, FOLDER))).settings
    return file if "OPSCOM_DATABASE_URL" not in os.environ and file.exists() else None


def settings_of_demo() -> dict[str, str]:
    """The same settings by name; empty where there are none."""
    file = settings_file()
    lines = file.read_text().splitlines() if file else []
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def require_free(port: int) -> None:
    """Raise DemoError if somebody listens on the port already."""
    if not _is_free(port):
        msg = f"port {port} is taken: stop what listens there, or choose another one: OPSCOM_PORT={port + 1} make demo"
        raise DemoError(msg)


def free_port(wanted: int = 0) -> int:
    """The port if it is free, else any other free one; any one if none is wanted."""
    if wanted and _is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, past closed connections
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _write_private(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.rename(file)

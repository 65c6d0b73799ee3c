"""The last good map on disk, so that a gateway which starts while the database is away still knows its hosts.

The file holds what the registry says of tenants, hosts and cells, and data keys only as they are wrapped by the key ring.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError

from tenants.environments import Cell, Environment, RegistryMap

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    environments: tuple[Environment, ...]
    data_keys: Mapping[UUID, Mapping[int, str]]
    cells: tuple[Cell, ...]


_KEPT = TypeAdapter(_Kept)


def _shape(schema: object) -> object:
    """A JSON schema without its defaults, among which are sets in no certain order."""
    if isinstance(schema, dict):
        return {name: _shape(value) for name, value in schema.items() if name != "default"}
    return [_shape(value) for value in schema] if isinstance(schema, list) else schema


# Of what a map consists in this release: a file of another one is not read, whatever differs.
_FORMAT = sha256(orjson.dumps(_shape(_KEPT.json_schema()), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file that is either whole or not there: written beside itself and put in its place, readable by its owner only."""

    path: Path

    def write(self, known: RegistryMap) -> None:
        """Keep a map. A disk that is full or away is logged: the process works on. Blocks."""
        kept = _Kept(known.version, tuple(known.by_id.values()), known.data_keys, tuple(known.cells.values()))
        body = _KEPT.dump_json(kept)
        try:
            self._replace(_head(body) + body)
        except OSError as error:
            log.warning("map_not_kept", path=str(self.path), error=str(error))

    def read(self) -> RegistryMap | None:
        """The map that was kept; None without one. One that is damaged or of another release is logged, and None. Blocks."""
        try:
            head, _, body = self.path.read_bytes().partition(b"\n")
        except OSError as error:
            log.warning("no_map_kept", path=str(self.path), error=str(error))
            return None
        if head + b"\n" != _head(body):
            log.warning("kept_map_ignored", path=str(self.path), why="it is damaged, or of another release")
            return None
        try:
            kept = _KEPT.validate_json(body)
        except ValidationError as error:
            log.warning("kept_map_ignored", path=str(self.path), why=str(error))
            return None
        return RegistryMap.of(kept.version, kept.environments, kept.data_keys, kept.cells)

    def _replace(self, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # mode 0600
        beside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise


def _head(body: bytes) -> bytes:
    return f"opscom map {_FORMAT} {sha256(body).hexdigest()}\n".encode()

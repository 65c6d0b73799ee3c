"""What a copy consists of: written last, so that a copy without a manifest never was one."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

NAME = "manifest.json"


class TableFile(BaseModel):
    """One table: its columns in the order of the file, and what proves the file."""

    model_config = ConfigDict(frozen=True)

    table: str
    columns: tuple[str, ...]
    rows: int
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """The file's name in the folder of the copy."""
        return f"{self.table}.copy.zst.age"


class Manifest(BaseModel):
    """Everything that is needed to load the copy, also by hand: ``ddl`` makes the tables, the files hold COPY text."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    tenant: UUID
    environment: UUID
    kind: str
    taken_at: datetime
    server_version: str
    head: str
    ddl: str
    recipient: str
    tables: tuple[TableFile, ...]
    sequences: dict[str, int]

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(table.size for table in self.tables)

    def encoded(self) -> bytes:
        """As it is stored."""
        return self.model_dump_json(indent=1).encode()


def digest(encoded: bytes) -> str:
    """SHA-256 of a stored manifest: what the registry remembers of a copy."""
    return hashlib.sha256(encoded).hexdigest()

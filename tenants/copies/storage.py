"""Where copies lie: a directory or an S3-compatible bucket, by URL; and the streams that seal and prove each file.

A file is a stream of COPY text, compressed (zstd), encrypted (age) and written, all in one pass and in bounded memory:
``age -d -i key FILE | zstd -d`` gives the text back. The SHA-256 is of the file as it lies there.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import obstore
import pyrage
import zstandard
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url
from psycopg.abc import Buffer

from domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

LEVEL = 3
"""zstd's own default: about 300 MB/s a core."""
FOLDER_DEPTH = 3
"""Tenant, environment, copy."""


class StorageFailed(Unavailable):
    """The storage of copies refuses or does not answer: it is full, away, or not configured. What lies there may be whole."""

    code = "backup.storage_failed"


class CopyDamaged(Unavailable):
    """A file of a copy is missing, or is not what was written."""

    code = "backup.damaged"


class _Sink(Protocol):
    def write(self, buffer: bytes, /) -> object: ...


class Storage:
    """The place of all copies of a deployment. Its methods block: call them in a thread."""

    def __init__(self, url: str) -> None:
        """``file:///folder`` or ``s3://bucket/prefix`` (credentials from the environment, as its own tools read them)."""
        self._url = url
        self._opened: ObjectStore | None = None

    @property
    def is_configured(self) -> bool:
        """Whether there is a place at all."""
        return bool(self._url)

    @property
    def _store(self) -> ObjectStore:
        if not self._url:
            raise StorageFailed("There is no place for backups: OPSCOM_BACKUP_STORAGE is not set.")
        if self._opened is None:
            self._opened = _opened(self._url)
        return self._opened

    def write(self, path: str, chunks: Iterable[Buffer], recipient: str) -> tuple[int, str]:
        """Compress, encrypt and store a stream. Returns its bytes and SHA-256. Raises StorageFailed; nothing is left then.

        An error of ``chunks`` itself is raised as it is.
        """
        source = _Compressed(chunks)
        store = self._store
        try:
            writer = obstore.open_writer(store, path)
            sink = _Counted(writer)
            pyrage.encrypt_io(source, sink, [pyrage.x25519.Recipient.from_str(recipient)])
            writer.close()
        except (pyrage.EncryptError, BaseError, OSError) as error:
            with suppress(StorageFailed):
                self.delete([path])
            if source.error is not None:
                raise source.error from None
            raise StorageFailed("The copy could not be written.", file=path, why=_first_line(error)) from error
        return sink.size, sink.digest.hexdigest()

    def read(self, path: str, sha256: str, identity: str, write: Callable[[bytes], object]) -> None:
        """Give the stream to ``write`` piece by piece. Raises CopyDamaged, StorageFailed; its own error is raised as it is."""
        target = _Decompressed(write)
        with _reading(path):
            source = _Hashed(obstore.open_reader(self._store, path))
        try:
            pyrage.decrypt_io(source, target, [pyrage.x25519.Identity.from_str(identity)])
        except (pyrage.DecryptError, BaseError, OSError) as error:
            if target.error is not None:
                raise target.error from None
            if source.error is not None:
                raise _unread(path, source.error) from error
            raise CopyDamaged("A file of the copy cannot be opened.", file=path, why=_first_line(error)) from error
        if source.digest.hexdigest() != sha256:
            raise CopyDamaged("A file of the copy is not what was written.", file=path)

    def put(self, path: str, content: bytes) -> None:
        """Store a small file as it is. Raises StorageFailed."""
        try:
            obstore.put(self._store, path, content)
        except (BaseError, OSError) as error:
            raise StorageFailed("The copy could not be written.", file=path, why=_first_line(error)) from error

    def get(self, path: str) -> bytes:
        """A small file. Raises CopyDamaged when there is none, StorageFailed."""
        with _reading(path):
            return bytes(obstore.get(self._store, path).bytes())

    def names(self, folder: str) -> list[str]:
        """The paths of all files under a folder."""
        try:
            return [str(found["path"]) for batch in obstore.list(self._store, prefix=folder) for found in batch]
        except (BaseError, OSError) as error:
            raise StorageFailed("The copies could not be listed.", why=_first_line(error)) from error

    def folders(self) -> list[str]:
        """The folders of all copies, whole or not: ``tenant/environment/copy``. Empty where no place is configured."""
        if not self._url:
            return []
        found = [""]
        try:
            for _level in range(FOLDER_DEPTH):
                below = [obstore.list_with_delimiter(self._store, prefix=one or None) for one in found]
                found = [name for one in below for name in one["common_prefixes"] if _is_of_copies(name)]
        except (BaseError, OSError) as error:
            raise StorageFailed("The copies could not be listed.", why=_first_line(error)) from error
        return sorted(found)

    def remove(self, folder: str) -> None:
        """Remove a copy with what a dead process left in the middle of it. What is gone already does not matter.

        A file that was never finished has no name in an object store, whose own rule for unfinished uploads removes it.
        """
        self.delete(self.names(folder))
        if urlsplit(self._url).scheme == "file":
            shutil.rmtree(Path(urlsplit(self._url).path) / folder, ignore_errors=True)

    def delete(self, paths: list[str]) -> None:
        """Remove files; those that are gone already do not matter."""
        for path in paths:
            try:
                obstore.delete(self._store, path)
            except (FileNotFoundError, NotFoundError):
                continue
            except (BaseError, OSError) as error:
                raise StorageFailed("A copy could not be removed.", file=path, why=_first_line(error)) from error


def _is_of_copies(name: str) -> bool:
    """Whether all parts of a path are ids, as those of copies are; whatever else lies in the place is not ours."""
    try:
        return all(str(UUID(part)) == part for part in name.strip("/").split("/"))
    except ValueError:
        return False


def _opened(url: str) -> ObjectStore:
    parts = urlsplit(url)
    try:
        return LocalStore(parts.path, mkdir=True) if parts.scheme == "file" else from_url(url)
    except (BaseError, OSError, ValueError) as error:
        raise StorageFailed("The place for backups cannot be used.", why=_first_line(error)) from error


class _Compressed:
    """What the encryption reads: the chunks, compressed. Keeps the error of the chunks, which age's library wraps."""

    def __init__(self, chunks: Iterable[Buffer]) -> None:
        self._chunks: Iterator[Buffer] = iter(chunks)
        self._zstd = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self._waiting = bytearray()
        self._is_over = False
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        while len(self._waiting) < size and not self._is_over:
            self._waiting += self._next()
        piece = bytes(self._waiting[:size])
        del self._waiting[: len(piece)]
        return piece

    def _next(self) -> bytes:
        try:
            return self._zstd.compress(next(self._chunks))
        except StopIteration:
            self._is_over = True
            return self._zstd.flush()
        except BaseException as error:
            self.error = error
            raise


class _Decompressed:
    """What the decryption writes to."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._zstd = zstandard.ZstdDecompressor().decompressobj()
        self.error: BaseException | None = None

    def write(self, piece: bytes) -> int:
        try:
            self._write(self._zstd.decompress(piece))
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from error
        except BaseException as error:
            self.error = error
            raise
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""


class _Counted:
    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, piece: bytes) -> int:
        self._sink.write(piece)
        self.digest.update(piece)
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """The writer flushes when it is closed."""


class _Hashed:
    """What the decryption reads. Keeps the error of the storage, which age's library wraps."""

    def __init__(self, source: obstore.ReadableFile) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.error: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            piece = bytes(self._source.read(size))
        except (BaseError, OSError) as error:
            self.error = error
            raise
        self.digest.update(piece)
        return piece


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Around a read: a file that is not there is a damage, a storage that does not answer is none."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise CopyDamaged("A file of the copy is missing.", file=path) from error
    except (BaseError, OSError) as error:
        raise _unread(path, error) from error


def _unread(path: str, error: Exception) -> StorageFailed:
    return StorageFailed("The copy could not be read.", file=path, why=_first_line(error))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

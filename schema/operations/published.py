"""Manifests: the documents that a frontend was built with, as relay-compiler and graphql-codegen write them.

Both write one JSON object, id → document. Ids are hashes of the text (SHA-256, with or without ``sha256:``, or Relay's
MD5); a SHA-256 that does not fit its text is refused, since a client would be answered with something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from domain.kernel.errors import Invalid
from schema.operations.errors import Refused
from schema.operations.preparing import digest_of

if TYPE_CHECKING:
    from schema.api import Api

SHA256_DIGITS = 64
HEXADECIMAL = frozenset("0123456789abcdef")


class ManifestInvalid(Invalid):
    """A manifest can not be served as it is."""

    code = "manifest.invalid"


def publish_folder(api: Api, folder: Path) -> int:
    """Publish what the manifests ``API*.json`` of a folder hold. Returns how many; raises ManifestInvalid."""
    return sum(publish_file(api, path) for path in sorted(folder.glob(f"{api.name}*.json")))


def publish_file(api: Api, path: Path) -> int:
    """Publish the documents of one manifest for an API. Returns how many; raises ManifestInvalid."""
    count = 0
    for document_id, text in _read(path):
        try:
            api.operations.publish({document_id: text})
        except Refused as error:
            raise ManifestInvalid(
                f"A document of the manifest is refused: {error}", file=path.name, id=document_id, why=error.code
            ) from error
        count += 1
    return count


def _read(path: Path) -> Iterator[tuple[str, str]]:
    try:
        manifest = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ManifestInvalid(f"The manifest can not be read: {error}", file=path.name) from error
    if not isinstance(manifest, dict):
        raise ManifestInvalid("A manifest is a JSON object, id to document.", file=path.name)
    for document_id, text in manifest.items():
        if not isinstance(text, str):
            raise ManifestInvalid("A document is a string.", file=path.name, id=document_id)
        bare = document_id.removeprefix("sha256:")
        if len(bare) == SHA256_DIGITS and HEXADECIMAL.issuperset(bare) and bare != digest_of(text):
            raise ManifestInvalid("The id is not the SHA-256 of its document.", file=path.name, id=document_id)
        yield document_id, text

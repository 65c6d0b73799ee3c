"""The parameters of a request (``query``, ``variables``, ...), checked for their types, whatever transport they came by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from schema.operations.errors import Code, refused

MAX_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request for one operation. ``query`` is None where only ``document_id``, the id of a published one, was given."""

    query: str | None
    operation_name: str | None = None
    document_id: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def from_json(body: bytes) -> Parameters:
    """Read a request body. Raises Refused (BAD_REQUEST) for anything but one request as a JSON object."""
    return from_object(_loaded(body, "The body"))


def from_query_string(query_string: bytes) -> Parameters:
    """Read the parameters of a GET. Raises Refused (BAD_REQUEST)."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise refused(Code.BAD_REQUEST, "The query string is malformed.") from error
    found: dict[str, object] = dict(pairs)
    if len(found) != len(pairs):
        raise refused(Code.BAD_REQUEST, "A parameter is there twice.")
    for name in ("variables", "extensions"):
        text = found.get(name)
        if isinstance(text, str):
            found[name] = _loaded(text.encode(), f"`{name}`") if text else None
    return from_object(found)


def from_object(request: object) -> Parameters:
    """Check a request that is parsed already. Raises Refused (BAD_REQUEST)."""
    if isinstance(request, list):
        raise refused(Code.BAD_REQUEST, "Batches are not accepted: send one request.")
    if not isinstance(request, dict):
        raise refused(Code.BAD_REQUEST, "A request is a JSON object.")
    query, document_id = _text(request, "query") or None, _document_id(request)
    if query is None and not document_id:
        raise refused(Code.BAD_REQUEST, "`query` is missing.")
    return Parameters(
        query=query,
        operation_name=_text(request, "operationName") or None,
        document_id=document_id,
        variables=_object(request, "variables"),
    )


def _document_id(request: dict[str, Any]) -> str | None:
    """``documentId``, or where Apollo's clients put it: ``extensions.persistedQuery.sha256Hash``."""
    persisted = _object(_object(request, "extensions"), "persistedQuery")
    return _text(request, "documentId") or _text(persisted, "sha256Hash") or None


def _text(request: dict[str, Any], name: str) -> str | None:
    value = request.get(name)
    if value is not None and not isinstance(value, str):
        raise refused(Code.BAD_REQUEST, f"`{name}` is not a string.")
    return value


def _object(request: dict[str, Any], name: str) -> dict[str, Any]:
    value = request.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refused(Code.BAD_REQUEST, f"`{name}` is not an object.")
    return value


def _loaded(text: bytes, what: str) -> object:
    try:
        loaded: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refused(Code.BAD_REQUEST, f"{what} is not JSON.") from error
    return loaded

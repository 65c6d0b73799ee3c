"""Pure decisions on connections to third parties."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from domain.settings.errors import EndpointInvalid, SettingInvalid

LONGEST_SETTING = 2000


def checked_endpoint(endpoint: str, field: str) -> str:
    """The address without a slash at its end. Raises EndpointInvalid unless it is plain http or https.

    Refused are user names in the address (they belong into their fields), queries and fragments. Which addresses may be
    called at all is decided when they are called.
    """
    stripped = checked_text(endpoint, field).rstrip("/")
    parts = _parts(stripped)
    is_plain = parts is not None and parts.scheme in {"http", "https"} and parts.hostname is not None
    if parts is None or not is_plain or "@" in parts.netloc or parts.query or parts.fragment:
        raise EndpointInvalid("An endpoint is an http or https address without user name and query.", field=field)
    return stripped


def checked_text(value: str, field: str) -> str:
    """The value without blanks around it. Raises SettingInvalid when it is too long or not printable."""
    stripped = value.strip()
    if len(stripped) > LONGEST_SETTING or not stripped.isprintable():
        raise SettingInvalid(f"A setting has at most {LONGEST_SETTING} printable characters.", field=field)
    return stripped


def is_same_peer(one: str | None, other: str | None) -> bool:
    """Whether two endpoints are the same scheme, host and port: only then may a stored secret be sent there."""
    return _peer(one) == _peer(other)


def _peer(endpoint: str | None) -> tuple[str, str | None, int | None] | None:
    parts = _parts(endpoint) if endpoint else None
    return None if parts is None else (parts.scheme, parts.hostname, parts.port)


def _parts(endpoint: str) -> SplitResult | None:
    """The parts of the address, or None when it can not be read."""
    try:
        parts = urlsplit(endpoint)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    return parts

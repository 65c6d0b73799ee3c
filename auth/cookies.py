"""The cookies of logins: how they are written and read. What is in them is decided elsewhere.

``__Host-`` makes browsers refuse a cookie that a sibling host set, or that goes to another one. Browsers take ``Secure``
on ``http://*.localhost`` too; programs such as curl must send the header themselves.
"""

from __future__ import annotations

from auth.models import Portal

PORTAL_COOKIES = {Portal.USER: "__Host-opscom", Portal.ADMIN: "__Host-opscom-admin"}
STAFF_COOKIE = "__Host-opscom-ops"
DEVICE_COOKIE = "__Host-opscom-device"
"""Proves that somebody logged in here before: not a login, only the way past a throttled account."""

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


def written(name: str, value: str, max_age: int) -> str:
    """The value of a Set-Cookie header; ``max_age`` is in seconds."""
    return f"{name}={value}; Max-Age={max_age}; {_ATTRIBUTES}"


def erased(name: str) -> str:
    """The value of a Set-Cookie header that takes a cookie back."""
    return written(name, "", 0)


def read(header: str, name: str) -> str:
    """The value of a cookie in a Cookie header; empty if it is absent, or there more than once, which no browser does."""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    found = [value for key, _, value in pairs if key == name]
    return found[0] if len(found) == 1 else ""

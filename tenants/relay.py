"""The SMTP server that takes the platform's mail, read out of ``OPSCOM_SMTP_URL``. A value; who speaks to it is ``jobs/mail``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
OPTIONS = frozenset({"starttls", "ca"})


class Starttls(StrEnum):
    """Whether a connection that begins in the clear is encrypted."""

    REQUIRED = "required"
    OFFERED = "if-offered"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over, and as whom. ``is_tls``: from the first byte; ``ca`` is a file of trusted certificates."""

    host: str
    port: int
    is_tls: bool
    starttls: Starttls
    user_name: str | None
    password: str | None = field(repr=False)
    ca: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``smtp://user:password@host:port?starttls=required|if-offered|never&ca=FILE``, or ``smtps://`` likewise.

        Raises ValueError in words that have no part of the address.
        """
        msg = "an SMTP server is written as smtp://user:password@host:port?starttls=required, or smtps://…"
        try:
            return cls._read(url)
        except (ValueError, KeyError):  # Python's own words quote what they stumbled over, which may be the password
            raise ValueError(msg) from None

    @classmethod
    def _read(cls, url: str) -> Self:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        if not parts.hostname or parts.path.strip("/") or parts.fragment or not options.keys() <= OPTIONS:
            raise ValueError
        return cls(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            starttls=Starttls(options.get("starttls", Starttls.REQUIRED)),
            user_name=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            ca=options.get("ca"),
        )

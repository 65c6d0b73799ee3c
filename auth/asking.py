"""Values: who asks from where, and what they typed to log in."""

from __future__ import annotations

from dataclasses import dataclass, field

LOCAL = "local"
"""The code of the login source that every environment begins with, and the kind of local accounts."""

_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Caller:
    """The far end of a request: its address as the edge believes it, its User-Agent, and its Cookie header."""

    address: str = ""
    user_agent: str = ""
    cookies: str = field(default="", repr=False)

    @property
    def agent(self) -> str:
        """The User-Agent as it may be stored: printable and short."""
        return "".join(c for c in self.user_agent[:_LONGEST] if c.isprintable())


@dataclass(frozen=True, slots=True)
class Entered:
    """What somebody typed into the log-in form, and the code of the login source they chose."""

    user_name: str
    password: str = field(repr=False)
    source: str = LOCAL

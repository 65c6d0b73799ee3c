"""Which media type answers a request: an Accept header ranked as RFC 9110 (12.5.1) says, not searched for a word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

MAX_ENTRIES = 32
KEPT = 256


class Media(Enum):
    """What this server can answer with, by descending liking where a client likes two alike."""

    JSON = "application/json"
    RESPONSE = "application/graphql-response+json"
    EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Accepted:
    """``best`` is the answer to an ordinary request, None if nothing fits. ``has_events``: a subscription can answer."""

    best: Media | None
    has_events: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    subkind: str
    quality: float
    position: int

    def fits(self, media: Media) -> int:
        """How exactly the entry names the media type: 0 not at all, 3 by its full name."""
        kind, _, subkind = media.value.partition("/")
        if (self.kind, self.subkind) == (kind, subkind):
            return 3
        if (self.kind, self.subkind) == (kind, "*"):
            return 2
        return int((self.kind, self.subkind) == ("*", "*"))


@lru_cache(maxsize=KEPT)
def negotiate(accept: str | None) -> Accepted:
    """Rank what an Accept header allows. A missing or empty header means JSON.

    Between equal qualities the type that the client named first wins, and a named one over a wildcard: clients list
    event streams last and mean them for subscriptions only.
    """
    if accept is None or not accept.strip():
        return Accepted(Media.JSON, has_events=False)
    entries = _parse(accept)
    ranked = [(rank, media) for media in Media if (rank := _rank(media, entries)) is not None]
    best = max(ranked, key=lambda found: found[0], default=None)
    named = any(e.fits(Media.EVENTS) > 1 and e.quality > 0 for e in entries)
    return Accepted(best[1] if best else None, has_events=named)


def _rank(media: Media, entries: list[_Entry]) -> tuple[float, bool, int, int] | None:
    fitting = [(entry.fits(media), entry) for entry in entries if entry.fits(media)]
    if not fitting:
        return None
    exactness, entry = max(fitting, key=lambda found: found[0])
    if entry.quality <= 0:
        return None
    return entry.quality, exactness > 1, -entry.position, -list(Media).index(media)


def _parse(accept: str) -> list[_Entry]:
    entries = []
    for position, part in enumerate(accept.split(",")[:MAX_ENTRIES]):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        kind, _, subkind = name.partition("/")
        if kind and subkind:
            entries.append(_Entry(kind, subkind, _quality(parameters), position))
    return entries


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0

"""The live map as it arrives: one graphql-transport-ws subscription, opened again whenever it is lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from gateway.pages.documents import PORTAL_OCCUPANCY

PROTOCOL = Subprotocol("graphql-transport-ws")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
NOT_FOUND = 404
ENDED = "the site ended the stream"
CLOSED: Mapping[int, str] = MappingProxyType(
    {
        1006: "the connection broke",
        1009: "a message was too big",
        1012: "the gateway restarts",
        1013: "this terminal was too slow, or the gateway is full",
        4408: "the connection took too long to begin",
        4429: "too many connections",
    }
)
"""Why a socket was closed, by its code."""


class WatchRefused(RuntimeError):
    """The site does not exist, or refuses the subscription; another try would not help."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a tenant's portal answers. The connection goes to ``address``, whatever the host resolves to."""

    host: str
    port: int
    address: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """The subscription's address; its host is the tenant's."""
        return f"ws://{self.host}:{self.port}/graphql"


@dataclass(frozen=True, slots=True)
class Place:
    """A pin as it is now. ``lots`` are its lots' names and how many per cent are left; None where nothing is offered."""

    id: str
    name: str
    latitude: float
    longitude: float
    percent: int | None
    source: str
    is_stale: bool
    observed_at: str | None
    lots: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """The whole map at one moment."""

    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; the next try is made after this pause."""

    why: str
    retry_in_s: float


async def states(site: Site) -> AsyncGenerator[Seen | Lost]:
    """Every state of a site's map, for ever. Raises WatchRefused."""
    pause = FIRST_PAUSE_S
    while True:
        why = ENDED
        try:
            async with connect(
                site.url, host=site.address, port=site.port, subprotocols=[PROTOCOL], proxy=None, open_timeout=10
            ) as socket:
                async for seen in _follow(socket):
                    pause = FIRST_PAUSE_S
                    yield seen
        except InvalidStatus as error:
            if error.response.status_code == NOT_FOUND:
                msg = f"there is no site at {site.host}"
                raise WatchRefused(msg) from None
            why = _refusal(error)
        except ConnectionClosed as error:
            why = _closing(error)
        except ConnectionRefusedError:
            why = f"nobody answers at {site.address}:{site.port}; is the gateway running?"
        except (WebSocketException, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
        # All who lost the gateway at once must not come back at once.
        wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        yield Lost(why, wait)
        await asyncio.sleep(wait)
        pause = min(pause * 2, LONGEST_PAUSE_S)


def _refusal(error: InvalidStatus) -> str:
    """What the site said before the upgrade: its own sentence, if it has one."""
    try:
        sentence = json.loads(error.response.body or b"")["errors"][0]["message"]
    except (ValueError, LookupError, TypeError):
        return f"the site answered {error.response.status_code}"
    return f"the site answered {error.response.status_code}: {sentence}"


def _closing(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return CLOSED[1006]
    return CLOSED.get(error.rcvd.code) or f"closed with code {error.rcvd.code} {error.rcvd.reason}".rstrip()


async def _follow(socket: ClientConnection) -> AsyncIterator[Seen]:
    await socket.send(json.dumps({"type": "connection_init"}))
    async for text in socket:
        message = json.loads(text)
        match message["type"]:
            case "connection_ack":
                subscribe = {"id": "map", "type": "subscribe", "payload": {"query": PORTAL_OCCUPANCY}}
                await socket.send(json.dumps(subscribe))
            case "ping":
                await socket.send(json.dumps({"type": "pong"}))
            case "next":
                yield _seen(message["payload"])
            case "error":
                raise WatchRefused(message["payload"][0]["message"])
            case "complete":
                return


def _seen(payload: Mapping[str, Any]) -> Seen:
    if not payload.get("data"):
        raise WatchRefused(payload["errors"][0]["message"])
    return Seen(tuple(_place(pin) for pin in payload["data"]["occupancy"]["pins"]))


def _place(pin: Mapping[str, Any]) -> Place:
    """A lot without a group shows how full it is by what is left of it."""
    occupancy = pin.get("occupancy")
    left = pin.get("availablePercent")
    return Place(
        id=pin["id"],
        name=pin["name"],
        latitude=pin["latitude"],
        longitude=pin["longitude"],
        percent=occupancy["percentFull"] if occupancy else None if left is None else 100 - left,
        source=occupancy["source"] if occupancy else "PERMITS",
        is_stale=bool(occupancy and occupancy["stale"]),
        observed_at=occupancy["observedAt"] if occupancy else None,
        lots=tuple((lot["name"], lot["availablePercent"]) for lot in pin.get("lots", ())),
    )

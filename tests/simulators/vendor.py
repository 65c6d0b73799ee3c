"""What every simulated vendor has: its own process, a clock that may run faster, fault switches, and counters.

    POST /faults    {"mode": "429", "times": 1, "retry_after": 2, "seconds": 30}   times: then it is well again
    POST /counts    {"11": 42}                           a fixed count; null: no more; {}: none at all any more
    GET  /requests  {"total": 3, "keys": {"plx-arts": 1}}                          what was asked, of which credentials
    DELETE /requests                                     nothing was asked yet

The faults: slow, held (until told otherwise), 429, 500, 401, down, half, huge, not_json, wrong_type, one_bad, duplicate, reordered, empty, missing,
redirect; "ok" is none.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from domain.kernel.clock import utc_now
from tests.simulators.traffic import CampusLot, parked

Entry = dict[str, Any]
HUGE_CHUNK = b" " * 65536
HUGE_CHUNKS = 1000
STATUSES = {"429": 429, "500": 500, "401": 401}


@dataclass
class Fault:
    """What is wrong right now, and for how many more requests (None: until told otherwise)."""

    mode: str = "ok"
    times: int | None = None
    retry_after: int | None = None
    seconds: float = 60.0

    def take(self) -> str:
        """The mode of this request."""
        if self.times is None:
            return self.mode
        self.times -= 1
        return self.mode if self.times >= 0 else "ok"


@dataclass
class Vendor:
    """A simulated vendor. ``describe`` is its wire format of one lot, ``wrap`` of all; ``lots_of`` knows the credentials."""

    lots_of: Callable[[Request], tuple[str, tuple[CampusLot, ...]] | None]
    describe: Callable[[CampusLot, int, datetime], Entry]
    wrap: Callable[[list[Entry]], object]
    broken: Entry
    speed: float = 1.0
    starts_at: datetime = field(default_factory=utc_now)
    began: datetime = field(default_factory=utc_now)
    fault: Fault = field(default_factory=Fault)
    fixed: dict[str, int | None] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def app(self) -> Starlette:
        """Its web application."""
        routes = [
            Route("/lots", self._lots),
            Route("/faults", self._switch, methods=["POST"]),
            Route("/counts", self._fix, methods=["POST"]),
            Route("/requests", self._requests),
            Route("/requests", self._forget, methods=["DELETE"]),
        ]
        return Starlette(routes=routes)

    async def _lots(self, request: Request) -> Response:
        found = self.lots_of(request)
        self.asked[found[0] if found else "unknown"] += 1
        mode = self.fault.take()
        if mode in STATUSES:
            wait = {"Retry-After": str(self.fault.retry_after)} if self.fault.retry_after is not None else None
            return JSONResponse({"error": "no"}, STATUSES[mode], headers=wait)
        if mode == "down":
            request.scope["extensions"]["abort"]()
            return Response()
        if found is None:
            return JSONResponse({"error": "unauthorized"}, 401)
        return await self._answer(mode, self._entries(found[1], mode), request)

    async def _answer(self, mode: str, entries: list[Entry], request: Request) -> Response:
        body = orjson.dumps(self.wrap(entries))
        if mode == "slow":
            await asyncio.sleep(self.fault.seconds)
        elif mode == "held":
            while self.fault.mode == "held":  # noqa: ASYNC110 - a switch has no event
                await asyncio.sleep(0.02)
        elif mode == "half":
            half = _broken_off(body[: len(body) // 2], request.scope["extensions"]["abort"])
            return StreamingResponse(half, headers={"Content-Length": str(len(body))}, media_type="application/json")
        elif mode == "huge":
            return StreamingResponse(_huge(), media_type="application/json")
        elif mode == "redirect":
            return RedirectResponse("/elsewhere")
        elif mode == "not_json":
            body = b"<html>We will be back soon</html>"
        return Response(body, media_type="application/json")

    def _entries(self, lots: tuple[CampusLot, ...], mode: str) -> list[Entry]:
        now = utc_now()
        moment = self.starts_at + (now - self.began) * self.speed
        seen_at = now - timedelta(hours=1) if mode == "reordered" else now
        entries = [self.describe(lot, self._count(lot, moment), seen_at) for lot in lots]
        late = [self.describe(lot, 0, now - timedelta(minutes=9)) for lot in lots]
        variants: dict[str, list[Entry]] = {
            "wrong_type": [self.broken, {}],
            "one_bad": [*entries[1:], self.broken],
            "duplicate": late + entries + entries + late,
            "reordered": entries[::-1],
            "empty": [],
            "missing": entries[1:],
        }
        return variants.get(mode, entries)

    def _count(self, lot: CampusLot, moment: datetime) -> int:
        fixed = self.fixed.get(lot.id)
        return parked(lot, moment) if fixed is None else fixed

    async def _switch(self, request: Request) -> Response:
        self.fault = Fault(**await request.json())
        return JSONResponse({"mode": self.fault.mode})

    async def _fix(self, request: Request) -> Response:
        given = await request.json()
        self.fixed = self.fixed | given if given else {}
        return JSONResponse(self.fixed)

    async def _requests(self, _request: Request) -> Response:
        return JSONResponse({"total": self.asked.total(), "keys": self.asked})

    async def _forget(self, _request: Request) -> Response:
        self.asked.clear()
        return JSONResponse({})


class AbortableProtocol(H11Protocol):
    """Lets the application end the connection without an answer, as a vendor does that just died."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})["abort"] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app


def arguments(about: str) -> argparse.Namespace:
    """The command line of a simulator."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds in a real one; 0 stands still")
    parser.add_argument("--hour", type=float, default=7.5, help="time of the simulated day to begin with")
    return parser.parse_args()


def morning(hour: float) -> datetime:
    """The latest working day, at an hour."""
    day = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    day -= timedelta(days=max(0, day.weekday() - 4))
    return day + timedelta(hours=hour)


def run(vendor: Vendor, port: int) -> None:
    """Serve on loopback until SIGTERM."""
    uvicorn.run(vendor.app(), host="127.0.0.1", port=port, http=AbortableProtocol, log_level="critical", lifespan="off")


async def _broken_off(half: bytes, abort: Callable[[], None]) -> AsyncIterator[bytes]:
    yield half
    await asyncio.sleep(0.05)
    abort()


async def _huge() -> AsyncIterator[bytes]:
    yield b'{"lots": ['
    for _ in range(HUGE_CHUNKS):
        yield HUGE_CHUNK

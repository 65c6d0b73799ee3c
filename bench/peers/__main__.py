"""`python -m bench.peers NAME PORT SLUG`: serve one of the peers over the database of the environment's variables."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

from bench.peers import bare, handwritten, loops, stock
from gateway.server import config, listener
from opscom.platform import open_platform
from tenants.environments import Environment
from tenants.hostnames import production_host
from tenants.settings import Settings

if TYPE_CHECKING:
    from gateway.asgi import ASGIApp
    from opscom.platform import Platform

Beside = Coroutine[Any, Any, None]


async def main(name: str, port: int, slug: str) -> None:
    """Serve until SIGTERM, with uvicorn as the gateway has it."""
    settings = Settings()  # type: ignore[call-arg]  # read from the environment
    async with open_platform(settings) as platform:
        environment = platform.registry.by_host(production_host(slug, settings.base_domain))
        if environment is None:
            sys.exit(f"there is no tenant {slug}")
        if name == "picows":
            sockets = loops.Sockets(bare.live_message(await (await handwritten.map_reader(platform, environment))()))
            platform.bus.follow(environment.id, lambda _topics: sockets.note())
            await sockets.serve(port)
        app, beside = await _made(name, platform, environment)
        task = asyncio.create_task(beside)
        gc.collect()
        gc.freeze()
        await uvicorn.Server(config(app)).serve([listener("127.0.0.1", port)])
        task.cancel()


async def _made(name: str, platform: Platform, environment: Environment) -> tuple[ASGIApp, Beside]:
    """The app, and what runs beside it."""
    if name == "stock":
        board = stock.Board(platform, environment)
        return stock.make_app(platform, environment, board), board.run()
    if name == "handwritten":
        return await handwritten.make_app(platform, environment), asyncio.sleep(0)
    body = await (await handwritten.map_reader(platform, environment))()
    if name == "constant":
        return bare.constant_app(body), asyncio.sleep(0)
    frames: bare.Frames | bare.Streams = bare.Frames(bare.live_message(body))
    if name == "streams":
        frames = bare.Streams(b"event: next\ndata: %s\n\n" % bare.live_state(body))
    platform.bus.follow(environment.id, lambda _topics: frames.note())
    return frames, frames.run()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

"""The gateway process: the app over the platform, its listeners, and what makes it ready."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from gateway.app import create_app
from gateway.server import serve

if TYPE_CHECKING:
    from opscom.platform import Platform


async def serve_gateway(platform: Platform) -> None:
    """Serve until SIGTERM or SIGINT, then leave in order. Needs a platform that follows its registry and bus."""

    async def is_ready() -> bool:
        # The map in memory is what requests need. A database or Valkey that is away makes single answers fail and comes
        # back by itself; taking every gateway out of service for it would help nobody.
        return platform.registry.version >= 0

    app = create_app(platform)
    # What is imported lives as long as the process: keeping it out of collections shortens their pauses.
    gc.collect()
    gc.freeze()
    await serve(app, platform.settings, is_ready=is_ready)

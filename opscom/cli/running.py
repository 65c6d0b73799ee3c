"""How a command runs: on an event loop, with the settings of the environment, with logs on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from opscom.platform import Platform

T = TypeVar("T")


def with_platform(work: Callable[[Platform], Awaitable[T]], *, follow: bool = False, keeps_map: bool = False) -> T:
    """Open the platform, do the work on it, close it, and return what the work gave.

    The settings are the environment's; where it names no database, those of the demo that was started here.
    """
    import uvloop  # noqa: PLC0415 - keeps --help quick

    from opscom.demo.places import settings_file  # noqa: PLC0415
    from opscom.platform import open_platform  # noqa: PLC0415
    from tenants.settings import Settings  # noqa: PLC0415

    async def run() -> T:
        settings = Settings(_env_file=settings_file())  # type: ignore[call-arg]  # the rest is from the environment
        async with open_platform(settings, follow=follow, keeps_map=keeps_map) as platform:
            return await work(platform)

    log_to_stderr()
    return uvloop.run(run())


def _as_json(event: object, **_how: object) -> str:
    import orjson  # noqa: PLC0415 - keeps --help quick

    return orjson.dumps(event, default=repr).decode()


def log_to_stderr() -> None:
    """Structured logs, readable on a terminal and JSON elsewhere."""
    import structlog  # noqa: PLC0415 - keeps --help quick

    render = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(_as_json)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )

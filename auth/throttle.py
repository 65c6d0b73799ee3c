"""How often one may fail to log in: per account, per address, per site. Counts in Redis; without it in this process.

A try is counted before it is checked, so that a burst cannot slip past, and a good one gives its count back. A window
begins with the first try and is not drawn out by later ones. A device that logged in to the account before has a count
of its own and none of the others, so strangers never lock the owner out (see ``device.py``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from auth.errors import TooManyAttempts

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger(__name__)

T = TypeVar("T")

PATIENCE_S = 1.0
MOST_CONNECTIONS = 16
REDIS_REST_S = 5.0
"""After Redis failed to answer, how long it is not asked again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Failed tries within a window of ``minutes``. An address may be a whole campus; a site's stops new devices only."""

    account: int = 10
    device: int = 10
    address: int = 100
    site: int = 1000
    minutes: int = 15

    def of(self, name: str) -> RateLimitItem:
        """The limit of this name."""
        return RateLimitItemPerMinute(getattr(self, name), self.minutes, namespace=name)


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Bucket:
    """One count: its limit, and what is counted."""

    limit: RateLimitItem
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Try:
    """What a try to log in is counted by. ``device`` is empty for a device that is not known to the account."""

    site: str
    source: str
    account: str
    address: str
    device: str = ""


class Throttle:
    """Counts tries. One for each process; the counts in Redis are shared by all."""

    def __init__(
        self, redis: Redis, namespace: str, limits: Limits = LIMITS, *, patience_s: float = PATIENCE_S
    ) -> None:
        """After ``patience_s`` without an answer Redis counts as away."""
        self._limits = limits
        self._patience_s = patience_s
        # The address only has to have the right form: the connections are those of the bus.
        shared = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=f"{namespace}:throttle",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # its annotation forgets this option
        )
        self._shared = FixedWindowRateLimiter(shared)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._rests_until = 0.0
        # A burst must not exhaust the connections, or it would be counted elsewhere and pass twice.
        self._connections = asyncio.Semaphore(MOST_CONNECTIONS)

    async def enter(self, attempt: Try) -> None:
        """Count a try. Raises TooManyAttempts if one of its counts is used up."""
        buckets = self._buckets(attempt)
        passed = await asyncio.gather(*(self._hit(bucket, 1) for bucket in buckets))
        for bucket, may_pass in zip(buckets, passed, strict=True):
            if not may_pass:
                log.warning("login_throttled", by=bucket.limit.namespace, site=attempt.site)
                raise TooManyAttempts(await self._wait(bucket))

    async def succeeded(self, attempt: Try) -> None:
        """Give the try back, and forget the failures of the account or device."""
        counted, *others = self._buckets(attempt)
        await asyncio.gather(self._clear(counted), *(self._hit(bucket, -1) for bucket in others))

    def _buckets(self, attempt: Try) -> tuple[Bucket, ...]:
        if attempt.device:
            return (Bucket(self._limits.of("device"), (attempt.site, attempt.device)),)
        account = sha256(attempt.account.encode(errors="surrogatepass")).hexdigest()
        return (
            Bucket(self._limits.of("account"), (attempt.site, attempt.source, account)),
            Bucket(self._limits.of("address"), (attempt.site, neighbourhood(attempt.address))),
            Bucket(self._limits.of("site"), (attempt.site, attempt.source)),
        )

    async def _hit(self, bucket: Bucket, cost: int) -> bool:
        return await self._either(lambda limiter: limiter.hit(bucket.limit, *bucket.ids, cost=cost))

    async def _clear(self, bucket: Bucket) -> None:
        await self._either(lambda limiter: limiter.clear(bucket.limit, *bucket.ids))

    async def _wait(self, bucket: Bucket) -> int:
        stats = await self._either(lambda limiter: limiter.get_window_stats(bucket.limit, *bucket.ids))
        return max(1, round(stats.reset_time - time.time()))

    async def _either(self, call: Callable[[FixedWindowRateLimiter], Awaitable[T]]) -> T:
        """Ask Redis; while it is away, ask this process: never nobody."""
        async with self._connections:
            if time.monotonic() >= self._rests_until:
                try:
                    async with asyncio.timeout(self._patience_s):
                        return await call(self._shared)
                except (RedisError, OSError) as error:
                    self._rests_until = time.monotonic() + REDIS_REST_S
                    log.warning("throttle_in_process", error=repr(error))
        return await call(self._own)


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, in which a single host has all of them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)

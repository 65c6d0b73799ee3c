"""The one HTTP client for third parties: deadlines, size caps, no redirects, no proxies, addresses resolved once.

A host is resolved here, every address is checked, and the connection goes to the address that was checked, so a name
that changes its mind between check and connect gains nothing. Private addresses are refused unless platform staff allow
them (``OPSCOM_EGRESS_ALLOW``). Retries are the caller's decision: only it knows what may be repeated.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, ClassVar

import httpx2

from domain.kernel.errors import ParkingError

if TYPE_CHECKING:
    from collections.abc import Mapping

Network = IPv4Network | IPv6Network

CONNECT_S = 5.0
TOTAL_S = 20.0
MAX_BYTES = 5 * 1024 * 1024
NAT64 = ip_network("64:ff9b::/96")
"""Stands for any IPv4 address, private ones too (RFC 6052)."""
USER_AGENT = "opscom (parking platform)"


class EgressError(ParkingError):
    """A third party could not be asked, or did not answer as it should."""

    code: ClassVar[str] = "egress.failed"


class EgressRefused(EgressError):
    """The address is not one that this deployment may talk to."""

    code = "egress.refused"


class EgressTimeout(EgressError):
    """The answer did not arrive in time."""

    code = "egress.timeout"


class EgressTooLarge(EgressError):
    """The answer is larger than it may be."""

    code = "egress.too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a third party answered: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines in seconds and the largest body in bytes."""

    connect_s: float = CONNECT_S
    total_s: float = TOTAL_S
    max_bytes: int = MAX_BYTES


DEFAULT_LIMITS = Limits()


class Egress:
    """Sends requests to third parties. One for a process; ``close`` it."""

    def __init__(self, allowed: tuple[Network, ...] = ()) -> None:
        self._allowed = allowed
        self._client = httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            # Connections are pooled by address here: one that was verified for a host must not serve another host.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        json: object = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        ``basic`` is a user name and password. Raises EgressRefused, EgressTimeout, EgressTooLarge, EgressError.
        """
        peer = _host_header(url)
        try:
            async with asyncio.timeout(limits.total_s):
                pinned, host = await self._pin(url)
                request = self._client.build_request(
                    method,
                    pinned,
                    headers={"Host": peer, **(headers or {})},
                    json=json,
                    timeout=httpx2.Timeout(limits.total_s, connect=limits.connect_s),
                    extensions={"sni_hostname": host},
                )
                auth = httpx2.BasicAuth(*basic) if basic else None
                response = await self._client.send(request, auth=auth, stream=True)
                try:
                    return await _read(response, limits.max_bytes)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise EgressTimeout("No answer in time.", host=peer) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:  # a header or host that has no bytes
            raise EgressError(f"The connection failed: {type(error).__name__}.", host=peer) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _pin(self, url: str) -> tuple[httpx2.URL, str]:
        parsed = httpx2.URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
            raise EgressRefused("Only plain http and https addresses are called.")
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(parsed.host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise EgressError("The host name does not resolve.", host=parsed.host) from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not self._may_call(address):
                raise EgressRefused("This address is private; platform staff must allow it.", host=parsed.host)
        return parsed.copy_with(host=addresses[0]), parsed.host

    def _may_call(self, address: str) -> bool:
        ip = ip_address(address.partition("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None) or ip
        if any(mapped.version == net.version and mapped in net for net in self._allowed):
            return True
        return mapped.is_global and not mapped.is_multicast and mapped not in NAT64


async def _read(response: httpx2.Response, max_bytes: int) -> Answer:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise EgressTooLarge("The answer is too large.", max_bytes=max_bytes)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body))


def _host_header(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise EgressError("The address can not be read.") from error
    return parsed.netloc.decode("ascii")

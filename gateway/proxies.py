"""What a configured proxy says about a request it passes on; from anybody else the same headers mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from gateway.asgi import Scope, headers

FORWARDED = (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")


class Proxies:
    """The networks whose ``X-Forwarded-*`` headers are believed."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)

    def believed(self, scope: Scope) -> Scope:
        """A copy of the scope with client, host and scheme as a configured proxy gives them; it says each once."""
        scope = dict(scope)
        client = scope.get("client")
        if not self._networks or client is None or not self._trusts(client[0]):
            return scope
        address = self._client(scope)
        if address is not None:
            scope["client"] = (address, 0)
        host = headers(scope, b"x-forwarded-host")
        if host:
            scope["headers"] = [h for h in scope["headers"] if h[0] != b"host"] + [(b"host", value) for value in host]
        scheme = headers(scope, b"x-forwarded-proto")
        if len(scheme) == 1 and scheme[0] in {b"http", b"https"}:
            secure, is_socket = scheme[0] == b"https", scope["type"] == "websocket"
            scope["scheme"] = ("wss" if secure else "ws") if is_socket else scheme[0].decode()
        return scope

    def _client(self, scope: Scope) -> str | None:
        """The last address in the chain that is no proxy of ours: those before it are the client's own words."""
        chain = b",".join(headers(scope, b"x-forwarded-for")).decode("latin-1").split(",")
        for address in (part.strip() for part in reversed(chain)):
            if not _is_address(address):
                return None
            if not self._trusts(address):
                return address
        return None

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

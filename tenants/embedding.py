"""Where a client shows its live map besides its own site, and from where any number may watch it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from domain.kernel.errors import Invalid
from tenants.hostnames import MalformedHost, normalise_host

MOST = 50
WIDEST = {4: 8, 6: 32}
"""The shortest prefix of a network, by IP version: shorter ones would be half the world."""
USUAL_PORTS = {"http": 80, "https": 443}

Network = IPv4Network | IPv6Network


class SiteInvalid(Invalid):
    """An embedding site is not the origin of a web site."""

    code = "embedding.site_invalid"


class NetworkInvalid(Invalid):
    """An exempt network is not written as a network, or is too wide."""

    code = "embedding.network_invalid"


@dataclass(frozen=True)
class Embedding:
    """``sites`` are origins as browsers write them: their pages may ask what guests may, and never with a login.

    Viewers from ``networks`` are not counted against the cap of viewers per address: a whole campus sits behind one.
    """

    sites: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()

    def exempts(self, address: str) -> bool:
        """Whether any number of viewers may come from an address."""
        if not self.networks:
            return False
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._parsed)

    @cached_property
    def _parsed(self) -> tuple[Network, ...]:
        return tuple(ip_network(network) for network in self.networks)


NOTHING = Embedding()


def checked_sites(entered: Iterable[str]) -> tuple[str, ...]:
    """The origins as browsers write them, sorted, each once. Raises SiteInvalid."""
    return _bounded({_origin(text.strip()) for text in entered}, SiteInvalid("A site lists 50 at most.", field="sites"))


def checked_networks(entered: Iterable[str]) -> tuple[str, ...]:
    """The networks as they are usually written, sorted, each once. Raises NetworkInvalid."""
    networks = {_network(text.strip()) for text in entered}
    return _bounded(networks, NetworkInvalid("A site lists 50 networks at most.", field="exempt_networks"))


def _bounded(found: Collection[str], error: Invalid) -> tuple[str, ...]:
    if len(found) > MOST:
        raise error
    return tuple(sorted(found))


def _origin(text: str) -> str:
    """``scheme://host[:port]`` in small letters, IDNA, without the scheme's own port."""
    wrong = SiteInvalid("Write a site as https://www.example.org, without a path.", field="sites", site=text[:100])
    try:
        parts = urlsplit(text)
        port = parts.port
        host = normalise_host((parts.hostname or "").encode())
    except (ValueError, MalformedHost):
        raise wrong from None
    has_more = parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None
    is_local = host == "localhost" or host.endswith(".localhost")
    if has_more or parts.scheme not in ({"http", "https"} if is_local else {"https"}):
        raise wrong
    shown = "" if port is None or port == USUAL_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        network = None
    if network is None or network.prefixlen < WIDEST[network.version]:
        raise NetworkInvalid(
            "Write a network as 203.0.113.0/24 or 2001:db8::/32, no wider than /8 or /32.",
            field="exempt_networks",
            network=text[:100],
        )
    return str(network)

"""Which origins are a site's own: whoever sends a cookie from elsewhere is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.hostnames import ops_host

if TYPE_CHECKING:
    from tenants.environments import Environment
    from tenants.settings import Settings


def own_origins(environment: Environment, settings: Settings) -> frozenset[str]:
    """The origins of an environment's own hosts, as browsers write them."""
    return frozenset(f"{settings.scheme}://{host}{settings.link_port}" for host in environment.hosts)


def ops_origins(settings: Settings) -> frozenset[str]:
    """The origin of the control plane."""
    return frozenset({f"{settings.scheme}://{ops_host(settings.base_domain)}{settings.link_port}"})

"""For which names a TLS edge may get certificates on demand: clients' own domains that are served. From memory alone.

An edge asks at each handshake for a name that it does not hold in memory, also for certificates that it has stored: were
a database asked here, its outage would be one of TLS. The platform's own names have wildcard certificates.
"""

from __future__ import annotations

from gateway.hosts import Hosts
from tenants.hostnames import MalformedHost, normalise_host


def has_certificate(hosts: Hosts, name: str) -> bool:
    """Whether a certificate may be had for the name, as the registry in memory knows it."""
    try:
        host = normalise_host(name.encode())
    except (MalformedHost, UnicodeEncodeError):
        return False
    environment = hosts.by_host(host)
    return environment is not None and host in environment.own_domains

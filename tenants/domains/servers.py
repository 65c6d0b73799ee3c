"""The addresses of DNS servers as the deployment's settings write them. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address

PORT = 53
HIGHEST_PORT = 65_535
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^]]+)\]|(?P<four>[^:]+)):(?P<port>[0-9]{1,5})\Z")


def server_address(text: str) -> tuple[str, int]:
    """Address and port of ``address``, ``address:port`` or ``[address]:port``. Raises ValueError for anything else."""
    found = _WITH_PORT.match(text)
    address = (found["six"] or found["four"]) if found else text
    port = int(found["port"]) if found else PORT
    if not 0 < port <= HIGHEST_PORT:
        msg = f"{text} has no port that there is"
        raise ValueError(msg)
    return str(ip_address(address)), port

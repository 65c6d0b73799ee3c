"""Ports of loopback for servers of tests that are started later on, or that are not to be there.

One that the kernel chooses for nobody (bound to 0 and closed again) may be somebody else's by the time it is needed: the
kernel chooses from 32,768 on (Linux). These are below, and each worker of a run takes them from a range of its own.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from itertools import cycle

OF_A_WORKER = 1_500
_FIRST = 20_000 + OF_A_WORKER * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8)
_PORTS = cycle(random.sample(range(_FIRST, _FIRST + OF_A_WORKER), OF_A_WORKER))


def free_port() -> int:
    """A port that nobody listens on now, and that nobody else is given soon."""
    for port in _PORTS:
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise AssertionError

"""What the hub counts. Plain numbers, read by tests, measurements and metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.live.buckets import Buckets


@dataclass(slots=True)
class Counters:
    """Since the start of the process.

    ``executions`` of feeds; ``unchanged``: executions that gave equal bytes; ``conflated``: notes that joined another
    one's execution; ``sent`` states and ``sent_bytes`` of them; ``behind``: states a slow viewer was not sent;
    ``failed`` executions; ``refused`` viewers by what was full (``environment``, ``total``, ``address``, ``door``) and
    live operations (``views``); ``ended`` viewers by reason. ``commit_to_socket_seconds``: from a commit to its state being
    written to the last viewer of a feed, by the clocks of two machines.
    """

    executions: int = 0
    unchanged: int = 0
    conflated: int = 0
    failed: int = 0
    sent: int = 0
    sent_bytes: int = 0
    behind: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    render_seconds: Buckets = field(default_factory=Buckets)
    commit_to_socket_seconds: Buckets = field(default_factory=Buckets)

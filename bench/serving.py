"""Servers to measure, each a process of its own: the real gateway, and what it is compared with."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.cores import SERVER_CORE, pinned
from bench.lab import Lab
from bench.peers import nodes
from opscom.embedded.child import start_child, stop_child, wait_until
from tenants.hostnames import production_host

GATEWAY = ("-m", "opscom", "gateway")


def _python(*words: str) -> list[str]:
    return [sys.executable, *words]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: what it is called, its process, the port it answers on."""

    name: str
    pid: int
    port: int


@contextmanager
def gateway(lab: Lab) -> Iterator[Server]:
    """The product: `opscom gateway`, ready, on the server's core."""
    with pinned(SERVER_CORE):
        started = start_gateway(lab)
    try:
        yield Server("opscom gateway", started.child.pid, started.port)
    finally:
        stop_child(started.child, signal.SIGTERM)


@contextmanager
def peer(lab: Lab, name: str, slug: str) -> Iterator[Server]:
    """One of ``bench.peers`` over the same database, on the server's core."""
    port = free_port()
    with pinned(SERVER_CORE):
        if name in nodes.NAMES:
            environment = lab.platform.registry.by_host(production_host(slug, lab.platform.settings.base_domain))
            if environment is None:
                msg = f"there is no tenant {slug}"
                raise LookupError(msg)
            child = _start(lab, name, nodes.command(name), nodes.facts(lab, environment, port))
        else:
            child = _start(lab, name, _python("-m", "bench.peers", name, str(port), slug), {})
    try:
        wait_until(lambda: _listens(port), child, log=lab.folder / f"{name}.log")
        yield Server(name, child.pid, port)
    finally:
        stop_child(child, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Started:
    """A gateway that has just become ready, and after how many seconds."""

    child: subprocess.Popen[bytes]
    port: int
    ready_after_s: float


def start_gateway(lab: Lab) -> Started:
    """Start the gateway and wait until it says that it is ready. The caller ends it."""
    port, internal = free_port(), free_port()
    began = time.perf_counter()
    child = _start(lab, "gateway", _python(*GATEWAY), {"OPSCOM_PORT": str(port), "OPSCOM_INTERNAL_PORT": str(internal)})
    wait_until(lambda: _is_ready(internal), child, log=lab.folder / "gateway.log")
    return Started(child, port, time.perf_counter() - began)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _start(lab: Lab, name: str, command: list[str], extra: dict[str, str]) -> subprocess.Popen[bytes]:
    with (lab.folder / f"{name}.log").open("ab") as log:
        return start_child(command, output=log, env={**os.environ, **lab.variables, **extra})


def _listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(port: int) -> bool:
    if not _listens(port):
        return False
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asking.request("GET", "/healthz/ready")
        return asking.getresponse().status == http.HTTPStatus.OK
    finally:
        asking.close()

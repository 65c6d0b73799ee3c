"""The TLS edge as it is shipped, a certificate authority, a DNS server and the product's gateway, all on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from opscom.embedded.child import start_child, stop_child, wait_until
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.plans.actions import set_plan
from tenants.registry.actions import NewTenant
from tenants.settings import Settings
from tests.architecture.sources import ROOT
from tests.fixtures.nameserver import Nameserver, serving
from tests.fixtures.platform import SECRET_KEYS, migrated
from tests.patience import PATIENCE_S, patience
from tests.ports import free_port
from tests.tls.authority import Papers

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"
FETCHED = ROOT / ".cache" / "edge" / "bin" / "caddy"


def programs() -> tuple[str, str]:
    """Caddy and pebble; the test is skipped where one is missing."""
    caddy = str(FETCHED) if FETCHED.exists() else shutil.which("caddy")
    pebble = shutil.which("pebble")
    if caddy is None:
        pytest.skip("no Caddy here: make edge-tools")
    if pebble is None:
        pytest.skip("no pebble here: apt-get install pebble")
    return caddy, pebble


@dataclass(frozen=True)
class Visit:
    """What a visitor of a name got: the answer, and who issued the certificate for which names."""

    status: int
    headers: dict[str, str]
    issuer: str
    names: tuple[str, ...]
    seconds: float


@dataclass
class Edge:
    """Everything that runs."""

    folder: Path
    settings: Settings
    platform: Platform
    postgres: EmbeddedPostgres
    nameserver: Nameserver
    papers: Papers
    caddy: str
    ports: dict[str, int]
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, str]:
        """The settings as a process of its own is told them."""
        settings = self.settings
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "OPSCOM_DATABASE_URL": settings.database_url.get_secret_value(),
            "OPSCOM_REDIS_URL": settings.redis_url,
            "OPSCOM_SECRET_KEYS": settings.secret_keys.get_secret_value(),
            "OPSCOM_PORT": str(settings.port),
            "OPSCOM_INTERNAL_PORT": str(settings.internal_port),
            "OPSCOM_SCHEME": settings.scheme,
            "OPSCOM_PUBLIC_PORT": str(settings.public_port),
            "OPSCOM_TRUSTED_PROXIES": '["127.0.0.0/8"]',
            "OPSCOM_MAP_FILE": str(self.folder / "map.json"),
            "OPSCOM_DNS_SERVERS": json.dumps(list(settings.dns_servers)),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, name: str, *command: str, port: str, **environ: str) -> None:
        """Start a process and wait until it listens."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            child = start_child(command, output=output, env=self.told | environ, cwd=ROOT, death_signal=signal.SIGKILL)
        self.children[name] = child
        wait_until(lambda: _listens(self.ports[port]), child, log=log, patience=PATIENCE_S)

    def start_gateway(self) -> None:
        """The product's gateway."""
        self.start("gateway", sys.executable, "-m", "opscom", "gateway", port="gateway")

    def start_caddy(self) -> None:
        """The edge, by the file that is shipped; what it had in memory before is gone."""
        self.start(
            "caddy",
            self.caddy,
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            str(CADDYFILE),
            port="https",
            SSL_CERT_FILE=str(self.papers.ca),
            OPSCOM_BASE_DOMAIN=self.settings.base_domain,
            OPSCOM_EDGE_ADMIN=f"127.0.0.1:{self.ports['admin']}",
            OPSCOM_EDGE_HTTP_PORT=str(self.ports["http"]),
            OPSCOM_EDGE_HTTPS_PORT=str(self.ports["https"]),
            OPSCOM_EDGE_STORAGE=str(self.folder / "edge"),
            OPSCOM_EDGE_AUTHORITY=f"https://127.0.0.1:{self.ports['authority']}/dir",
            OPSCOM_EDGE_ASK=f"http://127.0.0.1:{self.ports['internal']}/tls/ask",
            OPSCOM_EDGE_GATEWAYS=f"127.0.0.1:{self.ports['gateway']} 127.0.0.1:{self.ports['leaving']}",
            OPSCOM_EDGE_CERTIFICATE=str(self.papers.certificate),
            OPSCOM_EDGE_KEY=str(self.papers.key),
        )

    def start_authority(self, pebble: str) -> None:
        """The certificate authority. It asks the test's DNS, and then the edge."""
        config = self.papers.pebble_config(self.ports)
        server = ("-dnsserver", self.nameserver.address)
        quick = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        self.start("pebble", pebble, "-config", str(config), *server, port="authority", **quick)

    def stop(self, *names: str) -> None:
        """Stop processes, or all of them."""
        for name in names or tuple(self.children):
            stop_child(self.children.pop(name), signal.SIGTERM)

    async def command(self, *words: str) -> str:
        """What `opscom` says; it must succeed."""
        command = (sys.executable, "-m", "opscom", *words)
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=self.told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def until_known(self, name: str) -> None:
        """Wait until the gateway would let the edge have a certificate for a name."""
        asked = f"http://127.0.0.1:{self.ports['internal']}/tls/ask"
        async with patience(), httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
            while (await client.get(asked, params={"domain": name})).status_code != httpx2.codes.OK:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def typed(self, name: str) -> str:
        """Where somebody is led who types the bare name into a browser."""
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports['http']}/", headers={"Host": name})
        return str(answer.headers.get("location", answer.status_code))

    @asynccontextmanager
    async def socket(self, name: str) -> AsyncIterator[ClientConnection]:
        """A socket as a page of this name opens it."""
        site = f"{name}:{self.ports['https']}"
        context = await asyncio.to_thread(self._trusting)
        async with connect(
            f"wss://{site}/graphql",
            host="127.0.0.1",
            ssl=context,
            origin=Origin(f"https://{site}"),
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
            open_timeout=PATIENCE_S,
        ) as opened:
            yield opened

    async def visit(self, name: str, path: str = "/", method: str = "GET") -> Visit:
        """Open a page as a visitor who trusts the authority. Raises ssl.SSLError where there is no certificate."""
        return await asyncio.to_thread(self._visit, name, path, method)

    def _visit(self, name: str, path: str, method: str) -> Visit:
        began = time.monotonic()
        context = self._trusting()
        with (
            socket.create_connection(("127.0.0.1", self.ports["https"]), timeout=PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            certificate = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
            secure.sendall(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: secure.recv(65536), b""))
        head, _, _ = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        (issuer,) = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = tuple(names.get_values_for_type(x509.DNSName))
        return Visit(int(first.split()[1]), headers, str(issuer.value), dns_names, time.monotonic() - began)

    def _trusting(self) -> ssl.SSLContext:
        """Who trusts the authority's root, which is new at each of its starts, and ours."""
        context = ssl.create_default_context(cafile=str(self.papers.ca))
        with urllib.request.urlopen(f"https://127.0.0.1:{self.ports['roots']}/roots/0", context=context) as answer:
            root: bytes = answer.read()
        return ssl.create_default_context(cadata=root.decode() + self.papers.ca.read_text())


@asynccontextmanager
async def running_edge(folder: Path) -> AsyncIterator[Edge]:
    """Everything, started in the order in which it needs each other."""
    caddy, pebble = programs()
    async with AsyncExitStack() as stack:
        nameserver = await stack.enter_async_context(serving(Nameserver()))
        postgres = stack.enter_context(EmbeddedPostgres.start(folder / "postgres", durable=False))
        valkey = stack.enter_context(EmbeddedValkey.start(folder / "valkey"))
        names = ("gateway", "leaving", "internal", "http", "https", "admin", "authority", "roots")
        ports = {name: free_port() for name in names}
        settings = _settings(postgres, valkey, ports, nameserver)
        platform = await stack.enter_async_context(migrated(settings))
        papers = Papers.write(folder, settings.base_domain)
        edge = Edge(folder, settings, platform, postgres, nameserver, papers, caddy, ports)
        stack.callback(edge.stop)
        edge.start_gateway()
        edge.start_authority(pebble)
        edge.start_caddy()
        yield edge


async def new_site(edge: Edge, slug: str) -> Environment:
    """A client whose plan has own domains, and whose host the DNS knows."""
    made = await edge.platform.provisioner.create_tenant(NewTenant(slug, "A Client"), actor="tests")
    await set_plan(edge.platform.databases, made.tenant.id, "complete", actor="tests")
    edge.nameserver.put(made.primary_host, "A", "127.0.0.1")
    await edge.platform.registry.load()
    await edge.platform.bus.nudge("registry")
    found = edge.platform.registry.by_id(made.id)
    assert found is not None
    return found


def _settings(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, ports: dict[str, int], nameserver: Nameserver
) -> Settings:
    return Settings(
        database_url=postgres.url,  # type: ignore[arg-type]  # pydantic takes the text and hides it
        redis_url=valkey.url,
        secret_keys=SECRET_KEYS,  # type: ignore[arg-type]
        port=ports["gateway"],
        internal_port=ports["internal"],
        scheme="https",
        public_port=ports["https"],
        dns_servers=(nameserver.address,),
    )


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0

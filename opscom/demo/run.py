"""The whole product here: servers, data, processes; up within seconds, and down again without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx2

from auth.passwords import Passwords, new_password
from domain.kernel.actor import Actor
from domain.settings.models import Vendor
from opscom.accounts import production_of
from opscom.demo import life, seed
from opscom.demo.children import Family
from opscom.demo.facts import TENANTS, TOMAHAWKU, TenantFacts
from opscom.demo.places import (
    DEFAULT_PORT,
    LOOPBACK,
    DemoError,
    Places,
    free_port,
    require_free,
    secret_keys,
    write_settings,
)
from opscom.demo.words import Site, greeting
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform, open_platform
from tenants.fleet import migrate_environments
from tenants.hostnames import ops_host
from tenants.migrate import migrate_platform
from tenants.registry.actions import NewTenant, TenantNotFound
from tenants.settings import Settings

if TYPE_CHECKING:
    from tenants.environments import Environment

ACTOR = "demo"
WRITER = Actor.system(ACTOR)
SPEED = "60"
"""Simulated seconds in a real one: a day of campus traffic in twenty-four minutes."""
HOUR = "8.1"
"""It begins when the campus fills."""

SIMULATORS = {Vendor.MISTALL: 9101, Vendor.PARKING_LOGIX: 9102}
INTERNAL_PORT = 9000
PATIENCE_S = 60.0
LOOK_AFTER_S = 0.5
MAP = {"query": "{ lotGroups { occupancy { source observedAt } } }"}


@dataclass(frozen=True, slots=True)
class Servers:
    """The embedded servers; None where the environment names others."""

    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None

    def look_after(self) -> None:
        """Start a server again that died: everything of ours waits for it."""
        for server in (self.postgres, self.valkey):
            if server is not None and not server.is_running:
                server.restart()


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is being started or runs."""

    places: Places
    settings: Settings
    family: Family
    endpoints: dict[Vendor, str]
    servers: Servers
    began: float


def run(places: Places) -> None:
    """Start everything, print what there is, wait for SIGINT or SIGTERM, stop everything.

    Call it in the main thread. Raises DemoError, EmbeddedServerError.
    """
    began = time.monotonic()
    port = int(os.environ.get("OPSCOM_PORT", DEFAULT_PORT))
    require_free(port)
    places.make()
    with ExitStack() as stack:
        # A shell that starts it in the background has SIGINT ignored: then no signal but SIGKILL would end it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        servers = _start_servers(places, stack)
        environ = _environ(places, port, servers)
        write_settings(places, environ)
        os.environ.update(environ)
        family = Family(places, environ)
        stack.callback(family.stop)
        endpoints = _start_simulators(family)
        demo = Demo(places, Settings(), family, endpoints, servers, began)  # type: ignore[call-arg]  # from the environment
        try:
            asyncio.run(_serve(demo))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("\nstopping", flush=True)  # noqa: T201 - it is a command


def _start_servers(places: Places, stack: ExitStack) -> Servers:
    postgres = valkey = None
    if "OPSCOM_DATABASE_URL" not in os.environ:
        postgres = stack.enter_context(EmbeddedPostgres.start(places.postgres, durable=True))
    if "OPSCOM_REDIS_URL" not in os.environ:
        valkey = stack.enter_context(EmbeddedValkey.start(places.valkey))
    return Servers(postgres, valkey)


def _environ(places: Places, port: int, servers: Servers) -> dict[str, str]:
    """The settings of all our processes; what the environment says already, stays."""
    ours = {
        "OPSCOM_DATABASE_URL": servers.postgres.url if servers.postgres else "",
        "OPSCOM_REDIS_URL": servers.valkey.url if servers.valkey else "",
        "OPSCOM_PORT": str(port),
        "OPSCOM_INTERNAL_PORT": str(free_port(INTERNAL_PORT)),
        "OPSCOM_BACKUP_STORAGE": places.backups.as_uri(),
        "OPSCOM_EGRESS_ALLOW": json.dumps([f"{LOOPBACK}/32"]),
    }
    if "OPSCOM_SECRET_KEYS" not in os.environ:
        ours["OPSCOM_SECRET_KEYS"] = secret_keys(places)
    return {name: os.environ.get(name, value) for name, value in ours.items()}


def _start_simulators(family: Family) -> dict[Vendor, str]:
    """The vendors, and where they answer."""
    endpoints = {}
    for vendor, wanted in SIMULATORS.items():
        port = str(free_port(wanted))
        family.start(vendor.value, f"tests.simulators.{vendor.value}", "--port", port, "--speed", SPEED, "--hour", HOUR)
        endpoints[vendor] = f"http://{LOOPBACK}:{port}"
    return endpoints


async def _serve(demo: Demo) -> None:
    async with open_platform(demo.settings, follow=False) as platform:
        await migrate_platform(platform.databases)
        await platform.registry.load()
        await migrate_environments(platform.databases)
    for name in ("gateway", "worker", "dispatcher"):
        demo.family.start(name, "opscom", name)
    async with open_platform(demo.settings) as platform:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_look_after(demo))
                environments = [await _begin(platform, demo, facts) for facts in TENANTS]
                for environment, _site in environments:
                    tasks.create_task(life.live(platform, environment))
                await _wait_for_map(demo)
                seconds = time.monotonic() - demo.began
                ops = _address(demo.settings, ops_host(demo.settings.base_domain))
                sites = [site for _environment, site in environments]
                print(greeting(sites, ops, demo.places, seconds), flush=True)  # noqa: T201 - it is a command
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


async def _begin(platform: Platform, demo: Demo, facts: TenantFacts) -> tuple[Environment, Site]:
    """The tenant, made at the first start; and its administrator's password, known only then."""
    environment = await _provisioned(platform, facts)
    password = new_password()
    password_hash = await _hash(password)
    async with platform.databases.work(environment, WRITER) as work:
        is_new = not await seed.is_seeded(work)
        if is_new:
            await seed.seed(work, facts, password_hash)
        if facts.has_sensors:
            await seed.connect_vendors(work, demo.endpoints, facts.groups, enable=is_new)
    address = _address(demo.settings, environment.primary_host)
    return environment, Site(facts, address, password if is_new else None)


async def _provisioned(platform: Platform, facts: TenantFacts) -> Environment:
    provisioner = replace(platform.provisioner, furnish=seed.furnish)
    try:
        return await provisioner.provision(production_of(platform, facts.slug).id, actor=ACTOR)
    except TenantNotFound:
        return await provisioner.create_tenant(NewTenant(facts.slug, facts.name), actor=ACTOR)


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


async def _look_after(demo: Demo) -> None:
    while True:
        demo.servers.look_after()
        demo.family.look_after()
        await asyncio.sleep(LOOK_AFTER_S)


async def _wait_for_map(demo: Demo) -> None:
    """Wait until the gateway answers and the sensors were asked once. Raises DemoError when it takes too long."""
    host = f"{TOMAHAWKU.slug}.{demo.settings.base_domain}"
    deadline = time.monotonic() + PATIENCE_S
    async with httpx2.AsyncClient(base_url=f"http://{LOOPBACK}:{demo.settings.port}", headers={"Host": host}) as client:
        while not await _is_mapped(client):
            if time.monotonic() > deadline:
                msg = f"the gateway shows no map yet; see {demo.places.log('gateway')}"
                raise DemoError(msg)
            await asyncio.sleep(0.1)


async def _is_mapped(client: httpx2.AsyncClient) -> bool:
    try:
        answer = await client.post("/graphql", json=MAP)
        groups = answer.json()["data"]["lotGroups"]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        return False
    return all(group["occupancy"]["observedAt"] for group in groups)


def _address(settings: Settings, host: str) -> str:
    return f"{settings.scheme}://{host}{settings.link_port}"

"""The whole product as its own processes over servers of its own, so that every one of them can be hit."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import httpx2
from sqlalchemy import text

from domain.kernel.actor import Actor
from domain.settings.models import Vendor
from domain.tasks import actions as tasks
from domain.tasks.catalogue import UPDATE_MISTALL, UPDATE_PARKING_LOGIX
from jobs.ledger import OUTAGES, Ledger
from opscom.demo import seed
from opscom.demo.facts import TOMAHAWKU
from opscom.embedded.child import start_child, stop_child
from opscom.embedded.postgres import EmbeddedPostgres
from opscom.embedded.valkey import EmbeddedValkey
from opscom.platform import Platform
from tenants.databases import REGISTRY
from tenants.environments import Environment
from tenants.registry.actions import NewTenant
from tenants.settings import Settings
from tests.fixtures.platform import migrated
from tests.fixtures.simulators import Simulator, simulating
from tests.patience import PATIENCE_S, patience
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
POLLS = (UPDATE_MISTALL.name, UPDATE_PARKING_LOGIX.name)
LEASE_S = 4
PROCESSES = {"gateway": "gateway", "worker-1": "worker", "worker-2": "worker", "dispatcher-1": "dispatcher"}
PROCESSES |= {"dispatcher-2": "dispatcher"}
UNUSABLE_HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA"  # nobody logs in here


@dataclass
class Scene:
    """Everything that runs. ``pressed`` are the runs that were acknowledged to somebody who pressed RUN."""

    settings: Settings
    platform: Platform
    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    simulators: tuple[Simulator, Simulator]
    environments: list[Environment] = field(default_factory=list)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    pressed: set[UUID] = field(default_factory=set)

    @property
    def ledger(self) -> Ledger:
        """The run ledger."""
        return Ledger(REGISTRY, self.platform.databases.ledger(REGISTRY))

    def log(self, name: str) -> Path:
        """What a process said."""
        return self.folder / f"{name}.log"

    def start(self, name: str) -> None:
        """Start a process, as a supervisor would."""
        with self.log(name).open("ab") as output:
            command = [sys.executable, "-m", "opscom", PROCESSES[name]]
            self.processes[name] = start_child(
                command, output=output, env=_told(self.settings), cwd=ROOT, death_signal=signal.SIGKILL
            )

    async def start_again(self, name: str) -> None:
        """Start a process that ended, and wait until it is at work."""
        said = self.log(name).stat().st_size
        self.start(name)
        if name == "gateway":
            await self.until_served()
            return
        async with patience():
            while b"_ready" not in self.log(name).read_bytes()[said:]:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)

    def hit(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process; SIGKILL and SIGTERM are waited for."""
        child = self.processes[name]
        child.send_signal(number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            child.wait(PATIENCE_S)

    def dead(self) -> list[str]:
        """The processes that ended without being hit."""
        return [name for name, child in self.processes.items() if child.poll() is not None]

    async def press(self) -> None:
        """Press RUN of every poll again and again, until cancelled; what was acknowledged is remembered."""
        while True:
            for environment in self.environments:
                for task in POLLS:
                    try:
                        async with self.platform.databases.work(environment, Actor.system()) as work:
                            requested = await tasks.run(work, task)
                    except OUTAGES:
                        continue
                    self.pressed.add(requested.run_id)
            await asyncio.sleep(0.3)

    async def calm(self) -> None:
        """Switch the polls off and wait until nothing runs."""
        for environment in self.environments:
            async with self.platform.databases.work(environment, Actor.system()) as work:
                for task in POLLS:
                    await tasks.set_enabled(work, task, is_enabled=False)
        await self.until("select count(*) = 0 from platform.task_run where state in ('queued', 'running')")

    async def until(self, question: str) -> None:
        """Wait until the ledger answers a question with true."""
        async with patience():
            while not (await self.ask(question))[0][0]:  # noqa: ASYNC110 - it looks into the database
                await asyncio.sleep(0.1)

    async def ask(self, question: str) -> list[tuple[object, ...]]:
        """Ask the ledger; while it is away, again."""
        while True:
            try:
                async with self.ledger.transaction() as connection:
                    return [tuple(row) for row in await connection.execute(text(question))]
            except OUTAGES:
                await asyncio.sleep(0.2)

    async def until_served(self) -> None:
        """Wait until the gateway answers."""
        host = f"{self.environments[0].primary_host}:{self.settings.port}"
        async with patience(), httpx2.AsyncClient(trust_env=False, headers={"Host": host}) as client:
            while True:
                try:
                    asked = {"query": "{ environment { host } }"}
                    answer = await client.post(f"http://127.0.0.1:{self.settings.port}/graphql", json=asked)
                    if answer.status_code == httpx2.codes.OK:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.1)


@asynccontextmanager
async def whole_product(
    folder: Path, *, tenants: int = 2, processes: Iterable[str] = tuple(PROCESSES)
) -> AsyncIterator[Scene]:
    """Servers, simulators that take their time, tenants whose polls are due each second, and every process or some."""
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres.start(folder / "postgres", durable=True))
        valkey = stack.enter_context(EmbeddedValkey.start(folder / "valkey"))
        simulators = tuple(stack.enter_context(simulating(name, speed=600)) for name in ("mistall", "parking_logix"))
        settings = _settings(postgres, valkey, folder)
        platform = await stack.enter_async_context(migrated(settings))
        scene = Scene(settings, platform, folder, postgres, valkey, simulators)  # type: ignore[arg-type]  # two of them
        stack.callback(_stop, scene)
        for number in range(tenants):
            scene.environments.append(await _tenant(scene, number))
        for name in processes:
            scene.start(name)
        for simulator in simulators:
            simulator.fault("slow", seconds=0.15)
        await scene.until_served()
        yield scene


async def _tenant(scene: Scene, number: int) -> Environment:
    """A campus like the demo's, with its vendors connected."""
    provisioner = replace(scene.platform.provisioner, furnish=seed.furnish)
    environment = await provisioner.create_tenant(NewTenant(f"campus-{number}", "A Campus"), actor="chaos")
    endpoints = dict(zip((Vendor.MISTALL, Vendor.PARKING_LOGIX), (s.endpoint for s in scene.simulators), strict=True))
    async with scene.platform.databases.work(environment, Actor.system()) as work:
        await seed.seed(work, replace(TOMAHAWKU, slug=environment.tenant.slug), UNUSABLE_HASH)
        await seed.connect_vendors(work, endpoints, TOMAHAWKU.groups, enable=True)
    async with scene.ledger.transaction() as connection:
        await connection.execute(text("update platform.task_schedule set rule = 'every 1' where task like 'update%'"))
    return environment


def _settings(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, folder: Path) -> Settings:
    return Settings(
        database_url=postgres.url,  # type: ignore[arg-type]  # pydantic takes the text and hides it
        redis_url=valkey.url,
        secret_keys=f"chaos:{base64.b64encode(os.urandom(32)).decode()}",  # type: ignore[arg-type]
        egress_allow=("127.0.0.0/8",),  # type: ignore[arg-type]
        port=free_port(),
        internal_port=free_port(),
        lease_s=LEASE_S,
        backup_storage=(folder / "backups").as_uri(),
    )


def _told(settings: Settings) -> dict[str, str]:
    """The settings as a process of its own is told them."""
    return os.environ | {
        "OPSCOM_DATABASE_URL": settings.database_url.get_secret_value(),
        "OPSCOM_REDIS_URL": settings.redis_url,
        "OPSCOM_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "OPSCOM_EGRESS_ALLOW": '["127.0.0.0/8"]',
        "OPSCOM_PORT": str(settings.port),
        "OPSCOM_INTERNAL_PORT": str(settings.internal_port),
        "OPSCOM_LEASE_S": str(settings.lease_s),
        "OPSCOM_BACKUP_STORAGE": settings.backup_storage,
        "PYTHONUNBUFFERED": "1",
    }


def _stop(scene: Scene) -> None:
    for child in scene.processes.values():
        if child.poll() is None:
            child.send_signal(signal.SIGCONT)
        stop_child(child, signal.SIGKILL)

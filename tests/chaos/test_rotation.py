"""All keys are replaced under the running product: nobody is refused anything, and a backup from before still opens.

The database asks its logins for their passwords here, as one that is not embedded does.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2
import psycopg
import pytest
from pydantic import SecretStr

from opscom.accounts import create_administrator
from tests.chaos.scene import Scene, whole_product
from tests.faults.conftest import KILLED
from tests.faults.doomed import run
from tests.fixtures.product import Site
from tests.fixtures.servers import ask_for_passwords
from tests.patience import patience
from tests.simulators.campus import MISTALL_PASSWORD

pytestmark = pytest.mark.timeout(400)
PROCESSES = ("gateway", "worker-1", "dispatcher-1")
CLERK = "clerk@campus.example"
ENTER = """
    mutation ($password: String!) {
      updateIntegration(vendor: MISTALL, input: {live: {password: $password}}) { userErrors { code } }
    }
"""


@dataclass
class Office:
    """Somebody who logs in and enters a vendor's password, all day: how often it was done, and what else was answered.

    Who holds ``desk`` does so while nothing of it is under way.
    """

    scene: Scene
    password: str
    done: int = 0
    wrong: list[str] = field(default_factory=list)
    desk: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self) -> None:
        """Until cancelled. A gateway that is being replaced takes no connections, and is asked again."""
        while True:
            async with self.desk:
                await self._serve()
            await asyncio.sleep(0.3)

    async def a_while(self) -> None:
        """Until it was done twice more."""
        wanted = self.done + 2
        async with patience():
            while self.done < wanted:  # noqa: ASYNC110 - a task of its own counts
                await asyncio.sleep(0.05)

    async def _serve(self) -> None:
        site = Site(self.scene.environments[0], self.scene.settings.port)
        try:
            await site.log_in(CLERK, self.password)
            answer = await site.ask("/admin/graphql", ENTER, password=MISTALL_PASSWORD)
            if answer != {"data": {"updateIntegration": {"userErrors": []}}}:
                self.wrong.append(str(answer))
        except httpx2.TransportError:
            pass
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            self.wrong.append(repr(error))
        else:
            self.done += 1


async def test_all_keys_are_replaced_and_nobody_notices(tmp_path: Path) -> None:
    async with whole_product(tmp_path, tenants=1, processes=PROCESSES) as scene:
        ask_for_passwords(scene.postgres, tmp_path / "postgres")
        slug, old, new = "campus-0", scene.settings.secret_keys.get_secret_value(), _key("second")
        async with _busy(scene) as office:
            assert await _opscom(scene, "backup", "take", slug) == 0
            before = _one(scene, "select id from registry.backup")

            await _deploy(scene, f"{old},{new}", *PROCESSES)
            await _deploy(scene, f"{new},{old}", "gateway")
            assert await _opscom(scene, "migrate") == 0
            await _end_connections(scene, office)
            await office.a_while()
            await _deploy(scene, f"{new},{old}", "worker-1", "dispatcher-1")
            for blade in count(1):
                if await _opscom(scene, "secrets", "rotate", "--data-keys", blade=blade) != KILLED:
                    break
            await office.a_while()
            assert await _opscom(scene, "secrets", "reseal") == 0
            assert await _opscom(scene, "backup", "take", slug) == 0
            await _deploy(scene, new, *PROCESSES)
            await _end_connections(scene, office)
            assert await _opscom(scene, "doctor") == 0
            await office.a_while()
        assert await _opscom(scene, "backup", "restore", slug, str(before), "--reason", "rotated") == 0
        await _until(scene, "select state = 'complete' from registry.copy")
        restored = _one(scene, "select clock_timestamp()::text")
        async with _busy(scene, password=office.password) as again:
            await again.a_while()
            for poll in ("update_mistall", "update_parking_logix"):  # the latter's keys are as they were sealed then
                succeeded = f"select count(*) > 1 from platform.task_run where task = '{poll}' and state = 'succeeded'"
                await _until(scene, f"{succeeded} and started_at > '{restored}'")

        assert blade > 2
        assert (office.wrong, again.wrong) == ([], [])
        assert _rows(scene, "select task, error_class from platform.task_run where state = 'failed'") == []
        assert _rows(scene, "select 1 from registry.data_key where wrapped not like 'second:%'") == []
        assert _rows(scene, "select data_keys from registry.backup where id = %s", before) == [([1],)]


@asynccontextmanager
async def _busy(scene: Scene, *, password: str = "") -> AsyncIterator[Office]:
    office = Office(scene, password or await create_administrator(scene.platform, scene.environments[0], CLERK))
    working = asyncio.create_task(office.work())
    try:
        yield office
    finally:
        working.cancel()
        await asyncio.wait([working])


async def _deploy(scene: Scene, ring: str, *names: str) -> None:
    """One process after the other is started anew with another ring."""
    scene.settings = scene.settings.model_copy(update={"secret_keys": SecretStr(ring)})
    for name in names:
        await asyncio.to_thread(scene.hit, name, signal.SIGTERM)
        await scene.start_again(name)


async def _opscom(scene: Scene, *words: str, blade: int = 0) -> int:
    return await run(list(words), scene.settings, scene.folder / "opscom.log", blade=blade)


async def _until(scene: Scene, question: str) -> None:
    async with patience():
        while not _one(scene, question):  # noqa: ASYNC110 - it looks into the database
            await asyncio.sleep(0.1)


async def _end_connections(scene: Scene, office: Office) -> None:
    """Of our own logins, those that nobody uses: who wants another one must get in anew."""
    async with office.desk:
        _rows(
            scene,
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename like 'opscom\\_%%' and state = 'idle' and %s",
            True,  # noqa: FBT003 - a parameter
        )


def _one(scene: Scene, question: str) -> object:
    return _rows(scene, question)[-1][0]


def _rows(scene: Scene, question: str, *values: object) -> list[tuple[object, ...]]:
    """As the superuser: this process's own ring is the one of the beginning."""
    url = scene.postgres.superuser_url.replace("/postgres?", "/opscom?")
    with psycopg.connect(url) as connection:
        return connection.execute(question, values or None).fetchall()


def _key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"

"""Moves as tests make them: to their end, or up to a step at which the process dies."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from typing_extensions import override

from opscom.platform import Platform
from tenants.copies.storage import CopyDamaged
from tenants.environments import Environment
from tenants.moves.asking import move
from tenants.moves.moving import Mover
from tenants.moves.route import Route
from tests.fixtures.cells import Split
from tests.tenants.moves.crowd import current


class PowerCut(BaseException):
    """Stands for a process that dies in the middle."""


class Dying(Mover):
    """A move in a process that dies: it undoes nothing."""

    @override
    async def undo(self, route: Route, error: BaseException, *, is_over: bool = False) -> None:
        """Nothing: the process is dead."""


@dataclass
class Halt:
    """Behind the fence a move comes to a table that somebody holds, and waits for it."""

    platform: Platform
    environment: Environment
    is_there: asyncio.Event = field(default_factory=asyncio.Event)
    _holder: psycopg.Connection | None = None

    def say(self, step: str, _words: str) -> None:
        """A step begins."""
        if step == "load":
            databases, cell = self.platform.databases, self.environment.cell
            self._holder = databases.owner_connector(cell).connect()
            self._holder.execute("begin")
            self._holder.execute(f"set local role {databases.database_name(cell)}_owner")
            self._holder.execute(f"lock table {self.environment.schema}.mail_settings in access exclusive mode")
            self.is_there.set()

    def end(self) -> None:
        """Let it go on."""
        assert self._holder is not None
        self._holder.close()


async def asked(split: Split, environment: Environment, to: str | None = None) -> UUID:
    """The copy's id of a move that somebody asked for, to the second cell unless another is named."""
    to = to or split.second
    return await move(split.platform.databases, environment.id, to, actor="tests", reason="a test")


async def loaded(split: Split, tenant: Environment) -> tuple[Mover, Route]:
    """A move whose process died when the rows were there, before the switch."""
    copy_id = await asked(split, tenant)
    with pytest.raises(PowerCut):
        await Dying(split.platform.copier, copy_id, dies_at("switch")).carry_out()
    mover = Mover(split.platform.copier, copy_id, quiet)
    return mover, Route.of(await mover.teller.row())


async def moved_to(split: Split, environment: Environment, to: str | None = None) -> Environment:
    """The environment after a whole move."""
    copy_id = await asked(split, environment, to)
    await Mover(split.platform.copier, copy_id, quiet).carry_out()
    return current(split.platform, environment)


def quiet(_code: str, _words: str) -> None:
    """Say nothing."""


def dies_at(step: str) -> Callable[[str, str], None]:
    """What a process says that dies when a step begins."""

    def say(code: str, _words: str) -> None:
        if code == step:
            raise PowerCut

    return say


def fails_at(step: str) -> Callable[[str, str], None]:
    """What is said where a step breaks off, and its process lives."""

    def say(code: str, _words: str) -> None:
        if code == step:
            raise CopyDamaged("A test.")

    return say


async def has_role(platform: Platform, role: str) -> bool:
    """Whether the cluster has a role."""
    async with platform.databases.control().connect() as connection:
        return await connection.scalar(text("select to_regrole(:role)"), {"role": role}) is not None

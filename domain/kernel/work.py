"""Work: one write transaction of one environment, from the first read to what leaves the process after the commit.

An event recorded here becomes, in the same transaction, an audit row and the runs that react to it (the run row is the
outbox); after the commit its live topics are published once, which may be lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import Executable, Row, Select, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import TypedReturnsRows

from domain.kernel.actor import Actor
from domain.kernel.audit import AuditEntry
from domain.kernel.errors import ConstraintViolated, ParkingError
from domain.kernel.events import Event
from domain.kernel.features import Features
from domain.kernel.ids import uuid7
from domain.kernel.ledger import TaskRun, Trigger
from domain.kernel.model import Json, Model, PlatformModel
from domain.kernel.places import Places
from domain.kernel.vault import Vault

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Committed:
    """What the world outside may be told once the transaction is committed."""

    environment_id: UUID
    topics: frozenset[str]
    has_runs: bool


@dataclass(frozen=True, slots=True)
class Outside:
    """What a Work needs from outside the domain.

    The environment's name in the ledger, which tasks react to which event, where to publish, the tenant's vault, and the
    features of the environment.
    """

    environment_id: UUID
    ledger_name: str
    reactions: Mapping[type[Event], tuple[str, ...]]
    publish: Callable[[Committed], Awaitable[None]]
    vault: Vault
    features: Features = frozenset()


@dataclass(slots=True)
class _Pending:
    topics: set[str] = field(default_factory=set)
    runs: list[Json] = field(default_factory=list)


class Work:
    """One write transaction. ``async with`` commits at the end, or rolls back and forgets everything on an error.

    It refuses nothing by itself: the actions called with it check the permissions of ``actor``. No third party may be
    called while it is open.
    """

    def __init__(
        self,
        sessions: Callable[[], AsyncSession],
        actor: Actor,
        now: datetime,
        outside: Outside,
        places: Places,
        *,
        before_commit: Callable[[Work], Awaitable[None]] | None = None,
    ) -> None:
        """Open the session; nothing is sent before the first statement. ``places`` are those of the environment.

        ``before_commit`` is the last thing done in the transaction: a system task proves there that it holds its run.
        """
        self.actor = actor
        self.now = now
        self._session = sessions()
        self._outside = outside
        self._places = places
        self._before_commit = before_commit
        self._pending = _Pending()

    @property
    def environment_id(self) -> UUID:
        """The environment that is written to."""
        return self._outside.environment_id

    @property
    def ledger_name(self) -> str:
        """The environment's name in the run ledger."""
        return self._outside.ledger_name

    @property
    def vault(self) -> Vault:
        """Seals and opens secrets of the tenant."""
        return self._outside.vault

    @property
    def features(self) -> Features:
        """The features of the environment."""
        return self._outside.features

    def add(self, row: Model | PlatformModel) -> None:
        """Add a new row; it is written at the next flush."""
        self._session.add(row)

    async def delete(self, row: Model | PlatformModel) -> None:
        """Delete a row at the next flush: links and machine data only, people and things are archived."""
        await self._session.delete(row)

    async def scalars(self, statement: Select[T]) -> list[T]:
        """All values of a one-column statement."""
        return list((await self._session.scalars(statement)).all())

    async def scalar(self, statement: Select[T]) -> T | None:
        """The one value of a statement, or None."""
        return (await self._session.scalars(statement)).one_or_none()

    async def rows(self, statement: TypedReturnsRows[*Ts]) -> Sequence[Row[*Ts]]:
        """All rows of a statement (also of an INSERT or UPDATE with RETURNING)."""
        return (await self._session.execute(statement)).all()

    async def execute(self, statement: Executable) -> None:
        """Execute a statement whose answer does not matter."""
        await self._session.execute(statement)

    async def flush(self, refusals: Mapping[str, ParkingError] | None = None) -> None:
        """Write what is pending. A violated constraint raises the error named for it in ``refusals``.

        Raises ConstraintViolated for a constraint that is not named.
        """
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise _refusal(error, refusals or {}) from error

    def record(self, event: Event, *, before: Json | None = None, after: Json | None = None) -> None:
        """Note what happened: audit row, reacting runs, live topics. ``before`` and ``after``: changed fields only."""
        self._pending.topics |= event.topics
        if event.is_audited:
            self.add(self._audit_entry(event, before, after))
        for task in self._outside.reactions.get(type(event), ()):
            self.enqueue(task, dict(event.payload()), Trigger.EVENT)

    def enqueue(self, task: str, payload: Json, trigger: Trigger, *, concurrency_key: str | None = None) -> UUID:
        """Write a run of a task, to be done after the commit. Returns its id. Ids only in the payload."""
        run_id = uuid7()
        run: Json = {"id": run_id, "environment": self.ledger_name, "task": task, "payload": payload}
        self._pending.runs.append(run | {"trigger": trigger, "concurrency_key": concurrency_key})
        return run_id

    async def __aenter__(self) -> Self:
        await self._places.take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                await self._session.rollback()
                return
            await self.flush()
            if self._pending.runs:
                await self._session.execute(insert(TaskRun), self._pending.runs)
            if self._before_commit is not None:
                await self._before_commit(self)
            await self._session.commit()
        finally:
            try:
                await self._session.close()
            finally:
                self._places.give_back()
        if self._pending.topics or self._pending.runs:
            topics = frozenset(self._pending.topics)
            await self._outside.publish(Committed(self.environment_id, topics, bool(self._pending.runs)))

    def _audit_entry(self, event: Event, before: Json | None, after: Json | None) -> AuditEntry:
        return AuditEntry(
            at=self.now,
            actor_kind=self.actor.kind,
            actor_id=self.actor.user_id,
            actor_name=self.actor.name,
            action=type(event).__name__,
            facts=dict(event.payload()),
            before=before,
            after=after,
        )


def _refusal(error: IntegrityError, refusals: Mapping[str, ParkingError]) -> ParkingError:
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or "unknown"
    return refusals.get(constraint) or ConstraintViolated("The database refused the change.", constraint=constraint)

"""Carrying out one claim: enters the environment around the task, leaves it whatever happens, and says how it ended.

The environment is entered here, around the function, and never in a middleware: Dramatiq swallows what those raise, and
the task would run under the environment of the run before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import structlog

from domain.kernel.errors import EnvironmentMoving, ParkingError, StaleEnvironment
from domain.kernel.ledger import RunState
from domain.tasks.rules import may_wait, retry_pause, shared_random
from jobs.claims import Ending, renew
from jobs.faults import (
    DatabaseUnavailable,
    EnvironmentMoved,
    EnvironmentMoves,
    Fault,
    InternalError,
    KeyUnknown,
    LeaseLost,
    Stopping,
    TimeLimitPassed,
)
from jobs.ledger import OUTAGES, is_outage
from tenants.keys.ciphertext import SecretUnreadable

if TYPE_CHECKING:
    from jobs.claims import Claim
    from jobs.context import Attempt
    from jobs.timing import Timing

log = structlog.get_logger(__name__)

Context = TypeVar("Context", bound="Attempt")

MOVING_PAUSE = timedelta(seconds=1)
_ENTERED: ContextVar[UUID | None] = ContextVar("opscom_run", default=None)


class ContextLeaked(RuntimeError):
    """A run began where another had not been left: its environment could be written under the wrong name."""


@contextmanager
def entered(claim: Claim) -> Iterator[None]:
    """Around a run: names it in every line of the process's log. Raises ContextLeaked when another run is still here."""
    if _ENTERED.get() is not None:
        msg = f"run {claim.run_id} began inside run {_ENTERED.get()}"
        raise ContextLeaked(msg)
    token = _ENTERED.set(claim.run_id)
    try:
        with structlog.contextvars.bound_contextvars(
            environment=claim.environment, task=claim.task, run=str(claim.run_id)
        ):
            yield
    finally:
        _ENTERED.reset(token)


async def carry_out(context: Context, function: Callable[[Context], Awaitable[None]], timing: Timing) -> Ending | None:
    """Run the task once, with its lease renewed. Returns how it ended; None when the run is not ours any more."""
    with entered(context.claim):
        try:
            async with kept(context, timing):
                await _within_limit(context, function)
        except BaseException as error:  # noqa: BLE001 - whatever a task does, its run must end
            return _ending(context, _fault_of(error))
    return Ending(RunState.SUCCEEDED)


@asynccontextmanager
async def kept(context: Attempt, timing: Timing) -> AsyncIterator[None]:
    """Around the attempt: the lease is renewed and log lines are written. A lost lease ends the attempt with LeaseLost."""
    running = asyncio.current_task()
    lost, ended = asyncio.Event(), asyncio.Event()
    keeper = asyncio.create_task(_keep(context.claim, timing.lease, lost, running))
    writer = asyncio.create_task(context.runlog.flush_every(timing.log_flush, ended))
    try:
        yield
    except asyncio.CancelledError:
        if lost.is_set() and running is not None:
            running.uncancel()
            raise _lost() from None
        raise
    finally:
        keeper.cancel()
        ended.set()
        await asyncio.wait([keeper, writer])


async def _keep(claim: Claim, lease: timedelta, lost: asyncio.Event, running: asyncio.Task[object] | None) -> None:
    """Renew the lease three times in it. While the database is away nobody else can take the run either."""
    while True:
        await asyncio.sleep(lease.total_seconds() / 3)
        try:
            if await renew(claim, lease):
                continue
        except OUTAGES as error:
            log.warning("lease_not_renewed", error=repr(error))
            continue
        lost.set()
        if running is not None:
            running.cancel()
        return


async def _within_limit(context: Context, function: Callable[[Context], Awaitable[None]]) -> None:
    limit = context.limit = asyncio.timeout(context.task.time_limit.total_seconds())
    try:
        async with limit:
            await function(context)
    except TimeoutError as error:
        if not limit.expired():
            raise
        msg = f"The run took longer than {context.task.time_limit.total_seconds():g} s."
        raise TimeLimitPassed(msg) from error


def _fault_of(error: BaseException) -> Fault:
    """The fault that an exception of a task means."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, asyncio.CancelledError):
        return Stopping("The worker stops.")
    if isinstance(error, ParkingError):
        return _of_ours(error)
    if is_outage(error):
        return DatabaseUnavailable("The database was not available.")
    log.error("run_failed_unexpectedly", exc_info=error)
    return InternalError(f"A mistake in the task: {type(error).__name__}.")


def _of_ours(error: ParkingError) -> Fault:
    if isinstance(error, StaleEnvironment):
        return EnvironmentMoved("The environment was just moved.")
    if isinstance(error, SecretUnreadable):
        return KeyUnknown(error.message)
    return EnvironmentMoves(error.message) if isinstance(error, EnvironmentMoving) else _Refused(error)


class _Refused(Fault):
    """The domain refused what the task wanted."""

    def __init__(self, error: ParkingError) -> None:
        super().__init__(error.message)
        self.error_class = error.code


def _ending(context: Attempt, fault: Fault) -> Ending | None:
    """Whether the run ends, is tried again later, or goes back as it stands."""
    if isinstance(fault, LeaseLost):
        log.warning("lease_lost")
        return None
    if isinstance(fault, Stopping):
        context.runlog.info("given_back", "The worker stopped; the run goes on elsewhere.")
        return Ending(RunState.QUEUED)
    if isinstance(fault, EnvironmentMoves):
        context.runlog.info("given_back", "The environment is being moved; the run goes on where it will be.")
        return Ending(RunState.QUEUED, fault.error_class, fault.message, MOVING_PAUSE, is_counted=False)
    pause = _pause(context, fault)
    context.runlog.error(
        fault.error_class, fault.message, attempt=context.claim.failures, retry_in_s=pause and pause.total_seconds()
    )
    if pause is None:
        return Ending(RunState.FAILED, fault.error_class, fault.message)
    return Ending(RunState.QUEUED, fault.error_class, fault.message, pause)


def _pause(context: Attempt, fault: Fault) -> timedelta | None:
    """How long until the next attempt; None when there is none.

    A vendor that asks for a longer wait than we would take is left alone: the run ends, its schedule comes again.
    """
    failures = context.claim.failures
    if not fault.is_passing or failures >= context.task.attempts:
        return None
    rule = context.claim.rule or context.task.rule
    wanted = fault.retry_after or timedelta(0)
    return (
        max(wanted, retry_pause(failures, rule, shared_random()))
        if may_wait(wanted, rule, context.task.longest_wait)
        else None
    )


def _lost() -> LeaseLost:
    return LeaseLost("The run was given to another worker.")

"""The stateful test: any order of acts, by any of the tenants, leads to no sight of another.

Hypothesis drives it from a thread; every act runs on the one loop, in one context, as a process works that lives long. The
world lives on from example to example, and so do its caches.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from typing_extensions import override

from opscom.platform import Platform
from tests.fixtures.jobs import Desk
from tests.fixtures.platform import MakeTenant
from tests.isolation import acts
from tests.isolation.looking import Looking
from tests.isolation.world import EVERYBODY, OWNERS, Parts, World, open_world

USUAL = 12
EXAMPLES = int(os.environ.get("OPSCOM_ISOLATION_EXAMPLES", USUAL))
STEPS = 30
PATIENCE_S = 120

Act = Callable[..., Coroutine[Any, Any, None]]
Given = Mapping[str, st.SearchStrategy[Any]]

ANYBODY: Given = {"label": st.sampled_from(EVERYBODY)}
OWNER: Given = {"label": st.sampled_from(OWNERS)}
ANYWHERE: Given = {**ANYBODY, "gateway": st.integers(0, 1)}
NUMBER = st.integers(0, 40)

ACTS: Mapping[Act, tuple[int, Given]] = {
    acts.add_group: (6, ANYWHERE),
    acts.add_group_twice: (3, ANYWHERE),
    acts.fail_in_sql: (3, ANYBODY),
    acts.fail_by_timeout: (1, ANYBODY),
    acts.read: (6, ANYWHERE),
    acts.read_with_error: (3, ANYWHERE),
    acts.read_as_guest: (4, ANYWHERE),
    acts.read_mail: (2, ANYWHERE),
    acts.hang_up: (4, {**ANYWHERE, "after": NUMBER}),
    acts.carry_cookies: (4, {**ANYWHERE, "other": st.sampled_from(EVERYBODY)}),
    acts.log_in_again: (2, ANYBODY),
    acts.fail_to_log_in: (1, ANYWHERE),
    acts.queue_job: (3, ANYBODY),
    acts.write_mail: (2, ANYBODY),
    acts.work_off: (3, {}),
    acts.take_backup: (1, OWNER),
    acts.export_data: (1, ANYBODY),
    acts.refresh_preview: (1, {"which": NUMBER}),
    acts.restore_backup: (1, {**OWNER, "which": NUMBER}),
    acts.suspend: (2, {**OWNER, "is_suspended": st.booleans()}),
    acts.rename: (1, OWNER),
    acts.replace_tenant: (1, {"label": st.just("c")}),
    acts.end_backends: (2, {"only_idle": st.booleans()}),
    acts.hear: (2, {}),
}
"""Everything that happens: how often beside the others, and with what."""

BY_NAME = {act.__name__: act for act in ACTS}
OFTEN = [act.__name__ for act, (often, _) in ACTS.items() for _ in range(often)]
HAPPENING = st.sampled_from(OFTEN).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(dict(ACTS[BY_NAME[name]][1])))
)


@dataclass
class Bridge:
    """From Hypothesis's thread to the loop, all of it in one context. ``found`` is the first failure, with what led to it.

    After it nothing is done any more: a world that remembers can not be played again.
    """

    loop: asyncio.AbstractEventLoop
    context: Context
    history: list[str] = field(default_factory=list)
    found: Exception | None = None

    def __call__(self, act: Coroutine[Any, Any, None], name: str = "") -> None:
        """Do it there and wait for it here."""
        if self.found is not None:
            act.close()
            raise self.found
        self.history += [name] if name else []
        done: Future[None] = Future()

        def start() -> None:
            task = self.loop.create_task(act, context=self.context)
            task.add_done_callback(lambda _task: _told(task, done))

        self.loop.call_soon_threadsafe(start)
        try:
            done.result(PATIENCE_S)
        except Exception as error:
            error.add_note("after " + ", ".join(self.history))
            self.found = error
            raise


@dataclass
class Stage:
    """What one machine plays on."""

    world: World
    looking: Looking
    do: Bridge


class Neighbours(RuleBasedStateMachine):
    """The acts, in any order: one rule, since of many Hypothesis leaves some out for a whole example.

    ``stage`` is set by a subclass for each test.
    """

    stage: Stage

    @initialize()
    def begin(self) -> None:
        """Everybody has something of their own."""
        self.stage.do.history.clear()
        for label in EVERYBODY:
            self.stage.do(acts.add_group(self.stage.world, label, 0))

    @rule(happening=HAPPENING)
    def happens(self, happening: tuple[str, dict[str, Any]]) -> None:
        """One act."""
        name, given = happening
        self.stage.do(BY_NAME[name](self.stage.world, **given), f"{name} {given}")

    @invariant()
    def looked(self) -> None:
        """Nothing of others is seen where nobody asked."""
        self.stage.do(self.stage.looking.around())

    @override
    def teardown(self) -> None:
        for label in OWNERS:
            self.stage.do(acts.suspend(self.stage.world, label, is_suspended=False))
        self.stage.do(self.stage.looking.everywhere())


@asynccontextmanager
async def staged(
    platform: Platform, desk: Desk, make_tenant: MakeTenant, parts: Parts | None = None
) -> AsyncIterator[Stage]:
    """A world, somebody who looks at it, and the way there."""
    desk.define(acts.TASK, acts.job, attempts=3)
    async with open_world(platform, desk, make_tenant, parts) as world, AsyncExitStack() as stack:
        looking = Looking(world, stack)
        await looking.begin()
        yield Stage(world, looking, Bridge(asyncio.get_running_loop(), copy_context()))


async def play(stage: Stage, *, examples: int = EXAMPLES) -> None:
    """Play so many examples; raises what the machine found first."""
    machine = type("AnyOrder", (Neighbours,), {"stage": stage})
    how = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=examples <= USUAL,  # the long form plays something else each time
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        await asyncio.to_thread(run_state_machine_as_test, machine, settings=how)
    finally:
        if stage.do.found is not None:
            raise stage.do.found


def _told(task: asyncio.Task[None], done: Future[None]) -> None:
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)

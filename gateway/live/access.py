"""Whether those who watch with a login may still watch: asked again on a note about access, and every half minute.

One question for all logins of an environment. What was begun as a guest is never asked about.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from domain.kernel.actor import Actor
from domain.users.events import ACCESS
from tenants.environments import Environment

if TYPE_CHECKING:
    from gateway.live.viewer import Watch

log = structlog.get_logger(__name__)

EVERY_S = 30.0

Recheck = Callable[[Environment, frozenset[UUID]], Awaitable[Mapping[UUID, Actor]]]
"""Who stands behind these logins now; one that is missing has ended. May fail while a database is away."""
Changed = Callable[["Watch", Actor | None], None]
"""What to do with a watch whose person is another one now (other permissions, another type), or nobody."""


async def nobody_logs_in(_environment: Environment, _logins: frozenset[UUID]) -> Mapping[UUID, Actor]:
    """For a hub whose viewers have no logins."""
    return {}


class Watchmen:
    """The watches that were begun with a login, by environment."""

    def __init__(self, recheck: Recheck, when_changed: Changed) -> None:
        self._recheck = recheck
        self._when_changed = when_changed
        self._watches: dict[UUID, dict[UUID, set[Watch]]] = {}
        self._asked_at: defaultdict[UUID, float] = defaultdict(lambda: float("-inf"))
        self._asking: dict[UUID, asyncio.Task[None]] = {}
        self._again: set[UUID] = set()

    def begin(self, watch: Watch) -> None:
        """Look after a watch, if it was begun with a login."""
        login = watch.view.who.login_id
        if login is not None:
            self._watches.setdefault(watch.view.environment.id, {}).setdefault(login, set()).add(watch)

    def end(self, watch: Watch) -> None:
        """Look after it no more."""
        login, environment_id = watch.view.who.login_id, watch.view.environment.id
        of_login = self._watches.get(environment_id, {}).get(login) if login else None
        if of_login is None or login is None:
            return
        of_login.discard(watch)
        if not of_login:
            del self._watches[environment_id][login]
        if not self._watches[environment_id]:
            del self._watches[environment_id]
            self._asked_at.pop(environment_id, None)

    def noted(self, environment: Environment, topics: frozenset[str]) -> None:
        """A note arrived: ask at once if it is about access."""
        if topics & ACCESS:
            self.ask(environment)

    def due(self, now: float) -> list[UUID]:
        """The environments to ask about by now; they count as asked."""
        found = [one for one in self._watches if now - self._asked_at[one] >= EVERY_S]
        for environment_id in found:
            self._asked_at[environment_id] = now
        return found

    def ask(self, environment: Environment) -> None:
        """Ask about everybody in an environment. One question at a time: what is noted while one is under way is asked after it."""
        if environment.id not in self._watches:
            return
        if environment.id in self._asking:
            self._again.add(environment.id)
            return
        task = asyncio.get_running_loop().create_task(self._look(environment))
        self._asking[environment.id] = task

    async def _look(self, environment: Environment) -> None:
        """Who begins to watch while the question is under way is not answered by it."""
        asked = {login: list(watches) for login, watches in self._watches.get(environment.id, {}).items()}
        try:
            found = await self._recheck(environment, frozenset(asked))
        except Exception as error:  # noqa: BLE001 - viewers stay while the database is away; it is asked again
            log.warning("logins_not_checked", site=environment.primary_host, error=repr(error))
        else:
            for login, watches in asked.items():
                self._compare(watches, found.get(login))
        finally:
            del self._asking[environment.id]
            if environment.id in self._again:
                self._again.discard(environment.id)
                self.ask(environment)

    def _compare(self, watches: Iterable[Watch], actor: Actor | None) -> None:
        for watch in watches:
            if actor != watch.view.who:
                self._when_changed(watch, actor)

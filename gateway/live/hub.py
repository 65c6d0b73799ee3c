"""The hub of one process: which feeds there are, who watches them, and what wakes them.

It follows an environment's channel on the bus while somebody watches it; a note carries topics and no data.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from math import ceil
from time import monotonic
from uuid import UUID

from domain.kernel.actor import Actor
from domain.kernel.errors import LoginRequired, StaleEnvironment
from gateway.live.access import Recheck, Watchmen, nobody_logs_in
from gateway.live.caps import Attendance, Caps
from gateway.live.counters import Counters
from gateway.live.door import Door, Gone
from gateway.live.feed import Feed, Pace
from gateway.live.room import Environments, Notes, Room
from gateway.live.turns import Turns
from gateway.live.viewer import Viewer, Watch
from gateway.live.views import Admit, FeedKey, Relocate, RenderView, View, key_of
from schema.operations.errors import Code, Refused, expected_error, internal_error, refused
from schema.operations.execution import Answer
from tenants.environments import Environment, State

TICK_S = 1.0
BEHIND_S = 20.0
RENDERS_AT_ONCE = 4
SLICE_S = 0.25

TRY_AGAIN_LATER = 1013
SERVICE_RESTART = 1012

LOGIN_OVER = "The login is over: log in, then watch again."

NOWHERE = UUID(int=0)
"""Stands for the ops host where an environment's id is counted by."""


class Hub:
    """All feeds and viewers of this process. ``run`` must run as a task; ``drain`` ends it."""

    def __init__(
        self,
        environments: Environments,
        notes: Notes,
        render: RenderView,
        relocate: Relocate,
        *,
        admit: Admit = lambda _view: None,
        recheck: Recheck = nobody_logs_in,
        caps: Caps | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.counters = Counters()
        self.caps = caps or Caps()
        self.feeds: dict[FeedKey, Feed] = {}
        self.viewers: set[Viewer] = set()
        self.is_draining = False
        self._environments = environments
        self._notes = notes
        self._render_view = render
        self._relocate = relocate
        self._admit = admit
        self._pace = pace or Pace()
        self._attendance = Attendance(self.caps)
        self.door = Door(self.caps.handshakes)
        self._watchmen = Watchmen(recheck, self._changed)
        self._rooms: dict[UUID, Room] = {}
        self._owners = count(1)
        self._version = environments.version
        self._turns = Turns(RENDERS_AT_ONCE)
        notes.on_reconnect(self.touch_all)

    def check_room(self, environment_id: UUID, address: str) -> None:
        """Raise Refused (TOO_MANY_VIEWERS, RESTARTING) if one more viewer can not come in."""
        if self.is_draining:
            raise refused(Code.RESTARTING, "This server is about to restart: connect again.")
        full = self._attendance.full(environment_id, address)
        if full is not None:
            self.counters.refused[full] += 1
            raise refused(Code.TOO_MANY_VIEWERS, "Too many viewers at the moment: try again later.")

    async def wait_for_room(self, environment_id: UUID, address: str, gone: Gone) -> None:
        """Wait for one's turn at the door; ``gone`` returns if the peer goes away meanwhile.

        Raises Refused as ``check_room``, before the wait and after it.
        """
        self.check_room(environment_id, address)
        try:
            await self.door.enter(environment_id, gone)
        except Refused:
            self.counters.refused["door"] += 1
            raise
        self.check_room(environment_id, address)

    def enter(self, viewer: Viewer) -> None:
        """Let a viewer in. Raises Refused as ``check_room``: others may have come in since the viewer's was looked at."""
        self.check_room(viewer.environment_id, viewer.address)
        self._attendance.enter(viewer.environment_id, viewer.address)
        self.viewers.add(viewer)

    def current(self, environment: Environment) -> Environment:
        """The environment as the registry knows it now: a socket may be older than a move."""
        return self._environments.by_id(environment.id) or environment

    def leave(self, viewer: Viewer, reason: str) -> None:
        """Forget a viewer and all it watched. Doing it twice is no harm."""
        if viewer not in self.viewers:
            return
        self.viewers.discard(viewer)
        viewer.has_ended = True
        self.counters.ended[reason] += 1
        self._attendance.leave(viewer.environment_id, viewer.address)
        for watch in list(viewer.watches.values()):
            self.part(watch)

    def join(
        self, viewer: Viewer, view: View, name: str, *, prefix: bytes = b"", known_tag: str | None = None
    ) -> Watch:
        """Let a viewer watch a view under a name of its own.

        Raises Refused: TOO_MANY_VIEWS, COST_SPENT for one that nobody watches yet, or RESTARTING to a viewer that left.
        """
        self._align()
        if viewer not in self.viewers:
            raise refused(Code.RESTARTING, "This connection has ended: connect again.")
        key = key_of(view, next(self._owners))
        feed = self.feeds.get(key) or self._open(key, view)
        watch = Watch(viewer, feed, view, name, prefix=prefix, known_tag=known_tag)
        viewer.watches[name] = watch
        self._watchmen.begin(watch)
        feed.join(watch)
        return watch

    def part(self, watch: Watch) -> None:
        """End one watch. With the last one its feed ends, but for a pause in which somebody may come back."""
        self._watchmen.end(watch)
        watch.viewer.watches.pop(watch.name, None)
        watch.feed.watches.pop(watch, None)
        if watch.feed.watches:
            return
        if self.is_draining:
            self._close(watch.feed)
        else:
            watch.feed.rest(partial(self._close, watch.feed))

    def touch_all(self) -> None:
        """Render every feed again: notes may have been lost."""
        for feed in list(self.feeds.values()):
            feed.touch()

    async def run(self) -> None:
        """Once a second until cancelled: hang up on who is behind too long, and break silences."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick(monotonic())

    def tick(self, now: float) -> None:
        """What ``run`` does once a second."""
        self._align()
        for environment_id in self._watchmen.due(now):
            environment = self._environments.by_id(environment_id)
            if environment is not None:
                self._watchmen.ask(environment)
        for viewer in list(self.viewers):
            if viewer.behind_since is not None and now - viewer.behind_since > BEHIND_S:
                self.dismiss(viewer, TRY_AGAIN_LATER, "too slow")
            elif now - viewer.last_write > viewer.silence_s:
                viewer.say(viewer.heartbeat())

    def dismiss(self, viewer: Viewer, code: int, reason: str) -> None:
        """Forget a viewer and end its connection."""
        self.leave(viewer, reason)
        viewer.close(code, reason)

    async def drain(self, seconds: float) -> None:
        """Let nobody in any more and send everybody away in slices, so that they come back elsewhere in slices too."""
        self.is_draining = True
        self.door.open_wide()
        steps = max(1, ceil(seconds / SLICE_S))
        while self.viewers:
            leaving = list(self.viewers)[: ceil(len(self.viewers) / steps)]
            for viewer in leaving:
                self.dismiss(viewer, SERVICE_RESTART, "restart")
            steps = max(1, steps - 1)
            await asyncio.sleep(SLICE_S if self.viewers else 0)
        for feed in list(self.feeds.values()):  # those that nobody watched when this began
            self._close(feed)
        await self._turns.settle()

    def _open(self, key: FeedKey, view: View) -> Feed:
        room = self._rooms.get(key.environment_id)
        if room is not None and room.is_full(key, self.caps):
            self.counters.refused["views"] += 1
            raise refused(Code.TOO_MANY_VIEWS, "Too many different live operations at the moment: try again later.")
        self._admit(view)
        if room is None:
            room = self._rooms[key.environment_id] = Room(
                self.current(view.environment), self._watchmen, self._turns.of_room()
            )
            room.follow(self._notes)
        execute = partial(self._execute, view)
        feed = Feed(
            key,
            execute,
            self._pace,
            self.counters,
            turns=room.turns,
            topics=view.operation.topics,
            when_refused=self._refused,
        )
        self.feeds[key] = feed
        room.add(feed)
        return feed

    def _refused(self, feed: Feed) -> None:
        """The feed will never start; it tells its viewers itself."""
        for watch in feed.watches:
            self._watchmen.end(watch)
        self._close(feed)

    def _close(self, feed: Feed) -> None:
        feed.end()
        key = feed.key
        if self.feeds.get(key) is not feed:
            return
        del self.feeds[key]
        room = self._rooms[key.environment_id]
        room.remove(feed)
        if not room.feeds:
            room.unfollow(self._notes)
            del self._rooms[key.environment_id]

    async def _execute(self, view: View) -> Answer:
        """Render a view in its environment as the registry knows it now, and once more if that has just moved."""
        environment = self.current(view.environment)
        answer = await self._render_view(view, environment)
        if not _is_stale(answer):
            return answer
        try:
            found = await self._relocate(environment)
        except Exception as error:  # noqa: BLE001 - the registry is away as well: the next try comes by itself
            return Answer(None, [internal_error(error, view.operation.label)], is_faulty=True)
        if found is not None and found != environment:
            answer = await self._render_view(view, found)
        return Answer(None, answer.errors, is_faulty=True) if _is_stale(answer) else answer

    def _changed(self, watch: Watch, actor: Actor | None) -> None:
        """Somebody who watches is nobody now, or may see other things: end the watch, or let it watch what it may."""
        if watch.viewer.watches.get(watch.name) is not watch:
            return
        wanted = watch.view.seen_by(actor) if actor is not None else None
        if wanted is not None and wanted.actor == watch.view.actor:  # what is new makes no difference here
            watch.view = wanted
            return
        self.part(watch)
        if wanted is None:
            watch.viewer.refuse(watch, [expected_error(LoginRequired(LOGIN_OVER))])
            return
        try:
            self.join(watch.viewer, wanted, watch.name, prefix=watch.prefix)
        except Refused as error:
            watch.viewer.refuse(watch, error.errors)

    def _align(self) -> None:
        """After a change of the registry: environments that moved are rendered anew, closed ones sent away."""
        if self._version == self._environments.version:
            return
        self._version = self._environments.version
        for environment_id in {viewer.environment_id for viewer in self.viewers} - {NOWHERE}:
            found = self._environments.by_id(environment_id)
            if found is None or found.state is not State.ACTIVE:
                self._empty(environment_id)
        for environment_id, room in self._rooms.items():
            found = self._environments.by_id(environment_id)
            if found is not None and found != room.environment:
                room.environment = found
                for feed in list(room.feeds):
                    feed.expire()

    def _empty(self, environment_id: UUID) -> None:
        for viewer in [v for v in self.viewers if v.environment_id == environment_id]:
            self.dismiss(viewer, SERVICE_RESTART, "closed")


def _is_stale(answer: Answer) -> bool:
    return any(error["extensions"]["code"] == StaleEnvironment.code for error in answer.errors)

"""Looking at everything that is not an answer: live frames, log lines and mail after each act, every store at the end."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from tests.gateway.asking import FakeSocket, connected
from tests.isolation.people import text_of
from tests.isolation.stores import overheard
from tests.isolation.world import EVERYBODY, MARK, PREVIEW, Leak, World

LIVE = "subscription { occupancy { pins { name } } }"


@dataclass
class Looking:
    """Watches every site's live map from the beginning, and remembers what was looked at already."""

    world: World
    stack: AsyncExitStack
    peers: dict[str, tuple[FakeSocket, int]] = field(default_factory=dict)
    heard: list[tuple[str, str]] = field(default_factory=list)
    lines: int = 0

    async def begin(self) -> None:
        """Overhear the channels, and watch."""
        self.heard = await self.stack.enter_async_context(overheard(self.world.platform))
        await self.around()

    async def around(self) -> None:
        """Live frames, messages on the channels, e-mails, and lines of the processes' logs."""
        for label in EVERYBODY:
            peer, seen = self.peers.get(label, (None, 0))
            if peer is not None:
                said = peer.said()
                self.peers[label] = peer, len(said)
                self.world.saw(label, text_of(said[seen:]), "a live map")
            if peer is None or any(message["type"] == "websocket.close" for message in peer.outgoing):
                await self._watch(label)
        self._channels()
        self._mail()
        self._logs()

    async def everywhere(self) -> None:
        """Every store, opened as its owner opens it."""
        for label in EVERYBODY:
            environment = self.world.environment(label)
            self.world.saw(label, await self.world.stores.tables(environment), "a table")
            self.world.saw(label, await self.world.stores.ledger(environment), "the run ledger")
        for key, value in (await self.world.stores.valkey()).items():
            if MARK.search(key + value):
                raise Leak(f"Valkey holds more than notes and counts: {key} = {value[:200]}")

    async def _watch(self, label: str) -> None:
        self.peers.pop(label, None)
        if self.world.homes[label].is_suspended:
            return
        somebody = self.world.admin(label) if label == PREVIEW else self.world.guest(label)
        with suppress(TimeoutError, AssertionError):
            socket = connected(somebody.app, somebody.headers(), path=somebody.portal)
            peer = await self.stack.enter_async_context(socket)
            peer.subscribe("1", LIVE)
            self.peers[label] = peer, 0

    def _channels(self) -> None:
        for channel, message in self.heard:
            if MARK.search(channel + message):
                raise Leak(f"a note carries data: {channel} {message}")
        self.heard.clear()

    def _mail(self) -> None:
        """What left the platform: never anything of a preview, and in each e-mail words of one tenant only."""
        for told in self.world.mailbox.arrived:
            bodies = [part.get_content() for part in told.mail.walk() if part.get_content_maintype() == "text"]
            said = f"{told.sender} {told.recipients} {told.mail.items()} {bodies}"
            marks = {found[1].lower() for found in MARK.finditer(said)}
            if PREVIEW in marks or len(marks) > 1:
                raise Leak(f"an e-mail shows {sorted(marks)}: {said[:400]}")
            self.world.done["an e-mail"] += bool(marks)
        self.world.mailbox.arrived.clear()

    def _logs(self) -> None:
        """A line may name marks of one tenant only, and no other's host or role."""
        fresh, self.lines = self.world.logs[self.lines :], len(self.world.logs)
        for line in fresh:
            said = repr(line)
            marks = {found[1].lower() for found in MARK.finditer(said)}
            for label in EVERYBODY:
                environment = self.world.environment(label)
                if environment.role in said or str(environment.id) in said or environment.primary_host in said:
                    self.world.saw(label, said, "a log line")
            if len(marks - {"p"}) > 1:
                raise Leak(f"a log line is of several tenants: {said[:400]}")

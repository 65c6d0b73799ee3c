"""Answers to guests: equal questions run once, and an answer is kept until a live note says that it may have changed.

Only for queries in which nothing is personal. They run as a guest without a request, so that nothing of the one who asked
first can be in the answer for the others. What is kept is kept for ``FRESH_S`` at most, as live feeds are rendered again
after that time: notes may be lost, and the clock moves.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from gateway.asgi import Message
from gateway.live.room import Environments, Notes, Topics
from schema.operations.execution import Answer
from tenants.environments import Environment

FRESH_S = 15.0
MOST = 5_000
MOST_BYTES = 64 << 20

Run = Callable[[], Awaitable[Answer]]


class Question(NamedTuple):
    """What makes two guests' questions the same in one environment."""

    environment: UUID
    api: str
    operation: str
    variables: bytes


Words = tuple[object, ...]
"""A request as it was sent. Equal words need not be understood again (``gateway.quick``)."""


@dataclass(eq=False, slots=True)
class Kept:
    """An answer that holds for now. ``words`` are the requests that it answers.

    ``version``: of the registry when ``environment`` was last looked at; none yet in an answer that has just come.
    """

    question: Question
    environment: Environment
    topics: Topics
    answer: Answer
    body: Message
    size: int
    until: float
    version: int | None = None
    words: list[Words] = field(default_factory=list)


class GuestAnswers:
    """The answers of one process. The oldest go first when there are too many."""

    def __init__(
        self,
        environments: Environments,
        notes: Notes,
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._environments = environments
        self._notes = notes
        self._most = most
        self._bytes_left = most_bytes
        self._clock = clock
        self._kept: OrderedDict[Question, Kept] = OrderedDict()
        self._by_words: dict[Words, tuple[Kept, Message]] = {}
        self._under_way: dict[Question, _Flight] = {}
        self._rooms: dict[UUID, _Room] = {}
        self.hits = 0
        self.shared = 0
        self.runs = 0
        notes.on_reconnect(self.forget_all)

    @property
    def count(self) -> int:
        """How many answers are kept now."""
        return len(self._kept)

    def recall(self, words: Words) -> tuple[Message, Message] | None:
        """The answer to a request in just these words, if one holds: the messages that start and end the response."""
        known = self._by_words.get(words)
        if known is None or not self._holds(known[0]):
            return None
        self.hits += 1
        return known[1], known[0].body

    def find(self, question: Question) -> Kept | None:
        """The answer to a question, if one holds."""
        kept = self._kept.get(question)
        if kept is None or not self._holds(kept):
            return None
        self.hits += 1
        return kept

    def _holds(self, kept: Kept) -> bool:
        """Whether an answer is young enough, and its environment as it was. Most changes of the registry are of others."""
        if kept.until < self._clock():
            return False
        version = self._environments.version
        if kept.version != version:
            if self._environments.by_id(kept.environment.id) != kept.environment:
                return False
            kept.version = version
        return True

    async def run(
        self, question: Question, environment: Environment, topics: Topics, run: Run
    ) -> tuple[Answer, Kept | None]:
        """Answer a question, together with everybody who asks it meanwhile. The answer is kept if it has topics.

        One who hangs up ends nobody else's. A note that arrives while it runs ends the sharing: who asks after the note
        gets an answer from after the note.
        """
        flight = self._under_way.get(question)
        if flight is None or flight.environment != environment:
            self.runs += 1
            if topics:
                self._room(environment.id).flights[question] = topics
            flight = self._under_way[question] = _Flight(environment, asyncio.ensure_future(run()))
            flight.task.add_done_callback(lambda _done: self._landed(question, flight))
        else:
            self.shared += 1
        answer = await self._landing(question, flight)
        if topics and flight.holds and not answer.errors:
            return answer, self._keep(question, flight, topics, answer)
        return answer, None

    def remember(self, words: Words, kept: Kept, start: Message) -> None:
        """Know these words again as long as the answer holds. ``start`` begins the response to them."""
        is_known = self._kept.get(kept.question) is not kept or words in self._by_words
        if not is_known and len(kept.words) < _MOST_WORDS and self._bytes_left > 0:
            kept.words.append(words)
            self._bytes_left -= _size_of(words)
            self._by_words[words] = kept, start

    def forget_all(self) -> None:
        """Notes may have been lost."""
        for kept in list(self._kept.values()):
            self._drop(kept)
        for flight in self._under_way.values():
            flight.holds = False
        self._under_way.clear()

    async def _landing(self, question: Question, flight: _Flight) -> Answer:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not (flight.waiting or flight.task.done()):  # the last one hung up
                flight.task.cancel()
                self._landed(question, flight)

    def _landed(self, question: Question, flight: _Flight) -> None:
        if self._under_way.get(question) is flight:
            del self._under_way[question]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # whoever waited has met it; nobody may have

    def _keep(self, question: Question, flight: _Flight, topics: Topics, answer: Answer) -> Kept:
        known = self._kept.get(question)
        if known is not None and known is flight.kept:
            return known
        if known is not None:
            self._drop(known)
        body = answer.to_json()
        whole: Message = {"type": "http.response.body", "body": body}
        kept = Kept(question, flight.environment, topics, answer, whole, len(body), self._clock() + FRESH_S)
        flight.kept = self._kept[question] = kept
        self._bytes_left -= kept.size
        self._room(question.environment).kept[kept] = None
        while len(self._kept) > self._most or (self._bytes_left < 0 and len(self._kept) > 1):
            self._drop(next(iter(self._kept.values())))
        return kept

    def _drop(self, kept: Kept) -> None:
        del self._kept[kept.question]
        self._bytes_left += kept.size
        for words in kept.words:
            del self._by_words[words]
            self._bytes_left += _size_of(words)
        self._rooms[kept.question.environment].kept.pop(kept, None)

    def _room(self, environment_id: UUID) -> _Room:
        """The answers of one environment, which its notes are followed for while there are some."""
        room = self._rooms.get(environment_id)
        if room is None:
            room = self._rooms[environment_id] = _Room(lambda topics: self._noted(environment_id, topics))
            self._notes.follow(environment_id, room.callback)
            self._sweep_later(environment_id)
        return room

    def _noted(self, environment_id: UUID, topics: Topics) -> None:
        room = self._rooms[environment_id]
        for kept in [kept for kept in room.kept if kept.topics & topics]:
            self._drop(kept)
        for question in [question for question, followed in room.flights.items() if followed & topics]:
            flight = self._under_way.pop(question, None)
            if flight is not None:
                flight.holds = False
            del room.flights[question]

    def _sweep_later(self, environment_id: UUID) -> None:
        asyncio.get_running_loop().call_later(FRESH_S, self.sweep, environment_id)

    def sweep(self, environment_id: UUID) -> None:
        """Let go of what is too old, and of an environment that has nothing left."""
        room, now = self._rooms.get(environment_id), self._clock()
        if room is None:
            return
        for kept in [kept for kept in room.kept if kept.until < now]:
            self._drop(kept)
        room.flights = {question: topics for question, topics in room.flights.items() if question in self._under_way}
        if room.kept or room.flights:
            self._sweep_later(environment_id)
            return
        self._notes.unfollow(environment_id, room.callback)
        del self._rooms[environment_id]


_MOST_WORDS = 8
"""Requests that ask one question in different words; more of them are a game."""


def _size_of(words: Words) -> int:
    """The bytes of a request as it is remembered."""
    return sum(len(part) for part in words if isinstance(part, bytes | str))


@dataclass(eq=False, slots=True)
class _Flight:
    """A question that is being answered; ``holds`` until a note says that the answer may be old already."""

    environment: Environment
    task: asyncio.Future[Answer]
    holds: bool = True
    waiting: int = 0
    kept: Kept | None = None


class _Room:
    """What is kept and under way in one environment."""

    def __init__(self, callback: Callable[[Topics], None]) -> None:
        self.callback = callback
        self.kept: dict[Kept, None] = {}
        self.flights: dict[Question, Topics] = {}

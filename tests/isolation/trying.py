"""Trying ids that are not the caller's own in every place that takes one, and telling what answered otherwise than nothing."""

from __future__ import annotations

from binascii import a2b_base64
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import GraphQLSchema

from schema.operations.errors import Code
from tests.isolation.people import Person, text_of
from tests.isolation.scene import unknown
from tests.isolation.walk import Call, Place, call, normal, places, spoken_type

Reply = Callable[[Call], Awaitable[str]]
State = Callable[[], Awaitable[object]]

NO_ANSWER = (Code.INTERNAL, Code.COST_SPENT, Code.TOO_MANY_AT_ONCE)
"""A fault of ours; and what would be the same for any id, since nobody looked at it."""


@dataclass(frozen=True)
class Trial:
    """Who tries what: ``reply`` answers the caller's calls, ``state`` is what must stay as it is.

    ``number`` is that of the caller's tenant, ``own`` are ids that the caller may name, by type.
    """

    schema: GraphQLSchema
    reply: Reply
    number: int
    own: Mapping[str, str]
    state: State


async def leaks(trial: Trial, foreign: Iterable[str]) -> list[str]:
    """Every place and id for which the answer is not that for an unknown id, is a fault of ours, or changes the others."""
    found: list[str] = []
    tried = by_type(foreign)
    before = await trial.state()
    for place in places(trial.schema):
        plain: dict[str, str] = {}
        for one in _fitting(place, tried):
            kind = type_in(one)
            if kind not in plain:
                plain[kind] = await _answer(trial, place, unknown(kind, trial.number))
            answered = await _answer(trial, place, one)
            if answered != plain[kind] or any(code in answered for code in NO_ANSWER):
                found.append(f"{place.label} with a {kind}: {answered} instead of {plain[kind]}")
        if place.kind == "mutation" and (now := await trial.state()) != before:
            found.append(f"{place.label} changed what is not the caller's")
            before = now
    if await trial.state() != before:
        found.append("a question changed what is not the caller's")
    return found


def of_person(person: Person) -> Reply:
    """The answers to a browser: status and body over HTTP, the first message over a WebSocket."""

    async def reply(call: Call) -> str:
        if call.kind == "subscription":
            return text_of(await person.first_word(call.document, **call.variables))
        response = await person.ask(call.document, **call.variables)
        return f"{response.status} {response.body.decode()}"

    return reply


def type_in(tried: str) -> str:
    """The type that an id is of."""
    return a2b_base64(tried).decode().partition(":")[0]


def by_type(ids: Iterable[str]) -> Mapping[str, list[str]]:
    """Ids by the type they are of, in order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in sorted(set(ids)):
        found[type_in(one)].append(one)
    return found


def _fitting(place: Place, known: Mapping[str, list[str]]) -> Iterator[str]:
    """All ids of the type that the place speaks of, one of each other; all of all where it speaks of none."""
    spoken = spoken_type(place.way, place.name, known)
    for name, ids in known.items():
        yield from ids if spoken in {name, ""} else ids[:1]


async def _answer(trial: Trial, place: Place, tried: str) -> str:
    return normal(await trial.reply(call(trial.schema, place, tried, trial.own)), tried)

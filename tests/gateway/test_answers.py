"""Answers to guests: shared while they run, kept until a note, never for anybody else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.answers import FRESH_S, GuestAnswers, Question
from schema.operations.execution import Answer
from tests.gateway.asking import JSON, ask, connected, query, settled
from tests.gateway.toy import HOST, Notes, Sites, Toy, actor_with, environment_at

COUNT = "{ count }"
TOPICS = frozenset({"count"})


async def count(toy: Toy, **headers: str) -> int:
    response = await query(toy.app, COUNT, headers)
    found: int = response.json()["data"]["count"]
    return found


async def test_an_answer_is_kept_until_a_note_says_that_it_may_have_changed(toy: Toy) -> None:
    before = [await count(toy) for _ in range(3)]
    toy.notes.publish(toy.environment.id, frozenset({"something else"}))
    same = await count(toy)
    toy.change()
    after = [await count(toy) for _ in range(3)]

    assert (before, same, after) == ([0, 0, 0], 0, [1, 1, 1])
    assert toy.world.runs == 2


async def test_an_answer_in_the_same_words_is_counted_and_one_in_others_is_told_of_too(toy: Toy) -> None:
    await ask(toy.app, {"query": COUNT})
    await ask(toy.app, {"query": COUNT})
    await ask(toy.app, {"query": COUNT + " "})

    assert [(o.outcome, o.is_kept) for o in toy.told] == [("ok", False), ("ok", True)]
    assert toy.endpoint.answers.hits == 2


async def test_the_same_question_in_other_words_is_the_same_question(toy: Toy) -> None:
    await ask(toy.app, {"query": COUNT})
    await ask(toy.app, {"query": "{\n  count # of cars\n}"})
    await ask(toy.app, headers={}, method="GET", query="query=%7Bcount%7D")
    async with connected(toy.app) as peer:
        peer.subscribe("a", COUNT)
        said = await peer.until(3)

    assert toy.world.runs == 1
    assert said[1]["payload"] == {"data": {"count": 0}}


async def test_who_sends_a_cookie_gets_an_answer_of_its_own(toy: Toy) -> None:
    toy.world.actors["ann"] = actor_with()
    for _ in range(2):
        await count(toy, cookie="toy=ann")

    assert toy.world.runs == 2


async def test_what_has_no_topics_is_not_kept(toy: Toy) -> None:
    for _ in range(2):
        await query(toy.app, "{ count schemaName }")

    assert toy.world.runs == 4


async def test_equal_questions_run_once_while_they_run(toy: Toy) -> None:
    toy.world.is_held = True
    asking = [asyncio.ensure_future(count(toy)) for _ in range(5)]
    await settled()
    toy.world.gate.set()

    assert await asyncio.gather(*asking) == [0] * 5
    assert toy.world.runs == 1


async def test_who_asks_after_a_note_gets_no_answer_from_before_it(toy: Toy) -> None:
    toy.world.is_held = True
    early = asyncio.ensure_future(count(toy))
    await settled()
    toy.change()
    late = asyncio.ensure_future(count(toy))
    await settled()
    toy.world.gate.set()

    assert (await early, await late) == (0, 1)
    assert await count(toy) == 1


async def test_one_who_hangs_up_ends_nobody_elses_answer(toy: Toy) -> None:
    toy.world.is_held = True
    first, second = (asyncio.ensure_future(count(toy)) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    toy.world.gate.set()

    assert await second == 0


async def test_errors_are_not_kept(toy: Toy) -> None:
    for _ in range(2):
        assert (await query(toy.app, "{ count broken }")).codes == ["INTERNAL"]

    assert toy.world.runs == 2


async def test_after_a_loss_of_notes_nothing_is_kept(toy: Toy) -> None:
    await count(toy)
    toy.world.count = 7
    for callback in toy.notes.reconnected:
        callback()

    assert await count(toy) == 7


async def test_after_a_change_of_the_registry_answers_are_made_anew(toy: Toy) -> None:
    await count(toy)
    toy.sites.put(replace(toy.environment, schema="s_000002"))
    await count(toy)

    assert toy.world.runs == 2


async def test_an_answer_is_not_kept_for_an_environment_that_changed_while_it_was_made(toy: Toy) -> None:
    """It was marked with the registry's version at its end, and so held for the environment as it was before."""
    toy.world.is_held = True
    early = asyncio.ensure_future(count(toy))
    await settled()
    toy.sites.put(replace(toy.environment, schema="s_000002"))
    toy.world.gate.set()
    await early

    await count(toy)

    assert toy.world.runs == 2


async def test_answers_of_one_api_are_not_another_ones(toy: Toy) -> None:
    response = await ask(toy.app, {"query": COUNT}, JSON | {"host": "suspended.ops-com.localhost"})
    await count(toy)

    assert (response.status, toy.world.runs) == (503, 1)


class Clock:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def told(text: str) -> Callable[[], Awaitable[Answer]]:
    async def run() -> Answer:
        return Answer({"text": text})

    return run


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_an_answer_is_kept_for_seconds_at_most(clock: Clock) -> None:
    environment = environment_at(HOST)
    question = Question(environment.id, "toy", "id", b"")
    sites = Sites(environment)
    answers = GuestAnswers(sites, Notes(), clock=clock)
    await answers.run(question, environment, TOPICS, told("old"))

    clock.now += FRESH_S
    kept = answers.find(question)
    clock.now += 0.1
    gone = answers.find(question)

    assert (kept is not None, gone) == (True, None)


@pytest.mark.parametrize("bound", [{"most": 3}, {"most_bytes": 3 * len('{"data":{"text":"xxxx"}}')}])
async def test_what_is_kept_is_bounded(clock: Clock, bound: dict[str, int]) -> None:
    environment = environment_at(HOST)
    sites = Sites(environment)
    answers = GuestAnswers(sites, Notes(), clock=clock, **bound)
    questions = [Question(environment.id, "toy", f"id{n}", b"") for n in range(5)]
    for question in questions:
        await answers.run(question, environment, TOPICS, told("xxxx"))

    assert [answers.find(q) is not None for q in questions] == [False, False, True, True, True]


async def test_words_that_fill_the_memory_are_not_remembered(clock: Clock) -> None:
    """Eight kilobytes of spaces around each of thousands of queries."""
    environment = environment_at(HOST)
    answers = GuestAnswers(Sites(environment), Notes(), clock=clock, most_bytes=1_000)
    _, kept = await answers.run(Question(environment.id, "toy", "id", b""), environment, TOPICS, told("x"))
    assert kept is not None
    for number in range(5):
        answers.remember(("POST", "/graphql", b"%d" % number + b" " * 600), kept, {})

    assert len(kept.words) == 2
    answers.forget_all()
    _, again = await answers.run(Question(environment.id, "toy", "id", b""), environment, TOPICS, told("x"))
    assert again is not None
    answers.remember(("POST", "/graphql", b" " * 600), again, {})
    assert len(again.words) == 1


async def test_the_notes_of_an_environment_are_followed_while_something_of_it_is_kept(clock: Clock) -> None:
    environment, notes = environment_at(HOST), Notes()
    answers = GuestAnswers(Sites(environment), notes, clock=clock)
    await answers.run(Question(environment.id, "toy", "id", b""), environment, TOPICS, told("x"))
    assert environment.id in notes.callbacks

    clock.now += FRESH_S + 1
    answers.sweep(environment.id)

    assert environment.id not in notes.callbacks


async def test_a_second_sweep_of_an_environment_finds_nothing_to_do(clock: Clock) -> None:
    """Once it was a KeyError in the loop: what is kept may be gone before its timer rings."""
    environment, notes = environment_at(HOST), Notes()
    answers = GuestAnswers(Sites(environment), notes, clock=clock)
    await answers.run(Question(environment.id, "toy", "id", b""), environment, TOPICS, told("x"))
    clock.now += FRESH_S + 1

    answers.sweep(environment.id)
    answers.sweep(environment.id)

    assert environment.id not in notes.callbacks

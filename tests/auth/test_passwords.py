"""Argon2id: its parameters, its bounds, and that it keeps the loop free."""

import asyncio
import re

import pytest
from argon2 import PasswordHasher

from auth.errors import LoginsBusy, PasswordRefused
from auth.passwords import Passwords, new_password

SLOW = PasswordHasher(time_cost=8, memory_cost=64 * 1024, parallelism=1)


@pytest.fixture
def passwords() -> Passwords:
    """What a process uses."""
    return Passwords()


async def test_a_hash_has_at_least_the_recommended_parameters(passwords: Passwords) -> None:
    """Attack 82: m=19 MiB, t=2, p=1."""
    stored = await passwords.hash("correct horse battery")

    found = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", stored)
    assert found is not None
    memory, passes, lanes = map(int, found.groups())
    assert (memory >= 19 * 1024, passes >= 2, lanes >= 1) == (True, True, True)


async def test_a_password_is_verified_exactly_as_typed(passwords: Passwords) -> None:
    """ASVS 6.2.8: no case, space or letter is changed."""
    stored = await passwords.hash("Correct Horse \u00e9 battery")

    assert (await passwords.verify("Correct Horse \u00e9 battery", stored)).is_right
    for other in ("correct Horse \u00e9 battery", "Correct Horse \u00e9 battery ", "Correct Horse e\u0301 battery"):
        assert not (await passwords.verify(other, stored)).is_right


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 1025, "é" * 513, "\ud800" * 20])
async def test_a_password_too_short_or_too_long_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(PasswordRefused):
        await passwords.hash(password)


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA"])
async def test_nothing_matches_no_hash_or_a_broken_one(passwords: Passwords, stored: str | None) -> None:
    assert not (await passwords.verify("correct horse battery", stored)).is_right


async def test_the_loop_goes_on_while_a_password_is_hashed() -> None:
    passwords = Passwords(SLOW)
    hashing = asyncio.create_task(passwords.hash("correct horse battery"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 100


async def test_a_storm_is_refused_and_not_queued_for_ever() -> None:
    passwords = Passwords(SLOW, threads=1, waiting=2)

    outcomes = await asyncio.gather(
        *(passwords.hash("correct horse battery") for _ in range(10)), return_exceptions=True
    )

    assert sum(isinstance(outcome, LoginsBusy) for outcome in outcomes) == 7
    assert (await passwords.verify("correct horse battery", str(outcomes[0]))).is_right


def test_new_passwords_differ_and_are_long() -> None:
    made = {new_password() for _ in range(100)}

    assert len(made) == 100
    assert all(len(password) == 27 for password in made)

"""Argon2id, off the event loop: a few threads with a bounded queue, so that a storm of logins cannot stop the rest."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from auth.errors import LoginsBusy, PasswordRefused

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SHORTEST, LONGEST = 12, 1024
"""Characters of a new password (PCI DSS 8.3.6), and bytes of any: longer ones are refused before they are hashed."""

# OWASP's cheat sheet on password storage: at least 19 MiB, two passes, one lane.
PARAMETERS = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
THREADS = 2
WAITING = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right; and its hash under the present parameters, where the stored one is older."""

    is_right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords. ``close`` ends its threads."""

    def __init__(self, hasher: PasswordHasher = PARAMETERS, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._hasher = hasher
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._free = threads + waiting
        # Nobody's password: verified for unknown users, so that they take as long as known ones.
        self._nobody = self._pool.submit(hasher.hash, secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash of a new password, in PHC form. Raises PasswordRefused for its length, LoginsBusy under a storm."""
        if len(password) < SHORTEST:
            raise PasswordRefused(f"A password has at least {SHORTEST} characters.", field="password")
        if not is_hashable(password):
            raise PasswordRefused(f"A password has at most {LONGEST} bytes of UTF-8.", field="password")
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Whether the password is the one hashed in ``stored``. Without one it takes as long and is wrong.

        What no password can be is wrong at once. Raises LoginsBusy.
        """
        if not is_hashable(password):
            return Verdict(is_right=False)
        return await self._in_thread(lambda: self._verify(password, stored))

    def close(self) -> None:
        """End the threads; what is being hashed is finished."""
        self._pool.shutdown()

    def _verify(self, password: str, stored: str | None) -> Verdict:
        try:
            self._hasher.verify(stored or self._nobody.result(), password)
        except (VerificationError, InvalidHashError):
            return Verdict(is_right=False)
        if stored is None:
            return Verdict(is_right=False)
        is_old = self._hasher.check_needs_rehash(stored)
        return Verdict(is_right=True, new_hash=self._hasher.hash(password) if is_old else None)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        if self._free <= 0:
            raise LoginsBusy
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._free += 1


def is_hashable(password: str) -> bool:
    """Whether it is UTF-8 text of an acceptable length; asked before anything is computed with it."""
    if len(password) > LONGEST:
        return False
    try:
        return len(password.encode()) <= LONGEST
    except UnicodeEncodeError:
        return False


def new_password() -> str:
    """A random password for a first login: 118 bits, in four groups of six characters that nobody confuses."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(6)) for _ in range(4))

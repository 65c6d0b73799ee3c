"""Accounts of the platform's own staff on the command line."""

from pathlib import Path
from uuid import uuid4

import pytest

from auth.asking import Caller, Entered
from auth.desks import Desks, open_desks
from auth.errors import LoginRefused
from domain.kernel.actor import Actor
from opscom.platform import Platform
from tests.auth.conftest import cookie_header
from tests.faults.doomed import run


async def test_somebody_of_the_staff_gets_another_password_and_is_shut_out(platform: Platform, tmp_path: Path) -> None:
    """There was no way to take an account away from who left."""
    name, said, desks = (
        f"olga-{uuid4()}@ops.example",
        tmp_path / "said",
        open_desks(platform.databases, platform.bus, platform.clock),
    )

    async def opscom(*words: str) -> str:
        said.unlink(missing_ok=True)
        assert await run(["staff", *words], platform.settings, said) == 0, said.read_text()
        return said.read_text()

    try:
        first = _password(await opscom("create", name, "--name", "Olga Ops"))
        begun = await _log_in(desks, name, first)
        second = _password(await opscom("new-password", name.upper()))
        assert await desks.staff.identify(begun) == Actor.guest()
        with pytest.raises(LoginRefused):
            await _log_in(desks, name, first)
        begun = await _log_in(desks, name, second)

        await opscom("disable", name)
        assert f"{name}\tOlga Ops\tdisabled" in await opscom("list")
        assert await desks.staff.identify(begun) == Actor.guest()
        with pytest.raises(LoginRefused):
            await _log_in(desks, name, second)

        await opscom("enable", name)
        assert await desks.staff.identify(begun) == Actor.guest()
        assert await _log_in(desks, name, second)
    finally:
        await desks.close()


async def test_an_account_that_is_not_there_is_told(platform: Platform, tmp_path: Path) -> None:
    for command in ("disable", "enable", "new-password"):
        said = tmp_path / command

        assert await run(["staff", command, "nobody@ops.example"], platform.settings, said) == 1
        assert "staff.not_found" in said.read_text()


async def test_an_account_has_a_name_that_people_can_read(platform: Platform, tmp_path: Path) -> None:
    said = tmp_path / "said"

    for name in ("", "Olga\nOps"):
        assert await run(["staff", "create", "nameless@ops.example", "--name", name], platform.settings, said) == 1
    assert await run(["staff", "list"], platform.settings, said) == 0

    assert said.read_text().count("invalid: A name is 1 to 200 printable characters.") == 2
    assert "nameless@ops.example" not in said.read_text()


async def _log_in(desks: Desks, name: str, password: str) -> str:
    return cookie_header((await desks.staff.log_in(Entered(name, password), Caller())).set_cookies)


def _password(said: str) -> str:
    (line,) = (line for line in said.splitlines() if line.startswith("user name "))
    return line.rpartition("password ")[2]

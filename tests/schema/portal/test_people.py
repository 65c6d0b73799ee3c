"""Logging in to the portal and out of it."""

import pytest

from auth.accounts import NewAccount, create_account
from domain.kernel.actor import Actor, ActorKind
from schema.context import Transport
from schema.operations.execution import Answer
from tests.fixtures.parking import Parking
from tests.fixtures.schemas import Asking, codes

PASSWORD = "a good long password"
LOG_IN = """mutation ($input: LogInInput!) {
    logIn(input: $input) { me { name userName userType } userErrors { code message field } } }"""


async def ann(parking: Parking, portal: Asking) -> Actor:
    """An account of Ann, and Ann as an actor."""
    hashed = await portal.services.desk.passwords.hash(PASSWORD)
    async with parking.work() as work:
        user_id = await create_account(work, NewAccount("ann", "Ann Admin"), hashed)
    return Actor(ActorKind.USER, user_id=user_id)


async def log_in(portal: Asking, password: str, transport: Transport = Transport.HTTP) -> Answer:
    return await portal(LOG_IN, {"input": {"userName": "ann", "password": password}}, transport=transport)


async def test_the_right_password_logs_in_by_a_cookie(parking: Parking, portal: Asking) -> None:
    await ann(parking, portal)

    answer = await log_in(portal, PASSWORD)

    assert answer.data == {
        "logIn": {"me": {"name": "Ann Admin", "userName": "ann", "userType": None}, "userErrors": []}
    }
    assert portal.cookies[0].startswith("__Host-opscom=")


@pytest.mark.parametrize("name", ["ann", "nobody"])
async def test_a_wrong_name_and_a_wrong_password_answer_alike(parking: Parking, portal: Asking, name: str) -> None:
    await ann(parking, portal)

    answer = await portal(LOG_IN, {"input": {"userName": name, "password": "wrong"}})

    assert answer.data == {
        "logIn": {
            "me": None,
            "userErrors": [
                {"code": "login.refused", "message": "The user name or the password is wrong.", "field": []}
            ],
        }
    }
    assert portal.cookies == []


async def test_a_socket_can_not_carry_a_cookie_and_begins_no_login(parking: Parking, portal: Asking) -> None:
    await ann(parking, portal)

    answer = await log_in(portal, PASSWORD, Transport.SOCKET)

    assert codes(answer) == ["cookies_need_http"]
    assert "LoggedIn" not in [entry.action for entry in await parking.audit()]


async def test_me_is_the_person_who_asks(parking: Parking, portal: Asking) -> None:
    actor = await ann(parking, portal)

    assert await portal.data("{ me { name email } }", actor=actor) == {"me": {"name": "Ann Admin", "email": None}}


async def test_logging_out_takes_the_cookie_back(portal: Asking) -> None:
    answer = await portal("mutation { logOut { userErrors { code } } }")

    assert answer.data == {"logOut": {"userErrors": []}}
    assert portal.cookies[0].startswith("__Host-opscom=; Max-Age=0")

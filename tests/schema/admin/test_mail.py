"""Mail in the admin API: what was sent or captured, sending again, and where answers go."""

from typing import Any

import pytest
from sqlalchemy import update

from auth.accounts import NewAccount
from auth.invitations import invite
from domain.captures.actions import capture
from domain.kernel.actor import Permission
from domain.mail.models import Message, MessageKind, MessageState
from tests.fixtures.parking import Parking, staff
from tests.fixtures.schemas import Asking, codes

MAIL = """query ($first: Int! = 50, $after: String) { mail(first: $first, after: $after) {
    edges { node { id kind state reason address subject text } } pageInfo { hasNextPage endCursor } } }"""
RESEND = "mutation ($id: ID!) { resendMail(id: $id) { message { state } userErrors { code } } }"
REPLY_TO = """mutation ($to: String) { updateMailSettings(input: {replyTo: $to}) {
    replyTo userErrors { code field } } }"""
READER = staff(Permission.VIEW_MAIL, Permission.VIEW_SETTINGS)
CLERK = staff(Permission.VIEW_MAIL, Permission.VIEW_SETTINGS, Permission.MANAGE_SETTINGS)


async def written(parking: Parking, number: int = 1, **columns: Any) -> None:  # noqa: ANN401 - columns
    """Messages to somebody, with these columns."""
    async with parking.work() as work:
        for _ in range(number):
            await invite(work, NewAccount("ben@x.example", "Ben", "ben@x.example"))
        await work.flush()
        if columns:
            await work.execute(update(Message).values(columns))


async def test_messages_are_read_in_pages_the_newest_first_and_one_by_its_id(parking: Parking, admin: Asking) -> None:
    await written(parking, 3)

    first = (await admin.data(MAIL, {"first": 2}, actor=READER))["mail"]
    rest = (await admin.data(MAIL, {"first": 2, "after": first["pageInfo"]["endCursor"]}, actor=READER))["mail"]

    nodes = [edge["node"] for page in (first, rest) for edge in page["edges"]]
    assert len({node["id"] for node in nodes}) == 3
    assert {node["state"] for node in nodes} == {"WAITING"}
    document = "query ($id: ID!) { message(id: $id) { kind } node(id: $id) { ... on Message { state } } }"
    found = await admin.data(document, {"id": nodes[0]["id"]}, actor=READER)
    assert found == {"message": {"kind": "INVITATION"}, "node": {"state": "WAITING"}}
    assert (await admin.data(document, {"id": "nothing"}, actor=READER))["message"] is None


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        (MessageKind.INVITATION, MessageState.FAILED, []),
        (MessageKind.INVITATION, MessageState.KEPT, []),
        (MessageKind.INVITATION, MessageState.CANCELLED, ["mail.not_resendable"]),  # it may have been withdrawn
        (MessageKind.COPY_DONE, MessageState.CANCELLED, []),
        (MessageKind.INVITATION, MessageState.SENT, ["mail.not_resendable"]),
        (MessageKind.INVITATION, MessageState.CAPTURED, ["mail.not_resendable"]),
        (MessageKind.INVITATION, MessageState.WAITING, ["mail.not_resendable"]),
    ],
)
async def test_what_did_not_arrive_can_be_sent_again(
    parking: Parking, admin: Asking, kind: MessageKind, state: MessageState, expected: list[str]
) -> None:
    await written(parking, kind=kind, state=state, reason="so", ended_at=parking.clock.now)
    (edge,) = (await admin.data(MAIL, actor=READER))["mail"]["edges"]

    done = (await admin.data(RESEND, {"id": edge["node"]["id"]}, actor=CLERK))["resendMail"]

    assert [error["code"] for error in done["userErrors"]] == expected
    assert done["message"] == (None if expected else {"state": "WAITING"})
    (edge,) = (await admin.data(MAIL, actor=READER))["mail"]["edges"]
    now = ("WAITING", None) if not expected else (state.name, "so")
    assert (edge["node"]["state"], edge["node"]["reason"]) == now


async def test_a_message_that_is_not_there_is_told(admin: Asking) -> None:
    done = await admin.data(RESEND, {"id": "nothing"}, actor=CLERK)

    assert done["resendMail"] == {"message": None, "userErrors": [{"code": "mail.message_not_found"}]}


async def test_where_answers_go_is_set_changed_and_taken_back(admin: Asking) -> None:
    seen = []
    for address in ("parking@x.example", "nonsense", None):
        done = await admin.data(REPLY_TO, {"to": address}, actor=CLERK)
        read = await admin.data("{ mailReplyTo }", actor=READER)
        assert done["updateMailSettings"]["replyTo"] == read["mailReplyTo"]
        seen.append((done["updateMailSettings"]["userErrors"], read["mailReplyTo"]))

    wrong = [{"code": "mail.reply_to_invalid", "field": ["input", "replyTo"]}]
    assert seen == [([], "parking@x.example"), (wrong, "parking@x.example"), ([], None)]


async def test_equal_calls_that_were_captured_are_one(parking: Parking, admin: Asking) -> None:
    async with parking.work() as work:
        for body in ("", "", "a plate"):
            await capture(work, "mistall", "Update Mistall", "https://live.example", body)

    document = "{ capturedCalls { vendor purpose address body count } }"
    found = (await admin.data(document, actor=READER))["capturedCalls"]

    assert sorted((call["body"], call["count"]) for call in found) == [("", 2), ("a plate", 1)]


async def test_one_without_the_permission_reads_nothing(parking: Parking, admin: Asking) -> None:
    await written(parking)

    answer = await admin(MAIL, actor=staff(Permission.MANAGE_USERS))

    assert codes(answer) == ["denied"]

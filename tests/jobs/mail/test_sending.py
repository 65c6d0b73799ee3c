"""Messages on their way: sent by a real server in live environments, captured in previews, and never lost between."""

from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from auth.accounts import NewAccount
from auth.invitations import invite
from auth.models import LinkPurpose
from auth.onetime import LinkRefused, use_link
from domain.kernel.actor import Actor
from domain.mail.actions import TOO_OLD, resend, set_reply_to
from domain.mail.letters import HIDDEN_LINK
from domain.mail.models import Message, MessageState
from domain.mail.rules import TAKEN_UP_FOR
from domain.tasks.catalogue import SEND_MAIL
from domain.users.models import User
from tenants.backups.actions import back_up
from tenants.backups.restoring import restore
from tenants.environments import Environment, State
from tenants.lifecycle.actions import set_state
from tests.fixtures.jobs import Desk
from tests.fixtures.mail import Mailbox, with_relay
from tests.ports import free_port
from tests.tenants.test_previews import _carried

ANN = NewAccount("ann@tomahawku.example", "Ann Admin", email="ann@tomahawku.example")


@dataclass
class Office:
    """A tenant that invites people, and a worker that sends what it writes."""

    desk: Desk
    environment: Environment

    async def invite(self, account: NewAccount = ANN) -> UUID:
        """Invite somebody; returns the run that sends the message."""
        async with self.desk.platform.databases.work(self.environment, Actor.system("Cal Clerk")) as work:
            await invite(work, account)
        (*_, run) = await self.desk.runs(self.environment)
        return UUID(str(run["id"]))

    async def carry_out(self, run_id: UUID, relay: str | None = None) -> dict[str, Any]:
        """Carry out one attempt, due or not, and return the run's row."""
        await self.desk.execute("update platform.task_run set not_before = now() where id = :id", id=run_id)
        platform = self.desk.platform if relay is None else with_relay(self.desk.platform, relay)
        await replace(self.desk, platform=platform).runner().run(run_id)
        return dict(await self.desk.run(run_id))

    async def message(self) -> Message:
        """The newest message."""
        async with self.desk.platform.databases.snapshot(self.environment, Actor.system()) as snapshot:
            return (await snapshot.scalars(select(Message).order_by(Message.id.desc()).limit(1)))[0]


@pytest.fixture
def office(desk: Desk, tenant: Environment) -> Office:
    """The office of a fresh tenant."""
    return Office(desk, tenant)


async def test_a_message_is_sent_as_text_and_as_html_with_a_link_of_its_own(office: Office, mailbox: Mailbox) -> None:
    run = await office.carry_out(await office.invite(), mailbox.url())

    assert run["state"] == "succeeded"
    (told,) = mailbox.arrived
    assert (told.sender, told.recipients) == ("no-reply@ops-com.localhost", [ANN.email])
    assert told.mail["From"] == "A Tenant <no-reply@ops-com.localhost>"
    assert told.mail["To"] == "Ann Admin <ann@tomahawku.example>"
    assert told.mail["Auto-Submitted"] == "auto-generated"
    text, html = (part.get_content() for part in told.mail.iter_parts())
    link = f"http://{office.environment.primary_host}:8000/welcome#"
    assert link in text
    assert f'<a href="{link}' in html
    assert (await office.message()).state == MessageState.SENT


async def test_what_is_kept_of_a_sent_message_has_no_link(office: Office, mailbox: Mailbox) -> None:
    await office.carry_out(await office.invite(), mailbox.url())

    message = await office.message()
    token = text_of(mailbox).partition("/welcome#")[2].split()[0]
    assert len(token) == 43
    assert message.text is not None
    assert HIDDEN_LINK in message.text
    ledger = str(
        await office.desk.rows("select r.*, l.* from platform.task_run r join platform.task_run_log l on true")
    )
    assert token not in ledger + message.text
    assert str(message.id) in ledger


async def test_without_a_mail_server_a_message_is_kept_and_sent_when_there_is_one(
    office: Office, mailbox: Mailbox
) -> None:
    await office.carry_out(await office.invite())
    kept = await office.message()

    sweep = (await office.desk.queue(office.environment, SEND_MAIL.name))[0]
    await office.carry_out(sweep, mailbox.url())
    *_, again = await office.desk.runs(office.environment)
    await office.carry_out(again["id"], mailbox.url())

    assert (kept.state, kept.reason, kept.address) == (MessageState.KEPT, "Mail is not configured.", ANN.email)
    assert len(mailbox.arrived) == 1
    assert (await office.message()).state == MessageState.SENT


@pytest.mark.parametrize("answer", ["451 4.7.1 Greylisted", "421 Busy"])
async def test_a_server_that_asks_for_patience_is_asked_again_under_the_same_message_id(
    office: Office, mailbox: Mailbox, answer: str
) -> None:
    run_id = await office.invite()
    mailbox.data = answer

    first = await office.carry_out(run_id, mailbox.url())
    between = await office.message()
    mailbox.data = "250 OK"
    second = await office.carry_out(run_id, mailbox.url())

    assert (first["state"], first["error_class"], second["state"]) == ("queued", "mail_delayed", "succeeded")
    assert (between.state, between.reason) == (
        MessageState.WAITING,
        f"The mail server does not take the message right now ({answer[:3]}).",
    )
    assert len({told.mail["Message-ID"] for told in mailbox.arrived}) == 1
    assert (await office.message()).state == MessageState.SENT


async def test_a_recipient_who_is_refused_for_good_is_not_tried_again(office: Office, mailbox: Mailbox) -> None:
    mailbox.recipient = "550 5.1.1 No such user ann@tomahawku.example"

    run = await office.carry_out(await office.invite(), mailbox.url())

    message = await office.message()
    assert (run["state"], run["error_class"]) == ("failed", "mail_refused")
    assert (message.state, message.reason) == (MessageState.FAILED, "The mail server refuses the recipient (550).")
    assert mailbox.arrived == []


async def test_a_server_that_goes_away_after_the_text_gets_it_again_and_both_links_are_good_for_one_use(
    office: Office, mailbox: Mailbox
) -> None:
    run_id = await office.invite()
    mailbox.drops = True

    first = await office.carry_out(run_id, mailbox.url())
    mailbox.drops = False
    await office.carry_out(run_id, mailbox.url())

    assert (first["state"], first["error_class"]) == ("queued", "mail_server_unreachable")
    one, other = mailbox.arrived
    assert one.mail["Message-ID"] == other.mail["Message-ID"]
    async with office.desk.platform.databases.work(office.environment, Actor.system()) as work:
        tokens = [text_of(mailbox, number).partition("/welcome#")[2].split()[0] for number in (0, 1)]
        await use_link(work, LinkPurpose.INVITATION, tokens[0])
        with pytest.raises(LinkRefused):
            await use_link(work, LinkPurpose.INVITATION, tokens[1])


async def test_a_server_that_is_not_there_is_waited_for_longer_each_time(office: Office) -> None:
    run_id = await office.invite()
    dead = f"smtp://127.0.0.1:{free_port()}"
    waits, states = [], set()
    for _ in range(3):
        run = await office.carry_out(run_id, dead)
        states.add((run["state"], run["error_class"]))
        (row,) = await office.desk.rows(
            "select not_before - clock_timestamp() as wait from platform.task_run where id = :id", id=run_id
        )
        waits.append(round(row["wait"].total_seconds() / 60))

    assert states == {("queued", "mail_server_unreachable")}
    assert waits == [1, 2, 4]


async def test_after_the_last_attempt_a_message_is_given_up_and_can_be_sent_again(
    office: Office, mailbox: Mailbox
) -> None:
    run_id = await office.invite()
    attempts = SEND_MAIL.attempts - 1
    await office.desk.execute("update platform.task_run set attempt = :done where id = :id", id=run_id, done=attempts)

    run = await office.carry_out(run_id, f"smtp://127.0.0.1:{free_port()}")
    failed = await office.message()
    async with office.desk.platform.databases.work(office.environment, Actor.system()) as work:
        await resend(work, failed.id)
    *_, again = await office.desk.runs(office.environment)
    await office.carry_out(again["id"], mailbox.url())

    assert (run["state"], failed.state) == ("failed", MessageState.FAILED)
    assert (await office.message()).state == MessageState.SENT


async def test_a_preview_sends_nothing_whatever_is_configured_and_shows_the_whole_text(
    desk: Desk, preview: Environment, mailbox: Mailbox
) -> None:
    office = Office(desk, preview)

    run = await office.carry_out(await office.invite(), mailbox.url())

    message = await office.message()
    assert (run["state"], message.state, mailbox.arrived) == ("succeeded", MessageState.CAPTURED, [])
    assert message.text is not None
    assert f"http://{preview.primary_host}:8000/welcome#" in message.text
    assert "You are invited to the preview space of" in message.text


async def test_a_name_makes_no_second_header_whoever_wrote_it(office: Office, mailbox: Mailbox) -> None:
    """None of ours is kept with a line break, but names also come from elsewhere."""
    run_id = await office.invite(NewAccount("eve@x.example", "Eve", email="eve@x.example"))
    async with office.desk.platform.databases.work(office.environment, Actor.system()) as work:
        (eve,) = await work.scalars(select(User).where(User.user_name == "eve@x.example"))
        eve.name = "Eve\r\nBcc: all@x.example"

    await office.carry_out(run_id, mailbox.url())

    (told,) = mailbox.arrived
    assert told.mail["Bcc"] is None
    assert told.mail["To"].addresses[0].display_name == "Eve Bcc: all@x.example"
    assert told.recipients == ["eve@x.example"]


@pytest.mark.parametrize("address", ["a,b@x.example", "<a@x.example", "a@x..example"])
async def test_an_address_that_no_mail_can_go_to_ends_the_message(
    office: Office, mailbox: Mailbox, address: str
) -> None:
    run = await office.carry_out(await office.invite(NewAccount("somebody", "Somebody", email=address)), mailbox.url())

    assert (run["state"], run["error_class"]) == ("failed", "mail_address_unusable")
    assert mailbox.arrived == []
    assert (await office.message()).state == MessageState.FAILED


async def test_answers_go_where_the_tenant_wants_them(office: Office, mailbox: Mailbox) -> None:
    async with office.desk.platform.databases.work(office.environment, Actor.system()) as work:
        await set_reply_to(work, "parking@tomahawku.example")

    await office.carry_out(await office.invite(), mailbox.url())

    assert mailbox.arrived[0].mail["Reply-To"] == "parking@tomahawku.example"


async def test_a_suspended_tenant_sends_nothing_and_loses_nothing(office: Office, mailbox: Mailbox) -> None:
    platform, tenant = office.desk.platform, office.environment.tenant
    run_id = await office.invite()
    await set_state(platform.databases, tenant.id, State.SUSPENDED, actor="support", reason="unpaid")
    await platform.registry.load()

    run = await office.carry_out(run_id, mailbox.url())
    await set_state(platform.databases, tenant.id, State.ACTIVE, actor="support", reason="paid")
    await platform.registry.load()
    sweep = (await office.desk.queue(office.environment, SEND_MAIL.name))[0]
    await office.carry_out(sweep, mailbox.url())
    unsent = list(mailbox.arrived)
    *_, again = await office.desk.runs(office.environment)
    await office.carry_out(again["id"], mailbox.url())

    assert (run["state"], unsent) == ("cancelled", [])
    assert len(mailbox.arrived) == 1


async def test_what_waits_for_another_attempt_is_not_sent_while_its_tenant_is_suspended(
    office: Office, mailbox: Mailbox
) -> None:
    platform, tenant = office.desk.platform, office.environment.tenant
    run_id = await office.invite()
    mailbox.data = "451 4.7.1 Greylisted"
    await office.carry_out(run_id, mailbox.url())
    mailbox.data = "250 OK"
    await set_state(platform.databases, tenant.id, State.SUSPENDED, actor="support", reason="unpaid")
    await platform.registry.load()

    run = await office.carry_out(run_id, mailbox.url())
    unsent = len(mailbox.arrived)
    await set_state(platform.databases, tenant.id, State.ACTIVE, actor="support", reason="paid")
    await platform.registry.load()
    sweep = (await office.desk.queue(office.environment, SEND_MAIL.name))[0]
    await office.carry_out(sweep, mailbox.url())
    *_, again = await office.desk.runs(office.environment)
    await office.carry_out(again["id"], mailbox.url())

    assert (run["state"], run["error_class"], unsent) == ("cancelled", "environment_inactive", 1)
    assert [told.mail["Message-ID"] for told in mailbox.arrived] == [mailbox.arrived[0].mail["Message-ID"]] * 2


async def test_after_a_long_suspension_what_waited_is_given_up_and_can_be_sent_by_hand(
    office: Office, mailbox: Mailbox
) -> None:
    """It waited for ever: too old to be taken up, and as long as it waits nobody could send it again."""
    run_id = await office.invite()
    await office.desk.execute("delete from platform.task_run where id = :id", id=run_id)
    async with office.desk.platform.databases.work(office.environment, Actor.system()) as work:
        await work.execute(update(Message).values(created_at=work.now - TAKEN_UP_FOR - timedelta(days=1)))

    sweep = (await office.desk.queue(office.environment, SEND_MAIL.name))[0]
    await office.carry_out(sweep, mailbox.url())
    given_up = await office.message()
    async with office.desk.platform.databases.work(office.environment, Actor.system()) as work:
        await resend(work, given_up.id)
    *_, again = await office.desk.runs(office.environment)
    await office.carry_out(again["id"], mailbox.url())

    assert (given_up.state, given_up.reason) == (MessageState.FAILED, TOO_OLD)
    assert (await office.message()).state == MessageState.SENT


async def test_a_message_with_a_run_of_its_own_is_not_taken_up_too(office: Office, mailbox: Mailbox) -> None:
    await office.invite()

    sweep = (await office.desk.queue(office.environment, SEND_MAIL.name))[0]
    run = await office.carry_out(sweep, mailbox.url())

    assert run["counters"]["updated"] == 0
    assert len(await office.desk.runs(office.environment)) == 2


async def test_what_waited_before_a_restore_is_not_sent_after_it(office: Office, mailbox: Mailbox) -> None:
    """The row comes back as it was; meanwhile the message may have arrived."""
    platform, tenant = office.desk.platform, office.environment
    run_id = await office.invite()
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    copy_id = await restore(platform.databases, tenant.id, backup_id, actor="ann", reason="a mistake")

    await _carried(platform, copy_id)
    found = platform.registry.by_id(tenant.id)
    assert found is not None
    restored = Office(office.desk, found)
    sweep = (await office.desk.queue(tenant, SEND_MAIL.name))[0]
    run = await restored.carry_out(sweep, mailbox.url())

    message = await restored.message()
    assert (message.state, message.reason) == (MessageState.CANCELLED, "The data were restored.")
    assert ((await office.desk.run(run_id))["state"], run["counters"]["updated"]) == ("cancelled", 0)
    assert mailbox.arrived == []


def text_of(mailbox: Mailbox, number: int = 0) -> str:
    """The plain text of an e-mail that arrived."""
    text = next(mailbox.arrived[number].mail.iter_parts())
    assert isinstance(text, EmailMessage)
    return str(text.get_content())

"""Handing an e-mail to a server: encrypted or not at all, with a login, and never for ever."""

import asyncio
from email.message import EmailMessage
from urllib.parse import quote
from uuid import uuid4

import pytest

from domain.kernel.clock import utc_now
from domain.mail.letters import Letter
from jobs.mail.composing import Envelope, composed
from jobs.mail.faults import MailDelayed, RelayUnreachable
from jobs.mail.smtp import hand_over
from tenants.relay import Relay
from tests.fixtures.mail import PASSWORD, Certificate, Mailbox, only_password, receiving

LOGIN = f"opscom:{quote(PASSWORD)}@"


def mail() -> EmailMessage:
    """An e-mail."""
    envelope = Envelope("no-reply@ops-com.com", "A Tenant", "ann@x.example", "Ann")
    return composed(Letter("A subject", ("One paragraph.",)), envelope, uuid4(), utc_now())


async def test_starttls_is_demanded_by_default(certificate: Certificate) -> None:
    async with receiving(Mailbox(), tls_context=certificate.server, require_starttls=True) as mailbox:
        await hand_over(Relay.parse(mailbox.url(options=f"ca={certificate.path}")), mail())

    assert [told.is_encrypted for told in mailbox.arrived] == [True]


async def test_a_server_without_starttls_gets_nothing_in_the_clear(mailbox: Mailbox) -> None:
    with pytest.raises(RelayUnreachable):
        await hand_over(Relay.parse(mailbox.url(options="starttls=required")), mail())

    assert mailbox.arrived == []


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_knows_ends_the_talk(certificate: Certificate, scheme: str) -> None:
    implicit = certificate.server if scheme == "smtps" else None
    explicit = None if implicit else certificate.server
    async with receiving(Mailbox(), tls=implicit, tls_context=explicit) as mailbox:
        with pytest.raises(RelayUnreachable):
            await hand_over(Relay.parse(mailbox.url(scheme=scheme, options="")), mail())

    assert mailbox.arrived == []


async def test_smtps_is_encrypted_from_the_first_byte(certificate: Certificate) -> None:
    async with receiving(Mailbox(), tls=certificate.server) as mailbox:
        await hand_over(Relay.parse(mailbox.url(scheme="smtps", options=f"ca={certificate.path}")), mail())

    assert len(mailbox.arrived) == 1


async def test_credentials_are_given_and_a_wrong_password_delays_the_mail(certificate: Certificate) -> None:
    async with receiving(
        Mailbox(), tls_context=certificate.server, auth_required=True, authenticator=only_password
    ) as mailbox:
        await hand_over(Relay.parse(mailbox.url(options=f"ca={certificate.path}", login=LOGIN)), mail())
        with pytest.raises(MailDelayed, match="does not accept our credentials"):
            await hand_over(Relay.parse(mailbox.url(options=f"ca={certificate.path}", login="opscom:wrong@")), mail())

    assert [told.has_logged_in for told in mailbox.arrived] == [True]


@pytest.mark.parametrize(("greeting", "hello"), [("554 Go away", ""), ("220 Hello", "550 Go away")])
async def test_a_server_that_refuses_us_is_asked_again_since_it_says_nothing_of_the_message(
    greeting: str, hello: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{greeting}\r\n".encode())
        while hello and await reader.readline():
            writer.write(f"{hello}\r\n".encode())
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MailDelayed, match="takes nothing from us"):
            await hand_over(Relay.parse(f"smtp://127.0.0.1:{port}?starttls=never"), mail())


async def test_a_server_that_says_nothing_is_not_waited_for_for_ever(mailbox: Mailbox) -> None:
    mailbox.silent = asyncio.Event()

    with pytest.raises(RelayUnreachable):
        await hand_over(Relay.parse(mailbox.url()), mail(), patience_s=0.2)

    mailbox.silent.set()

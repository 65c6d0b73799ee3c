"""A letter as an e-mail: headers by the standard library, which refuses line breaks in them, and both forms of the text."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from domain.mail.rules import html_of, one_line, text_of
from jobs.mail.faults import AddressUnusable

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.mail.letters import Letter


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom: the platform's address under the tenant's name, the person's, and where answers go."""

    sender: str
    sender_name: str
    recipient: str
    recipient_name: str
    reply_to: str | None = None


def message_id(row_id: UUID, sender: str) -> str:
    """The Message-ID of a row: the same for every attempt, so that a mailbox can tell a repetition."""
    return f"<{row_id}@{sender.rpartition('@')[2]}>"


def composed(letter: Letter, envelope: Envelope, row_id: UUID, now: datetime) -> EmailMessage:
    """The whole e-mail. Raises AddressUnusable."""
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id(row_id, envelope.sender)
    mail["Date"] = format_datetime(now)
    mail["From"] = _address(envelope.sender_name, envelope.sender)
    mail["To"] = _address(envelope.recipient_name, envelope.recipient)
    if envelope.reply_to is not None:
        mail["Reply-To"] = _address("", envelope.reply_to)
    mail["Subject"] = one_line(letter.subject)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail.set_content(text_of(letter))
    mail.add_alternative(html_of(letter), subtype="html")
    return mail


def _address(name: str, written: str) -> Address:
    """One mailbox and no more; the domain as DNS has it."""
    local, _, host = written.rpartition("@")
    try:
        return Address(one_line(name), addr_spec=f"{local}@{host.encode('idna').decode()}")
    except (MessageError, ValueError, IndexError) as error:
        msg = "Mail can not be sent to an address of this form."
        raise AddressUnusable(msg) from error

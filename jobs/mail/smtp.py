"""Handing one e-mail to the SMTP server: a connection each, and a fault class for everything that can go wrong.

The texts of a server are not kept beyond their codes: they may repeat what was sent.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from jobs.mail.faults import AddressUnusable, MailDelayed, MailFault, MailRefused, RelayUnreachable
from tenants.relay import Starttls

if TYPE_CHECKING:
    from tenants.relay import Relay

PATIENCE_S = 30.0
PERMANENT = 500
STARTTLS = {Starttls.REQUIRED: True, Starttls.OFFERED: None, Starttls.NEVER: False}


async def hand_over(relay: Relay, mail: EmailMessage, *, patience_s: float = PATIENCE_S) -> None:
    """Send one e-mail. Raises MailFault. When the server goes away after the text, it may have it: send it again."""
    with _faults():
        async with _connection(relay, patience_s) as client:
            await client.send_message(mail)


async def greet(relay: Relay, *, patience_s: float = PATIENCE_S) -> None:
    """Connect, encrypt and log in as for a message, and send none. Raises MailFault."""
    with _faults():
        async with _connection(relay, patience_s):
            pass


def _connection(relay: Relay, patience_s: float) -> SMTP:
    return SMTP(
        hostname=relay.host,
        port=relay.port,
        local_hostname="localhost" if relay.host == "127.0.0.1" else None,
        timeout=patience_s,
        use_tls=relay.is_tls,
        start_tls=False if relay.is_tls else STARTTLS[relay.starttls],
        tls_context=ssl.create_default_context(cafile=relay.ca),
        username=relay.user_name,
        password=relay.password,
    )


@contextmanager
def _faults() -> Iterator[None]:
    """What the library raises, as the fault that it means."""
    try:
        yield
    except SMTPAuthenticationError as error:
        raise MailDelayed(f"The mail server does not accept our credentials ({error.code}).") from error
    except (
        SMTPConnectResponseError,
        SMTPHeloError,
    ) as error:  # whatever it says, it says of us and not of this message
        raise MailDelayed(f"The mail server takes nothing from us right now ({error.code}).") from error
    except SMTPRecipientsRefused as error:
        raise _answered(error.recipients[0].code, "the recipient") from error
    except SMTPResponseException as error:
        raise _answered(error.code, "the message") from error
    except SMTPNotSupported as error:
        raise MailRefused("The mail server can not do what this address or our settings need.") from error
    except (SMTPException, OSError, TimeoutError) as error:
        raise RelayUnreachable("The mail server could not be reached, or went away.") from error
    except ValueError as error:
        raise AddressUnusable("Mail can not be sent to an address of this form.") from error


def _answered(code: int, what: str) -> MailFault:
    """What a code of the server means for a message."""
    if code >= PERMANENT:
        return MailRefused(f"The mail server refuses {what} ({code}).")
    return MailDelayed(f"The mail server does not take {what} right now ({code}).")

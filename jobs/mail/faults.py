"""Why a message was not taken, as the class that its run ends with."""

from __future__ import annotations

from jobs.faults import Fault


class MailFault(Fault):
    """A message could not be handed over."""

    error_class = "mail_failed"


class AddressUnusable(MailFault):
    """The person has no address, or one that no mail can be sent to."""

    error_class = "mail_address_unusable"


class MailRefused(MailFault):
    """The server refuses this message for good (5xx)."""

    error_class = "mail_refused"


class MailDelayed(MailFault):
    """The server asks for another try (4xx), or takes nothing from us right now."""

    error_class = "mail_delayed"
    is_passing = True


class RelayUnreachable(MailFault):
    """The server could not be reached, was silent, or went away before it had answered."""

    error_class = "mail_server_unreachable"
    is_passing = True

"""Errors of messages to people."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid, NotFound


class MessageNotFound(NotFound):
    """There is no such message."""

    code = "mail.message_not_found"

    def __init__(self) -> None:
        """The id is not repeated."""
        super().__init__("There is no such message.")


class MessageNotResendable(Conflict):
    """The message waits already, or arrived, or is an invitation that was cancelled."""

    code = "mail.not_resendable"

    def __init__(self, state: str) -> None:
        """``state`` is where it stands."""
        super().__init__(f"This message is {state}, and is not sent again.", state=state)


class ReplyToInvalid(Invalid):
    """The address that answers are to go to has not the form of one."""

    code = "mail.reply_to_invalid"

    def __init__(self) -> None:
        """The field is the address."""
        super().__init__("This is not an e-mail address.", field="reply_to")

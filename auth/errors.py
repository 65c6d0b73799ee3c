"""Errors of logging in. Public ones say the same for every cause; the cause is in the login audit."""

from __future__ import annotations

from domain.kernel.errors import Denied, Invalid, LoginRequired, Unavailable


class LoginRefused(Denied):
    """The login failed. Why is told to nobody outside: unknown, wrong, disabled and misplaced answer alike."""

    code = "login.refused"

    def __init__(self) -> None:
        """The one message there is."""
        super().__init__("The user name or the password is wrong.")


class TooManyAttempts(Unavailable):
    """Too many tries to log in failed lately, for this account, from this address, or on this site."""

    code = "login.too_many_attempts"

    def __init__(self, retry_after: int) -> None:
        """``retry_after`` is in seconds."""
        super().__init__("Too many tries to log in failed. Please try again later.", retry_after=retry_after)


class LoginsBusy(Unavailable):
    """More people are logging in at this moment than this process can check."""

    code = "login.busy"

    def __init__(self) -> None:
        """Worth a retry in a moment."""
        super().__init__("Too many people are logging in right now. Please try again in a moment.")


class PasswordRefused(Invalid):
    """A new password is too short or too long."""

    code = "login.password_refused"


class InvitedOnly(LoginRequired):
    """A preview answers staff and invited users only, and nobody is logged in."""

    code = "preview.invited_only"

    def __init__(self) -> None:
        """The one message there is."""
        super().__init__("This is a preview: log in first. Staff and invited users may.")

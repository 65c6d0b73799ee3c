"""Why an attempt ended without success: the classes that a run's ``error_class`` names. Those of vendors and of mail are beside them."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar


class Fault(Exception):
    """An expected end of an attempt. The message is shown to staff: our own words, never a secret or a vendor's text.

    ``is_passing`` faults are tried again; ``retry_after`` is how long the other side asked us to wait.
    """

    error_class: str = "failed"
    is_passing: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class LeaseLost(Fault):
    """The run was given to somebody else; nothing more may be written for it."""

    error_class = "lease_lost"


class Stopping(Fault):
    """The worker stops; the run goes back into the queue as it stands."""

    error_class = "stopping"


class TimeLimitPassed(Fault):
    """The run took longer than its task may."""

    error_class = "time_limit"


class DatabaseUnavailable(Fault):
    """The database was away or too busy."""

    error_class = "database_unavailable"
    is_passing = True


class EnvironmentMoved(Fault):
    """The environment was just switched to another schema; the next attempt knows it."""

    error_class = "environment_moved"
    is_passing = True


class EnvironmentMoves(Fault):
    """The environment is being moved to another database; the run goes back as it stands, and goes along."""

    error_class = "environment_moving"


class KeyUnknown(Fault):
    """A secret is sealed with a key that is not known here: it is gone, or so new that the next attempt knows it."""

    error_class = "secret.unreadable"
    is_passing = True


class InternalError(Fault):
    """A mistake of ours; the process's log has the details."""

    error_class = "internal_error"

"""What can be wrong with a system task or a run of it."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Denied, Invalid, NotFound

SHOWN = 64
"""How much of a client's own text is put into an error."""


class TaskNotFound(NotFound):
    """There is no system task of this name in this environment."""

    code = "task.not_found"

    def __init__(self, task: str) -> None:
        """``task`` is the name that was asked for."""
        super().__init__("There is no such system task.", task=task[:SHOWN])


class RunNotFound(NotFound):
    """There is no such run in this environment."""

    code = "task.run_not_found"

    def __init__(self) -> None:
        """The id is not repeated."""
        super().__init__("There is no such run.")


class TaskStaffOnly(Denied):
    """Only the platform's own staff may switch this task on or off, or run it while it is off."""

    code = "task.staff_only"

    def __init__(self, task: str) -> None:
        """``task`` is its name."""
        super().__init__(
            "Only the platform's staff may switch this task on or off, or run it while it is off.", task=task
        )


class TaskAlwaysOn(Conflict):
    """Housekeeping can not be switched off."""

    code = "task.always_on"

    def __init__(self, task: str) -> None:
        """``task`` is its name."""
        super().__init__("This task is always on.", task=task)


class TaskNotDaily(Conflict):
    """A task that is due more than once a day has no time of day."""

    code = "task.not_daily"

    def __init__(self, task: str) -> None:
        """``task`` is its name."""
        super().__init__("This task has no time of day.", task=task)


class TimeZoneUnknown(Invalid):
    """A time zone is none of the IANA names."""

    code = "task.time_zone_unknown"

    def __init__(self, name: str) -> None:
        """``name`` is the text at fault."""
        super().__init__("This is no IANA time zone.", field="time_zone", time_zone=name[:SHOWN])


class RuleInvalid(Invalid):
    """A schedule's rule can not be read, or never comes due."""

    code = "task.rule_invalid"

    def __init__(self, rule: str) -> None:
        """``rule`` is the text at fault."""
        super().__init__("A rule is `every <seconds>` or `cron <five fields>`.", field="rule", rule=rule[:SHOWN])

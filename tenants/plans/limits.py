"""How much of something a tenant may have or use: the limits of a plan, and those that were set for one tenant alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from domain.kernel.errors import Invalid

MOST = 2**31 - 1


class LimitUnknown(Invalid):
    """There is no limit of this name."""

    code = "plan.limit_unknown"


class LimitInvalid(Invalid):
    """A limit is a whole number from 0 (own domains) or 1 to some thousand millions."""

    code = "plan.limit_invalid"


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of one tenant; each counts for each of its environments.

    own_domains       host names of its own
    operations        operations that one process executes at once; more wait for their turn
    cost_per_second   what it may spend on operations in one process, by their static cost
    cost_at_once      the most that it may have saved up of that, and the most that it may owe
    runs              runs of system tasks in flight at once
    """

    own_domains: int = 1
    operations: int = 8
    cost_per_second: int = 20_000
    cost_at_once: int = 100_000
    runs: int = 8

    def with_own(self, own: Mapping[str, object]) -> Limits:
        """These, but for what was set for the tenant alone. What this release does not know or understand is left out."""
        known = {name: value for name, value in own.items() if name in NAMES and isinstance(value, int)}
        return replace(self, **known) if known else self

    def items(self) -> Iterable[tuple[str, int]]:
        """By name."""
        return asdict(self).items()


NAMES = tuple(name for name, _ in Limits().items())
MAY_BE_NONE = frozenset({"own_domains"})


def checked_limit(name: str, value: int) -> int:
    """The value, if it can be one of this limit. Raises LimitUnknown, LimitInvalid."""
    if name not in NAMES:
        raise LimitUnknown(f"Limits are {', '.join(NAMES)}.", field="limit", limit=name[:64])
    least = 0 if name in MAY_BE_NONE else 1
    if not least <= value <= MOST:
        raise LimitInvalid(f"This limit is a whole number from {least} to {MOST}.", field="value", limit=name)
    return value

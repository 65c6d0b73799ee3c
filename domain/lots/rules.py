"""Pure decisions on lots: which kinds of permits a lot offers to whom."""

from __future__ import annotations

from dataclasses import dataclass

from domain.kernel.actor import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Offer:
    """Which kinds of permits of a lot somebody may see."""

    standard: bool
    temporary: bool

    def __bool__(self) -> bool:
        """Whether there is anything to see."""
        return self.standard or self.temporary


def offered(
    actor: Actor, *, standard_allocated: int, temporary_maximum: int, is_temporary_only: bool, admits_user_type: bool
) -> Offer:
    """What a lot offers to the actor: guests see temporary permits only, users the standard ones of their type too.

    ``admits_user_type`` says whether the actor's user type is among those of the lot; it does not matter for staff.
    """
    has_standard = standard_allocated > 0 and not is_temporary_only
    return Offer(
        standard=has_standard and (_is_staff(actor) or (actor.kind is ActorKind.USER and admits_user_type)),
        temporary=temporary_maximum > 0,
    )


def _is_staff(actor: Actor) -> bool:
    return actor.kind not in {ActorKind.GUEST, ActorKind.USER}

"""Which kinds of permits a lot offers to whom."""

from uuid import UUID

import pytest

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.lots.rules import Offer, offered

GUEST = Actor.guest()
USER = Actor(ActorKind.USER, user_id=UUID(int=1), user_type_id=UUID(int=2))
STAFF = Actor(ActorKind.STAFF, frozenset({Permission.VIEW_LOTS}), user_id=UUID(int=3))


def offer(
    actor: Actor,
    *,
    allocated: int = 10,
    maximum: int = 10,
    is_temporary_only: bool = False,
    admits: bool = False,
) -> Offer:
    return offered(
        actor,
        standard_allocated=allocated,
        temporary_maximum=maximum,
        is_temporary_only=is_temporary_only,
        admits_user_type=admits,
    )


@pytest.mark.parametrize(
    ("actor", "admits", "standard"),
    [
        (GUEST, False, False),
        (GUEST, True, False),
        (USER, False, False),
        (USER, True, True),
        (STAFF, False, True),
        (Actor.system(), False, True),
    ],
)
def test_who_sees_standard_permits(actor: Actor, admits: bool, standard: bool) -> None:
    assert offer(actor, admits=admits) == Offer(standard=standard, temporary=True)


@pytest.mark.parametrize("actor", [GUEST, USER, STAFF])
def test_a_class_of_viewers_sees_what_each_of_them_sees(actor: Actor) -> None:
    assert offer(actor.reduced(frozenset()), admits=True) == offer(actor, admits=True)


@pytest.mark.parametrize("actor", [GUEST, USER, STAFF])
def test_nobody_sees_standard_permits_of_a_temporary_only_lot(actor: Actor) -> None:
    assert not offer(actor, is_temporary_only=True, admits=True).standard


def test_a_kind_without_numbers_is_not_offered() -> None:
    assert not offer(STAFF, allocated=0, maximum=0)
    assert offer(STAFF, allocated=0) == Offer(standard=False, temporary=True)
    assert offer(STAFF, maximum=0) == Offer(standard=True, temporary=False)

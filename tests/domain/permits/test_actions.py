"""Issuing and ending permits, on a real database."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.kernel.ids import uuid7
from domain.lots import actions as lots
from domain.lots.errors import LotNotFound
from domain.permits import actions
from domain.permits.errors import (
    HolderNotFound,
    KindNotOffered,
    LotFull,
    PermitExpired,
    PermitNotFound,
    PermitTimesInvalid,
    PlateInvalid,
)
from domain.permits.models import Permit, PermitKind, PermitState
from domain.permits.queries import visible_permits
from domain.users import actions as users
from tests.fixtures.parking import MORNING, Parking, staff, user

CLERK = staff(Permission.MANAGE_PERMITS, Permission.VIEW_PERMITS)
STANDARD, TEMPORARY = PermitKind.STANDARD, PermitKind.TEMPORARY


async def new_lot(parking: Parking, *, allocated: int = 2, maximum: int = 2, is_temporary_only: bool = False) -> UUID:
    async with parking.work() as work:
        return await lots.create(
            work,
            "Lot 4",
            "L4",
            standard_allocated=allocated,
            temporary_maximum=maximum,
            is_temporary_only=is_temporary_only,
        )


async def issue(  # the tests' own shorthand
    parking: Parking,
    lot_id: UUID,
    kind: PermitKind = TEMPORARY,
    *,
    plate: str = "abc 123",
    hours: tuple[float, float] = (0, 2),
    is_reserved: bool = False,
    holder_id: UUID | None = None,
    actor: Actor = CLERK,
) -> UUID:
    starts_at, ends_at = (MORNING + timedelta(hours=hour) for hour in hours)
    async with parking.work(actor) as work:
        return await actions.issue(
            work,
            lot_id,
            kind,
            plate,
            starts_at=starts_at,
            ends_at=ends_at,
            is_reserved=is_reserved,
            holder_id=holder_id,
        )


async def expire(parking: Parking, permit_id: UUID, actor: Actor = CLERK) -> None:
    async with parking.work(actor) as work:
        await actions.expire(work, permit_id)


async def permits(parking: Parking) -> list[Permit]:
    async with parking.reading() as snapshot:
        return await snapshot.scalars(select(Permit).order_by(Permit.id))


async def test_an_issued_permit_holds_what_was_said(parking: Parking) -> None:
    await issue(parking, await new_lot(parking), plate=" abc-123 ")

    (permit,) = await permits(parking)
    assert (permit.kind, permit.state) == ("temporary", "issued")
    assert (permit.plate, permit.plate_normalised) == ("abc-123", "ABC123")
    assert (permit.starts_at, permit.ends_at) == (MORNING, MORNING + timedelta(hours=2))
    assert parking.published[-1] == frozenset({"occupancy"})


@pytest.mark.parametrize(("is_reserved", "state"), [(True, PermitState.RESERVED), (False, PermitState.RENTED)])
async def test_a_standard_permit_is_rented_or_reserved(parking: Parking, is_reserved: bool, state: PermitState) -> None:
    await issue(parking, await new_lot(parking), STANDARD, is_reserved=is_reserved)

    assert [permit.state for permit in await permits(parking)] == [state]


async def test_an_expired_permit_can_not_expire_again(parking: Parking) -> None:
    permit_id = await issue(parking, await new_lot(parking))
    await expire(parking, permit_id)

    assert [permit.state for permit in await permits(parking)] == ["expired"]
    with pytest.raises(PermitExpired):
        await expire(parking, permit_id)
    with pytest.raises(PermitNotFound):
        await expire(parking, uuid7())


async def test_standard_permits_may_be_oversold(parking: Parking) -> None:
    lot_id = await new_lot(parking, allocated=1)
    for _ in range(3):
        await issue(parking, lot_id, STANDARD)

    assert len(await permits(parking)) == 3


async def test_a_temporary_permit_needs_a_place_at_every_moment(parking: Parking) -> None:
    lot_id = await new_lot(parking, maximum=2)
    await issue(parking, lot_id, hours=(0, 2))
    await issue(parking, lot_id, hours=(2, 4))
    await issue(parking, lot_id, hours=(1, 3))

    for full in ((0, 4), (1.5, 1.75), (2.5, 5)):
        with pytest.raises(LotFull):
            await issue(parking, lot_id, hours=full)
    await issue(parking, lot_id, hours=(0, 1))
    await issue(parking, lot_id, hours=(3, 9))


async def test_an_expired_permit_gives_its_place_back(parking: Parking) -> None:
    lot_id = await new_lot(parking, maximum=1)
    await expire(parking, await issue(parking, lot_id))

    await issue(parking, lot_id)


async def test_the_last_place_is_taken_once(parking: Parking) -> None:
    lot_id = await new_lot(parking, maximum=1)

    answers = await asyncio.gather(*(issue(parking, lot_id, plate=f"P{n}") for n in range(4)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["LotFull", "LotFull", "LotFull", "UUID"]
    assert len(await permits(parking)) == 1


@pytest.mark.parametrize(
    ("lot", "kind"),
    [
        ({"maximum": 0}, TEMPORARY),
        ({"allocated": 0}, STANDARD),
        ({"is_temporary_only": True}, STANDARD),
    ],
)
async def test_a_kind_that_the_lot_has_not_is_refused(parking: Parking, lot: dict[str, int], kind: PermitKind) -> None:
    with pytest.raises(KindNotOffered):
        await issue(parking, await new_lot(parking, **lot), kind)  # type: ignore[arg-type]  # one of its keywords


async def test_wrong_input_is_refused_and_writes_nothing(parking: Parking) -> None:
    lot_id = await new_lot(parking)
    with pytest.raises(LotNotFound):
        await issue(parking, uuid7())
    with pytest.raises(PlateInvalid):
        await issue(parking, lot_id, plate="---")
    with pytest.raises(PermitTimesInvalid):
        await issue(parking, lot_id, hours=(2, 2))
    with pytest.raises(HolderNotFound):
        await issue(parking, lot_id, holder_id=uuid7())

    assert await permits(parking) == []


async def test_permits_whose_time_is_over_are_marked_in_one_go(parking: Parking) -> None:
    lot_id = await new_lot(parking)
    await issue(parking, lot_id, hours=(0, 1))
    await issue(parking, lot_id, hours=(0, 3))
    parking.clock.advance(hours=1)

    async with parking.work() as work:
        assert await actions.expire_ended(work) == 1
    async with parking.work() as work:
        assert await actions.expire_ended(work) == 0
    assert [permit.state for permit in await permits(parking)] == ["expired", "issued"]


async def test_a_user_sees_their_own_permits_only(parking: Parking) -> None:
    async with parking.work() as work:
        ann_id, ben_id = [await users.create(work, name, name) for name in ("ann", "ben")]
    ann = Actor(ActorKind.USER, user_id=ann_id)
    lot_id = await new_lot(parking)
    own = await issue(parking, lot_id, holder_id=ann_id)
    await issue(parking, lot_id, holder_id=ben_id)

    async with parking.reading() as snapshot:
        assert [permit.id for permit in await snapshot.scalars(visible_permits(ann))] == [own]
        assert len(await snapshot.scalars(visible_permits(CLERK))) == 2
    with pytest.raises(LoginRequired):
        visible_permits(Actor.guest())


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(Actor.guest(), LoginRequired), (user(), Denied), (staff(Permission.VIEW_PERMITS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_only_who_manages_permits_may_issue_and_end_them(
    parking: Parking, actor: Actor, refusal: type[Exception]
) -> None:
    lot_id = await new_lot(parking)
    permit_id = await issue(parking, lot_id)
    with pytest.raises(refusal):
        await issue(parking, lot_id, actor=actor)
    with pytest.raises(refusal):
        await expire(parking, permit_id, actor)
    with pytest.raises(refusal):
        async with parking.work(actor) as work:
            await actions.expire_ended(work)

    assert [permit.state for permit in await permits(parking)] == ["issued"]

"""Changing lots, on a real database."""

from uuid import UUID

import pytest
from sqlalchemy import select

from domain.groups import actions as groups
from domain.groups.errors import LimitInvalid, LotGroupNotFound
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.kernel.ids import uuid7
from domain.lots import actions
from domain.lots.errors import LotNameTaken, LotNotFound, UserTypeNotFound
from domain.lots.models import Lot
from domain.lots.queries import managed_lots, user_types_of_lots, visible_lots
from tests.fixtures.parking import Parking, staff, user

MANAGER = staff(Permission.MANAGE_LOTS, Permission.VIEW_LOTS)


async def create(parking: Parking, name: str = "Lot 4", **details: object) -> UUID:
    async with parking.work(MANAGER) as work:
        return await actions.create(work, name, "L4", **details)  # type: ignore[arg-type]  # the tests' own shorthand


async def change(parking: Parking, lot_id: UUID, **changes: object) -> None:
    async with parking.work(MANAGER) as work:
        await actions.change(work, lot_id, **changes)  # type: ignore[arg-type]  # the tests' own shorthand


async def archive(parking: Parking, lot_id: UUID) -> None:
    async with parking.work(MANAGER) as work:
        await actions.archive(work, lot_id)


async def stored(parking: Parking, lot_id: UUID) -> Lot:
    async with parking.reading() as snapshot:
        found = await snapshot.scalar(select(Lot).where(Lot.id == lot_id))
    assert found is not None
    return found


async def user_types(parking: Parking, lot_id: UUID) -> set[UUID]:
    async with parking.reading() as snapshot:
        return {type_id for lot, type_id in await snapshot.rows(user_types_of_lots(MANAGER)) if lot == lot_id}


async def new_group(parking: Parking, name: str = "Core") -> UUID:
    async with parking.work(MANAGER) as work:
        return await groups.create(work, name)


async def test_a_created_lot_holds_what_was_said(parking: Parking) -> None:
    group_id = await new_group(parking)
    lot_id = await create(
        parking, standard_allocated=50, temporary_maximum=20, point=MapPoint(45.42, -75.69), lot_group_id=group_id
    )

    lot = await stored(parking, lot_id)
    assert (lot.name, lot.short_name, lot.is_visible, lot.is_temporary_only) == ("Lot 4", "L4", True, False)
    assert (lot.standard_allocated, lot.temporary_maximum, lot.lot_group_id) == (50, 20, group_id)
    assert (lot.latitude, lot.longitude) == (45.42, -75.69)
    assert parking.published[-1] == frozenset({"occupancy"})


async def test_a_change_leaves_what_is_absent_and_clears_what_is_none(parking: Parking) -> None:
    lot_id = await create(parking, lot_group_id=await new_group(parking), point=MapPoint(1, 2), temporary_maximum=5)
    await change(parking, lot_id, lot_group_id=None)

    lot = await stored(parking, lot_id)
    assert (lot.lot_group_id, lot.latitude, lot.temporary_maximum) == (None, 1, 5)


async def test_user_types_are_replaced_as_a_whole(parking: Parking) -> None:
    students, faculty = await parking.user_type("Students"), await parking.user_type("Faculty")
    lot_id = await create(parking, user_type_ids={students})
    await change(parking, lot_id, user_type_ids={faculty})

    assert await user_types(parking, lot_id) == {faculty}
    entry = (await parking.audit())[-1]
    assert entry.before == {"user_type_ids": [str(students)]}
    assert entry.after == {"user_type_ids": [str(faculty)]}


async def test_user_types_stay_when_they_are_not_mentioned(parking: Parking) -> None:
    students = await parking.user_type()
    lot_id = await create(parking, user_type_ids={students})
    await change(parking, lot_id, name="Lot Four")

    assert await user_types(parking, lot_id) == {students}


async def test_the_same_values_again_record_nothing(parking: Parking) -> None:
    students = await parking.user_type()
    lot_id = await create(parking, user_type_ids={students}, temporary_maximum=5)
    parking.published.clear()
    await change(parking, lot_id, user_type_ids={students}, temporary_maximum=5, name="Lot 4")

    assert len(await parking.audit()) == 1
    assert parking.published == []


async def test_a_user_type_or_group_that_does_not_exist_is_refused(parking: Parking) -> None:
    with pytest.raises(UserTypeNotFound):
        await create(parking, user_type_ids={uuid7()})
    with pytest.raises(LotGroupNotFound) as refused:
        await create(parking, lot_group_id=uuid7())
    assert refused.value.field == "lot_group_id"
    assert await parking.audit() == []


async def test_an_archived_group_takes_no_more_lots(parking: Parking) -> None:
    group_id = await new_group(parking)
    async with parking.work(MANAGER) as work:
        await groups.archive(work, group_id)

    with pytest.raises(LotGroupNotFound):
        await create(parking, lot_group_id=group_id)


async def test_a_name_is_taken_until_its_lot_is_archived(parking: Parking) -> None:
    lot_id = await create(parking)
    with pytest.raises(LotNameTaken):
        await create(parking)

    await archive(parking, lot_id)
    other = await create(parking)
    third = await create(parking, "Lot 5")
    with pytest.raises(LotNameTaken):
        await change(parking, third, name="Lot 4")
    assert other != lot_id


async def test_an_archived_lot_is_in_no_list_and_can_not_be_changed(parking: Parking) -> None:
    lot_id = await create(parking)
    await archive(parking, lot_id)

    async with parking.reading() as snapshot:
        assert await snapshot.scalars(managed_lots(MANAGER)) == []
        assert await snapshot.scalars(visible_lots(Actor.guest())) == []
    with pytest.raises(LotNotFound):
        await change(parking, lot_id, name="Again")
    with pytest.raises(LotNotFound):
        await archive(parking, lot_id)


async def test_visitors_do_not_see_hidden_lots(parking: Parking) -> None:
    await create(parking, "Shown")
    await create(parking, "Hidden", is_visible=False)

    async with parking.reading() as snapshot:
        assert [lot.name for lot in await snapshot.scalars(visible_lots(user()))] == ["Shown"]
        assert [lot.name for lot in await snapshot.scalars(managed_lots(MANAGER))] == ["Hidden", "Shown"]


@pytest.mark.parametrize("limit", ["standard_allocated", "temporary_maximum"])
async def test_numbers_that_no_lot_has_are_refused(parking: Parking, limit: str) -> None:
    with pytest.raises(LimitInvalid) as refused:
        await create(parking, **{limit: -1})  # type: ignore[arg-type]  # the one of the two numbers

    assert refused.value.field == limit


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(Actor.guest(), LoginRequired), (user(), Denied), (staff(Permission.VIEW_LOTS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_only_who_manages_lots_may_change_them(parking: Parking, actor: Actor, refusal: type[Exception]) -> None:
    lot_id = await create(parking)
    for act in (
        lambda work: actions.create(work, "Another", "A"),
        lambda work: actions.change(work, lot_id, name="Changed"),
        lambda work: actions.archive(work, lot_id),
    ):
        with pytest.raises(refusal):
            async with parking.work(actor) as work:
                await act(work)

    lot = await stored(parking, lot_id)
    assert (lot.name, lot.archived_at) == ("Lot 4", None)
    assert len(await parking.audit()) == 1


@pytest.mark.parametrize("actor", [Actor.guest(), user(), staff(Permission.VIEW_PERMITS)])
def test_lists_of_staff_are_refused_to_others(actor: Actor) -> None:
    with pytest.raises(Denied):
        managed_lots(actor)
    with pytest.raises(Denied):
        user_types_of_lots(actor)

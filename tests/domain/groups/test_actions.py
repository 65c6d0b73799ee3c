"""Changing lot groups, on a real database."""

from uuid import UUID

import pytest
from sqlalchemy import select

from domain.groups import actions
from domain.groups.actions import LotGroupDetails
from domain.groups.errors import LotGroupNameTaken, LotGroupNotFound, MapColorInvalid, MistallLotNotFound, TwoSensors
from domain.groups.models import LotGroup
from domain.groups.queries import keyed_groups, managed_groups, visible_groups
from domain.groups.rules import MapPoint
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import Denied, LoginRequired
from domain.kernel.ids import uuid7
from domain.occupancy.actions import Reading, record_readings
from domain.occupancy.models import SensorLot, SensorSource
from tests.fixtures.parking import Parking, staff, user

MANAGER = staff(Permission.MANAGE_LOTS, Permission.VIEW_LOTS)
OCCUPANCY = frozenset({"occupancy"})


async def create(parking: Parking, name: str = "Campus Core", **details: object) -> UUID:
    async with parking.work(MANAGER) as work:
        return await actions.create(work, name, **details)  # type: ignore[arg-type]  # the tests' own shorthand


async def stored(parking: Parking, group_id: UUID) -> LotGroup:
    async with parking.reading() as snapshot:
        found = await snapshot.scalar(select(LotGroup).where(LotGroup.id == group_id))
    assert found is not None
    return found


async def sensor_lot(parking: Parking, source: SensorSource = SensorSource.MISTALL) -> UUID:
    async with parking.work() as work:
        await record_readings(work, source, [Reading("17", "North Garage", occupied=1)])
        (lot_id,) = await work.scalars(select(SensorLot.id).where(SensorLot.source == source.value))
        return lot_id


async def test_a_created_group_holds_what_was_said(parking: Parking) -> None:
    details: LotGroupDetails = {"map_color": "#AA0000", "point": MapPoint(45.42, -75.69), "vehicle_count_limit": 300}
    group = await stored(parking, await create(parking, " Campus Core ", **details))

    assert (group.name, group.map_color, group.latitude, group.longitude) == ("Campus Core", "#aa0000", 45.42, -75.69)
    assert (group.vehicle_count_limit, group.free_parking_minutes, group.is_on_map) == (300, None, True)
    assert parking.published == [OCCUPANCY]


async def test_a_change_leaves_what_is_absent_and_clears_what_is_none(parking: Parking) -> None:
    group_id = await create(parking, point=MapPoint(1, 2), vehicle_count_limit=300, free_parking_minutes=20)
    async with parking.work(MANAGER) as work:
        await actions.change(work, group_id, vehicle_count_limit=None, point=None)

    group = await stored(parking, group_id)
    assert (group.vehicle_count_limit, group.latitude, group.longitude) == (None, None, None)
    assert (group.free_parking_minutes, group.name) == (20, "Campus Core")


async def test_the_audit_holds_the_changed_fields_before_and_after(parking: Parking) -> None:
    group_id = await create(parking, vehicle_count_limit=300)
    async with parking.work(MANAGER) as work:
        await actions.change(work, group_id, name="Core", vehicle_count_limit=300)

    entry = (await parking.audit())[-1]
    assert (entry.action, entry.before, entry.after) == ("LotGroupChanged", {"name": "Campus Core"}, {"name": "Core"})
    assert entry.facts == {"lot_group_id": str(group_id)}


async def test_the_same_values_again_record_nothing(parking: Parking) -> None:
    group_id = await create(parking, point=MapPoint(1, 2))
    parking.published.clear()
    async with parking.work(MANAGER) as work:
        await actions.change(work, group_id, name="Campus Core", point=MapPoint(1, 2))

    assert len(await parking.audit()) == 1
    assert parking.published == []


async def test_a_parking_logix_key_is_sealed_and_never_audited(parking: Parking) -> None:
    group_id = await create(parking, parking_logix_key="open sesame", parking_logix_name="Mountaineer Garage")

    group = await stored(parking, group_id)
    assert group.parking_logix_key is not None
    assert "sesame" not in group.parking_logix_key
    async with parking.work() as work:
        assert work.vault.open(group.parking_logix_key) == "open sesame"
    assert [entry.after for entry in await parking.audit() if entry.after and "sesame" in str(entry.after)] == []
    async with parking.reading() as snapshot:
        assert [row.id for row in await snapshot.scalars(keyed_groups(snapshot.actor))] == [group_id]


@pytest.mark.parametrize("nothing", [None, "", "  "])
async def test_an_empty_key_removes_the_stored_one(parking: Parking, nothing: str | None) -> None:
    group_id = await create(parking, parking_logix_key="open sesame")
    async with parking.work(MANAGER) as work:
        await actions.change(work, group_id, parking_logix_key=nothing)

    assert (await stored(parking, group_id)).parking_logix_key is None


async def test_a_group_has_one_sensor_at_most(parking: Parking) -> None:
    group_id = await create(parking, mistall_lot_id=await sensor_lot(parking))
    with pytest.raises(TwoSensors):
        async with parking.work(MANAGER) as work:
            await actions.change(work, group_id, parking_logix_name="Deck A")

    async with parking.work(MANAGER) as work:
        await actions.change(work, group_id, parking_logix_name="Deck A", mistall_lot_id=None)
    assert (await stored(parking, group_id)).parking_logix_name == "Deck A"


async def test_a_mistall_lot_is_chosen_from_the_imported_ones(parking: Parking) -> None:
    logix_lot = await sensor_lot(parking, SensorSource.PARKING_LOGIX)

    for unknown in (uuid7(), logix_lot):
        with pytest.raises(MistallLotNotFound):
            await create(parking, mistall_lot_id=unknown)


async def test_two_groups_may_show_the_same_mistall_lot(parking: Parking) -> None:
    lot_id = await sensor_lot(parking)
    one = await create(parking, "One", mistall_lot_id=lot_id)
    other = await create(parking, "Other", mistall_lot_id=lot_id)

    assert (await stored(parking, one)).mistall_lot_id == (await stored(parking, other)).mistall_lot_id == lot_id


async def test_a_name_is_taken_until_its_group_is_archived(parking: Parking) -> None:
    group_id = await create(parking)
    with pytest.raises(LotGroupNameTaken):
        await create(parking)

    async with parking.work(MANAGER) as work:
        await actions.archive(work, group_id)
    assert await create(parking) != group_id


async def test_an_archived_group_can_not_be_changed_nor_archived_again(parking: Parking) -> None:
    group_id = await create(parking)
    async with parking.work(MANAGER) as work:
        await actions.archive(work, group_id)

    with pytest.raises(LotGroupNotFound):
        async with parking.work(MANAGER) as work:
            await actions.change(work, group_id, name="Again")
    with pytest.raises(LotGroupNotFound):
        async with parking.work(MANAGER) as work:
            await actions.archive(work, group_id)


async def test_visitors_see_groups_on_the_map_and_staff_all_but_archived_ones(parking: Parking) -> None:
    await create(parking, "Shown")
    await create(parking, "Hidden", is_on_map=False)
    archived = await create(parking, "Archived")
    async with parking.work(MANAGER) as work:
        await actions.archive(work, archived)

    async with parking.reading() as snapshot:
        assert [row.name for row in await snapshot.scalars(visible_groups(Actor.guest()))] == ["Shown"]
        assert [row.name for row in await snapshot.scalars(managed_groups(MANAGER))] == ["Hidden", "Shown"]


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [(Actor.guest(), LoginRequired), (user(), Denied), (staff(Permission.VIEW_LOTS), Denied)],
    ids=["guest", "user", "wrong role"],
)
async def test_only_who_manages_lots_may_change_groups(
    parking: Parking, actor: Actor, refusal: type[Exception]
) -> None:
    group_id = await create(parking)
    for act in (
        lambda work: actions.create(work, "Another"),
        lambda work: actions.change(work, group_id, name="Changed"),
        lambda work: actions.archive(work, group_id),
    ):
        with pytest.raises(refusal):
            async with parking.work(actor) as work:
                await act(work)

    group = await stored(parking, group_id)
    assert (group.name, group.archived_at) == ("Campus Core", None)
    assert len(await parking.audit()) == 1


async def test_wrong_input_is_refused_and_writes_nothing(parking: Parking) -> None:
    with pytest.raises(MapColorInvalid):
        await create(parking, map_color="green")

    assert await parking.audit() == []


@pytest.mark.parametrize("actor", [Actor.guest(), user()])
def test_lists_of_staff_are_refused_to_others(actor: Actor) -> None:
    with pytest.raises(Denied):
        managed_groups(actor)
    with pytest.raises(Denied):
        keyed_groups(actor)

"""What a site has not: each field, mutation and system task of a feature that is off answers FEATURE_OFF, whichever way it is asked."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import GraphQLObjectType
from sqlalchemy import func, select

from domain.kernel.actor import Actor, Permission
from domain.kernel.audit import AuditEntry
from domain.kernel.features import Feature, FeatureOff
from domain.occupancy.models import SensorSource
from domain.settings.models import Vendor
from domain.tasks.catalogue import CATALOGUE
from schema.api import Api
from schema.declare import PUBLIC, requires
from schema.guard import FeatureNotNullable
from schema.operations.execution import execute
from tests.fixtures.parking import Parking, staff
from tests.fixtures.pins import Campus
from tests.fixtures.schemas import APIS, Asking, codes

EVERYBODY = staff(*Permission)
FEATURED = [(api, *key) for api, built in APIS.items() for key, rule in built.rules.by_field.items() if rule.feature]
OFF = [FeatureOff.code]


def without(asking: Asking, *features: Feature) -> Asking:
    """The same site where these features are off."""
    assert asking.located is not None
    return Asking(
        asking.api, asking.services, replace(asking.located, features=asking.located.features.difference(features))
    )


def read(api: str, parent: str, name: str, features: frozenset[Feature]) -> Any:  # noqa: ANN401 - whatever it gives
    """What a field's resolver does for somebody who may everything, in a site with these features."""
    kind = APIS[api].core.type_map[parent]
    assert isinstance(kind, GraphQLObjectType)
    resolve = kind.fields[name].subscribe or kind.fields[name].resolve
    assert resolve is not None
    context = SimpleNamespace(actor=EVERYBODY, environment=SimpleNamespace(features=features))
    return resolve(object(), SimpleNamespace(context=context))


@pytest.mark.parametrize("field", FEATURED, ids=".".join)
def test_no_field_of_a_feature_is_read_where_only_that_is_off(field: tuple[str, str, str]) -> None:
    feature = APIS[field[0]].rules.by_field[field[1:]].feature
    assert feature is not None

    with pytest.raises(FeatureOff) as refused:
        read(*field, frozenset(Feature) - {feature})

    assert refused.value.details == {"feature": feature.value}


@pytest.mark.parametrize("task", [task for task in CATALOGUE.values() if task.feature], ids=lambda task: task.name)
async def test_a_task_of_a_feature_that_is_off_is_neither_run_nor_switched_on(admin: Asking, task: Any) -> None:  # noqa: ANN401
    site, name = without(admin, task.feature), {"name": task.name}

    run = await site("mutation ($name: String!) { runSystemTask(name: $name) { isNew } }", name, actor=EVERYBODY)
    on = await site(
        "mutation ($name: String!) { setSystemTaskEnabled(name: $name, enabled: true) { userErrors { code } } }",
        name,
        actor=EVERYBODY,
    )
    listed = await site.data("{ systemTasks { name feature available } }", actor=EVERYBODY)

    assert (codes(run), codes(on)) == (OFF, OFF)
    assert {"name": task.name, "feature": task.feature.name, "available": False} in listed["systemTasks"]


@pytest.mark.parametrize("vendor", Vendor)
async def test_an_integration_whose_feature_is_off_is_neither_shown_nor_changed(
    admin: Asking, parking: Parking, vendor: Vendor
) -> None:
    site = without(admin, vendor.feature)

    shown = await site(f"{{ integration(vendor: {vendor.name}) {{ enabled }} }}", actor=EVERYBODY)
    listed = await site.data("{ integrations { vendor } }", actor=EVERYBODY)
    changed = await site(
        f"mutation {{ updateIntegration(vendor: {vendor.name}, input: {{enabled: true}}) {{ userErrors {{ code }} }} }}",
        actor=EVERYBODY,
    )

    assert (codes(shown), codes(changed)) == (OFF, OFF)
    assert {"vendor": vendor.name} not in listed["integrations"]
    async with parking.reading() as snapshot:
        assert await snapshot.scalar(select(func.count()).select_from(AuditEntry)) == 0


@pytest.mark.parametrize(
    ("given", "feature"),
    [
        ('parkingLogixKey: "open sesame"', Feature.PARKING_LOGIX),
        ('parkingLogixName: "Deck A"', Feature.PARKING_LOGIX),
        ('mistallLotId: "x"', Feature.MISTALL),
    ],
)
async def test_a_group_takes_no_sensor_of_a_feature_that_is_off(admin: Asking, given: str, feature: Feature) -> None:
    document = f'mutation {{ createLotGroup(input: {{name: "Core", {given}}}) {{ userErrors {{ code }} }} }}'

    assert codes(await without(admin, feature)(document, actor=EVERYBODY)) == OFF


@pytest.mark.parametrize(
    "document",
    [
        "{ mistallLots { name } }",
        "{ a: mistallLots { name } }",
        "{ ...F } fragment F on Query { mistallLots { name } }",
        "{ lotGroups { id mistallLot { name } } }",
        "{ pins { ... on LotGroup { x: hasParkingLogixKey } } }",
        "{ lotGroups { ...G } } fragment G on LotGroup { parkingLogixName }",
        "subscription { occupancy { pins { ... on LotGroup { hasParkingLogixKey } } } }",
    ],
)
async def test_aliases_fragments_and_subscriptions_are_no_way_round(
    admin: Asking, parking: Parking, document: str
) -> None:
    await Campus(parking).group()

    off = await without(admin, Feature.MISTALL, Feature.PARKING_LOGIX)(document, actor=EVERYBODY)
    on = await admin(document, actor=EVERYBODY)

    assert (codes(off), codes(on)) == (OFF, [])


async def test_who_may_not_see_a_field_is_not_told_of_its_feature(admin: Asking) -> None:
    answer = await without(admin, Feature.MISTALL)("{ mistallLots { name } }", actor=staff(Permission.VIEW_USERS))

    assert codes(answer) == ["denied"]


async def test_a_sensor_whose_feature_is_off_does_not_count_on_the_map(portal: Asking, parking: Parking) -> None:
    campus = Campus(parking)
    await campus.group(mistall_lot_id=await campus.mistall())
    await campus.enable(Vendor.MISTALL)

    on = await portal.data("{ pins { ... on LotGroup { occupancy { source } } } }", actor=Actor.guest())
    off = await without(portal, Feature.MISTALL).data(
        "{ pins { ... on LotGroup { occupancy { source } } } }", actor=Actor.guest()
    )

    assert on == {"pins": [{"occupancy": {"source": "MISTALL"}}]}
    assert off == {"pins": [{"occupancy": {"source": "PERMITS"}}]}


def test_a_field_of_a_feature_that_promises_a_value_stops_the_build() -> None:
    @strawberry.type
    class Query:
        promised: str = strawberry.field(default="x", metadata=requires(PUBLIC, feature=Feature.MISTALL))

    with pytest.raises(FeatureNotNullable, match=r"Query\.promised"):
        Api("test", strawberry.Schema(Query))


async def test_a_public_attribute_of_a_feature_is_checked_too_below_compiled_fields() -> None:
    """A plain attribute is read by generated code, which must leave it alone."""

    @strawberry.type
    class Lot:
        name: str = strawberry.field(default="A", metadata=requires(PUBLIC))
        count: int | None = strawberry.field(default=3, metadata=requires(PUBLIC, feature=Feature.MISTALL))

    @strawberry.type
    class Query:
        lots: list[Lot] = strawberry.field(resolver=lambda: [Lot()], metadata=requires(PUBLIC))

    api = Api("test", strawberry.Schema(Query))
    site = SimpleNamespace(features=frozenset({Feature.PARKING_LOGIX}))
    context: Any = SimpleNamespace(actor=Actor.guest(), environment=site)

    answer = await execute(api.operations.prepare("{ lots { name count } }"), {}, context)

    assert answer.data == {"lots": [{"name": "A", "count": None}]}
    assert codes(answer) == OFF


def test_every_vendor_and_every_sensor_has_a_feature_of_its_own() -> None:
    assert {vendor.feature for vendor in Vendor} == {source.feature for source in SensorSource}
    assert len({vendor.feature for vendor in Vendor}) == len(Vendor)
    assert len(FEATURED) > 3

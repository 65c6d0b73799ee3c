"""Every place of the three APIs that takes an id, tried with everybody else's: it answers as if there were none.

The places are found in the schemas and the ids in the neighbours' lists, so a new field is tried without a line here. How
long an answer takes is not compared.
"""

from __future__ import annotations

import pytest
import strawberry
from graphql import GraphQLSchema
from sqlalchemy import select, text

import schema.admin.api
from domain.kernel.actor import TENANT_PERMISSIONS, Permission
from domain.lots.models import Lot as LotRow
from schema.admin.parking import Lot, LotGroup, MistallLot, Zone
from schema.admin.people import User
from schema.admin.permits import Permit
from schema.admin.runs import SystemTaskRun
from schema.api import Api
from schema.arguments import Id, Info
from schema.context import Services
from schema.declare import requires
from schema.ids import PLATFORM, global_id, read_id
from schema.scalars import CONFIG
from tests.fixtures.parking import staff
from tests.fixtures.schemas import APIS, Asking
from tests.isolation.conftest import Street
from tests.isolation.people import settle_in
from tests.isolation.scene import Neighbour, fingerprint, forged, ids_of, relabelled
from tests.isolation.trying import Reply, Trial, by_type, leaks, of_person
from tests.isolation.walk import Call, call, node_types, places, plain_calls

ADMIN, PORTAL, OPS = (APIS[name].core for name in ("admin", "portal", "ops"))


async def test_nobody_elses_id_is_known_in_the_admin_portal(street: Street) -> None:
    trial = await _trial(street, street.ben, of_person(street.ben.admin))

    assert await leaks(trial, await _theirs(street)) == []


@pytest.mark.parametrize("is_logged_in", [True, False])
async def test_nobody_elses_id_is_known_in_the_user_portal(street: Street, *, is_logged_in: bool) -> None:
    visitor = street.person(street.ben.environment.primary_host)
    if is_logged_in:
        await settle_in(street.platform, street.ben.environment, "mk-ben-user", "mk-ben User", is_staff=False)
        await visitor.log_in("mk-ben-user")

    trial = await _trial(street, street.ben, of_person(visitor), PORTAL)

    assert await leaks(trial, await _theirs(street)) == []


@pytest.mark.parametrize("is_logged_in", [True, False])
async def test_no_tenants_login_opens_the_control_plane(street: Street, *, is_logged_in: bool) -> None:
    host = "ops.ops-com.localhost"
    somebody = street.ben.admin.at(host, "/graphql") if is_logged_in else street.person(host)
    registry = street.platform.registry.current
    of_registry = [
        global_id(kind, PLATFORM, row)
        for kind, row in [
            ("Tenant", street.ann.environment.tenant.id),
            *(("Environment", one) for one in registry.by_id),
        ]
    ]

    trial = await _trial(street, street.ben, of_person(somebody), OPS)

    assert await leaks(trial, [*of_registry, *await _theirs(street)]) == []
    for asked in plain_calls(OPS):
        answered = await of_person(somebody)(asked)
        assert "login_required" in answered, (asked.document, answered)


async def test_rows_of_a_preview_are_unknown_in_production_and_the_other_way_round(street: Street) -> None:
    """Ids are equal in both, and so is the tenant's number in them: only the schema keeps the rows apart."""
    in_production, in_preview = [await _ids(street, one) for one in (street.ann, street.preview)]
    assert len(in_production & in_preview) > 5

    upwards = await _trial(street, street.ann, of_person(street.ann.admin), watched=[street.preview])
    downwards = await _trial(street, street.preview, of_person(street.preview.admin), watched=[street.ann])

    assert await leaks(upwards, _one_of_each(in_preview - in_production)) == []
    assert await leaks(downwards, _one_of_each(in_production - in_preview)) == []


async def test_lists_show_nothing_of_the_neighbours(street: Street) -> None:
    everybody = {street.ann.marker, street.preview.marker, street.ben.marker}
    shared = {street.preview.marker: {street.ann.marker}}
    for at in (street.ann, street.preview, street.ben):
        visitor = street.person(at.environment.primary_host)
        for core, somebody in ((ADMIN, at.admin), (PORTAL, visitor)):
            said = [await of_person(somebody)(asked) for asked in plain_calls(core)]
            seen = {marker for marker in everybody if marker in "".join(said)}
            assert seen - shared.get(at.marker, set()) <= {at.marker}
            assert core is PORTAL or at.marker in seen


async def test_what_is_changed_in_a_preview_by_ids_that_production_has_too_stays_there(street: Street) -> None:
    shared = sorted(await _ids(street, street.ann) & await _ids(street, street.preview))
    own = {name: ids[0] for name, ids in (await ids_of(ADMIN, street.preview)).items()}
    before = await fingerprint(street.platform, street.ann.environment)
    here = await fingerprint(street.platform, street.preview.environment)

    for place in places(ADMIN):
        for one in shared:
            if place.kind == "mutation" and place.name != "refreshPreview":
                await of_person(street.preview.admin)(call(ADMIN, place, one, own))

    assert await fingerprint(street.platform, street.ann.environment) == before
    assert await fingerprint(street.platform, street.preview.environment) != here


async def test_every_type_with_an_id_has_rows_to_try(street: Street) -> None:
    found = set(await ids_of(ADMIN, street.ann))

    assert {"Lot", "LotGroup", "LotZone", "Zone", "Permit", "User", "UserType", "MistallLot"} <= found
    assert {"SystemTaskRun", "Backup"} <= found
    assert len(await _ids(street, street.ann)) >= len(node_types(ADMIN))
    assert len(list(places(ADMIN))) > 25


async def test_control_a_field_that_looks_an_id_up_wherever_it_is_from_is_found(
    street: Street, services: Services
) -> None:
    """Negative control: a lot's name, read by the tenant in the id instead of the one that answers."""
    trial = await _trial(street, street.ben, _of_leaky_api(street, services), LEAKY.core)

    found = await leaks(trial, (await ids_of(ADMIN, street.ann))["Lot"])

    assert {line.partition(" with ")[0] for line in found} == {
        "query nameOfLot(id)",
        "mutation hideLot(id) changed what is not the caller's",
    }


async def _lot_of_whoever(info: Info, lot_id: Id) -> str | None:
    """What a helpful field would do."""
    for environment in info.context.services.registry.current.by_id.values():
        known = read_id(lot_id, environment.tenant.number)
        if known is not None:
            async with info.context.services.databases.snapshot(environment, info.context.actor) as reads:
                return await reads.scalar(select(LotRow.name).where(LotRow.id == known[1]))
    return None


async def _hide_lot_of_whoever(info: Info, lot_id: Id) -> str | None:
    """It answers alike to everybody, and writes where the id points to."""
    for environment in info.context.services.registry.current.by_id.values():
        known = read_id(lot_id, environment.tenant.number)
        if known is not None:
            async with info.context.services.databases.work(environment, info.context.actor) as work:
                await work.execute(text("update lot set name = name || '.' where id = :id").bindparams(id=known[1]))
    return "done"


LEAKY_VIEW, LEAKY_CHANGE = requires(Permission.VIEW_LOTS), requires(Permission.MANAGE_LOTS)


@strawberry.type
class LeakyQuery(schema.admin.api.Query):
    """The admin API with a field too many."""

    name_of_lot: str | None = strawberry.field(resolver=_lot_of_whoever, description="A leak.", metadata=LEAKY_VIEW)


@strawberry.type
class LeakyMutation(schema.admin.api.Mutation):
    """The same for changes."""

    hide_lot: str | None = strawberry.field(resolver=_hide_lot_of_whoever, description="A leak.", metadata=LEAKY_CHANGE)


LEAKY = Api(
    "admin",
    strawberry.Schema(
        query=LeakyQuery,
        mutation=LeakyMutation,
        types=(Lot, LotGroup, Zone, MistallLot, Permit, User, SystemTaskRun),
        config=CONFIG,
    ),
)


def _of_leaky_api(street: Street, services: Services) -> Reply:
    asking = Asking(LEAKY, services, street.ben.environment)
    somebody = staff(*TENANT_PERMISSIONS)

    async def reply(asked: Call) -> str:
        answer = await asking(asked.document, asked.variables, actor=somebody)
        return answer.to_json().decode()

    return reply


async def _trial(
    street: Street, caller: Neighbour, reply: Reply, core: GraphQLSchema = ADMIN, watched: list[Neighbour] | None = None
) -> Trial:
    own = {name: ids[0] for name, ids in (await ids_of(ADMIN, caller)).items()}
    others = [street.ann, street.preview] if watched is None else watched

    async def state() -> list[dict[str, str]]:
        return [await fingerprint(street.platform, one.environment) for one in others]

    return Trial(core, reply, caller.number, own, state)


async def _theirs(street: Street) -> list[str]:
    """Ids of Ann's two environments, and the same rows under the number of Ben's tenant."""
    production, preview = await _ids(street, street.ann), await _ids(street, street.preview)
    theirs = {
        *_one_of_each(production & preview),
        *_one_of_each(production - preview),
        *_one_of_each(preview - production),
    }
    own = street.ben.number
    return [*sorted(theirs), *(relabelled(one, street.ann.number, own) for one in _one_of_each(theirs))]


async def _ids(street: Street, at: Neighbour) -> set[str]:
    """Ids of an environment: those that its lists show, and made-up ones of its rows for types that no list shows."""
    found = await ids_of(ADMIN, at)
    return {one for ids in found.values() for one in ids} | set(await forged(street.platform, ADMIN, at, found))


def _one_of_each(ids: set[str]) -> list[str]:
    """The newest of each type."""
    return [found[-1] for found in by_type(ids).values()]

"""Invitations and the way into a preview, as the admin API has them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from auth.accounts import NewAccount, create_account
from auth.models import LinkPurpose, LoginAttempt, OneTimeLink
from auth.onetime import make_link
from auth.roles import ADMINISTRATOR, OPERATOR
from domain.kernel.actor import TENANT_PERMISSIONS, Actor, ActorKind, Permission
from domain.mail.models import Message
from domain.users.queries import user_named
from opscom.platform import Platform
from schema.context import Services
from schema.ids import global_id
from schema.operations.execution import Answer
from tenants.environments import Environment
from tests.fixtures.parking import Parking, staff
from tests.fixtures.schemas import APIS, Asking
from tests.tenants.test_previews import _refreshed

INVITE = """mutation ($input: InviteUserInput!) { inviteUser(input: $input) {
    user { id userName } userErrors { code field } } }"""
ACCEPT = """mutation ($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
    isStaff userErrors { code field } } }"""
WAY_IN = "mutation ($kind: EnvironmentKind! = PREVIEW) { enterPreview(kind: $kind) { address userErrors { code } } }"
ENTER = "mutation ($token: String!) { enter(token: $token) { me { userName } userErrors { code } } }"
ANN = "ann@tomahawku.example"
WEEK = timedelta(days=7)
CLERK = staff(*TENANT_PERMISSIONS)


async def test_staff_invite_somebody_who_chooses_a_password(parking: Parking, admin: Asking) -> None:
    typed = {"userName": "ben@x.example", "name": "Ben", "role": OPERATOR}

    done = await admin.data(INVITE, {"input": typed}, actor=CLERK)
    async with parking.work() as work:
        (message,) = await work.scalars(select(Message))
        token = make_link(work, LinkPurpose.INVITATION, message.user_id, timedelta(0))
        good = make_link(work, LinkPurpose.INVITATION, message.user_id, WEEK)
    over = await admin(ACCEPT, {"input": {"token": token, "password": "a good long one"}})
    short = await admin(ACCEPT, {"input": {"token": good, "password": "short"}})
    accepted = await admin(ACCEPT, {"input": {"token": good, "password": "a good long one"}})

    known = {"id": global_id("User", parking.environment.tenant.number, message.user_id), "userName": "ben@x.example"}
    assert done == {"inviteUser": {"user": known, "userErrors": []}}
    assert message.facts == {"by": "Ann Admin", "user_name": "ben@x.example"}
    assert _errors(over) == [{"code": "login.link_refused", "field": []}]
    assert _errors(short) == [{"code": "login.password_refused", "field": ["input", "password"]}]
    assert accepted.data == {"acceptInvitation": {"isStaff": True, "userErrors": []}}


async def test_an_invitation_is_withdrawn_by_the_users_id(parking: Parking, admin: Asking) -> None:
    invited = await admin.data(INVITE, {"input": {"userName": "ben@x.example"}}, actor=CLERK)
    async with parking.work() as work:
        (user,) = await work.scalars(user_named("ben@x.example"))
        token = make_link(work, LinkPurpose.INVITATION, user.id, WEEK)
    withdraw = "mutation ($id: ID!) { withdrawInvitation(id: $id) { userErrors { code } } }"
    known = {"id": invited["inviteUser"]["user"]["id"]}

    done = [await admin.data(withdraw, given, actor=CLERK) for given in (known, {"id": "nobody"})]

    errors = [one["withdrawInvitation"]["userErrors"] for one in done]
    assert errors == [[], [{"code": "user.not_found"}]]
    refused = await admin(ACCEPT, {"input": {"token": token, "password": "a good long one"}})
    assert _errors(refused) == [{"code": "login.link_refused", "field": []}]


async def test_an_admin_goes_from_production_into_the_preview_by_a_link_that_is_good_once(
    platform: Platform, tenant: Environment, services: Services
) -> None:
    ann = await _administrator(platform, tenant)
    preview = await _refreshed(platform, tenant)
    office, space = (Asking(APIS["admin"], services, one) for one in (tenant, preview))

    address = (await office.data(WAY_IN, actor=ann))["enterPreview"]["address"]
    site, _, token = address.partition("/enter#")
    first, again = await space(ENTER, {"token": token}), await space(ENTER, {"token": token})

    assert site == f"http://{preview.primary_host}:8000"
    refused = {"enter": {"me": None, "userErrors": [{"code": "login.link_refused"}]}}
    assert first.data == {"enter": {"me": {"userName": ANN}, "userErrors": []}}
    assert again.data == (await office(ENTER, {"token": token})).data == refused
    async with platform.databases.snapshot(preview, Actor.system()) as snapshot:
        (link,) = await snapshot.scalars(select(OneTimeLink))
        assert (link.expires_at - link.created_at).total_seconds() == 60
        (attempt,) = await snapshot.scalars(select(LoginAttempt))
        assert (attempt.user_id, attempt.source, attempt.reason) == (ann.user_id, "entry", "ok")
    async with platform.databases.snapshot(tenant, Actor.system()) as snapshot:
        assert await snapshot.scalars(select(OneTimeLink)) == []


async def test_whom_the_copy_does_not_know_gets_no_link(
    platform: Platform, tenant: Environment, services: Services
) -> None:
    await _refreshed(platform, tenant)
    later = await _administrator(platform, tenant)

    done = await Asking(APIS["admin"], services, tenant).data(WAY_IN, actor=later)

    assert done["enterPreview"] == {"address": None, "userErrors": [{"code": "preview.not_known_there"}]}


async def test_the_way_leads_from_production_into_a_preview_and_nowhere_else(
    platform: Platform, tenant: Environment, services: Services
) -> None:
    """Who holds a preview may be anybody there: it must open neither another space nor production."""
    ann = await _administrator(platform, tenant)
    preview = await _refreshed(platform, tenant)
    office, space = (Asking(APIS["admin"], services, one) for one in (tenant, preview))

    for asked, kind in ((space, "PREVIEW"), (space, "PRODUCTION"), (office, "PRODUCTION"), (office, "TEST")):
        done = (await asked.data(WAY_IN, {"kind": kind}, actor=ann))["enterPreview"]
        assert done == {"address": None, "userErrors": [{"code": "preview.not_there"}]}, kind


async def _administrator(platform: Platform, environment: Environment) -> Actor:
    async with platform.databases.work(environment, Actor.system()) as work:
        user_id = await create_account(work, NewAccount(ANN, "Ann", email=ANN, role=ADMINISTRATOR), "no hash")
    return Actor(ActorKind.STAFF, frozenset({Permission.VIEW_SETTINGS}), user_id=user_id, name="Ann")


def _errors(answer: Answer) -> Any:  # noqa: ANN401 - JSON
    assert answer.data is not None
    return answer.data["acceptInvitation"]["userErrors"]

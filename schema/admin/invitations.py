"""Inviting people, accepting an invitation, and going over into a preview, in the admin API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import account_of
from auth.entry import entry_link
from auth.errors import LoginRefused
from auth.invitations import invite, withdraw
from auth.onetime import LinkRefused
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import ParkingError
from domain.kernel.work import Work
from schema.admin.people import LogInPayload, User, read_me, user_with
from schema.admin.previews import environment_of_kind
from schema.arguments import Id, Info
from schema.context import Context
from schema.declare import PUBLIC, SUBJECT, for_strangers, needs, requires
from schema.ids import row_id
from schema.logins import require_http
from schema.payloads import ARGUMENTS, UserError, attempt, user_error
from tenants.copies.errors import NoPreview
from tenants.environments import Environment, EnvironmentGroup, EnvironmentKind


async def _user_of_payload(payload: strawberry.Parent[InvitationPayload], info: Info) -> User | None:
    return None if payload.row is None else await user_with(info.context, payload.row)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of who is invited.")
class InvitationPayload:
    """Whom it is about."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    user: User | None = strawberry.field(
        resolver=_user_of_payload,
        description="The person; null if nothing was changed.",
        metadata=requires(Permission.VIEW_USERS),
    )


@needs(PUBLIC)
@strawberry.type(description="The answer to `acceptInvitation`.")
class AcceptInvitationPayload:
    """Where to go on."""

    is_staff: bool = strawberry.field(description="Whether the person may log in to the admin portal.")
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if the password is set.")


@needs(PUBLIC)
@strawberry.type(description="The answer to `enterPreview`.")
class EnterPreviewPayload:
    """The way in."""

    address: str | None = strawberry.field(
        description="A link that logs the asker in there: good once, for a minute. Null if there is none."
    )
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")


@strawberry.input(description="Whom to invite.")
class InviteUserInput:
    """The form of an invitation."""

    user_name: str = strawberry.field(description="The user name; of somebody new the e-mail address.")
    name: str = strawberry.field(default="", description="The name of somebody new.")
    email: str | None = strawberry.field(default=None, description="The e-mail address, if it is not the user name.")
    role: str | None = strawberry.field(
        default=None, description="The name of a role to give; nobody gives one that may do more than they."
    )


@strawberry.input(description="A link of an invitation, and the password that its owner chose.")
class AcceptInvitationInput:
    """The form of the page that an invitation leads to."""

    token: str = strawberry.field(description="What stands behind the # of the link.")
    password: str = strawberry.field(description="The new password.")


Kind = Annotated[EnvironmentKind, strawberry.argument(description="Preview or test.")]


async def invite_user(
    info: Info, typed: Annotated[InviteUserInput, strawberry.argument(name="input", description="Whom to invite.")]
) -> InvitationPayload:
    """Invite somebody, or once more."""
    is_preview = info.context.environment.kind.group is EnvironmentGroup.TEST

    async def act(work: Work) -> UUID:
        account = account_of(typed.user_name, name=typed.name, email=typed.email, role=typed.role)
        return await invite(work, account, into_preview=is_preview)

    row, errors = await attempt(info.context, act)
    return InvitationPayload(row=row, user_errors=errors)


async def withdraw_invitation(info: Info, user_id: Id) -> InvitationPayload:
    """Take an invitation back."""
    row = row_id(user_id, "User", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: withdraw(work, row), ARGUMENTS)
    return InvitationPayload(row=None if errors else row, user_errors=errors)


async def accept_invitation(
    info: Info,
    typed: Annotated[AcceptInvitationInput, strawberry.argument(name="input", description="Link and password.")],
) -> AcceptInvitationPayload:
    """Choose a password. Raises TooManyAttempts, LoginsBusy."""
    context = info.context
    await context.end_reads()
    try:
        is_staff = await context.services.desk.accept_invitation(
            context.environment, typed.token, typed.password, context.request.caller
        )
    except LinkRefused as refused:
        return AcceptInvitationPayload(is_staff=False, user_errors=[_shown(refused)])
    except ParkingError as error:
        return AcceptInvitationPayload(is_staff=False, user_errors=[user_error(error)])
    return AcceptInvitationPayload(is_staff=is_staff, user_errors=[])


async def enter_preview(info: Info, kind: Kind = EnvironmentKind.PREVIEW) -> EnterPreviewPayload:
    """Give the asker a way into the preview, written there."""
    context, services = info.context, info.context.services
    await context.end_reads()
    try:
        preview = _entered(context, kind)
        async with services.databases.work(preview, Actor.system("entry from production")) as work:
            address = await entry_link(work, context.actor.subject, services.settings.site_of(preview.primary_host))
    except ParkingError as error:
        return EnterPreviewPayload(address=None, user_errors=[user_error(error)])
    return EnterPreviewPayload(address=address, user_errors=[])


async def enter(
    info: Info, token: Annotated[str, strawberry.argument(description="What stands behind the # of the link.")]
) -> LogInPayload:
    """Log in by a link from production. Raises TooManyAttempts, CookiesNeedHttp."""
    context = info.context
    require_http(context)
    await context.end_reads()
    try:
        begun = await context.services.desk.enter(context.environment, token, context.request.caller)
    except (LinkRefused, LoginRefused) as refused:
        return LogInPayload(me=None, user_errors=[_shown(refused)])
    for header in begun.set_cookies:
        context.set_cookie(header)
    context.actor = begun.actor
    return LogInPayload(me=await read_me(info), user_errors=[])


def _entered(context: Context, kind: EnvironmentKind) -> Environment:
    """The preview to go to: from a live environment only, since who holds a preview may be anybody there. Raises NoPreview."""
    preview = environment_of_kind(context, kind)
    if preview.kind.group is not EnvironmentGroup.TEST or context.environment.kind.group is not EnvironmentGroup.LIVE:
        raise NoPreview("The way in leads from production into a preview space.")
    return preview


def _shown(refused: ParkingError) -> UserError:
    return UserError(code=refused.code, message=refused.message, field=[])


@strawberry.type
class InvitationMutations:
    """Coming in by a link."""

    invite_user: InvitationPayload | None = strawberry.field(
        resolver=invite_user,
        description="Invite somebody by mail, or once more. In a preview it lets in who is not staff.",
        metadata=requires(Permission.MANAGE_USERS),
    )
    withdraw_invitation: InvitationPayload | None = strawberry.field(
        resolver=withdraw_invitation,
        description="Take the invitation of the user with this id back. In a preview, who is not staff is logged out.",
        metadata=requires(Permission.MANAGE_USERS),
    )
    accept_invitation: AcceptInvitationPayload | None = strawberry.field(
        resolver=accept_invitation,
        description="Choose a password by the link of an invitation, which is good once.",
        metadata=for_strangers() | requires(PUBLIC),
    )
    enter_preview: EnterPreviewPayload | None = strawberry.field(
        resolver=enter_preview,
        description="Ask for a link that logs the asker in to the preview, if its copy knows them as staff.",
        metadata=requires(SUBJECT),
    )
    enter: LogInPayload | None = strawberry.field(
        resolver=enter,
        description="Log in to a preview by the link of `enterPreview`. The login is in a cookie of the answer.",
        metadata=for_strangers() | requires(PUBLIC),
    )

"""Settings of integrations in the admin API. Secrets go in and never come out: only whether there is one."""

from __future__ import annotations

from typing import Annotated, cast

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.features import require_feature
from domain.settings.actions import SIDES, IntegrationChanges, change_integration
from domain.settings.models import Vendor
from domain.settings.queries import Credentials, IntegrationView, integrations
from schema.admin.inputs import given
from schema.arguments import Info
from schema.declare import PUBLIC, needs, requires
from schema.loaders import once
from schema.payloads import UserError, attempt


@strawberry.input(description="One side of a connection. What is left out stays as it is; null removes it.")
class ConnectionInput:
    """The form of one side."""

    endpoint: strawberry.Maybe[str | None] = strawberry.field(
        description="The http or https address. Another host takes the stored secrets away: enter them again."
    )
    user_name: strawberry.Maybe[str | None] = strawberry.field(description="The user name.")
    password: strawberry.Maybe[str | None] = strawberry.field(description="Stored encrypted, never shown.")
    token: strawberry.Maybe[str | None] = strawberry.field(description="Stored encrypted, never shown.")


@strawberry.input(description="Changes of an integration. What is left out stays as it is; null removes it.")
class UpdateIntegrationInput:
    """The form of an integration."""

    is_enabled: strawberry.Maybe[bool] = strawberry.field(
        name="enabled", description="Whether it is used. Its sensors count only while it is."
    )
    technical_contact: strawberry.Maybe[str | None] = strawberry.field(description="Whom to ask at the vendor.")
    documentation_url: strawberry.Maybe[str | None] = strawberry.field(description="Where its API is described.")
    live: strawberry.Maybe[ConnectionInput] = strawberry.field(description="What production uses.")
    test: strawberry.Maybe[ConnectionInput] = strawberry.field(description="What previews and tests use.")


@needs(Permission.VIEW_SETTINGS)
@strawberry.type(description="One side of a connection, without its secrets.")
class ConnectionSettings:
    """What production uses, or what previews use."""

    endpoint: str | None = strawberry.field(description="The http or https address.")
    user_name: str | None = strawberry.field(description="The user name.")
    has_password: bool = strawberry.field(description="Whether a password is stored.")
    has_token: bool = strawberry.field(description="Whether a token is stored.")


@needs(Permission.VIEW_SETTINGS)
@strawberry.type(
    description="The connection to a third party. Live and test are kept apart and never stand in for another."
)
class Integration:
    """An integration."""

    vendor: Vendor = strawberry.field(description="The third party.")
    enabled: bool = strawberry.field(description="Whether it is used.")
    technical_contact: str | None = strawberry.field(description="Whom to ask at the vendor.")
    documentation_url: str | None = strawberry.field(description="Where its API is described.")
    live: ConnectionSettings = strawberry.field(description="What production uses.")
    test: ConnectionSettings = strawberry.field(description="What previews and tests use.")


async def _integration_of_payload(payload: strawberry.Parent[IntegrationPayload], info: Info) -> Integration | None:
    return None if payload.vendor is None else await _find(info, payload.vendor)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of an integration.")
class IntegrationPayload:
    """The integration after the change, read only if it is asked for."""

    vendor: strawberry.Private[Vendor | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    integration: Integration | None = strawberry.field(
        resolver=_integration_of_payload,
        description="The integration after the change; null if nothing was changed.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


VendorArgument = Annotated[Vendor, strawberry.argument(description="The third party.")]
UpdateInput = Annotated[UpdateIntegrationInput, strawberry.argument(name="input", description="What is to change.")]


async def read_integrations(info: Info) -> list[Integration]:
    """All integrations."""
    return [_integration(view) for view in await once(info.context, integrations)]


async def find_integration(info: Info, vendor: VendorArgument) -> Integration:
    """One integration."""
    return await _find(info, vendor)


async def update_integration(info: Info, vendor: VendorArgument, typed: UpdateInput) -> IntegrationPayload:
    """Change an integration."""
    changes = _changes(typed)
    _, errors = await attempt(info.context, lambda work: change_integration(work, vendor, **changes))
    return IntegrationPayload(vendor=None if errors else vendor, user_errors=errors)


def _changes(typed: UpdateIntegrationInput) -> IntegrationChanges:
    """Both sides as the flat names of the domain."""
    changes = given(typed)
    for side in SIDES:
        entered = changes.pop(side, None)
        if entered is not None:
            changes |= {f"{side}_{name}": value for name, value in given(entered).items()}
    return cast("IntegrationChanges", changes)


async def _find(info: Info, vendor: Vendor) -> Integration:
    require_feature(info.context.environment.features, vendor.feature)
    views = await once(info.context, integrations)
    return next(_integration(view) for view in views if view.vendor is vendor)


def _integration(view: IntegrationView) -> Integration:
    return Integration(
        vendor=view.vendor,
        enabled=view.is_enabled,
        technical_contact=view.technical_contact,
        documentation_url=view.documentation_url,
        live=_side(view.live),
        test=_side(view.test),
    )


def _side(seen: Credentials) -> ConnectionSettings:
    return ConnectionSettings(
        endpoint=seen.endpoint,
        user_name=seen.user_name,
        has_password=seen.has_password,
        has_token=seen.has_token,
    )


@strawberry.type
class SettingsQueries:
    """Integrations."""

    integrations: list[Integration] | None = strawberry.field(
        resolver=read_integrations,
        description="The connections to all third parties whose feature is on, also those that were never entered.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )
    integration: Integration | None = strawberry.field(
        resolver=find_integration,
        description="The connection to one third party; null with FEATURE_OFF where its feature is off.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


@strawberry.type
class SettingsMutations:
    """Changes of integrations."""

    update_integration: IntegrationPayload | None = strawberry.field(
        resolver=update_integration,
        description="Change the connection to a third party.",
        metadata=requires(Permission.MANAGE_SETTINGS),
    )

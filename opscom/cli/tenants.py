"""`opscom tenant …`: make tenants, list them, set the password of one of their people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import Environment
    from tenants.provisioning import IsThere

app = typer.Typer(help="Tenants: the platform's customers.", no_args_is_help=True)

ACTOR = "command line"


@app.command()
def create(
    slug: Annotated[str, typer.Argument(help="Short name, part of the host name: a-z, 0-9, hyphens.")],
    name: Annotated[str, typer.Option(help="The customer's name.")],
    admin: Annotated[str, typer.Option(help="User name (an e-mail address) of the first administrator.")],
    time_zone: Annotated[str, typer.Option(help="IANA time zone.")] = "America/Toronto",
    *,
    plan: Annotated[str, typer.Option(help="Its plan, from `opscom plan list`.")] = "standard",
    print_password: Annotated[
        bool, typer.Option("--print-password", help="Make a password and print it once, in place of an invitation.")
    ] = False,
) -> None:
    """Make a tenant with its production environment, invite its first administrator by mail, and print where it is.

    May be repeated: an interrupted one is taken up, one that is there with all of this is left as it is.
    """
    from auth.invitations import invite_first, was_invited  # noqa: PLC0415 - keeps --help quick
    from opscom.accounts import first_administrator  # noqa: PLC0415
    from tenants.registry.actions import NewTenant  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        is_there: IsThere | None = None
        if print_password:
            password, also = await first_administrator(admin)
            words = f"user name {admin}, password {password}"
        else:
            also, is_there, words = invite_first(admin), was_invited(admin), ""
        new = NewTenant(slug, name, time_zone, plan=plan)
        await platform.registry.load()
        before = platform.registry.current.by_id
        environment = await platform.provisioner.create_tenant(new, actor=ACTOR, also=also, is_there=is_there)
        typer.echo(f"{platform.settings.site_of(environment.primary_host)}/admin")
        if environment == before.get(environment.id):
            typer.echo(f"{slug} was made before with all of this, and is left as it is")
        else:
            typer.echo(words or _invited(admin, platform, environment))

    with_platform(work)


@app.command("invite")
def invite(
    slug: Annotated[str, typer.Argument(help="Short name of the tenant.")],
    user_name: Annotated[str, typer.Argument(help="Whom: a user name, for somebody new the e-mail address.")],
    name: Annotated[str, typer.Option(help="The name of somebody new.")] = "",
    role: Annotated[str | None, typer.Option(help="A role to give, such as Administrator.")] = None,
    kind: Annotated[str, typer.Option(help="Which environment.")] = "production",
) -> None:
    """Invite somebody by mail, or once more: the link lets them choose a password. In a preview it lets them in."""
    from opscom.accounts import environment_called, invite_person  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        environment = await environment_called(platform, slug, kind)
        await invite_person(platform, environment, user_name, name=name, role=role)
        typer.echo(_invited(user_name, platform, environment))

    with_platform(work)


@app.command("withdraw-invitation")
def withdraw_invitation(
    slug: Annotated[str, typer.Argument(help="Short name of the tenant.")],
    user_name: Annotated[str, typer.Argument(help="The user name of who was invited.")],
    kind: Annotated[str, typer.Option(help="Which environment.")] = "production",
) -> None:
    """Take somebody's invitation back: its links are good no more, and in a preview who is not staff is logged out."""
    from auth.invitations import withdraw_named  # noqa: PLC0415 - keeps --help quick
    from opscom.accounts import ACTOR as SYSTEM  # noqa: PLC0415
    from opscom.accounts import environment_called  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        environment = await environment_called(platform, slug, kind)
        async with platform.databases.work(environment, SYSTEM) as writing:
            await withdraw_named(writing, user_name)
        typer.echo(f"the invitation of {user_name} is withdrawn")

    with_platform(work)


@app.command("list")
def list_tenants() -> None:
    """List the environments of all tenants."""

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        for environment in sorted(platform.registry.current.by_id.values(), key=lambda e: (e.tenant.number, e.kind)):
            print_row(environment.tenant.slug, environment.kind, environment.state, environment.primary_host)

    with_platform(work)


@app.command("set-password")
def set_password(
    slug: Annotated[str, typer.Argument(help="Short name of the tenant.")],
    user_name: Annotated[str, typer.Argument(help="Whose password.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
) -> None:
    """Set a new password for somebody of a tenant; ends all of that person's logins."""
    from opscom.accounts import production_of, set_user_password  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        await set_user_password(platform, production_of(platform, slug), user_name, password)
        typer.echo(f"{user_name} has a new password, and all logins were ended")

    with_platform(work)


@app.command("embed")
def embed(
    slug: Annotated[str, typer.Argument(help="Short name of the tenant.")],
    site: Annotated[
        list[str] | None, typer.Option(help='An origin that may show the map; all of them, in turn; "" for none.')
    ] = None,
    exempt: Annotated[
        list[str] | None, typer.Option(help='A network that no cap per address holds for; "" for none.')
    ] = None,
) -> None:
    """Set where a tenant's live map may be shown and from where any number may watch; lists not given stay."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.registry.actions import set_embedding  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        environment = production_of(platform, slug)
        async with platform.databases.control().begin() as connection:
            sites, networks = _given(site), _given(exempt)
            await set_embedding(connection, environment.id, sites=sites, networks=networks, actor=ACTOR)
        await platform.registry.load()
        await platform.bus.nudge("registry")
        found = production_of(platform, slug).embedding
        typer.echo("sites: " + (" ".join(sorted(found.sites)) or "none"))
        typer.echo("exempt networks: " + (" ".join(found.networks) or "none"))

    with_platform(work)


def _given(values: list[str] | None) -> list[str] | None:
    """A list as it was typed: one empty text alone is an empty list; left out, it is None."""
    return [] if values == [""] else values


def _invited(user_name: str, platform: Platform, environment: Environment) -> str:
    from tenants.outlets import Outlet, outlet  # noqa: PLC0415 - keeps --help quick

    if outlet(environment) is Outlet.CAPTURE:
        listed = f"opscom mail list {environment.tenant.slug} --kind {environment.kind}"
        return f"the invitation of {user_name} is captured, since this is a preview: {listed}"
    if platform.settings.relay is None:
        return f"the invitation of {user_name} is kept, since no mail server is configured (OPSCOM_SMTP_URL)"
    return f"{user_name} is invited by mail"

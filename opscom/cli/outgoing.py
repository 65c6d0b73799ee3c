"""`opscom mail facts|domain|check|records`: where a client's traffic and mail come from, and the DNS records of that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import Tenant
    from tenants.outgoing.mail_domains import MailDomain

app = typer.Typer()

ACTOR = "command line"
Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]


@app.command("facts")
def facts(slug: Slug) -> None:
    """Print the addresses that traffic comes from, where the client's mail comes from, and the DNS records of it."""

    async def look(_platform: Platform, _tenant: Tenant) -> MailDomain | None:
        return None

    _at(slug, look)


@app.command("domain")
def domain(
    slug: Slug,
    name: Annotated[
        str | None, typer.Argument(help="Such as mg.example.org; left out: the platform's address.")
    ] = None,
) -> None:
    """Enter the domain that a client's mail shall come from; it does once its DNS was found right."""
    from tenants.outgoing.mail_domains import enter  # noqa: PLC0415 - keeps --help quick

    async def change(platform: Platform, tenant: Tenant) -> MailDomain | None:
        await enter(platform.databases, tenant.id, name, actor=ACTOR)
        return None

    _at(slug, change)


@app.command("check")
def check(slug: Slug) -> None:
    """Ask the DNS whether a client's mail can come from its own domain; from then on it does, or no more."""
    from tenants.outgoing.mail_domains import look  # noqa: PLC0415 - keeps --help quick

    async def ask(platform: Platform, tenant: Tenant) -> MailDomain | None:
        return await look(platform.databases, tenant.id, actor=ACTOR)

    _at(slug, ask)


@app.command("records")
def records() -> None:
    """Print the DNS records that the platform's own sender needs, for whoever operates it."""

    async def work(platform: Platform) -> None:
        _show_records(platform, platform.settings.sender.rpartition("@")[2])

    with_platform(work)


def _at(slug: str, act: Callable[[Platform, Tenant], Awaitable[MailDomain | None]]) -> None:
    """Do something to a tenant, tell all processes, and print what holds then."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.outgoing.mail_domains import entered, sender_of  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        found = await act(platform, production_of(platform, slug).tenant)
        await platform.registry.load()
        await platform.bus.nudge("registry")
        tenant, settings = production_of(platform, slug).tenant, platform.settings
        for group, addresses in sorted(settings.outgoing_addresses.items()):
            typer.echo(f"traffic of the {group} group comes from {' '.join(map(str, addresses))}")
        typer.echo(f"mail comes from {sender_of(settings, tenant)}")
        known = await entered(platform.databases, tenant.id)
        if known is not None:
            typer.echo(f"domain {known.name} is {'used' if known.is_used else 'not used: its DNS was not found right'}")
            _show_records(platform, known.name)
        for problem in found.problems if found else ():
            typer.echo(problem)

    with_platform(work)


def _show_records(platform: Platform, name: str) -> None:
    from tenants.outgoing.records import record_set  # noqa: PLC0415 - keeps --help quick

    for record in record_set(name, platform.settings.mail_rules):
        value = f'"{record.value}"' if record.kind == "TXT" else record.value
        typer.echo(f"{record.name}.\tIN\t{record.kind}\t{value}")

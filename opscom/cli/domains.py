"""`opscom domain …`: clients' own domains, from the request to the release."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.rows import in_utc, print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import Environment

app = typer.Typer(help="Clients' own domains.", no_args_is_help=True)

ACTOR = "command line"
Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
Name = Annotated[str, typer.Argument(help="The domain, such as parking.example.org.")]
Host = Annotated[str, typer.Argument(help="A host of the site: an own domain, or the platform's name for it.")]


@app.command("list")
def list_domains(slug: Slug) -> None:
    """List the own domains of a tenant with their state, and then all host names of its site."""
    from tenants.domains.queries import claims_of, hosts_of  # noqa: PLC0415 - keeps --help quick
    from tenants.domains.rules import written  # noqa: PLC0415

    async def work(platform: Platform, site: Environment) -> None:
        for one in await claims_of(platform.databases, site.id):
            until = f"until {in_utc(one.until)}" if one.until else None
            print_row(one.name, written(one.name), one.state, until, " ".join(one.problems))
        for host in await hosts_of(platform.databases, site.id):
            what = "primary" if host.is_primary else "leads to the primary" if host.is_redirect else "answers"
            print_row("host", host.name, what)

    _at(slug, work)


@app.command()
def add(slug: Slug, name: Name) -> None:
    """Ask for an own domain, and print the DNS records that it needs."""
    from tenants.domains import actions  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        claim = await actions.request(platform.databases, site, name, actor=ACTOR)
        await _show(platform, site, claim.name)

    _at(slug, work)


@app.command()
def show(slug: Slug, name: Name) -> None:
    """Print where an own domain stands, and the DNS records that it needs as lines of a zone file."""

    async def work(platform: Platform, site: Environment) -> None:
        await _show(platform, site, name)

    _at(slug, work)


@app.command()
def check(slug: Slug, name: Name) -> None:
    """Look at the DNS of an own domain; exit code 1 if it is not right."""
    from tenants.domains import actions  # noqa: PLC0415 - keeps --help quick
    from tenants.domains.dns import Dns  # noqa: PLC0415

    async def work(platform: Platform, site: Environment) -> bool:
        dns = Dns.of(platform.settings)
        verdict = await actions.check(platform.databases, dns, site.id, _plain(name), actor=ACTOR)
        for line in (*verdict.problems, *verdict.silent):
            typer.echo(line)
        await _tell(platform)
        return verdict.is_right

    if not _at(slug, work):
        raise typer.Exit(1)
    typer.echo("The DNS is right.")


@app.command()
def activate(slug: Slug, name: Name) -> None:
    """Look at the DNS once more, and let the site answer under the name."""
    from tenants.domains import actions  # noqa: PLC0415 - keeps --help quick
    from tenants.domains.dns import Dns  # noqa: PLC0415

    async def work(platform: Platform, site: Environment) -> None:
        dns = Dns.of(platform.settings)
        await actions.activate(platform.databases, dns, site, _plain(name), actor=ACTOR)
        await _tell(platform)
        typer.echo(f"{name} is active")

    _at(slug, work)


@app.command()
def primary(slug: Slug, host: Host) -> None:
    """Build links with this host from now on."""
    from tenants.domains.serving import set_primary  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await set_primary(platform.databases, site.id, _plain(host), actor=ACTOR)
        await _tell(platform)
        typer.echo(f"{host} is primary")

    _at(slug, work)


@app.command()
def redirect(
    slug: Slug,
    host: Host,
    off: Annotated[bool, typer.Option("--off", help="Let the host answer itself again.")] = False,  # noqa: FBT002
) -> None:
    """Let a host lead to the primary one."""
    from tenants.domains.serving import set_redirect  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await set_redirect(platform.databases, site.id, _plain(host), leads=not off, actor=ACTOR)
        await _tell(platform)
        typer.echo(f"{host} {'answers itself' if off else 'leads to the primary host'}")

    _at(slug, work)


@app.command()
def release(slug: Slug, name: Name) -> None:
    """Give an own domain up; for 30 days only the same tenant may take it again."""
    from tenants.domains import actions  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await actions.release(platform.databases, site.id, _plain(name), actor=ACTOR)
        await _tell(platform)
        typer.echo(f"{name} is released")

    _at(slug, work)


async def _show(platform: Platform, site: Environment, typed: str) -> None:
    from tenants.domains.queries import claim_of, hosts_of, zone_of  # noqa: PLC0415 - keeps --help quick
    from tenants.domains.zone import records_of  # noqa: PLC0415

    claim = await claim_of(platform.databases, site.id, _plain(typed))
    zone = zone_of(claim, await hosts_of(platform.databases, site.id), platform.settings)
    typer.echo(f"; {claim.name} is {claim.state}, asked for by {claim.requested_by}")
    for problem in claim.problems:
        typer.echo(f"; {problem}")
    for record in records_of(zone):
        typer.echo(f"; {record.need}: {record.why}\n{record.line}")


def _plain(typed: str) -> str:
    from tenants.hostnames import normalise_host  # noqa: PLC0415 - keeps --help quick

    return normalise_host(typed.encode())


async def _tell(platform: Platform) -> None:
    await platform.bus.nudge("registry")


def _at(slug: str, work: Callable[[Platform, Environment], Awaitable[object]]) -> object:
    """Do something with a tenant's production site."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick

    async def located(platform: Platform) -> object:
        await platform.registry.load()
        return await work(platform, production_of(platform, slug))

    return with_platform(located)

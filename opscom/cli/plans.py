"""`opscom plan …`, `opscom feature …`, `opscom tenant plan|feature|limit`: what a tenant has, and trials in its preview."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import Environment

plans = typer.Typer(help="Plans: what a tenant gets under one name.", no_args_is_help=True)
features = typer.Typer(help="Features of tenants, and trials of them in previews.", no_args_is_help=True)
of_tenant = typer.Typer()

ACTOR = "command line"
Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
FeatureName = Annotated[str, typer.Argument(help="The feature, such as own_domain.")]


@plans.command("list")
def list_plans() -> None:
    """List all plans with their features and limits, and what each feature is."""
    from tenants.plans.catalogue import FEATURES, PLANS  # noqa: PLC0415 - keeps --help quick

    for plan in PLANS.values():
        limits = " ".join(f"{name}={value}" for name, value in plan.limits.items())
        typer.echo("\t".join((plan.name, " ".join(sorted(plan.features)) or "-", limits)))
    for feature, words in FEATURES.items():
        typer.echo(f"{feature}\t{words.title}\t{words.description}")


@of_tenant.command("plan")
def plan(slug: Slug, name: Annotated[str, typer.Argument(help="The plan, from `opscom plan list`.")]) -> None:
    """Give a tenant another plan; what it has beside it stays."""
    from tenants.plans.actions import set_plan  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await set_plan(platform.databases, site.tenant.id, name, actor=ACTOR)

    _at(slug, work)


@of_tenant.command("feature")
def feature(
    slug: Slug,
    name: FeatureName,
    is_on: Annotated[bool, typer.Option("--on/--off", help="Give it, or take it away.")] = True,  # noqa: FBT002
) -> None:
    """Give a tenant a feature beside its plan, in all its environments at once, or take it away."""
    from tenants.plans.actions import set_feature  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await set_feature(platform.databases, site.tenant.id, name, is_on=is_on, actor=ACTOR)

    _at(slug, work)


@of_tenant.command("limit")
def limit(
    slug: Slug,
    name: Annotated[str, typer.Argument(help="The limit, such as own_domains.")],
    value: Annotated[int | None, typer.Argument(help="The tenant's own; left out: that of its plan.")] = None,
) -> None:
    """Give a tenant a limit of its own, or that of its plan again."""
    from tenants.plans.actions import set_limit  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await set_limit(platform.databases, site.tenant.id, name, value, actor=ACTOR)

    _at(slug, work)


@features.command("list")
def list_features(slug: Slug) -> None:
    """Show what a tenant has, and the features that it tries or tried, newest first."""

    async def look(_platform: Platform, _site: Environment) -> None:
        """Nothing is changed."""

    _at(slug, look)


@features.command("try")
def try_feature(
    slug: Slug, name: FeatureName, note: Annotated[str, typer.Option(help="What the client is to look at.")] = ""
) -> None:
    """Turn a feature on in a tenant's preview and test spaces, until its administrator approves or declines it."""
    from tenants.plans.trials import begin  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        await begin(platform.databases, site.tenant.id, name, words=note, actor=ACTOR)

    _at(slug, work)


@features.command("withdraw")
def withdraw(slug: Slug, name: FeatureName, reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "") -> None:
    """End the trial of a feature without the client."""
    from tenants.plans.trials import TrialNotFound, decide, trials_of  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform, site: Environment) -> None:
        tenant = site.tenant.id
        trials = await trials_of(platform.databases, tenant)
        found = next((one for one in trials if one.feature == name and one.decided_at is None), None)
        if found is None:
            raise TrialNotFound("This feature is not on trial.", feature=name)
        await decide(platform.databases, tenant, found.id, is_approved=False, actor=ACTOR, reason=reason)

    _at(slug, work)


def _at(slug: str, act: Callable[[Platform, Environment], Awaitable[None]]) -> None:
    """Do something to a tenant, tell all processes, and print what it has then."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        await act(platform, production_of(platform, slug))
        await platform.registry.load()
        await platform.bus.nudge("registry")
        await _show(platform, production_of(platform, slug))

    with_platform(work)


async def _show(platform: Platform, site: Environment) -> None:
    from tenants.plans.trials import trials_of  # noqa: PLC0415 - keeps --help quick

    entitled = site.tenant.entitled
    typer.echo(f"plan {entitled.plan.name}")
    typer.echo("features: " + (" ".join(sorted(entitled.features)) or "none"))
    typer.echo("limits: " + " ".join(f"{name}={value}" for name, value in entitled.limits.items()))
    for one in await trials_of(platform.databases, site.tenant.id):
        ending = "approved" if one.is_approved else "declined"
        end = f"{ending} {one.decided_at:%Y-%m-%d} by {one.decided_by}" if one.decided_at else "waits for the client"
        words = " ".join(part for part in (one.note, one.reason) if part) or "-"
        print_row("trial", one.feature, f"{one.asked_at:%Y-%m-%d}", one.asked_by, end, words)

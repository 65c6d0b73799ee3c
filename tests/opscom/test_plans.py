"""Plans, features and trials from the command line."""

import asyncio

from opscom.platform import Platform
from tenants.environments import Environment
from tests.opscom.test_cli import opscom, settings_of


async def test_staff_give_try_and_withdraw_features_from_the_command_line(
    platform: Platform, tenant: Environment
) -> None:
    slug, given = tenant.tenant.slug, settings_of(platform)

    def steps() -> list[str]:
        done = [
            opscom("tenant", "plan", slug, "basic", **given),
            opscom("tenant", "feature", slug, "mistall", **given),
            opscom("tenant", "limit", slug, "own_domains", "3", **given),
            opscom("feature", "try", slug, "own_domain", "--note", "Look.", **given),
            opscom("feature", "withdraw", slug, "own_domain", "--reason", "Too early.", **given),
            opscom("feature", "list", slug, **given),
            opscom("feature", "withdraw", slug, "own_domain", **given),
        ]
        return [one.stdout + one.stderr for one in done]

    basic, featured, limited, tried, withdrawn, listed, again = await asyncio.to_thread(steps)

    assert "plan basic\nfeatures: none\n" in basic
    assert "features: mistall\n" in featured
    assert "own_domains=3" in limited
    assert "trial\town_domain" in tried
    assert "waits for the client\tLook." in tried
    assert "by command line\tLook. Too early." in withdrawn
    assert listed == withdrawn
    assert again.startswith("feature.trial_not_found: ")


def test_the_plans_are_listed_without_any_settings() -> None:
    done = opscom("plan", "list")

    assert done.returncode == 0
    assert "basic\t-\town_domains=1" in done.stdout
    assert "own_domain\tOwn domain\t" in done.stdout


async def test_lists_of_where_a_map_is_shown_can_be_emptied(platform: Platform, tenant: Environment) -> None:
    """A list that had anything in it could not be emptied from here."""
    slug, given = tenant.tenant.slug, settings_of(platform)

    def steps() -> list[str]:
        done = [
            opscom("tenant", "embed", slug, "--site", "https://a.example", "--exempt", "192.0.2.0/24", **given),
            opscom("tenant", "embed", slug, "--site", "", **given),
            opscom("tenant", "embed", slug, "--exempt", "", **given),
        ]
        return [one.stdout + one.stderr for one in done]

    both, no_sites, nothing = await asyncio.to_thread(steps)

    assert both == "sites: https://a.example\nexempt networks: 192.0.2.0/24\n"
    assert no_sites == "sites: none\nexempt networks: 192.0.2.0/24\n"
    assert nothing == "sites: none\nexempt networks: none\n"

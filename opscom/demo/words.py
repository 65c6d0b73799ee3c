"""What the demo prints when it is ready: addresses, accounts, and three things to try that work as printed."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from opscom.demo.facts import CIVIC, TOMAHAWKU, TenantFacts
from opscom.demo.places import FOLDER, FOLDER_NAME, ROOT, Places

COMMAND = ".venv/bin/opscom"
JSON = "-H 'Content-Type: application/json'"


@dataclass(frozen=True, slots=True)
class Site:
    """A tenant's site, and its administrator's password if it was made at this start."""

    tenant: TenantFacts
    address: str
    password: str | None


def greeting(sites: list[Site], ops: str, places: Places, seconds: float) -> str:
    """All of it, ending in ``ready``."""
    command = _command(places)
    campus = next(site for site in sites if site.tenant is TOMAHAWKU)
    parts = (
        f"\nopscom demo, up after {seconds:.1f} s. Data and logs are in {_short(places)}; Ctrl-C stops everything.",
        *(_site(site, command) for site in sites),
        f"  Control plane      {ops}/graphql    (an account: {command} staff create NAME --name 'A Name')",
        "\nThree things to try in another terminal:",
        f"\n1. Ask for the map as a guest\n\n{_query(campus)}",
        f"\n2. Watch it move\n\n   {command} watch {TOMAHAWKU.slug}",
        f"\n3. Log in as {campus.tenant.admin} and RUN a system task\n\n{_run(campus)}",
        "\nready",
    )
    return "\n".join(parts)


def _command(places: Places) -> str:
    """How our commands are given in another terminal: they look for a demo in its usual folder, or are told another one."""
    is_usual = places.folder == FOLDER
    return COMMAND if is_usual else f"{FOLDER_NAME}={shlex.quote(str(places.folder))} {COMMAND}"


def _site(site: Site, command: str) -> str:
    admin = site.tenant.admin
    change = f"{command} tenant set-password {site.tenant.slug} {admin}"
    known = f"password {site.password}" if site.password else "password: the one printed at the first start"
    return "\n".join(
        (
            f"\n  {site.tenant.name}{'' if site.tenant is not CIVIC else ' (no sensors: permits are counted)'}",
            f"  portal             {site.address}/",
            f"  admin portal       {site.address}/admin",
            f"  administrator      {admin}, {known}",
            f"  another password   {change}",
            f"  mail (kept here)   {command} mail list {site.tenant.slug}",
        )
    )


def _query(site: Site) -> str:
    query = "{ lotGroups { name occupancy { percentFull source stale } } }"
    return f"   curl -s {site.address}/graphql {JSON} -d '{json.dumps({'query': query})}'"


def _run(site: Site) -> str:
    """Log in, keep the cookie in a variable (curl keeps no Secure cookie of an http site), press RUN."""
    address = f"{site.address}/admin/graphql"
    log_in = "mutation($input: LogInInput!) { logIn(input: $input) { me { name } userErrors { message } } }"
    typed = {"input": {"userName": site.tenant.admin, "password": site.password or "YOUR PASSWORD"}}
    press = 'mutation { runSystemTask(name: "update_mistall") { isNew run { task state } userErrors { message } } }'
    return "\n".join(
        (
            f"   cookie=$(curl -si {address} {JSON} \\",
            f"     -d '{json.dumps({'query': log_in, 'variables': typed})}' \\",
            "     | sed -n 's/^[Ss]et-[Cc]ookie: \\(__Host-opscom-admin=[^;]*\\).*/\\1/p')",
            f'   curl -s {address} {JSON} -H "Cookie: $cookie" \\',
            f"     -d '{json.dumps({'query': press})}'",
        )
    )


def _short(places: Places) -> str:
    folder = places.folder
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else str(folder)

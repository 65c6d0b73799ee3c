"""The whole command line, and how a failure is told: in one line, with its code, and without a traceback."""

from __future__ import annotations

import sys
from errno import EADDRINUSE, EDQUOT, ENOSPC

import typer
from pydantic import ValidationError

from domain.kernel.errors import ParkingError
from opscom.cli import (
    cells,
    checks,
    demo,
    domains,
    environments,
    history,
    lifecycle,
    mail,
    migrations,
    outgoing,
    plans,
    previews,
    processes,
    schemas,
    secrets,
    staff,
    tenants,
)

app = typer.Typer(
    name="opscom",
    help="A multi-tenant parking platform: gateway, live map, system tasks, and the commands to run it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for group in (demo.app, processes.app, migrations.app, checks.app):
    app.registered_commands.extend(group.registered_commands)
mail.app.registered_commands.extend(outgoing.app.registered_commands)
for group in (lifecycle.app, plans.of_tenant, history.of_tenant):
    tenants.app.registered_commands.extend(group.registered_commands)
app.add_typer(tenants.app, name="tenant")
app.add_typer(cells.app, name="cell")
app.add_typer(previews.backups, name="backup")
app.add_typer(previews.previews, name="preview")
app.add_typer(environments.app, name="environment")
app.add_typer(plans.plans, name="plan")
app.add_typer(plans.features, name="feature")
app.add_typer(mail.app, name="mail")
app.add_typer(domains.app, name="domain")
app.add_typer(history.erasures, name="erasures")
app.add_typer(secrets.app, name="secrets")
app.add_typer(staff.app, name="staff")
app.add_typer(schemas.app, name="schema")


def main() -> None:
    """Run the command line; an expected failure ends with exit code 1 and its code and sentence."""
    try:
        app(prog_name="opscom")
    except ParkingError as error:
        facts = ", ".join(f"{name}={value}" for name, value in error.details.items())
        sys.exit(f"{error.code}: {error.message}{f' ({facts})' if facts else ''}")
    except ValidationError as error:
        wrong = (f"OPSCOM_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        sys.exit("The settings are incomplete. `opscom demo` needs none.\n" + "\n".join(wrong))
    except OSError as error:
        if error.filename is None and error.errno not in {EADDRINUSE, ENOSPC, EDQUOT}:  # nothing that somebody typed
            raise
        sys.exit(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    except Exception as error:
        if not _is_outage(error):
            raise
        sys.exit(f"The database cannot be used: {str(error).splitlines()[0]} (`opscom doctor` looks closer)")


def _is_outage(error: Exception) -> bool:
    """Whether the database is away or was never migrated. Its library is asked only if a command has loaded it."""
    library = sys.modules.get("sqlalchemy.exc")
    return library is not None and isinstance(error, library.OperationalError)

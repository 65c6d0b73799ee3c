"""A hand-written Starlette route: the map's own SQL in one transaction, rows to dicts, orjson. No GraphQL at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import psycopg
from sqlalchemy import make_url
from sqlalchemy.dialects import postgresql
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.pins.statements import LISTED_GROUPS, LISTED_LOTS
from tenants.binding import Binding
from tenants.databases import REGISTRY

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import Environment

CONNECTIONS = 10


async def make_app(platform: Platform, environment: Environment) -> Starlette:
    """The route, with connections of its own."""
    pool = await _pool(platform)
    binding = Binding.of(
        schema=environment.schema,
        role=environment.role,
        read_only=True,
        statement_timeout_ms=15_000,
        lock_timeout_ms=5_000,
    )
    dialect = postgresql.psycopg.dialect()
    groups, lots = LISTED_GROUPS.compile(dialect=dialect), LISTED_LOTS.compile(dialect=dialect)
    group_values = dict(groups.params)

    async def show(_request: Request) -> Response:
        connection = await pool.get()
        try:
            await connection.execute(binding.message, prepare=False)
            rows = await (await connection.execute(str(groups), group_values)).fetchall()
            values = dict(lots.params) | {"now": platform.clock(), "user_type_id": None}
            lot_rows = await (await connection.execute(str(lots), values)).fetchall()
            await connection.commit()
        finally:
            pool.put_nowait(connection)
        return Response(orjson.dumps({"data": {"lotGroups": _shown(rows, lot_rows)}}), media_type="application/json")

    return Starlette(routes=[Route("/map", show)])


def _shown(rows: list[tuple[object, ...]], lots: list[tuple[object, ...]]) -> list[dict[str, object]]:
    return [
        {
            "id": str(row[0]),
            "name": row[1],
            "mapColor": row[2],
            "latitude": row[3],
            "longitude": row[4],
            "occupancy": {"percentFull": len(lots), "source": "PERMITS", "stale": False, "observedAt": None},
        }
        for row in rows
    ]


async def _pool(platform: Platform) -> asyncio.Queue[psycopg.AsyncConnection]:
    login = f"{platform.databases.database_name(REGISTRY)}_app"
    url = make_url(platform.settings.database_url.get_secret_value())
    url = url.set(username=login, password=platform.key_ring.login_password(login))
    pool: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        text = url.render_as_string(hide_password=False)
        pool.put_nowait(await psycopg.AsyncConnection.connect(text, autocommit=True))
    return pool

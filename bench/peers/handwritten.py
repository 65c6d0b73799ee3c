"""A hand-written Starlette route: the map's own SQL in one bound transaction, rows to dicts, orjson. No GraphQL at all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
import psycopg
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.pins.statements import LISTED_GROUPS, LISTED_LOTS
from opscom.platform import Platform
from schema.ids import global_id
from schema.scalars import write_moment
from tenants.binding import Binding
from tenants.databases import REGISTRY
from tenants.environments import Environment

CONNECTIONS = 10
Rows = list[tuple[Any, ...]]
ReadMap = Callable[[], Awaitable[bytes]]


async def make_app(platform: Platform, environment: Environment) -> Starlette:
    """The route, with connections of its own."""
    read_map = await map_reader(platform, environment)

    async def show(request: Request) -> Response:
        await request.body()
        return Response(await read_map(), media_type="application/json")

    return Starlette(routes=[Route("/graphql", show, methods=["POST"])])


async def map_reader(platform: Platform, environment: Environment) -> ReadMap:
    """What reads the map from the database and renders it, as fast as it goes without a framework."""
    pool = await _pool(platform)
    begin = Binding.of(
        schema=environment.schema,
        role=environment.role,
        read_only=True,
        statement_timeout_ms=15_000,
        lock_timeout_ms=5_000,
    ).message
    dialect = platform.databases.control().dialect
    groups, lots = LISTED_GROUPS.statement.compile(dialect=dialect), LISTED_LOTS.statement.compile(dialect=dialect)
    group_sql, group_values, lot_sql, lot_values = str(groups), dict(groups.params), str(lots), dict(lots.params)

    async def read() -> bytes:
        now = platform.clock()
        connection = await pool.get()
        try:
            await connection.execute(begin, prepare=False)
            group_rows = await (await connection.execute(group_sql, group_values)).fetchall()
            values = {**lot_values, "now": now, "user_type_id": None}
            lot_rows = await (await connection.execute(lot_sql, values)).fetchall()
            await connection.commit()
        finally:
            pool.put_nowait(connection)
        return orjson.dumps({"data": {"lotGroups": _shown(group_rows, lot_rows, environment.tenant.number, now)}})

    return read


def _shown(groups: Rows, lots: Rows, tenant: int, now: datetime) -> list[dict[str, object]]:
    maximum: dict[object, int] = defaultdict(int)
    left: dict[object, int] = defaultdict(int)
    for lot in lots:
        maximum[lot[9]] += lot[8]
        left[lot[9]] += max(0, lot[8] - lot[11])
    return [
        {
            "id": global_id("LotGroup", tenant, row[0]),
            "name": row[1],
            "mapColor": row[2],
            "latitude": row[3],
            "longitude": row[4],
            "occupancy": _by_sensor(row, now) if row[9] else _by_permits(maximum[row[0]], left[row[0]]),
        }
        for row in groups
    ]


def _by_sensor(row: tuple[Any, ...], now: datetime) -> dict[str, object]:
    capacity = row[6] if row[10] is None else row[10]
    occupied = capacity - row[12] if row[11] is None else row[11]
    rule = row[7] if row[9] == "mistall" else row[8]
    return {
        "percentFull": 100 * max(0, min(occupied, capacity)) // capacity,
        "source": row[9].upper(),
        "stale": row[15] or (now - row[14]).total_seconds() > 3 * int(rule.split()[1]),
        "observedAt": write_moment(row[13]),
    }


def _by_permits(maximum: int, left: int) -> dict[str, object]:
    percent = 100 * (maximum - left) // maximum if maximum else None
    return {"percentFull": percent, "source": "PERMITS", "stale": False, "observedAt": None}


async def _pool(platform: Platform) -> asyncio.Queue[psycopg.AsyncConnection]:
    login = f"{platform.databases.database_name(REGISTRY)}_app"
    url = make_url(platform.settings.database_url.get_secret_value())
    url = url.set(username=login, password=platform.key_ring.login_password(login))
    pool: asyncio.Queue[psycopg.AsyncConnection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        text = url.render_as_string(hide_password=False)
        pool.put_nowait(await psycopg.AsyncConnection.connect(text, autocommit=True))
    return pool

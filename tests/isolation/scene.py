"""Two neighbours, one of them with a preview, each with at least one row of everything that can be named by an id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from graphql import GraphQLSchema
from psycopg import sql
from sqlalchemy import text

from domain.kernel.clock import utc_now
from gateway.asgi import ASGIApp
from opscom.platform import Platform
from schema.ids import global_id, read_id
from tenants.environments import Environment
from tenants.plans.actions import set_limit
from tests.fixtures.parking import Parking, SetClock
from tests.fixtures.pins import Campus
from tests.isolation.people import Person, settle_in
from tests.isolation.walk import node_types, plain_calls

ZONE = "mutation($n: String!) { createZone(input: {longName: $n, shortName: $n}) { zone { id } userErrors { code } } }"
LINK = """mutation($l: ID!, $z: ID!) { addLotZoneByDays(input: {lotId: $l, zoneId: $z}) {
    lotZone { id } userErrors { code } } }"""
RUN = 'mutation { runSystemTask(name: "purge") { run { id } userErrors { code } } }'
PERMIT = """mutation($l: ID!, $p: String!) { issuePermit(input: {lotId: $l, kind: STANDARD, plate: $p,
    startsAt: "2030-01-01T00:00:00Z", endsAt: "2031-01-01T00:00:00Z"}) { permit { id } userErrors { code } } }"""
DEEPER = (
    "{ lots { id zones { id } userTypes { id } } lotGroups { id mistallLot { id } } }",
    "{ systemTasks { runs { edges { node { id } } } } }",
)


@dataclass
class Neighbour:
    """One environment, its marker, and somebody who may do everything there."""

    environment: Environment
    marker: str
    admin: Person

    @property
    def number(self) -> int:
        """What its ids carry."""
        return self.environment.tenant.number


async def allow_all(platform: Platform, environment: Environment) -> None:
    """Let a tenant ask more than any plan allows: a walk over everything is no use that a site is made for."""
    for name in ("cost_per_second", "cost_at_once", "operations"):
        await set_limit(platform.databases, environment.tenant.id, name, 10**9, actor="tests")
    await platform.registry.load()


async def move_in(platform: Platform, app: ASGIApp, environment: Environment, marker: str) -> Neighbour:
    """An administrator who is logged in."""
    await allow_all(platform, environment)
    await settle_in(platform, environment, f"{marker}-admin", f"{marker} Admin")
    admin = Person(app, environment.primary_host)
    await admin.log_in(f"{marker}-admin")
    return Neighbour(environment, marker, admin)


async def furnish(platform: Platform, at: Neighbour, word: str = "Old") -> None:
    """Rows of every kind; their names carry the marker and the word."""
    campus, name = Campus(Parking(at.environment, platform.databases, SetClock(utc_now()), [])), f"{at.marker} {word}"
    user_type = await campus.parking.user_type(f"{name} Students")
    group = await campus.group(f"{name} Group", mistall_lot_id=await campus.mistall())
    offered = {"user_type_ids": {user_type}, "standard_allocated": 9, "temporary_maximum": 9}
    lot = await campus.lot(f"{name} Lot", lot_group_id=group, **offered)
    await campus.lot(f"{name} Field")
    await settle_in(platform, at.environment, f"{at.marker}-{word}", f"{name} User", is_staff=False)
    lot_id = global_id("Lot", at.number, lot)
    await at.admin.data(PERMIT, l=lot_id, p=f"{name} 1".upper())
    zone = (await at.admin.data(ZONE, n=f"{name} Zone"))["createZone"]["zone"]["id"]
    await at.admin.data(LINK, l=lot_id, z=zone)
    await at.admin.data(RUN)


async def ids_of(schema: GraphQLSchema, at: Neighbour) -> Mapping[str, list[str]]:
    """The ids that the neighbour's own administrator finds in all lists, by type."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    documents = [call.document for call in plain_calls(schema) if call.kind == "query"]
    for document in (*documents, *DEEPER):
        answer = (await at.admin.ask(document)).json()
        for one in _ids(answer):
            known = read_id(one, at.number)
            if known is not None:
                found[known[0]][one] = None
    return {name: list(ids) for name, ids in found.items()}


async def forged(platform: Platform, schema: GraphQLSchema, at: Neighbour, found: Mapping[str, list[str]]) -> list[str]:
    """Ids of the types that no list shows: a row of each of the neighbour's tables under the name of the type."""
    hidden = [name for name in node_types(schema) if name not in found]
    rows = await row_ids(platform, at.environment) if hidden else []
    return [global_id(name, at.number, row) for name in hidden for row in rows]


async def row_ids(platform: Platform, environment: Environment) -> list[UUID]:
    """The ids of one row of each table of an environment."""
    found: list[UUID] = []
    for table in await _tables(platform, environment, "a.attname = 'id' and a.atttypid = 'uuid'::regtype"):
        found += [row[0] for row in await _as_owner(platform, f"select id from {table} order by id desc limit 1")]
    return found


async def fingerprint(platform: Platform, environment: Environment) -> dict[str, str]:
    """What an environment holds, to the byte: a hash of each table, its runs and schedules, and its row in the registry.

    Without when its own people were last seen: that is noted once a minute, beside what they ask.
    """
    row = "(to_jsonb(t) - 'last_seen_at')::text"
    parts = [
        f"select '{table}', md5(coalesce(string_agg({row}, '' order by {row}), '')) from {table} t"
        for table in await _tables(platform, environment, "a.attnum = 1")
    ]
    state = dict(await _as_owner(platform, " union all ".join(parts)))
    async with platform.databases.ledger(environment.cell).connect() as connection:
        for table in ("task_run", "task_schedule"):
            statement = text(
                f"select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from platform.{table} t"
                " where environment = :role"
            )
            state[table] = str(await connection.scalar(statement, {"role": environment.role}))
    async with platform.databases.control().connect() as connection:
        statement = text(
            "select e::text || t::text from registry.environment e join registry.tenant t on t.id = tenant_id"
            " where e.id = :id"
        )
        state["registry"] = str(await connection.scalar(statement, {"id": environment.id}))
    return state


def unknown(type_name: str, number: int) -> str:
    """An id as the caller's own tenant has them, of no row."""
    return global_id(type_name, number, uuid4())


def relabelled(foreign: str, theirs: int, own: int) -> str:
    """A neighbour's row under the number of the caller's tenant: an id can be written by hand."""
    known = read_id(foreign, theirs)
    assert known is not None
    return global_id(known[0], own, known[1])


async def _tables(platform: Platform, environment: Environment, condition: str) -> list[str]:
    rows = await _as_owner(
        platform,
        "select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
        f" where c.relnamespace = '{environment.schema}'::regnamespace and c.relkind = 'r' and {condition} order by 1",
    )
    return [row[0] for row in rows]


async def _as_owner(platform: Platform, statement: str) -> list[tuple[Any, ...]]:
    owner = sql.Identifier(f"{platform.databases.database_name('main')}_owner").as_string(None)
    async with platform.databases.owner("main").begin() as connection:
        await connection.exec_driver_sql(f"set local role {owner}")
        return [tuple(row) for row in (await connection.exec_driver_sql(statement)).all()]


def _ids(answer: object) -> Iterator[str]:
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name == "id" and isinstance(value, str):
                yield value
            else:
                yield from _ids(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _ids(value)

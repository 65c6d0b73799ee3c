"""One GraphQL API as it is served: who asks, with which context, over which transports. The transports share all of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import structlog
from graphql import FieldNode, OperationType

from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError, StaleEnvironment
from gateway.asgi import Receive, Scope, Send, header
from gateway.hosts import Located, located
from gateway.identity import Identify
from gateway.live.hub import Hub
from gateway.negotiation import Accepted
from gateway.origins import OwnOrigins
from gateway.parameters import Parameters
from schema.api import Api
from schema.context import RequestFacts, Transport
from schema.operations.errors import Code, Refused, expected_error, internal_error, refused
from schema.operations.execution import Answer, execute
from schema.operations.store import Operation
from tenants.environments import Environment

log = structlog.get_logger(__name__)
SLOW_S = 1.0


class OperationContext(Protocol):
    """What the edge itself uses of a context."""

    @property
    def actor(self) -> Actor:
        """Who asks."""
        ...

    @property
    def cookies(self) -> list[str]:
        """Set-Cookie headers that the operation asks for."""
        ...

    async def end_reads(self) -> None:
        """End the snapshot, if one was opened."""
        ...


MakeContext = Callable[[Environment | None, Actor, RequestFacts], OperationContext]
Relocate = Callable[[Environment], Awaitable[Environment | None]]
"""Look an environment up again after it moved; None if it is gone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything an operation needs that is the same for all requests to one API."""

    api: Api
    identify: Identify
    make_context: MakeContext
    relocate: Relocate
    own_origins: OwnOrigins
    hub: Hub


@dataclass(frozen=True, slots=True)
class Asking:
    """One request or socket: where it is asked, and the facts of it."""

    environment: Environment | None
    facts: RequestFacts


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request on its way to an API: what was asked for by whom, and the ASGI callables."""

    endpoint: Endpoint
    asked: Asking
    accepted: Accepted
    scope: Scope
    receive: Receive
    send: Send


def asking(scope: Scope, endpoint: Endpoint, transport: Transport) -> Asking:
    """The asking that a scope stands for."""
    place: Located = located(scope)
    client = scope.get("client")
    return Asking(
        place.environment,
        RequestFacts(
            portal=endpoint.api.name,
            transport=transport,
            host=place.host,
            origin=header(scope, b"origin"),
            address=client[0] if client else "",
            user_agent=header(scope, b"user-agent") or "",
            cookie_header=header(scope, b"cookie") or "",
        ),
    )


def prepare(endpoint: Endpoint, parameters: Parameters) -> Operation:
    """The operation a request means. Raises Refused."""
    if parameters.query is None:
        raise refused(Code.PERSISTED_OPERATION_NOT_FOUND, "No documents are kept here by id: send the document itself.")
    return endpoint.api.operations.prepare(parameters.query, parameters.operation_name)


async def answer(
    endpoint: Endpoint, asked: Asking, operation: Operation, variables: Mapping[str, Any]
) -> tuple[Answer, list[str]]:
    """Run a query or mutation, and once more if the environment has just moved. Returns the cookies to set, too.

    Raises Refused if the variables do not fit.
    """
    result, cookies = await _run(endpoint, asked, operation, variables, asked.environment)
    if asked.environment is not None and _can_run_again(operation, result):
        found = await endpoint.relocate(asked.environment)
        if found is not None and found != asked.environment:
            return await _run(endpoint, asked, operation, variables, found)
    return result, cookies


async def _run(
    endpoint: Endpoint, asked: Asking, operation: Operation, variables: Mapping[str, Any], where: Environment | None
) -> tuple[Answer, list[str]]:
    began = perf_counter()
    try:
        actor = await identified(endpoint, asked, operation, where)
    except Refused as error:
        return Answer(None, error.errors, is_faulty=True), []
    context = endpoint.make_context(where, actor, asked.facts)
    try:
        result = await execute(operation, variables, context)
    finally:
        await end_reads(context, operation)
    took = perf_counter() - began
    if took > SLOW_S:
        log.warning("slow operation", api=endpoint.api.name, operation=operation.label, seconds=round(took, 3))
    return result, list(context.cookies)


async def identified(endpoint: Endpoint, asked: Asking, operation: Operation, where: Environment | None) -> Actor:
    """Who asks. Raises Refused with the error in the client's words; a database that is away is no bad request."""
    try:
        return await endpoint.identify(where, asked.facts.cookie_header)
    except ParkingError as error:
        raise Refused(expected_error(error)) from error
    except Exception as error:
        raise Refused(internal_error(error, operation.label)) from error


async def admitted(endpoint: Endpoint, asked: Asking, operation: Operation) -> tuple[Environment, Actor]:
    """Where a live operation is watched, and who watches it; looked up once more if the place has just moved.

    Raises Refused.
    """
    if asked.environment is None:
        raise refused(Code.BAD_REQUEST, "There is nothing live here.")
    try:
        return asked.environment, await identified(endpoint, asked, operation, asked.environment)
    except Refused as error:
        if error.code != StaleEnvironment.code:
            raise
        found = await _relocated(endpoint, asked.environment, operation)
        if found is None or found == asked.environment:
            raise
    return found, await identified(endpoint, asked, operation, found)


async def _relocated(endpoint: Endpoint, where: Environment, operation: Operation) -> Environment | None:
    try:
        return await endpoint.relocate(where)
    except Exception as error:
        raise Refused(internal_error(error, operation.label)) from error


async def end_reads(context: OperationContext, operation: Operation) -> None:
    """End the reads; a connection that broke meanwhile has nothing left to end, and the answer stands."""
    try:
        await context.end_reads()
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("reads not ended", operation=operation.label, error=repr(error))


def _can_run_again(operation: Operation, result: Answer) -> bool:
    """Whether the answer failed only because the environment moved, and nothing can have been written.

    The binding refuses the first statement of a transaction, so the one field of a mutation has done nothing; of several
    the first may have succeeded before the move.
    """
    codes = {error["extensions"]["code"] for error in result.errors}
    if codes != {StaleEnvironment.code}:
        return False
    selections = operation.definition.selection_set.selections
    return operation.kind is OperationType.QUERY or (len(selections) == 1 and isinstance(selections[0], FieldNode))

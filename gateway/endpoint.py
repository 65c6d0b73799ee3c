"""One GraphQL API as it is served: who asks, with which context, over which transports. The transports share all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from time import perf_counter
from typing import Any, cast

from graphql import FieldNode, OperationType
from pydantic import SecretStr

from auth.errors import InvitedOnly
from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError, StaleEnvironment
from gateway.answers import GuestAnswers, Kept, Question
from gateway.asgi import Scope, header
from gateway.banner import marked
from gateway.contexts import MakeContext, end_reads
from gateway.hosts import Located, located
from gateway.identity import GUEST, Identify, is_stranger
from gateway.live.hub import Hub
from gateway.live.views import Relocate
from gateway.observed import Observe, Observed, log_operation
from gateway.origins import OwnOrigins
from gateway.parameters import Parameters
from gateway.shares import Rank, Shares
from schema.api import Api
from schema.context import RequestFacts, Transport
from schema.operations.errors import Refused, expected_error, internal_error
from schema.operations.execution import Answer, execute
from schema.operations.preparing import Operation
from schema.operations.trust import Sender
from schema.operations.variables import as_asked
from tenants.environments import Environment

CI_HEADER = b"x-opscom-ci"
"""The deployment's secret in it lifts what production forbids: introspection, suggestions, documents of one's own."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything an operation needs that is the same for all requests to one API."""

    api: Api
    identify: Identify
    make_context: MakeContext
    relocate: Relocate
    own_origins: OwnOrigins
    hub: Hub
    answers: GuestAnswers
    shares: Shares
    observe: Observe = log_operation
    ci_secret: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """One request or socket: where it is asked, and the facts of it. ``is_ci``: it carries the secret of ``CI_HEADER``."""

    environment: Environment | None
    facts: RequestFacts
    is_ci: bool = False

    @property
    def counted_address(self) -> str:
        """The address that viewers are counted by; empty where the client wants no cap."""
        is_exempt = self.environment is not None and self.environment.embedding.exempts(self.facts.address)
        return "" if is_exempt else self.facts.address


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation about to run: what it may cost, as whom, and where."""

    operation: Operation
    cost: int
    actor: Actor
    environment: Environment | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A result, the cookies to set with it, and where it is ``kept`` for other guests, if it is.

    ``is_old``: it was kept before this request, for which nothing ran.
    """

    result: Answer
    cookies: tuple[str, ...] = ()
    kept: Kept | None = None
    is_old: bool = False


def asking(scope: Scope, endpoint: Endpoint, transport: Transport, *, as_guest: bool = False) -> Asking:
    """The asking that a scope stands for; ``as_guest`` whoever is logged in: its cookies are not looked at."""
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
            cookie_header="" if as_guest else header(scope, b"cookie") or "",
        ),
        _carries(scope, endpoint.ci_secret),
    )


def _carries(scope: Scope, secret: SecretStr | None) -> bool:
    said = header(scope, CI_HEADER)
    return secret is not None and said is not None and compare_digest(said.encode(), secret.get_secret_value().encode())


class Unidentified(Refused):
    """Who asks could not be told, or is nobody where only known people are answered: no fault of the request itself."""


async def prepare(endpoint: Endpoint, asked: Asking, parameters: Parameters) -> Prepared:
    """The operation a request means, who asks for it, and where, looked up once more if the place has just moved.

    A guest costs no query, and in a preview may only log in. Raises Unidentified, and Refused for the request itself.
    """
    where = asked.environment
    try:
        actor = await _identified(endpoint, asked, where)
    except Unidentified as error:
        where = await _relocated(endpoint, where) if error.code == StaleEnvironment.code and where else None
        if where is None or where == asked.environment:
            raise
        actor = await _identified(endpoint, asked, where)
    operation = endpoint.api.operations.prepare(
        parameters.query,
        parameters.operation_name,
        document_id=parameters.document_id,
        sender=Sender(actor, asked.is_ci),
    )
    if is_stranger(where, actor) and not operation.is_for_strangers:
        raise Unidentified(expected_error(InvitedOnly()))
    return Prepared(operation, endpoint.api.operations.cost_of(operation, parameters.variables), actor, where)


async def answer(endpoint: Endpoint, asked: Asking, prepared: Prepared, variables: Mapping[str, Any]) -> Answered:
    """Run a query or mutation; a guest's query that many ask runs once for all of them.

    Raises Refused if the variables do not fit, or if the site has used up its share.
    """
    began = perf_counter()
    shared = _question(endpoint, prepared, variables)
    try:
        if shared is None or prepared.environment is None:
            answered = await _run(endpoint, asked, prepared, variables)
        else:
            answered = await _share(endpoint, prepared, variables, shared)
    except Refused as error:
        endpoint.observe(observed(endpoint, asked, prepared, Answer(None, error.errors), perf_counter() - began))
        raise
    told = observed(endpoint, asked, prepared, answered.result, perf_counter() - began)
    endpoint.observe(replace(told, is_kept=True) if answered.is_old else told)
    return answered


def observed(
    endpoint: Endpoint, asked: Asking, prepared: Prepared, result: Answer | None = None, seconds: float = 0.0
) -> Observed:
    """What is told of an operation that was answered, or of a subscription that began."""
    operation = prepared.operation
    return Observed(
        api=endpoint.api.name,
        operation=operation.id,
        name=operation.name or "",
        kind=operation.kind.value,
        trust=operation.trust,
        transport=asked.facts.transport,
        cost=prepared.cost,
        outcome=str(result.errors[0]["extensions"]["code"]) if result and result.errors else "ok",
        seconds=seconds,
    )


def _question(endpoint: Endpoint, prepared: Prepared, variables: Mapping[str, Any]) -> Question | None:
    """What a guest's query is shared by; None for anybody else's, and for what is not the same for all guests."""
    operation, environment = prepared.operation, prepared.environment
    is_shared = operation.kind is OperationType.QUERY and not operation.visibility.is_personal
    if not is_shared or environment is None or prepared.actor != GUEST:
        return None
    text = as_asked(operation, variables)
    return None if text is None else Question(environment.id, endpoint.api.name, operation.id, text)


async def _share(endpoint: Endpoint, prepared: Prepared, variables: Mapping[str, Any], question: Question) -> Answered:
    environment, answers = cast("Environment", prepared.environment), endpoint.answers
    kept = answers.find(question)
    if kept is not None:
        return Answered(kept.answer, kept=kept, is_old=True)
    nobody = Asking(environment, RequestFacts(endpoint.api.name, Transport.FEED, environment.primary_host))

    async def run() -> Answer:
        return (await _run(endpoint, nobody, prepared, variables)).result

    topics = prepared.operation.topics
    result, kept = await answers.run(question, environment, topics, run)
    return Answered(result, kept=kept)


async def _run(endpoint: Endpoint, asked: Asking, prepared: Prepared, variables: Mapping[str, Any]) -> Answered:
    """Run an operation within the environment's share. Raises Refused if that is used up."""
    share = await endpoint.shares.begin(prepared.environment, prepared.cost, _rank(prepared))
    try:
        return await _run_where_it_is(endpoint, asked, prepared, variables)
    finally:
        share.end()


def _rank(prepared: Prepared) -> Rank:
    if prepared.actor != GUEST:
        return Rank.KNOWN
    return Rank.COMING if prepared.operation.kind is OperationType.MUTATION else Rank.GUEST


async def _run_where_it_is(
    endpoint: Endpoint, asked: Asking, prepared: Prepared, variables: Mapping[str, Any]
) -> Answered:
    """Run an operation, and once more if the environment has just moved."""
    answered = await _run_once(endpoint, asked, prepared, variables)
    if prepared.environment is not None and _can_run_again(prepared.operation, answered.result):
        found = await endpoint.relocate(prepared.environment)
        if found is not None and found != prepared.environment:
            actor = await _identified(endpoint, asked, found)
            return await _run_once(endpoint, asked, replace(prepared, actor=actor, environment=found), variables)
    return answered


async def _run_once(endpoint: Endpoint, asked: Asking, prepared: Prepared, variables: Mapping[str, Any]) -> Answered:
    context = endpoint.make_context(prepared.environment, prepared.actor, asked.facts)
    try:
        result = await execute(prepared.operation, variables, context)
    finally:
        await end_reads(context, prepared.operation)
    return Answered(marked(result, prepared.environment), tuple(context.cookies))


async def _identified(endpoint: Endpoint, asked: Asking, where: Environment | None) -> Actor:
    """Who asks. Raises Unidentified with the error in the client's words; a database that is away is no bad request."""
    try:
        return await endpoint.identify(where, asked.facts.cookie_header)
    except ParkingError as error:
        raise Unidentified(expected_error(error)) from error
    except Exception as error:
        raise Unidentified(internal_error(error, "identification")) from error


async def _relocated(endpoint: Endpoint, where: Environment) -> Environment | None:
    try:
        return await endpoint.relocate(where)
    except Exception as error:
        raise Unidentified(internal_error(error, "identification")) from error


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

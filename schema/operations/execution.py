"""Executing a prepared operation on graphql-core: queries and mutations to their end, a subscription for one state.

Strawberry's resolvers need nothing of Strawberry's own ``execute``; its parse, validation and extensions are not used.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, cast

import orjson
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
)
from graphql.execution import Executor, create_source_event_stream
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from typing_extensions import override

from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError, Unavailable
from schema.operations.compiled import Odd, Reads
from schema.operations.errors import Code, WireError, expected_error, internal_error, refusals, to_wire
from schema.operations.plain import PlainFields
from schema.operations.preparing import Operation

MAX_COERCION_ERRORS = 10


class HasActor(Protocol):
    """What the guard reads of a context; the rest belongs to resolvers."""

    @property
    def actor(self) -> Actor:
        """Who asks."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an execution, errors already in the client's words.

    ``is_faulty``: a fault of ours or a missing part is among the errors: the same request may answer better later. ``is_final``: a
    subscription that did not start and never will. ``extensions`` are facts beside the data.
    """

    data: dict[str, Any] | None
    errors: Sequence[WireError] = ()
    is_faulty: bool = False
    is_final: bool = False
    extensions: Mapping[str, Any] | None = None

    def to_json(self) -> bytes:
        """The response as JSON, errors first, so that a reader meets them first."""
        body: dict[str, Any] = {"errors": self.errors, "data": self.data} if self.errors else {"data": self.data}
        if self.extensions is not None:
            body["extensions"] = self.extensions
        return orjson.dumps(body)


async def execute(operation: Operation, variables: Mapping[str, Any], context: HasActor) -> Answer:
    """Run a query or mutation. Raises Refused if the variables do not fit; a failure inside is part of the answer."""
    executor = _executor(operation, variables, context)
    try:
        result = executor.execute_operation()
        return _answer(operation, cast("ExecutionResult", await result if executor.is_awaitable(result) else result))
    except Exception as error:  # noqa: BLE001 - graphql-core answers with data or errors; anything else is a fault
        return _failed(operation, error)


async def render(operation: Operation, variables: Mapping[str, Any], context: HasActor) -> Answer:
    """The current state of a subscription: its first event, after which the source is closed. Raises Refused."""
    executor = _executor(operation, variables, context)
    try:
        started = create_source_event_stream(executor)
        stream = await started if executor.is_awaitable(started) else started
        if isinstance(stream, ExecutionResult):
            answer = _answer(operation, stream)
            return Answer(None, answer.errors, answer.is_faulty, is_final=not answer.is_faulty)
        return _answer(operation, await _first_state(executor, cast("AsyncIterable[Any]", stream)))
    except ParkingError as error:  # raised by the body of the subscription's generator, before it yields
        may_pass = isinstance(error, Unavailable)
        return Answer(None, [expected_error(error)], is_faulty=may_pass, is_final=not may_pass)
    except Exception as error:  # noqa: BLE001 - as above
        return _failed(operation, error)


class _Executor(Executor[None]):
    """graphql-core's executor with a short way for what is plain: single fields, and whole objects by generated code.

    Resolvers get the coerced variables as a dict, as Strawberry promises them.
    """

    plain: PlainFields
    reads: Reads

    @override
    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: None,
    ) -> Any:
        if len(field_details_list) == 1:
            read = self.reads.get((info.parent_type.name, id(field_details_list[0].node)))
            if read is not None and not isinstance(result, Exception):
                try:
                    return read(result)
                except Odd:
                    pass
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    @override
    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: None,
    ) -> Any:
        plain = self.plain.leaves.get((parent_type.name, field_details_list[0].node.name.value))
        value = Undefined if plain is None else plain.value(source)
        if value is not Undefined:
            return value
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    @override
    def build_resolve_info(
        self, field_def: GraphQLField, field_nodes: list[FieldNode], parent_type: GraphQLObjectType, path: Path
    ) -> GraphQLResolveInfo[Any]:
        return GraphQLResolveInfo(
            field_nodes[0].name.value,
            field_nodes,
            field_def.type,
            parent_type,
            path,
            self.schema,
            self.fragment_definitions,
            self.root_value,
            self.operation,
            self.variable_values.coerced,  # type: ignore[arg-type]  # the dict, see above
            self.context_value,
            self.is_awaitable,
            self.abort_signal,
            self.async_helpers,
        )


def _executor(operation: Operation, variables: Mapping[str, Any], context: HasActor) -> Executor[None]:
    built = _Executor.build(
        operation.schema,
        operation.document,
        context_value=context,
        raw_variable_values=dict(variables),
        max_coercion_errors=MAX_COERCION_ERRORS,
        is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
        hide_suggestions=operation.hides_suggestions,
    )
    if isinstance(built, list):
        raise refusals(Code.BAD_USER_INPUT, built)
    executor = cast("_Executor", built)
    executor.plain, executor.reads = operation.plain, operation.reads
    return executor


async def _first_state(executor: Executor[None], stream: AsyncIterable[Any]) -> ExecutionResult:
    async with aclosing(cast("Any", stream)) as events:
        event = await anext(events)
        result = executor.build_per_event_executor(event).execute_operation(serially=False)
        return cast("ExecutionResult", await result if executor.is_awaitable(result) else result)


def _answer(operation: Operation, result: ExecutionResult) -> Answer:
    if not result.errors:
        return Answer(result.data)
    errors, is_faulty = to_wire(result.errors, operation.label)
    return Answer(result.data, errors, is_faulty)


def _failed(operation: Operation, error: Exception) -> Answer:
    return Answer(None, [internal_error(error, operation.label)], is_faulty=True)

"""One GraphQL API: a Strawberry schema whose every field is guarded, with its store of prepared operations."""

from __future__ import annotations

import strawberry
from graphql import GraphQLSchema

from schema.guard import FieldRules, guard
from schema.operations.store import OperationStore, Rules


class Api:
    """A built API. Building it guards the schema in place and raises UndeclaredField if a field has no rule."""

    def __init__(self, name: str, schema: strawberry.Schema, rules: Rules | None = None) -> None:
        """``name`` is the word for it in logs, cookies and feed keys: portal, admin or ops."""
        self.name = name
        self.schema = schema
        self.core: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry keeps graphql-core's schema there only
        self.rules: FieldRules = guard(self.core)
        self.operations = OperationStore(self.core, self.rules, rules or Rules())

    def sdl(self) -> str:
        """The schema as printed into the repository."""
        return self.schema.as_str() + "\n"

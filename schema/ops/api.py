"""The control plane's API, put together."""

from __future__ import annotations

import strawberry

import schema.enums
import schema.permissions  # noqa: F401 - both make enums of the layers below known
from schema.api import Api
from schema.operations.store import Rules
from schema.ops.backups import BackupMutations, BackupQueries
from schema.ops.cells import CellMutations, CellQueries
from schema.ops.copies import CopyMutations, CopyQueries
from schema.ops.domains import DomainMutations, DomainQueries
from schema.ops.embedding import EmbeddingMutations
from schema.ops.environments import EnvironmentMutations
from schema.ops.exports import ExportMutations, ExportQueries
from schema.ops.history import HistoryQueries
from schema.ops.keys import KeyMutations, KeyQueries
from schema.ops.lifecycle import LifecycleMutations
from schema.ops.mail import MailMutations, MailQueries
from schema.ops.migrations import MigrationQueries
from schema.ops.nodes import NodeQueries
from schema.ops.outgoing import OutgoingMutations, OutgoingQueries
from schema.ops.people import PeopleMutations, PeopleQueries
from schema.ops.plans import PlanMutations, PlanQueries
from schema.ops.previews import PreviewMutations
from schema.ops.tenants import Environment, Tenant, TenantMutations, TenantQueries
from schema.scalars import CONFIG


@strawberry.type(description="What staff of the platform can ask.")
class Query(
    TenantQueries,
    HistoryQueries,
    PlanQueries,
    CellQueries,
    BackupQueries,
    KeyQueries,
    CopyQueries,
    ExportQueries,
    MigrationQueries,
    DomainQueries,
    OutgoingQueries,
    MailQueries,
    NodeQueries,
    PeopleQueries,
):
    """All queries."""


@strawberry.type(description="What staff of the platform can do.")
class Mutation(
    TenantMutations,
    LifecycleMutations,
    EnvironmentMutations,
    PlanMutations,
    OutgoingMutations,
    CellMutations,
    BackupMutations,
    PreviewMutations,
    KeyMutations,
    CopyMutations,
    ExportMutations,
    DomainMutations,
    MailMutations,
    EmbeddingMutations,
    PeopleMutations,
):
    """All mutations."""


def build(rules: Rules | None = None) -> Api:
    """Build the API, as strict as ``rules`` say. Raises UndeclaredField if a field says not who may read it."""
    types = (Tenant, Environment)
    return Api("ops", strawberry.Schema(query=Query, mutation=Mutation, types=types, config=CONFIG), rules)

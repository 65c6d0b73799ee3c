"""The admin API, put together."""

from __future__ import annotations

import strawberry

import schema.enums  # noqa: F401 - makes the domain's enums known
from schema.admin.domains import DomainMutations, DomainQueries
from schema.admin.embedding import EmbeddingMutations, EmbeddingQueries
from schema.admin.features import FeatureMutations, FeatureQueries
from schema.admin.groups import LotGroupMutations, LotGroupQueries, LotGroupSubscriptions
from schema.admin.invitations import InvitationMutations
from schema.admin.lots import LotMutations, LotQueries
from schema.admin.mail import MailMutations, MailQueries
from schema.admin.nodes import NodeQueries
from schema.admin.outgoing import OutgoingMutations, OutgoingQueries
from schema.admin.parking import Lot, LotGroup, MistallLot, Zone
from schema.admin.people import PeopleMutations, PeopleQueries, User
from schema.admin.permits import Permit, PermitMutations, PermitQueries
from schema.admin.previews import PreviewMutations, PreviewQueries, PreviewSubscriptions
from schema.admin.runs import RunQueries, RunSubscriptions, SystemTaskRun
from schema.admin.settings import SettingsMutations, SettingsQueries
from schema.admin.tasks import TaskMutations, TaskQueries
from schema.admin.zones import ZoneMutations, ZoneQueries
from schema.api import Api
from schema.mail import Message
from schema.operations.store import Rules
from schema.scalars import CONFIG


@strawberry.type(description="What staff can ask. Each field names the permission it needs.")
class Query(
    LotGroupQueries,
    LotQueries,
    ZoneQueries,
    PermitQueries,
    TaskQueries,
    RunQueries,
    SettingsQueries,
    EmbeddingQueries,
    DomainQueries,
    PreviewQueries,
    FeatureQueries,
    OutgoingQueries,
    MailQueries,
    PeopleQueries,
    NodeQueries,
):
    """All queries."""


@strawberry.type(description="What staff can do. Each field names the permission it needs.")
class Mutation(
    LotGroupMutations,
    LotMutations,
    ZoneMutations,
    PermitMutations,
    TaskMutations,
    SettingsMutations,
    EmbeddingMutations,
    DomainMutations,
    PreviewMutations,
    FeatureMutations,
    OutgoingMutations,
    MailMutations,
    InvitationMutations,
    PeopleMutations,
):
    """All mutations."""


@strawberry.type(description="What staff are told as it changes.")
class Subscription(LotGroupSubscriptions, RunSubscriptions, PreviewSubscriptions):
    """All subscriptions."""


def build(rules: Rules | None = None) -> Api:
    """Build the API, as strict as ``rules`` say. Raises UndeclaredField if a field says not who may read it."""
    types = (LotGroup, Lot, Zone, MistallLot, Permit, User, SystemTaskRun, Message)
    return Api(
        "admin",
        strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=types, config=CONFIG),
        rules,
    )

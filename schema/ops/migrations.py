"""How far the migration of all environments is, on the control plane. Migrating needs credentials: `opscom migrate`."""

from __future__ import annotations

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import needs, requires, sized
from tenants.fleet import behind, failures, head_counts
from tenants.migrations.plan import Tree, head


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="How many environments stand at a migration.")
class HeadCount:
    """A head, and who is there."""

    head: str = strawberry.field(description="The migration; empty for none.")
    environments: int = strawberry.field(description="How many environments stand there.")
    failed: int = strawberry.field(description="How many of them failed when they were migrated last.")
    next_is_concurrent: bool = strawberry.field(
        description="Whether what they wait for builds indexes while everybody writes, which may take long."
    )


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="An environment that failed when it was migrated last.")
class FailedMigration:
    """A failure."""

    tenant: str = strawberry.field(description="The tenant's short name.")
    schema: str = strawberry.field(description="The schema of the environment.")
    error: str = strawberry.field(description="What the database said.")


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="How far the migration of all environments is.")
class MigrationStatus:
    """Heads, failures, and how many are behind."""

    head: str = strawberry.field(description="The newest migration that this release has.")
    behind: int = strawberry.field(
        description="How many environments are not there; those being made or deleted do not count."
    )
    heads: list[HeadCount] = strawberry.field(description="Where they stand, the newest first.", metadata=sized(5))
    failures: list[FailedMigration] = strawberry.field(
        description="The first hundred that failed when they were migrated last.", metadata=sized(100)
    )


async def read_status(info: Info) -> MigrationStatus:
    """Where everybody stands."""
    databases = info.context.services.databases
    return MigrationStatus(
        head=head(Tree.ENVIRONMENT),
        behind=len(await behind(databases)),
        heads=[
            HeadCount(
                head=one.head,
                environments=one.environments,
                failed=one.failed,
                next_is_concurrent=one.next_is_concurrent,
            )
            for one in await head_counts(databases)
        ],
        failures=[
            FailedMigration(tenant=one.tenant, schema=one.schema, error=one.error)
            for one in (await failures(databases))[:100]
        ],
    )


@strawberry.type
class MigrationQueries:
    """Migrations."""

    migrations: MigrationStatus | None = strawberry.field(
        resolver=read_status,
        description="How far the migration of all environments is.",
        metadata=requires(Permission.VIEW_TENANTS),
    )

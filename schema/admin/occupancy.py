"""Occupancy as staff see it: the numbers of the sensor beside those of the permits, and never one made of both."""

from __future__ import annotations

from datetime import datetime

import strawberry

from domain.kernel.actor import Permission
from domain.occupancy.rules import Count, OccupancySource
from domain.occupancy.rules import Occupancy as Counted
from schema.declare import needs


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="How full a lot group is: by its sensor if it has one that counts, else by its permits.")
class GroupOccupancy:
    """The donut of a group, with numbers. Clamped: the three numbers agree, whatever the sensor said."""

    capacity: int | None = strawberry.field(
        description="How many places there are; null if the vendor does not tell and the group has no limit."
    )
    occupied: int | None = strawberry.field(description="How many of them are taken; null if it is not known.")
    available: int | None = strawberry.field(description="How many of them are left; null if it is not known.")
    percent_full: int | None = strawberry.field(
        description="Whole per cent, rounded down: 100 means really full. Null where the capacity is not known."
    )
    source: OccupancySource = strawberry.field(description="What it was counted by.")
    stale: bool = strawberry.field(description="Whether the sensor was silent for three polls or is gone.")
    observed_at: datetime | None = strawberry.field(
        description="When the sensor saw this; null for permit counts, which are always of now."
    )


@needs(Permission.VIEW_LOTS)
@strawberry.type(description="Permits of one kind: how many there may be, and how many there are.")
class PermitCount:
    """A count. It may pass its maximum: overselling is possible on purpose."""

    maximum: int = strawberry.field(description="How many may be sold (standard), or valid at once (temporary).")
    taken: int = strawberry.field(description="How many are sold and not over (standard), or valid now (temporary).")
    available: int = strawberry.field(description="How many are left, never below zero.")


@needs(Permission.VIEW_LOTS)
@strawberry.type(
    description="Permits that hold now, by kind. Sensors count cars, these are permits: the two may disagree."
)
class PermitCounts:
    """The other truth."""

    standard: PermitCount = strawberry.field(description="Standard permits.")
    temporary: PermitCount = strawberry.field(description="Temporary permits.")


def occupancy_of(counted: Counted) -> GroupOccupancy:
    """A donut with numbers."""
    return GroupOccupancy(
        capacity=counted.capacity,
        occupied=counted.occupied,
        available=counted.available,
        percent_full=counted.percent_full,
        source=counted.source,
        stale=counted.is_stale,
        observed_at=counted.observed_at,
    )


def counts_of(standard: Count, temporary: Count) -> PermitCounts:
    """Both kinds of counts of one lot."""
    return PermitCounts(standard=_count(standard), temporary=_count(temporary))


def added_up(counts: list[PermitCounts]) -> PermitCounts:
    """The counts of several lots. What is available is added up lot by lot: an oversold lot takes none from another."""
    return PermitCounts(
        standard=_sum([each.standard for each in counts]), temporary=_sum([each.temporary for each in counts])
    )


def _count(count: Count) -> PermitCount:
    return PermitCount(maximum=count.maximum, taken=count.taken, available=count.available)


def _sum(counts: list[PermitCount]) -> PermitCount:
    return PermitCount(
        maximum=sum(count.maximum for count in counts),
        taken=sum(count.taken for count in counts),
        available=sum(count.available for count in counts),
    )

"""The ways to the rows of permits, and how many of them count now."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Select, Subquery, Text, func, literal_column, select

from domain.kernel.actor import Actor, Permission
from domain.permits.models import Permit, PermitKind, PermitState


def visible_permits(actor: Actor) -> Select[Permit]:
    """All permits for staff with VIEW_PERMITS, their own for users. Raises LoginRequired for guests. In no order."""
    statement = select(Permit)
    if actor.may(Permission.VIEW_PERMITS):
        return statement
    return statement.where(Permit.holder_id == actor.subject)


def permit_counts(now: BindParameter[datetime]) -> Subquery:
    """Of each lot that has any: standard permits sold and not over, and temporary permits valid now.

    A standard permit counts from the day it is reserved or rented, since its number is gone then.
    """
    standard = func.count().filter(Permit.kind == _written(PermitKind.STANDARD))
    temporary = func.count().filter(Permit.kind == _written(PermitKind.TEMPORARY), Permit.starts_at <= now)
    return (
        select(Permit.lot_id, standard.label("standard"), temporary.label("temporary"))
        .where(Permit.state != _written(PermitState.EXPIRED), Permit.ends_at > now)
        .group_by(Permit.lot_id)
        .subquery("permit_count")
    )


def overlapping_temporaries(lot_id: UUID, starts_at: datetime, ends_at: datetime) -> Select[datetime, datetime]:
    """From when to when the temporary permits of a lot hold that overlap this half-open time."""
    return select(Permit.starts_at, Permit.ends_at).where(
        Permit.lot_id == lot_id,
        Permit.kind == _written(PermitKind.TEMPORARY),
        Permit.state != _written(PermitState.EXPIRED),
        Permit.starts_at < ends_at,
        Permit.ends_at > starts_at,
    )


def _written(value: PermitKind | PermitState) -> ColumnElement[str]:
    """A constant written into the SQL: the partial index of current permits is found for no parameter."""
    return literal_column(f"'{value.value}'", Text())

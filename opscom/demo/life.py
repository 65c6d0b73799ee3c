"""Life in the demo: drivers buy temporary permits and leave early, so that maps without sensors move too."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import SQLAlchemyError

from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError
from domain.lots.models import Lot
from domain.permits import actions as permits
from domain.permits.models import Permit, PermitKind, PermitState
from opscom.demo.seed import plate

if TYPE_CHECKING:
    from domain.kernel.work import Work
    from opscom.platform import Platform
    from tenants.environments import Environment

log = structlog.get_logger(__name__)

STEP_S = 2.0
DAY_S = 240.0
"""A wave of coming and going takes four minutes."""
MOST_AT_ONCE = 3
DRIVERS = Actor.system("demo drivers")


@dataclass(frozen=True, slots=True)
class _Lot:
    id: UUID
    places: int
    taken: int


async def live(platform: Platform, environment: Environment) -> None:
    """Let permits come and go in an environment until cancelled, wherever it is meanwhile; whatever fails is tried again."""
    while True:
        current = platform.registry.by_id(environment.id) or environment
        try:
            async with platform.databases.work(current, DRIVERS) as work:
                await _step(work, platform.clock())
        except (SQLAlchemyError, OSError, TimeoutError, ParkingError) as error:
            log.warning("demo_life_paused", site=environment.primary_host, error=repr(error))
        await asyncio.sleep(STEP_S)


def wanted(places: int, moment: datetime, number: int) -> int:
    """How many of so many places are taken at a moment: a wave between 15 and 95 per cent, shifted for each lot."""
    phase = moment.timestamp() / DAY_S + number * 0.37
    return round(places * (0.55 + 0.4 * math.sin(2 * math.pi * phase)))


async def _step(work: Work, now: datetime) -> None:
    """Bring a few lots nearer to what is wanted of them."""
    lots = await _lots(work)
    for number in random.sample(range(len(lots)), min(3, len(lots))):
        lot = lots[number]
        missing = wanted(lot.places, now, number) - lot.taken
        for _ in range(min(missing, MOST_AT_ONCE)):
            stay = timedelta(minutes=random.randint(20, 180))  # noqa: S311 - no secret
            until = work.now + stay
            await permits.issue(work, lot.id, PermitKind.TEMPORARY, plate(), starts_at=work.now, ends_at=until)
        for permit_id in await _oldest(work, lot.id, min(-missing, MOST_AT_ONCE)):
            await permits.expire(work, permit_id)


async def _lots(work: Work) -> list[_Lot]:
    is_valid = (Permit.lot_id == Lot.id, *_valid(work.now))
    taken = select(func.count()).select_from(Permit).where(*is_valid).correlate(Lot).scalar_subquery()
    wanted_lots = select(Lot.id, Lot.temporary_maximum, taken).where(
        Lot.temporary_maximum > 0, Lot.archived_at.is_(None)
    )
    return [_Lot(*row) for row in await work.rows(wanted_lots.order_by(Lot.id))]


async def _oldest(work: Work, lot_id: UUID, count: int) -> list[UUID]:
    if count <= 0:
        return []
    theirs = select(Permit.id).where(Permit.lot_id == lot_id, *_valid(work.now))
    return await work.scalars(theirs.order_by(Permit.ends_at).limit(count))


def _valid(now: datetime) -> tuple[ColumnElement[bool], ...]:
    kind, state = PermitKind.TEMPORARY.value, PermitState.EXPIRED.value
    return Permit.kind == kind, Permit.state != state, Permit.starts_at <= now, Permit.ends_at > now

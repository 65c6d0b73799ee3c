"""Keeping what a preview holds back."""

from __future__ import annotations

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from domain.captures.models import Capture
from domain.kernel.ids import uuid7
from domain.kernel.work import Work


async def capture(work: Work, vendor: str, purpose: str, address: str, body: str = "") -> None:
    """Keep a call that is not made. ``address`` and ``body`` must be free of credentials: staff read them."""
    said = {"vendor": vendor, "purpose": purpose, "address": address, "body": body}
    row = insert(Capture).values(id=uuid7(), first_at=work.now, last_at=work.now, **said)
    more = {"count": Capture.count + 1, "last_at": work.now}
    equal = [Capture.vendor, Capture.purpose, Capture.address, func.md5(Capture.body)]
    await work.execute(row.on_conflict_do_update(index_elements=equal, set_=more))  # type: ignore[arg-type]  # an expression too

"""Both log-in desks of a gateway process: the tenants' and the platform staff's. They share threads and throttle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth.desk import LoginDesk
from auth.staff import StaffDesk

if TYPE_CHECKING:
    from auth.passwords import Passwords
    from auth.throttle import Throttle
    from domain.kernel.clock import Clock
    from tenants.bus import Bus
    from tenants.databases import Databases


@dataclass(frozen=True, slots=True)
class Desks:
    """Where people of tenants log in, and where staff of the platform do."""

    tenants: LoginDesk
    staff: StaffDesk

    async def close(self) -> None:
        """Finish what is being written, and end the threads."""
        await self.tenants.close()


def open_desks(
    databases: Databases,
    bus: Bus,
    clock: Clock,
    *,
    passwords: Passwords | None = None,
    throttle: Throttle | None = None,
) -> Desks:
    """Make both desks; ``close`` them. Tests give weaker ``passwords`` or other limits in ``throttle``."""
    tenants = LoginDesk(databases, bus, clock, passwords=passwords, throttle=throttle)
    return Desks(tenants, StaffDesk(databases, clock, tenants.passwords, tenants.throttle))

"""Who asks: the one question the transports put to ``auth``, put as late as possible. A guest costs no query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from auth.desk import LoginDesk
from auth.models import Portal
from auth.staff import StaffDesk
from domain.kernel.actor import Actor
from tenants.environments import Environment, EnvironmentGroup

Identify = Callable[[Environment | None, str], Awaitable[Actor]]
"""From the environment (None on the ops host) and the Cookie header to the actor. May fail while a database is away."""

GUEST = Actor.guest()


def in_portal(desk: LoginDesk, portal: Portal) -> Identify:
    """Asks for logins of one portal of an environment."""

    async def identify(environment: Environment | None, cookies: str) -> Actor:
        return await desk.identify(environment, portal, cookies) if environment and cookies else GUEST

    return identify


def on_ops_host(staff: StaffDesk) -> Identify:
    """Asks for logins of the platform's own staff."""

    async def identify(_environment: Environment | None, cookies: str) -> Actor:
        return await staff.identify(cookies) if cookies else GUEST

    return identify


def is_stranger(where: Environment | None, actor: Actor) -> bool:
    """Whether nobody is logged in where only staff and invited users are answered: in a preview."""
    return actor == GUEST and where is not None and where.kind.group is EnvironmentGroup.TEST

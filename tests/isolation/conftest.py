"""A gateway in this process, and the two neighbours that the walks and the cookies are tried on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count

import pytest

from gateway.app import Gateway, create_app, running
from gateway.shares import Shares
from opscom.platform import Platform
from tests.fixtures.platform import MakeTenant
from tests.isolation.people import Person
from tests.isolation.scene import Neighbour, furnish, move_in
from tests.tenants.test_previews import _refreshed


@dataclass
class Street:
    """Ann's tenant with its preview, and Ben's."""

    platform: Platform
    gateway: Gateway
    ann: Neighbour
    preview: Neighbour
    ben: Neighbour

    def person(self, host: str, portal: str = "/graphql") -> Person:
        """Somebody without cookies."""
        return Person(self.gateway.app, host, portal)


@pytest.fixture(scope="session")
async def gateway(platform: Platform) -> AsyncIterator[Gateway]:
    """The gateway of the run's platform, without a port."""
    hours = count(step=3600.0)  # each look at the clock is an hour later: a walk over everything spends no share
    gateway = create_app(platform, shares=Shares(lambda: next(hours)))
    async with running(gateway):
        yield gateway


@pytest.fixture(scope="module")
async def street(platform: Platform, gateway: Gateway, make_tenant: MakeTenant) -> Street:
    """The neighbours at home. What Ann's two environments share was there before the preview was made."""
    ann = await move_in(platform, gateway.app, await make_tenant(), "mk-ann")
    await furnish(platform, ann)
    ben = await move_in(platform, gateway.app, await make_tenant(), "mk-ben")
    await furnish(platform, ben)
    preview = await move_in(platform, gateway.app, await _refreshed(platform, ann.environment), "mk-preview")
    await furnish(platform, preview, "New")
    await furnish(platform, ann, "New")
    return Street(platform, gateway, ann, preview, ben)

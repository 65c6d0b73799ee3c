"""Fixtures of the edge on its own: the toy API, in-process and behind a real loopback port."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.toy import MakeToy, Toy, build_toy, served


@pytest.fixture
async def make_toy() -> AsyncIterator[MakeToy]:
    """Makes toys with caps or a pace of their own."""
    made: list[Toy] = []

    def make(**how: object) -> Toy:
        made.append(build_toy(**how))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for toy in made:
        if not toy.hub.is_draining:
            await toy.hub.drain(0)


@pytest.fixture
async def toy(make_toy: MakeToy) -> Toy:
    """A toy with the usual caps."""
    return make_toy()


@pytest.fixture
async def toy_port(toy: Toy) -> AsyncIterator[int]:
    """The toy behind a real port."""
    async with served(toy.app) as port:
        yield port

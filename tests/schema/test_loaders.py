"""Loading once: siblings share a read, operations never do, and after a change everything is read anew."""

import asyncio

from sqlalchemy import literal, select

from domain.kernel.actor import Actor
from domain.kernel.snapshot import Snapshot
from schema.context import Context, RequestFacts, Services, Transport
from schema.loaders import once
from tests.fixtures.parking import Parking

reads: list[Snapshot] = []


async def read(snapshot: Snapshot) -> Snapshot:
    await asyncio.sleep(0)
    reads.append(snapshot)
    return snapshot


def new_context(services: Services, parking: Parking) -> Context:
    return Context(services, Actor.guest(), RequestFacts("portal", Transport.HTTP), parking.environment)


async def test_siblings_share_one_read(services: Services, parking: Parking) -> None:
    reads.clear()
    context = new_context(services, parking)

    seen = await asyncio.gather(*(once(context, read) for _ in range(5)))

    assert len(reads) == 1
    assert len({id(snapshot) for snapshot in seen}) == 1
    await context.end_reads()


async def test_two_operations_never_share_one(services: Services, parking: Parking) -> None:
    one, other = new_context(services, parking), new_context(services, parking)

    assert await once(one, read) is not await once(other, read)
    await one.end_reads()
    await other.end_reads()


async def test_a_load_whose_operation_was_stopped_is_over_before_the_reads_end(
    services: Services, parking: Parking
) -> None:
    """Else it would begin another transaction, which nobody ends: a stranger could empty the pool that way."""
    has_begun, may_go_on, seen = asyncio.Event(), asyncio.Event(), []

    async def read_twice(snapshot: Snapshot) -> None:
        seen.append(await snapshot.scalar(select(literal(1))))
        has_begun.set()
        await may_go_on.wait()
        seen.append(await snapshot.scalar(select(literal(2))))

    context = new_context(services, parking)
    operation = asyncio.create_task(once(context, read_twice))
    await has_begun.wait()
    operation.cancel()
    ending = asyncio.create_task(context.end_reads())
    await asyncio.wait([operation])
    assert not ending.done()
    may_go_on.set()
    await ending

    assert seen == [1, 2]
    assert operation.cancelled()


async def test_after_a_change_everything_is_read_anew(services: Services, parking: Parking) -> None:
    context = new_context(services, parking)
    before = await once(context, read)
    async with context.work():
        pass

    assert await once(context, read) is not before
    await context.end_reads()

"""An environment that moves while it is asked: looked up again, once, and nothing is written twice."""

from dataclasses import replace

from domain.kernel.errors import StaleEnvironment
from tests.gateway.asking import LIVE, connected, query
from tests.gateway.toy import Toy, actor_with


def move(toy: Toy) -> None:
    """The environment moves; a request that was routed before still holds the old one."""
    toy.world.gone.add(toy.environment.schema)
    toy.sites.put(replace(toy.environment, schema="s_000002"), is_routed=False)


async def test_a_query_is_asked_again_where_the_environment_is_now(toy: Toy) -> None:
    move(toy)

    response = await query(toy.app, "{ schemaName }")

    assert response.json() == {"data": {"schemaName": "s_000002"}}
    assert toy.world.runs == 2


async def test_a_mutation_of_one_field_is_tried_again_and_done_once(toy: Toy) -> None:
    move(toy)

    response = await query(toy.app, "mutation { changeHere }")

    assert response.json() == {"data": {"changeHere": "s_000002"}}
    assert toy.world.count == 1


async def test_a_mutation_of_several_fields_is_not_tried_again(toy: Toy) -> None:
    """Its first field may have been done before the move."""
    move(toy)

    response = await query(toy.app, "mutation { raiseCount changeHere }")

    assert response.codes == [StaleEnvironment.code]
    assert toy.world.count == 1


async def test_an_environment_that_is_gone_for_good_is_asked_once(toy: Toy) -> None:
    toy.world.gone.add(toy.environment.schema)

    response = await query(toy.app, "{ schemaName }")

    assert response.codes == [StaleEnvironment.code]
    assert toy.world.runs == 1


async def test_who_is_logged_in_watches_on_over_a_socket_that_is_older_than_the_move(toy: Toy) -> None:
    toy.world.actors["ann"] = actor_with()
    async with connected(toy.app, {"cookie": "toy=ann"}) as peer:
        move(toy)
        peer.subscribe("a", LIVE)
        await peer.until(2)

    assert peer.states("a") == [{"data": {"state": {"count": 0}}}]


async def test_a_query_over_a_socket_that_is_older_than_the_move_goes_to_the_new_place_at_once(toy: Toy) -> None:
    async with connected(toy.app) as peer:
        move(toy)
        peer.subscribe("a", "{ schemaName }")
        await peer.until(3)

    assert peer.states("a") == [{"data": {"schemaName": "s_000002"}}]
    assert toy.world.runs == 1

"""What the gateway tells Prometheus, after the things that it counts have happened."""

from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import Product, until
from tests.patience import PATIENCE_S, comes_about

MAP = "query Map { lotGroups { name } }"
LIVE = "subscription { occupancy { pins { id } } }"
GROUP = """mutation { createLotGroup(input: {name: "North", mapColor: "#336699", showOnMap: true,
  point: {latitude: 45.0, longitude: -75.0}}) { userErrors { code } } }"""

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(product: Product) -> Samples:
    families = text_string_to_metric_families(product.gateway.metrics.text().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"opscom_{name}", tuple(sorted(labels.items()))), 0.0)


async def test_operations_are_counted_by_what_became_of_them(product: Product, make_tenant: MakeTenant) -> None:
    guest = product.site(await make_tenant())
    for _ in range(3):
        await guest.data("/graphql", MAP)
    await guest.ask("/graphql", "{ me { name } }")
    await guest.ask("/graphql", "{ nothing }")
    found = scraped(product)

    facts = {"api": "portal", "kind": "query", "transport": "http"}
    assert value(found, "operations_total", **facts, outcome="ok") == 1
    assert value(found, "operations_total", **facts, outcome="login_required") == 1
    assert value(found, "documents_refused_total", api="portal", code="GRAPHQL_VALIDATION_FAILED") == 1
    assert value(found, "guest_answers_total", source="run") == 1
    assert value(found, "guest_answers_total", source="kept") == 2
    assert value(found, "guest_answers_kept") == 1
    assert value(found, "operation_seconds_count", api="portal", kind="query") == 2


async def test_the_live_map_is_measured_from_the_commit_to_the_socket(
    product: Product, make_tenant: MakeTenant
) -> None:
    ann = await product.admin(await make_tenant())
    guest = product.site(ann.environment)
    async with guest.socket("/graphql", LIVE) as seen, guest.stream("/graphql", LIVE) as streamed:
        for states in (seen, streamed):
            await until(states, bool)
        await ann.data("/admin/graphql", GROUP)
        for states in (seen, streamed):
            await until(states, lambda state: state["data"]["occupancy"]["pins"] != [])
        found = scraped(product)

    assert value(found, "live_feeds") == 1
    assert value(found, "live_viewers", transport="websocket") == value(found, "live_viewers", transport="sse") == 1
    assert value(found, "live_executions_total") == 2
    assert value(found, "live_states_sent_total") == 4
    assert value(found, "live_render_seconds_count") == 2
    assert value(found, "live_commit_to_socket_seconds_count") == 1
    assert 0 <= value(found, "live_commit_to_socket_seconds_sum") < PATIENCE_S
    assert value(found, "bus_connected") == 1
    await comes_about(lambda: value(scraped(product), "live_viewers", transport="sse") == 0)


async def test_nothing_that_a_client_writes_becomes_a_series(product: Product, make_tenant: MakeTenant) -> None:
    guest = product.site(await make_tenant())
    await guest.data("/graphql", "query First { lotGroups { name } }")
    before = scraped(product).keys()
    for number in range(20):
        await guest.data("/graphql", f"query Name{number} {{ lotGroups {{ alias{number}: name }} }}")

    assert scraped(product).keys() == before

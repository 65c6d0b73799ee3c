"""Who logs out in one window stops watching in the others, at once."""

from __future__ import annotations

from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import Product, until

AS_STAFF = "subscription { occupancy { pins { id ... on LotGroup { occupancy { occupied } } } } }"
LOG_OUT = "mutation { logOut { userErrors { code } } }"


async def test_logging_out_ends_what_the_login_watches(product: Product, make_tenant: MakeTenant) -> None:
    ann = await product.admin(await make_tenant())
    async with ann.stream("/admin/graphql", AS_STAFF) as counted:
        first = await until(counted, bool)
        await ann.data("/admin/graphql", LOG_OUT)
        last = await until(counted, lambda state: "errors" in state)

    assert first["data"] == {"occupancy": {"pins": []}}
    assert [error["extensions"]["code"] for error in last["errors"]] == ["login_required"]
    assert product.gateway.hub.counters.ended["refused"] == 1

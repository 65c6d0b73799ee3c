"""Global ids: equal in all environments of a tenant, and worth nothing in another tenant."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.ids import NOBODY, global_id, read_id, row_id

TENANTS = st.integers(0, 10**9)
TYPES = st.sampled_from(["Lot", "LotGroup", "Permit"])
ROW = UUID(int=5)


@given(TYPES, TENANTS, st.uuids())
def test_an_id_is_read_back_as_it_was_made(type_name: str, tenant: int, row: UUID) -> None:
    assert read_id(global_id(type_name, tenant, row), tenant) == (type_name, row)


@given(TYPES, TENANTS, TENANTS, st.uuids())
def test_an_id_of_another_tenant_is_none(type_name: str, tenant: int, other: int, row: UUID) -> None:
    if tenant != other:
        assert read_id(global_id(type_name, tenant, row), other) is None


@given(st.text(max_size=200))
def test_any_text_is_an_id_or_none(text: str) -> None:
    assert read_id(text, 1) is None


@given(TYPES, TENANTS, st.uuids(), st.data())
def test_there_is_one_way_to_write_an_id(type_name: str, tenant: int, row: UUID, data: st.DataObject) -> None:
    written = global_id(type_name, tenant, row)
    place = data.draw(st.integers(0, len(written) - 1))
    changed = written[:place] + data.draw(st.sampled_from("ABCabc012=+/ \n")) + written[place + 1 :]

    assert changed == written or read_id(changed, tenant) != (type_name, row)


@pytest.mark.parametrize("text", ["", global_id("LotGroup", 1, ROW), global_id("Lot", 2, ROW), "Lot:1.5"])
def test_what_is_no_id_of_the_type_stands_for_nobody(text: str) -> None:
    assert row_id(text, "Lot", 1) == NOBODY
    assert row_id(global_id("Lot", 1, ROW), "Lot", 1) == ROW

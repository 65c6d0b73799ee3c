"""What is wrong with an input: which errors a person can put right, and where they are told."""

import pytest

from domain.groups.errors import LotGroupNameTaken, MapPointInvalid
from domain.kernel.errors import Denied, LoginRequired, Unavailable
from domain.lots.errors import LotNotFound
from domain.settings.errors import EndpointInvalid
from schema.payloads import ARGUMENTS, field_path, user_error
from tenants.copies.errors import PreviewLocked


@pytest.mark.parametrize(
    ("error", "code", "field"),
    [
        (LotNotFound(), "lot.not_found", []),
        (LotNotFound(field="lot_id"), "lot.not_found", ["input", "lotId"]),
        (LotGroupNameTaken(), "lot_group.name_taken", ["input", "name"]),
        (MapPointInvalid("Beyond.", field="latitude"), "map_point_invalid", ["input", "point", "latitude"]),
        (EndpointInvalid("None.", field="test_endpoint"), "settings.endpoint_invalid", ["input", "test", "endpoint"]),
    ],
)
def test_what_a_person_can_put_right_is_told_beside_its_field(error: LotNotFound, code: str, field: list[str]) -> None:
    told = user_error(error)

    assert (told.code, told.message, told.field) == (code, error.message, field)


@pytest.mark.parametrize("error", [Denied("No."), LoginRequired("Log in."), Unavailable("Later.")])
def test_what_nobody_can_put_right_in_a_form_stays_an_error(error: Denied) -> None:
    with pytest.raises(type(error)):
        user_error(error)


def test_a_name_that_is_written_as_graphql_has_it_stays() -> None:
    assert field_path("timeZone") == ["input", "timeZone"]


def test_the_way_begins_at_the_arguments_where_there_is_no_input() -> None:
    """A form could not tell which of its fields ``["input", "plan"]`` of ``setTenantPlan(id, plan)`` is."""
    assert user_error(LotNotFound(field="lot_id"), ARGUMENTS).field == ["lotId"]


def test_further_facts_of_a_failure_are_not_lost() -> None:
    told = user_error(PreviewLocked("Locked.", by="Ann", locked_by=None, time_zone="America/Toronto"))

    assert {fact.name: fact.value for fact in told.facts} == {"by": "Ann", "timeZone": "America/Toronto"}

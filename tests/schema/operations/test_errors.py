"""What an answer says of a failure: whose fault it is, and nothing of how we work."""

import pytest
from graphql import GraphQLError
from sqlalchemy import text
from sqlalchemy.exc import DataError

from opscom.platform import Platform
from schema.operations.errors import to_wire

NOTE = text("select cast(:value as jsonb) ->> 'note'")
WORD = text("select cast(:value as text)")


@pytest.mark.parametrize(("statement", "value"), [(WORD, "a\0b"), (NOTE, '{"note": "a\\u0000b"}')])
async def test_a_text_that_can_not_be_kept_is_the_askers_fault(
    platform: Platform, statement: object, value: str
) -> None:
    """It was an internal error, which is logged and calls somebody."""
    async with platform.databases.control().connect() as connection:
        with pytest.raises(DataError) as failed:
            await connection.execute(statement, {"value": value})  # type: ignore[call-overload]  # a text clause

    wired, may_pass = to_wire([GraphQLError("lost", original_error=failed.value)], "an operation")

    assert (wired[0]["extensions"]["code"], may_pass) == ("BAD_USER_INPUT", False)


async def test_any_other_wrong_value_is_a_fault_of_ours(platform: Platform) -> None:
    async with platform.databases.control().connect() as connection:
        with pytest.raises(DataError) as failed:
            await connection.execute(text("select 1 / 0"))

    wired, may_pass = to_wire([GraphQLError("lost", original_error=failed.value)], "an operation")

    assert (wired[0]["extensions"]["code"], may_pass) == ("INTERNAL", True)

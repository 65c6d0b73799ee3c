"""The table of what is done where names commands and fields that there are, and forgets nothing of the ops API."""

import re
from typing import Any

import pytest
import typer
from graphql import GraphQLObjectType

from opscom.cli.app import app
from schema.api import Api
from tests.architecture.sources import ROOT
from tests.fixtures.schemas import APIS

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/surfaces.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| what |")
]
EVERYWHERE = {"me", "node", "logIn", "logOut"}
"""What every API has, and no command."""


def named(column: int) -> set[str]:
    """All names in backticks of a column."""
    return {name for row in ROWS for name in re.findall(r"`([^`]+)`", row[column])}


def root_fields(api: Api) -> set[str]:
    """The names of everything that can be asked."""
    roots = [api.core.get_type(name) for name in ("Query", "Mutation", "Subscription")]
    return {name for root in roots if isinstance(root, GraphQLObjectType) for name in root.fields}


@pytest.mark.parametrize("words", sorted(named(1)))
def test_a_command_of_the_table_exists(words: str) -> None:
    found: Any = typer.main.get_command(app)
    for word in words.split():
        if word.startswith("--"):
            assert word in {option for parameter in found.params for option in parameter.opts}
        else:
            found = found.commands[word]

    assert not hasattr(found, "commands"), "a group of commands"


def test_the_ops_api_is_in_the_table_whole() -> None:
    assert named(2) == root_fields(APIS["ops"]) - EVERYWHERE


def test_what_the_table_says_of_the_admin_api_is_there() -> None:
    assert named(3) - root_fields(APIS["admin"]) == set()


def test_where_something_is_missing_the_table_says_why() -> None:
    for what, command, ops, _admin, why in ROWS:
        assert bool(why) == (not command or not ops), what

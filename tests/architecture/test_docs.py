"""What the documents promise is there: the commands they name, the settings they must explain."""

import re

import pytest
from typer.main import get_group

from opscom.cli.app import app
from tenants.settings import Settings
from tests.architecture.sources import ROOT, files_named

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
PHONY = set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE))
PAGES = files_named("*.md")
LINK = re.compile(r"\[[^]]*\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_the_readme_names_both_commands() -> None:
    readme = (ROOT / "README.md").read_text()

    assert "make demo" in readme
    assert "make test" in readme


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_recipe_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text()))

    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    targets = LINK.findall((ROOT / page).read_text())

    assert [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()] == []


def test_every_command_a_page_names_exists() -> None:
    groups = {name: set(getattr(command, "commands", ())) for name, command in get_group(app).commands.items()}
    named = {
        (first, second)
        for page in PAGES
        for first, rest in re.findall(r"`opscom ([a-z][a-z-]*)(?: ([a-z][a-z|\\-]*))?", (ROOT / page).read_text())
        for second in rest.replace("\\", "").split("|")
    }

    wrong = {(first, second) for first, second in named if second and second not in groups.get(first, ())}
    assert {first for first, _ in named} <= set(groups)
    assert wrong == set()


def test_every_setting_is_explained_and_every_explained_one_exists() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    explained = set(re.findall(r"^\| `(OPSCOM_[A-Z_]+)`", page, re.MULTILINE))

    assert explained == {f"OPSCOM_{name.upper()}" for name in Settings.model_fields}


def test_every_recipe_is_listed_with_a_line_of_help_or_called_by_one_that_is() -> None:
    helped = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    called = {"peers-here", "schema-check"}

    assert helped | called == PHONY


@pytest.mark.parametrize("page", [page for page in PAGES if str(page).startswith("docs/decisions/")], ids=str)
def test_every_decision_begins_with_its_number(page: str) -> None:
    number = str(page).removeprefix("docs/decisions/")[:4]

    assert re.match(rf"# {number}: \S", (ROOT / page).read_text())


def test_the_error_codes_of_each_table_stand_in_their_order() -> None:
    tables = re.findall(r"(?:^\| `[^`]+`.*\n)+", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    codes = [re.findall(r"^\| `([^`]+)`", table, re.MULTILINE) for table in tables]

    assert codes == [sorted(table) for table in codes]

"""The documents of the pages fit the printed schemas, and the live ones can be shared by all who see the same."""

import pytest
from graphql import OperationType, build_schema, parse, validate

from gateway.pages import documents
from schema.api import Api
from tests.architecture.sources import ROOT
from tests.fixtures.schemas import APIS

PORTAL = ("PORTAL_PAGE", "PORTAL_OCCUPANCY", "LOG_IN", "LOG_OUT")
ADMIN = (
    "ADMIN_ME",
    "ADMIN_PAGE",
    "ADMIN_OCCUPANCY",
    "ADMIN_RUN",
    "ADMIN_LOG",
    "ADMIN_MAIL",
    "ADMIN_PLATFORM",
    "ADMIN_DOMAINS",
)
LINKS = ("ADMIN_ENTER_PREVIEW", "ACCEPT_INVITATION", "ENTER")
ALL = [*(("portal", name) for name in PORTAL), *(("admin", name) for name in (*ADMIN, "LOG_IN", "LOG_OUT", *LINKS))]


@pytest.mark.parametrize(("api", "name"), ALL)
def test_a_document_fits_the_printed_schema(api: str, name: str) -> None:
    printed = build_schema((ROOT / "schema" / f"{api}.graphql").read_text())

    assert validate(printed, parse(getattr(documents, name))) == []


@pytest.mark.parametrize(("api", "name"), ALL)
def test_a_document_is_within_the_limits(api: str, name: str) -> None:
    assert _api(api).operations.prepare(getattr(documents, name)).id


@pytest.mark.parametrize("text", [*documents.ADMIN_NAMES.values(), *documents.ADMIN_DECIDE.values()])
def test_a_change_by_a_button_fits_the_printed_schema(text: str) -> None:
    printed = build_schema((ROOT / "schema" / "admin.graphql").read_text())

    assert validate(printed, parse(text)) == []
    assert text in documents.PAGES["admin"]


def test_every_document_is_tried_here() -> None:
    written = {name for name in vars(documents) if name.isupper() and not name.startswith("_")} - {
        "PAGES",
        "ADMIN_NAMES",
        "ADMIN_DECIDE",
    }

    assert written == {*PORTAL, *ADMIN, *LINKS}


@pytest.mark.parametrize(("api", "name"), [("portal", "PORTAL_OCCUPANCY"), ("admin", "ADMIN_OCCUPANCY")])
def test_the_live_map_is_rendered_once_for_all_who_see_the_same(api: str, name: str) -> None:
    operation = _api(api).operations.prepare(getattr(documents, name))

    assert operation.kind is OperationType.SUBSCRIPTION
    assert not operation.visibility.is_personal
    assert operation.topics == {"occupancy"}


def _api(name: str) -> Api:
    return APIS[name]

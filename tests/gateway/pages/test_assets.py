"""Scripts and styles: kept for ever under an address that changes with them, and nothing from elsewhere."""

import re

import pytest

from gateway.pages.assets import FILES, VERSION, address
from gateway.pages.rendering import TEMPLATES
from tests.gateway.pages.conftest import Visit

OUTSIDE = re.compile(rb"(?:https?:)?//[\w-]+\.[\w.]+")


@pytest.mark.parametrize(
    ("name", "media"),
    [("pages.css", "text/css"), ("portal.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_a_file_is_kept_for_ever(visit: Visit, name: str, media: str) -> None:
    shown = await visit(address(name))

    assert shown.status_code == 200
    assert shown.headers["content-type"].startswith(media)
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.content == FILES[name]


async def test_the_address_of_another_release_is_served_but_not_kept(visit: Visit) -> None:
    shown = await visit("/static/0123456789abcdef/pages.css")

    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("path", ["nothing.js", "..%2Fapp.py", "%2e%2e/app.py", "pages.css/", ""])
async def test_there_is_nothing_but_these_files(visit: Visit, path: str) -> None:
    assert (await visit(f"/static/{VERSION}/{path}")).status_code == 404


def test_a_page_can_not_name_a_file_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        address("portal.ts")


def test_nothing_comes_from_another_host() -> None:
    found = {name: OUTSIDE.findall(body) for name, body in FILES.items()}

    assert {name: hosts for name, hosts in found.items() if hosts} == {"icon.svg": [b"http://www.w3.org"]}


def test_scripts_write_no_markup() -> None:
    """Names are put into the page as text: nothing that a client wrote can become an element."""
    scripts = [body for name, body in FILES.items() if name.endswith(".js")]

    assert not any(
        word in body for body in scripts for word in (b"innerHTML", b"insertAdjacent", b"eval(", b"document.write")
    )


def test_templates_escape_everything() -> None:
    assert TEMPLATES.autoescape is True
    sources = [TEMPLATES.loader.get_source(TEMPLATES, name)[0] for name in TEMPLATES.list_templates()]  # type: ignore[union-attr]

    assert not any("|safe" in source.replace(" ", "") for source in sources)

"""Templates into answers: Jinja with escaping everywhere, strict about names, and the headers of every page."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gateway.pages import wording
from gateway.pages.assets import address
from gateway.pages.headers import NOBODY, OWN_SITE, page_headers
from tenants.environments import Environment, EnvironmentGroup

TEMPLATES = Templates(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
TEMPLATES.globals |= {"asset": address, "wording": wording}

KEPT_BY_BROWSER = "private, no-cache"
KEPT_BY_NOBODY = "no-store"


def page(
    template: str, environment: Environment, status: int = 200, *, is_admin: bool, **facts: object
) -> HTMLResponse:
    """A page of a site. Pages of staff are in no frame and in no cache; others may stand in frames of listed sites."""
    text = TEMPLATES.get_template(template).render(
        environment=environment,
        is_preview=environment.kind.group is EnvironmentGroup.TEST,
        is_admin=is_admin,
        **facts,
    )
    is_public = not is_admin and status == 200  # noqa: PLR2004 - the usual status
    framed_by = " ".join([OWN_SITE, *sorted(environment.embedding.sites)]) if is_public else NOBODY
    cache = KEPT_BY_BROWSER if is_public else KEPT_BY_NOBODY
    return HTMLResponse(text, status, headers=page_headers(framed_by=framed_by, cache=cache))

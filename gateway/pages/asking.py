"""The server asks its own API for what a page shows first: same documents, rules and resolvers as for any client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from gateway.endpoint import Endpoint, answer, asking, prepare
from gateway.hosts import located
from gateway.parameters import Parameters
from schema.context import Transport
from schema.operations.errors import Refused
from schema.operations.execution import Answer
from tenants.environments import Environment
from tenants.settings import Settings

LOGIN_REQUIRED = "login_required"


async def ask(
    request: Request, endpoint: Endpoint, document: str, variables: Mapping[str, Any] | None = None
) -> Answer:
    """The answer to a document for whoever sent the request. A failure inside is part of the answer."""
    asked = asking(request.scope, endpoint, Transport.HTTP)
    parameters = Parameters(document, variables=variables or {})
    try:
        prepared = await prepare(endpoint, asked, parameters)
        return (await answer(endpoint, asked, prepared, parameters.variables)).result
    except Refused as error:  # who asks could not be told, or the site used up its share
        return Answer(None, error.errors, is_faulty=True)


def site_of(request: Request) -> Environment:
    """The environment that answers; the routes of pages are mounted for environments only."""
    environment = located(request.scope).environment
    if environment is None:
        msg = "a page was asked where there is no environment"
        raise RuntimeError(msg)
    return environment


def site_address(environment: Environment, settings: Settings) -> str:
    """Where links to a site go. The host is the registry's, never the one that was asked."""
    return f"{settings.scheme}://{environment.primary_host}{settings.link_port}"


def has_code(result: Answer, code: str) -> bool:
    """Whether an error of this code is in the answer."""
    return any(error["extensions"].get("code") == code for error in result.errors)

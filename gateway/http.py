"""GraphQL over HTTP, as the draft of that name says: one view for queries and mutations, and the door to SSE.

Media types are in ``negotiation``, parameters in ``parameters``; what an operation costs is decided by its store.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message as Mime
from functools import lru_cache

from graphql import OperationType

from gateway.asgi import (
    NOT_STORED,
    Header,
    Receive,
    Scope,
    Send,
    header,
    headers,
    refuse,
    respond,
    response_start,
    retry_after,
    to_body,
)
from gateway.banner import marked
from gateway.body import ClientGone, read_body
from gateway.endpoint import Endpoint, Prepared, Unidentified, answer, asking, prepare
from gateway.exchange import Exchange
from gateway.hosts import located
from gateway.negotiation import Accepted, Media, negotiate
from gateway.origins import Verdict, answer_preflight, cors, is_listed, judge
from gateway.parameters import Parameters, from_json, from_query_string
from gateway.quick import words_of
from gateway.sse import serve_events
from schema.context import Transport
from schema.operations.errors import Code, Refused, refused
from schema.operations.execution import Answer

REFUSED_STATUS = 400
"""Of documents and variables that are not executed; the draft is about to want 422 (the published audits want 400)."""

STATUS_OF = {
    Code.BAD_REQUEST.value: 400,
    Code.BODY_TOO_LARGE.value: 413,
    Code.BODY_TOO_SLOW.value: 408,
    Code.UNSUPPORTED_MEDIA_TYPE.value: 415,
    Code.COST_SPENT.value: 429,
    Code.TOO_MANY_AT_ONCE.value: 429,
}
"""Of requests that are refused whatever their document says and the client accepts."""

VARY: Header = (b"vary", b"accept, origin, cookie")


async def serve_http(endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request to an API."""
    origin = header(scope, b"origin")
    if origin is not None and is_listed(origin, located(scope).environment):
        if scope["method"] == "OPTIONS":
            await answer_preflight(scope, send)
            return
        send = cors(send, origin)
    await _serve_here(endpoint, scope, receive, send)


async def _serve_here(endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["method"] not in {"GET", "POST"}:
        await refuse(scope, send, 405, Code.METHOD_NOT_ALLOWED, "Use GET or POST.", extra=((b"allow", b"GET, POST"),))
        return
    accepted = negotiate(header(scope, b"accept"))
    if accepted.best is None:
        offered = "Accept application/graphql-response+json, application/json or text/event-stream."
        await refuse(scope, send, 406, Code.NOT_ACCEPTABLE, offered)
        return
    asked = asking(scope, endpoint, Transport.STREAM if accepted.best is Media.EVENTS else Transport.HTTP)
    if judge(scope, asked.environment, endpoint.own_origins) is Verdict.FOREIGN_WITH_COOKIE:
        await refuse(scope, send, 403, Code.FOREIGN_ORIGIN, "Another site may not use your login here.")
        return
    try:
        body = await _body(scope, receive)
        parameters = from_query_string(scope["query_string"]) if scope["method"] == "GET" else from_json(body)
        await _serve(Exchange(endpoint, asked, accepted, scope, receive, send), parameters)
    except Refused as error:
        await _send_refusal(send, error, accepted)
    except ClientGone:
        return


async def _serve(exchange: Exchange, parameters: Parameters) -> None:
    """Answer a well-formed request. Raises Refused before anything was sent."""
    scope, send, accepted = exchange.scope, exchange.send, exchange.accepted
    if accepted.best is Media.EVENTS:
        await serve_events(exchange, parameters)
        return
    try:
        prepared = await prepare(exchange.endpoint, exchange.asked, parameters)
    except Unidentified as error:
        await _send(send, marked(Answer(None, error.errors), exchange.asked.environment).to_json(), accepted)
        return
    operation = prepared.operation
    if operation.kind is OperationType.MUTATION and scope["method"] == "GET":
        await refuse(scope, send, 405, Code.METHOD_NOT_ALLOWED, "A mutation needs POST.", extra=((b"allow", b"POST"),))
    elif operation.kind is not OperationType.SUBSCRIPTION:
        await _execute(exchange, prepared, parameters)
    elif accepted.has_events:
        await serve_events(exchange, parameters, prepared)
    else:
        await refuse(scope, send, 406, Code.NOT_ACCEPTABLE, "A subscription needs text/event-stream or a WebSocket.")


async def _execute(exchange: Exchange, prepared: Prepared, parameters: Parameters) -> None:
    endpoint = exchange.endpoint
    answered = await answer(endpoint, exchange.asked, prepared, parameters.variables)
    body = answered.result.to_json()
    words = words_of(exchange.scope)
    if answered.kept is not None and words is not None:
        start = response_start(200, body, (*NOT_STORED, VARY), media=_media(exchange.accepted))
        endpoint.answers.remember(words, answered.kept, start)
    await _send(exchange.send, body, exchange.accepted, answered.cookies)


async def _send(send: Send, body: bytes, accepted: Accepted, cookies: Sequence[str] = ()) -> None:
    extra = [*NOT_STORED, VARY, *((b"set-cookie", cookie.encode("latin-1")) for cookie in cookies)]
    await respond(send, 200, body, extra, media=_media(accepted))


async def _send_refusal(send: Send, error: Refused, accepted: Accepted) -> None:
    """The older media type answers 200 for a document that was understood as a request but not executed."""
    fixed = STATUS_OF.get(error.code)
    status = fixed or (REFUSED_STATUS if accepted.best is Media.RESPONSE else 200)
    closing: tuple[Header, ...] = ((b"connection", b"close"),) if fixed in {408, 413} else ()
    extra = (*NOT_STORED, VARY, *closing, *retry_after(error))
    await respond(send, status, to_body(error.errors), extra, media=_media(accepted))


def _media(accepted: Accepted) -> bytes:
    media = Media.RESPONSE if accepted.best is Media.RESPONSE else Media.JSON
    return f"{media.value}; charset=utf-8".encode()


async def _body(scope: Scope, receive: Receive) -> bytes:
    if scope["method"] == "GET":
        return b""
    _check_content(scope)
    return await read_body(receive)


def _check_content(scope: Scope) -> None:
    """Only JSON: a form or text can be posted by any site's page without asking the browser's user or us."""
    found = headers(scope, b"content-type")
    if len(found) != 1 or not _is_json(found[0].decode("latin-1")):
        raise refused(Code.UNSUPPORTED_MEDIA_TYPE, "Send application/json in UTF-8.")
    if header(scope, b"content-encoding") not in {None, "identity"}:
        raise refused(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body uncompressed.")


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    mime = Mime()
    mime["content-type"] = content_type
    try:
        charset = str(mime.get_param("charset") or "utf-8").lower()
    except (
        TypeError,
        ValueError,
    ):  # what the standard library raises for broken continuations of a parameter (RFC 2231)
        return False
    return mime.get_content_type() == "application/json" and charset in {"utf-8", "utf8"}

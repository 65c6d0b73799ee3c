"""GraphQL over HTTP: what is answered, and that bad input gets a coded error, never a 500."""

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

from domain.kernel.actor import Permission
from gateway.body import MAX_BODY
from tests.gateway.asking import JSON, ask, query, scope_of
from tests.gateway.toy import HOST, Toy, actor_with

RESPONSE = "application/graphql-response+json"


async def test_a_query_is_answered_as_json(toy: Toy) -> None:
    response = await query(toy.app, "query($n: String!) { hello(name: $n) }", n="Ann")

    assert response.status == 200
    assert response.json() == {"data": {"hello": "hello Ann"}}
    assert response.header("content-type") == "application/json; charset=utf-8"
    assert response.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        (RESPONSE, RESPONSE),
        ("application/json;q=0.5, application/graphql-response+json", RESPONSE),
        ("application/graphql-response+json;q=0.5, application/json", "application/json"),
        # what urql 6 sends; graphql.md, finding 8: whoever looks for the words answers a query by a stream
        (f"{RESPONSE}, application/graphql+json, application/json, text/event-stream, multipart/mixed", RESPONSE),
        ("text/event-stream;q=0.1, application/json", "application/json"),
        ("text/event-stream", "text/event-stream"),
    ],
)
async def test_the_answer_has_the_media_type_that_the_client_likes_best(
    toy: Toy, accept: str | None, media: str
) -> None:
    headers = {**JSON, **({"accept": accept} if accept else {})}

    response = await ask(toy.app, {"query": "{ hello }"}, headers)

    assert response.status == 200
    assert response.header("content-type") == f"{media}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "nonsense"])
async def test_a_client_that_accepts_nothing_of_ours_is_told_so(toy: Toy, accept: str) -> None:
    response = await ask(toy.app, {"query": "{ hello }"}, {**JSON, "accept": accept})

    assert (response.status, response.codes) == (406, ["NOT_ACCEPTABLE"])


BAD_REQUESTS: dict[str, bytes | str | object] = {
    "no body": b"",
    "no JSON": b"{query",
    "not UTF-8": b'{"query":"\xff"}',
    "a list": [],
    "a batch": [{"query": "{ hello }"}],
    "a string": '"text"',
    "null": "null",
    "NaN": '{"query":"{ hello }","variables":{"x":NaN}}',
    "no query": {"variables": {}},
    "null query": {"query": None},
    "empty query": {"query": ""},
    "number for query": {"query": 1},
    "object for query": {"query": {"a": 1}},
    "text for variables": {"query": "{ hello }", "variables": "x"},
    "list for variables": {"query": "{ hello }", "variables": [1]},
    "number for operationName": {"query": "{ hello }", "operationName": 3},
    "text for extensions": {"query": "{ hello }", "extensions": "x"},
    "number for documentId": {"documentId": 3},
    "nested too deep for JSON": '{"query":"{ hello }","variables":' + '{"a":' * 3000 + "1" + "}" * 3001,
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
@pytest.mark.parametrize("accept", ["application/json", RESPONSE])
async def test_a_malformed_request_is_a_coded_400(toy: Toy, name: str, accept: str) -> None:
    response = await ask(toy.app, BAD_REQUESTS[name], {**JSON, "accept": accept})

    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])
    assert "data" not in response.json()


REFUSED: dict[str, tuple[object, str]] = {
    "syntax": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "unknown field": ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    "wrong literal": ({"query": "{ hello(name: 3) }"}, "GRAPHQL_VALIDATION_FAILED"),
    "missing variable": ({"query": "query($n: String!) { hello(name: $n) }"}, "BAD_USER_INPUT"),
    "wrong variable": ({"query": "query($n: String) { hello(name: $n) }", "variables": {"n": [1]}}, "BAD_USER_INPUT"),
    "unknown operation": ({"query": "query A { hello }", "operationName": "B"}, "OPERATION_NOT_FOUND"),
    "which operation": ({"query": "query A { hello } query B { hello }"}, "OPERATION_NOT_FOUND"),
    "unknown document": ({"documentId": "sha256:" + "0" * 64}, "PERSISTED_OPERATION_NOT_FOUND"),
    "only a fragment": ({"query": "fragment F on Query { hello }"}, "GRAPHQL_VALIDATION_FAILED"),
    "a schema": ({"query": "type A { b: Int }"}, "GRAPHQL_VALIDATION_FAILED"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_document_that_is_not_executed_is_refused_as_the_media_type_wants(toy: Toy, name: str) -> None:
    request, code = REFUSED[name]

    old = await ask(toy.app, request, {**JSON, "accept": "application/json"})
    new = await ask(toy.app, request, {**JSON, "accept": RESPONSE})

    assert (old.status, new.status) == (200, 400)
    assert set(old.codes) == set(new.codes) == {code}
    assert "data" not in new.json()


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/plain; charset=utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/jsonx",
        "application/json; charset*=utf-8; charset*0=utf-8",
        "application/json; a*" + "9" * 5_000 + "=x",
    ],
)
async def test_only_json_is_posted(toy: Toy, content_type: str | None) -> None:
    """Forms and text can be posted by any page without a preflight."""
    headers = {"content-type": content_type} if content_type else {}

    response = await ask(toy.app, {"query": "mutation { raiseCount }"}, headers)

    assert (response.status, response.codes) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
    assert toy.world.count == 0


async def test_a_compressed_body_is_refused(toy: Toy) -> None:
    response = await ask(toy.app, b"\x1f\x8b", {**JSON, "content-encoding": "gzip"})

    assert response.status == 415


async def test_a_body_over_a_mebibyte_is_refused_whatever_its_length_header_says(toy: Toy) -> None:
    chunks = [b'{"query":"{ hello }","variables":{"pad":"', *[b"x" * 65536] * (MAX_BODY // 65536 + 16), b'"}}']

    response = await ask(toy.app, headers={**JSON, "content-length": "10"}, chunks=chunks)

    assert (response.status, response.codes) == (413, ["BODY_TOO_LARGE"])
    assert response.header("connection") == "close"


async def test_a_body_of_just_a_mebibyte_is_read(toy: Toy) -> None:
    head = b'{"query":"{ hello }","variables":{"pad":"'
    body = head + b"x" * (MAX_BODY - len(head) - 3) + b'"}}'

    response = await ask(toy.app, body)

    assert response.json() == {"data": {"hello": "hello world"}}


async def test_a_client_that_leaves_in_the_middle_of_its_body_gets_nothing(toy: Toy) -> None:
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    await toy.app(scope_of("http", headers=JSON), receive, send)

    assert sent == []


async def test_a_query_may_come_by_get(toy: Toy) -> None:
    text = "query=query(%24n:String){hello(name:%24n)}&variables=%7B%22n%22:%22Ann%22%7D"

    response = await ask(toy.app, headers={}, method="GET", query=text)

    assert response.json() == {"data": {"hello": "hello Ann"}}


@pytest.mark.parametrize("accept", ["application/json", RESPONSE, "text/event-stream"])
async def test_a_mutation_by_get_is_refused_and_does_nothing(toy: Toy, accept: str) -> None:
    response = await ask(toy.app, headers={"accept": accept}, method="GET", query="query=mutation{raiseCount}")

    assert (response.status, response.codes) == (405, ["METHOD_NOT_ALLOWED"])
    assert response.header("allow") == "POST"
    assert toy.world.count == 0


@pytest.mark.parametrize("text", ["query=&documentId=x", "documentId=x"])
async def test_an_empty_document_beside_an_id_is_none(toy: Toy, text: str) -> None:
    """What a client sends that always names both."""
    response = await ask(toy.app, headers={}, method="GET", query=text)

    assert response.codes == ["PERSISTED_OPERATION_NOT_FOUND"]


async def test_an_empty_document_alone_is_a_missing_one(toy: Toy) -> None:
    assert (await ask(toy.app, headers={}, method="GET", query="query=&documentId=")).codes == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    "text", ["", "query=%FF", "query=a&query=b", "query={hello}&variables=nonsense", "query={hello}&variables=[]"]
)
async def test_a_malformed_query_string_is_a_coded_400(toy: Toy, text: str) -> None:
    response = await ask(toy.app, headers={}, method="GET", query=text)

    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(toy: Toy, method: str) -> None:
    response = await ask(toy.app, headers={}, method=method)

    assert response.status == 405
    assert response.header("allow") == "GET, POST"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"http://{HOST}:9999", f"https://{HOST}"])
async def test_another_site_can_not_use_a_login(toy: Toy, origin: str) -> None:
    """`null` is what a sandboxed frame sends; another port or scheme is another site."""
    headers = {**JSON, "origin": origin, "cookie": "toy=ann"}

    response = await ask(toy.app, {"query": "mutation { raiseCount }"}, headers)

    assert (response.status, response.codes) == (403, ["FOREIGN_ORIGIN"])
    assert toy.world.count == 0


async def test_the_own_site_uses_its_login(toy: Toy) -> None:
    toy.world.actors["ann"] = ann = actor_with()
    headers = {"origin": f"http://{HOST}", "cookie": "toy=ann"}

    response = await query(toy.app, "{ me }", headers)

    assert response.json() == {"data": {"me": str(ann.user_id)}}


async def test_another_site_without_a_cookie_is_a_guest(toy: Toy) -> None:
    response = await query(toy.app, "{ hello }", {"origin": "https://embedding.example"})

    assert response.status == 200
    assert response.header("access-control-allow-origin") is None


async def test_a_field_is_refused_to_guests_and_to_those_without_its_permission(toy: Toy) -> None:
    toy.world.actors |= {"ann": actor_with(Permission.VIEW_LOTS), "bob": actor_with()}
    answers = {
        who: await query(toy.app, "{ groups { secret } }", {"cookie": f"toy={who}"}) for who in ("ann", "bob", "-")
    }

    assert answers["ann"].json()["data"]["groups"][0] == {"secret": "a staff matter"}
    assert set(answers["bob"].codes) == {"denied"}
    assert set(answers["-"].codes) == {"login_required"}
    assert b"a staff matter" not in answers["bob"].body + answers["-"].body


async def test_a_mistake_of_ours_is_masked_and_has_an_id(toy: Toy) -> None:
    response = await query(toy.app, "{ hello broken }")

    error = response.json()["errors"][0]
    assert response.json()["data"] == {"hello": "hello world", "broken": None}
    assert (error["message"], error["path"], error["extensions"]["code"]) == ("Internal error", ["broken"], "INTERNAL")
    assert len(error["extensions"]["id"]) == 12
    assert b"hunter2" not in response.body


DATABASE_AWAY = [
    PoolTimeout("QueuePool limit of size 20 overflow 0 reached"),
    OperationalError("select secret", {}, OSError("connection to 10.0.0.5 refused")),
]


@pytest.mark.parametrize("fault", DATABASE_AWAY)
async def test_a_database_that_is_away_or_full_is_told_as_such_and_logged_under_an_id(
    toy: Toy, fault: Exception
) -> None:
    toy.world.fault = fault

    with capture_logs() as logged:
        response = await query(toy.app, "{ hello broken }")

    (error,) = response.json()["errors"]
    assert error["message"] == "The service is busy or restarting; try again."
    assert error["path"] == ["broken"]
    assert error["extensions"]["code"] == "unavailable"
    assert [(entry["error_id"], entry["exc_info"]) for entry in logged if "error_id" in entry] == [
        (error["extensions"]["id"], fault)
    ]


async def test_an_expected_failure_is_shown_with_its_code_field_and_details(toy: Toy) -> None:
    response = await query(toy.app, '{ missing(wanted: "7") }')

    error = response.json()["errors"][0]
    assert error["message"] == "There is no such thing."
    assert error["extensions"] == {"code": "toy.refused", "field": "wanted", "wanted": "7"}


async def test_when_nobody_can_say_who_asks_the_answer_is_an_error_and_no_guests_answer(toy: Toy) -> None:
    response = await query(toy.app, "{ hello }", {"cookie": "toy=fault"})

    assert response.codes == ["INTERNAL"]
    assert response.json()["data"] is None


async def test_a_mutation_can_set_a_cookie(toy: Toy) -> None:
    response = await query(toy.app, "mutation { logIn }")

    assert ("set-cookie", "__Host-toy=ann; Path=/") in response.headers


async def test_the_reads_of_every_operation_are_ended(toy: Toy) -> None:
    await query(toy.app, "{ hello }")
    await query(toy.app, "{ broken }")

    assert toy.world.ended_reads == 2


async def test_a_subscription_needs_a_stream(toy: Toy) -> None:
    response = await query(toy.app, "subscription { state { count } }", {"accept": "application/json"})

    assert (response.status, response.codes) == (406, ["NOT_ACCEPTABLE"])

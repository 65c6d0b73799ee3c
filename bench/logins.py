"""Asking a server once, and logging in: what somebody with a login asks is answered for nobody else."""

from __future__ import annotations

import http.client
import json

from bench.load import Load
from bench.serving import Server

USER = "ann@campus.example"
LOG_IN = "mutation($i: LogInInput!) { logIn(input: $i) { userErrors { code } } }"


def logged_in(server: Server, host: str, password: str) -> str:
    """The cookie of a new login of ``USER``."""
    variables = {"i": {"userName": USER, "password": password}}
    _, cookies = post(server, Load([host], "/graphql", json.dumps({"query": LOG_IN, "variables": variables})))
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)


def post(server: Server, load: Load) -> tuple[object, list[str]]:
    """The answer to a load's request to its first host, and the cookies that it sets."""
    asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        sent = {"Host": load.hosts[0], "Content-Type": "application/json", "Cookie": "".join(load.cookies[:1])}
        asking.request("POST", load.path, load.body, {name: value for name, value in sent.items() if value})
        response = asking.getresponse()
        return json.loads(response.read()), response.headers.get_all("set-cookie") or []
    finally:
        asking.close()

"""Host names: what a Host header may be, and which slugs a tenant may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.hostnames import RESERVED, MalformedHost, SlugRefused, check_slug, normalise_host

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"tomahawku.ops-com.localhost:8000", "tomahawku.ops-com.localhost"),
        (b"TomahawkU.Ops-Com.Localhost", "tomahawku.ops-com.localhost"),
        (b"tomahawku.ops-com.com.", "tomahawku.ops-com.com"),
        (b"tomahawku.ops-com.com.:443", "tomahawku.ops-com.com"),
        ("parkplätze.example".encode(), "xn--parkpltze-02a.example"),
    ],
)
def test_spellings_of_a_name_are_one_name(raw: bytes, name: str) -> None:
    assert normalise_host(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b".",
        b"..",
        b"a..b",
        b"a.b..",
        b"[::1]:8000",
        b"a b.example",
        b"a_b.example",
        b"a/b.example",
        b"user@a.example",
        b"a.example:80:80",
        b"a.example:port",
        b"a.example\r\nx",
        b"a.example?x",
        b"a.example#x",
        b"-a.example",
        b"a-.example",
        b"x" * 64 + b".example",
        b".".join([b"x" * 60] * 5),
        b"\xff\xfe.example",
        "a\u3002b/c".encode(),
    ],
)
def test_what_is_no_host_name_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedHost):
        normalise_host(raw)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_plain_name_or_a_refusal(raw: bytes) -> None:
    try:
        name = normalise_host(raw)
    except MalformedHost:
        return
    assert normalise_host(name.encode()) == name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


@given(st.lists(LABEL, min_size=1, max_size=4), st.booleans(), st.integers(1, 65535))
def test_case_port_and_dot_do_not_matter(labels: list[str], upper: bool, port: int) -> None:
    name = ".".join(labels)
    spelled = f"{name.upper() if upper else name}.:{port}"

    assert normalise_host(spelled.encode()) == normalise_host(name.encode())


@pytest.mark.parametrize(
    "slug", [*sorted(RESERVED)[:5], "tomahawku-test", "-a", "a-", "a--b", "1a", "A", "ä", "a.b", "", "a" * 41]
)
def test_reserved_and_malformed_slugs_are_refused(slug: str) -> None:
    with pytest.raises(SlugRefused) as refused:
        check_slug(slug)

    assert refused.value.field == "slug"


def test_a_plain_slug_is_accepted() -> None:
    assert check_slug("tomahawku-2") == "tomahawku-2"

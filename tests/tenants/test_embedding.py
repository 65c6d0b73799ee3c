"""Sites and networks that a client lists: written as browsers write them, bounded, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import Invalid
from tenants.embedding import MOST, Embedding, checked_networks, checked_sites


@pytest.mark.parametrize(
    ("entered", "origin"),
    [
        ("https://www.university.example", "https://www.university.example"),
        ("  https://WWW.University.Example/ ", "https://www.university.example"),
        ("https://www.university.example:443", "https://www.university.example"),
        ("https://www.university.example:8443", "https://www.university.example:8443"),
        ("https://université.example", "https://xn--universit-j4a.example"),
        ("http://map.localhost:3000", "http://map.localhost:3000"),
    ],
)
def test_a_site_is_kept_as_browsers_write_it(entered: str, origin: str) -> None:
    assert checked_sites([entered, entered]) == (origin,)


@pytest.mark.parametrize(
    "entered",
    [
        "",
        "null",
        "*",
        "https://*",
        "www.university.example",
        "http://www.university.example",
        "ftp://www.university.example",
        "https://www.university.example/map",
        "https://www.university.example?x=1",
        "https://ann@www.university.example",
        "https://www.university.example:99999",
        "https://[::1]",
        "javascript:alert(1)",
        "https://a b.example",
    ],
)
def test_what_is_no_origin_is_refused(entered: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_sites([entered])
    assert (error.value.code, error.value.field) == ("embedding.site_invalid", "sites")


@given(st.text(max_size=40))
def test_whatever_is_entered_is_an_origin_or_refused(entered: str) -> None:
    try:
        (origin,) = checked_sites([entered])
    except Invalid:
        return
    assert checked_sites([origin]) == (origin,)
    assert origin.isascii()
    assert origin == origin.lower()
    assert ";" not in origin
    assert " " not in origin


@pytest.mark.parametrize("entered", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2001::/31", "10.0.0.1/8", "campus", ""])
def test_a_network_is_no_half_of_the_world(entered: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_networks([entered])
    assert error.value.code == "embedding.network_invalid"


@pytest.mark.parametrize("check", [checked_sites, checked_networks])
def test_the_lists_are_bounded(check: type) -> None:
    entered = {
        checked_sites: [f"https://s{n}.example" for n in range(MOST + 1)],
        checked_networks: [f"10.{n}.0.0/16" for n in range(MOST + 1)],
    }[check]

    assert len(check(entered[:MOST])) == MOST
    with pytest.raises(Invalid):
        check(entered)


@pytest.mark.parametrize(
    ("address", "is_exempt"),
    [("203.0.113.7", True), ("203.0.114.7", False), ("2001:db8::1", True), ("2001:db9::1", False), ("", False)],
)
def test_addresses_of_exempt_networks_are_known(address: str, is_exempt: bool) -> None:
    assert Embedding(networks=("203.0.113.0/24", "2001:db8::/32")).exempts(address) is is_exempt

"""Which names may be asked for, and what a check does to a claim."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from tenants.domains.errors import DomainNameRefused
from tenants.domains.rules import (
    GRACE,
    Standing,
    Verdict,
    after_check,
    apex_of,
    checked_name,
    is_apex,
    is_doubtful,
    written,
)
from tenants.domains.zone import Need, Zone, records_of

BASE = "ops-com.com"
NOW = datetime(2026, 5, 4, tzinfo=UTC)
WRONG, RIGHT, SILENT = Verdict(("wrong",)), Verdict(), Verdict((), ("nobody",))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("parking.example.org", "parking.example.org"),
        ("  Parking.EXAMPLE.org. ", "parking.example.org"),
        ("example.org", "example.org"),
        ("bücher.example.org", "xn--bcher-kva.example.org"),
        ("xn--bcher-kva.example.org", "xn--bcher-kva.example.org"),
        ("\uff50arking.example.org", "parking.example.org"),
        ("p\u0430rking.example.org", "xn--prking-3nf.example.org"),  # a Cyrillic letter: another name, and shown as one
        ("notops-com.com", "notops-com.com"),
        ("someone.github.io", "someone.github.io"),
    ],
)
def test_a_name_is_taken_as_dns_has_it(typed: str, name: str) -> None:
    assert checked_name(typed, BASE) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        ".",
        "parking",
        "parking example.org",
        "parking.example.org:443",
        "https://parking.example.org/",
        "ann@example.org",
        "*.example.org",
        "_a.example.org",
        "-a.example.org",
        "a..example.org",
        "parking.example.org..",
        "xn--a.example.org",
        "192.0.2.1",
        "co.uk",
        "github.io",
        "org",
        "parking.local",
        "ops-com.com",
        "OPS-COM.com.",
        "tomahawku.ops-com.com",
        "\uff4fps-com.com",
        f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 40}.org",
        "\ud800.example.org",
    ],
)
def test_what_is_no_name_of_a_clients_own_is_refused(typed: str) -> None:
    with pytest.raises(DomainNameRefused):
        checked_name(typed, BASE)


def test_a_whole_domain_is_known_by_the_public_suffix_list() -> None:
    assert apex_of("parking.example.co.uk") == "example.co.uk"
    assert (is_apex("example.co.uk"), is_apex("parking.example.co.uk")) == (True, False)
    assert written("xn--bcher-kva.example.org") == "bücher.example.org"


@pytest.mark.parametrize(
    ("state", "until", "verdict", "after"),
    [
        (Standing.ACTIVE, None, RIGHT, (Standing.ACTIVE, None)),
        (Standing.ACTIVE, None, SILENT, (Standing.ACTIVE, None)),
        (Standing.ACTIVE, None, WRONG, (Standing.FAILING, NOW + GRACE)),
        (Standing.FAILING, NOW + timedelta(1), WRONG, (Standing.FAILING, NOW + timedelta(1))),
        (Standing.FAILING, NOW, SILENT, (Standing.FAILING, NOW)),
        (Standing.FAILING, NOW, WRONG, (Standing.REQUESTED, None)),
        (Standing.FAILING, NOW, RIGHT, (Standing.ACTIVE, None)),
        (Standing.REQUESTED, None, RIGHT, (Standing.REQUESTED, None)),
        (Standing.QUARANTINED, NOW, WRONG, (Standing.QUARANTINED, NOW)),
    ],
)
def test_what_a_check_does_to_a_claim(
    state: Standing, until: datetime | None, verdict: Verdict, after: tuple[Standing, datetime | None]
) -> None:
    assert after_check(state, until, verdict, NOW) == after


def test_a_problem_counts_although_something_else_was_silent() -> None:
    mixed = Verdict(("wrong",), ("nobody",))

    assert after_check(Standing.ACTIVE, None, mixed, NOW)[0] is Standing.FAILING


def test_most_names_wrong_at_once_are_our_own_fault() -> None:
    assert [is_doubtful(*case) for case in ((5, 5), (6, 12), (6, 11), (400, 500))] == [False, False, True, True]


def test_the_records_of_a_subdomain_are_lines_to_be_copied() -> None:
    zone = Zone("parking.example.org", "t0ken", "tomahawku.ops-com.com", frozenset(), (), ("letsencrypt.org",))

    records = records_of(zone)

    assert [record.line for record in records] == [
        "parking.example.org. CNAME tomahawku.ops-com.com.",
        '_opscom-challenge.parking.example.org. TXT "t0ken"',
        'example.org. CAA 0 issue "letsencrypt.org"',
    ]
    assert [record.label for record in records] == ["parking", "_opscom-challenge.parking", "@"]
    assert [record.need for record in records] == [Need.ALWAYS, Need.ALWAYS, Need.WHERE_LIMITED]


def test_the_records_of_a_whole_domain_are_an_alias_or_our_addresses() -> None:
    addresses = (ip_address("192.0.2.10"), ip_address("2001:db8::10"))
    zone = Zone("example.org", "t0ken", "tomahawku.ops-com.com", frozenset(), addresses)

    assert [(record.line, record.label, record.need) for record in records_of(zone)] == [
        ("example.org. ALIAS tomahawku.ops-com.com.", "@", Need.EITHER),
        ("example.org. A 192.0.2.10", "@", Need.EITHER),
        ("example.org. AAAA 2001:db8::10", "@", Need.EITHER),
        ('_opscom-challenge.example.org. TXT "t0ken"', "_opscom-challenge", Need.ALWAYS),
    ]

"""What the real DNS says, and what of it is wrong: in words with what was found and what is expected."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tenants.domains.checks import check
from tenants.domains.dns import Dns, Silent
from tenants.domains.rules import Verdict
from tenants.domains.zone import Zone
from tests.fixtures.nameserver import Nameserver

HOST = "tomahawku.ops-com.com"
ZONE = Zone("parking.example.org", "t0ken", HOST, frozenset({HOST, "tomahawk.ops-com.com"}), (), ("letsencrypt.org",))
APEX = replace(ZONE, name="example.org", addresses=(ip_address("192.0.2.10"), ip_address("2001:db8::10")))
RIGHT = Verdict()


@pytest.fixture
def dns(nameserver: Nameserver) -> Dns:
    """A way to the test's own server."""
    return Dns([nameserver.address])


@pytest.fixture
def right(nameserver: Nameserver) -> Nameserver:
    """The records as they were shown."""
    nameserver.put(ZONE.name, "CNAME", f"{HOST}.")
    nameserver.put(HOST, "A", "192.0.2.10")
    nameserver.put(ZONE.challenge, "TXT", '"t0ken"')
    return nameserver


async def test_records_as_they_were_shown_are_right(dns: Dns, right: Nameserver) -> None:
    assert await check(dns, ZONE) == RIGHT
    assert {("parking.example.org", "CAA"), ("example.org", "CAA"), ("org", "CAA")} <= set(right.asked)


async def test_a_name_of_before_a_renaming_is_as_right(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.name, "CNAME", "Tomahawk.OPS-COM.com.")

    assert await check(dns, ZONE) == RIGHT


async def test_a_cname_to_the_site_is_right_although_the_site_has_no_address_yet(dns: Dns, right: Nameserver) -> None:
    right.put(HOST, "A")

    assert await check(dns, ZONE) == RIGHT


async def test_without_any_record_each_missing_one_is_named(dns: Dns, nameserver: Nameserver) -> None:
    verdict = await check(dns, ZONE)

    assert verdict.problems == (
        "parking.example.org leads nowhere. Expected: CNAME tomahawku.ops-com.com.",
        (
            "_opscom-challenge.parking.example.org has no TXT record. Expected: a TXT record of"
            ' _opscom-challenge.parking.example.org with the value "t0ken".'
        ),
    )
    assert not verdict.silent


async def test_a_name_that_leads_elsewhere_is_told_where(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.name, "CNAME", "web.example.net.")
    right.put("web.example.net", "A", "203.0.113.9")

    assert (await check(dns, ZONE)).problems == (
        "parking.example.org leads to 203.0.113.9 by way of web.example.net. Expected: CNAME tomahawku.ops-com.com.",
    )


async def test_an_address_of_ours_is_as_good_as_a_cname(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.name, "CNAME")
    right.put(ZONE.name, "A", "192.0.2.10")

    assert await check(dns, ZONE) == RIGHT


async def test_a_second_address_that_is_not_ours_is_a_problem(dns: Dns, right: Nameserver) -> None:
    """An authority may ask by IPv6 first, and gets no answer of ours there."""
    right.put(ZONE.name, "CNAME")
    right.put(ZONE.name, "A", "192.0.2.10")
    right.put(ZONE.name, "AAAA", "2001:db8::66")

    assert (await check(dns, ZONE)).problems == (
        "parking.example.org leads to us and also to 2001:db8::66: remove what is not ours.",
    )


async def test_a_whole_domain_is_right_by_the_platforms_addresses(dns: Dns, right: Nameserver) -> None:
    right.put("example.org", "A", "192.0.2.10")
    right.put("example.org", "AAAA", "2001:0db8:0::10")
    right.put(APEX.challenge, "TXT", '"t0ken"')

    assert await check(dns, APEX) == RIGHT


async def test_a_whole_domain_that_leads_nowhere_is_told_both_ways(dns: Dns, right: Nameserver) -> None:
    right.put(APEX.challenge, "TXT", '"t0ken"')

    assert (await check(dns, APEX)).problems == (
        (
            "example.org leads nowhere. Expected: ALIAS or ANAME tomahawku.ops-com.com., or the address"
            " 192.0.2.10 or 2001:db8::10."
        ),
    )


async def test_a_forgotten_dot_and_a_doubled_domain_are_recognised(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.name, "CNAME", f"{HOST}.example.org.")
    right.put(ZONE.challenge, "TXT")
    right.put(f"{ZONE.challenge}.example.org", "TXT", '"t0ken"')

    leads, token = (await check(dns, ZONE)).problems

    assert "end the value with a dot" in leads
    assert token.endswith("your provider adds the domain itself, so enter only _opscom-challenge.parking.")


async def test_another_token_is_shown_and_ours_may_stand_among_others(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.challenge, "TXT", '"of somebody else"')
    other = await check(dns, ZONE)
    right.put(ZONE.challenge, "TXT", '"of somebody else"', '"\\"t0ken\\""')
    both = await check(dns, ZONE)

    assert other.problems == (
        (
            "The TXT record of _opscom-challenge.parking.example.org says of somebody else. Expected: a TXT record of"
            ' _opscom-challenge.parking.example.org with the value "t0ken".'
        ),
    )
    assert both == RIGHT


async def test_what_a_terminal_or_page_would_obey_is_not_repeated(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.challenge, "TXT", r'"\027[31mred\010\226\128\174"')
    right.put("example.org", "CAA", r'0 issue "\027[2Jca.example"')

    problems = " ".join((await check(dns, ZONE)).problems)

    assert "[31mred" in problems
    assert "[2jca.example" in problems
    assert problems.isprintable()


@pytest.mark.parametrize(
    ("at", "records", "words"),
    [
        ("example.org", ['0 issue "digicert.com"'], "allow digicert.com only"),
        ("example.org", ['0 issue ";"'], "allow nobody only"),
        ("tomahawku.ops-com.com", ['0 issue "digicert.com"'], "of parking.example.org allow digicert.com only"),
        ("example.org", ['0 issue "letsencrypt.org; validationmethods=dns-01"'], "not the ways http-01 or tls-alpn-01"),
        ("example.org", ['128 tbs "unknown"'], "have the critical tag tbs"),
    ],
)
async def test_caa_records_that_forbid_our_authority_are_found_however_far_above(
    dns: Dns, right: Nameserver, at: str, records: list[str], words: str
) -> None:
    right.put(at, "CAA", *records)

    (problem,) = (await check(dns, ZONE)).problems

    assert words in problem


@pytest.mark.parametrize(
    "records",
    [
        ['0 issue "digicert.com"', '0 issue "LetsEncrypt.org"'],
        ['0 issue "letsencrypt.org; validationmethods=dns-01,http-01"'],
        ['0 issuewild ";"', '0 iodef "mailto:it@example.org"'],
    ],
)
async def test_caa_records_that_allow_our_authority_are_right(dns: Dns, right: Nameserver, records: list[str]) -> None:
    right.put("example.org", "CAA", *records)
    right.put("org", "CAA", '0 issue ";"')

    assert await check(dns, ZONE) == RIGHT


async def test_who_does_not_answer_or_fails_is_silent_and_never_wrong(right: Nameserver) -> None:
    right.silent.add(ZONE.challenge)
    right.broken.add("example.org")

    hurried = Dns([right.address], patience_s=2.0)

    assert await check(hurried, ZONE) == Verdict(
        (),
        (
            "The TXT record of _opscom-challenge.parking.example.org could not be asked for.",
            "The CAA record of example.org could not be asked for.",
        ),
    )


async def test_a_circle_of_cnames_is_silent(dns: Dns, right: Nameserver) -> None:
    right.put("a.example.org", "CNAME", "b.example.org.")
    right.put("b.example.org", "CNAME", "a.example.org.")

    with pytest.raises(Silent):
        await dns.ask("a.example.org", "A")


async def test_nobody_there_is_silent() -> None:
    with pytest.raises(Silent):
        await Dns(["127.0.0.1:1"], patience_s=0.3).ask("example.org", "A")


async def test_an_answer_too_long_for_one_datagram_is_read_over_tcp(dns: Dns, right: Nameserver) -> None:
    right.put(ZONE.challenge, "TXT", *(f'"{number:0200}"' for number in range(40)), '"t0ken"')

    assert await check(dns, ZONE) == RIGHT

"""The DNS records of mail: one correct set, and what is wrong with the one found, in words that can be copied."""

import pytest

from tenants.outgoing.records import (
    MailRules,
    Purpose,
    Record,
    key_problem,
    policy_problem,
    record_set,
    spf_problem,
)

DOMAIN = "mg.client.example"
KEY = "k=rsa; p=MIGfMA0"
RULES = MailRules(("include:mailgun.org",), {"smtp": KEY})


def test_a_domain_needs_one_record_of_each_kind() -> None:
    assert record_set(DOMAIN, RULES) == (
        Record(Purpose.SPF, "TXT", DOMAIN, "v=spf1 include:mailgun.org ~all"),
        Record(Purpose.DKIM, "TXT", f"smtp._domainkey.{DOMAIN}", KEY),
        Record(Purpose.DMARC, "TXT", f"_dmarc.{DOMAIN}", "v=DMARC1; p=none"),
    )


def test_a_key_that_is_published_elsewhere_is_led_to() -> None:
    rules = MailRules(("ip4:192.0.2.1",), {"s2": "s2.keys.example", "s1": KEY})

    keys = [record for record in record_set(DOMAIN, rules) if record.purpose is Purpose.DKIM]

    assert keys == [
        Record(Purpose.DKIM, "TXT", f"s1._domainkey.{DOMAIN}", KEY),
        Record(Purpose.DKIM, "CNAME", f"s2._domainkey.{DOMAIN}", "s2.keys.example."),
    ]


@pytest.mark.parametrize(
    "found",
    [
        ["v=spf1 include:mailgun.org ~all"],
        ["google-site-verification=x", "v=spf1 include:_spf.example.org INCLUDE:mailgun.org -all"],
        ["V=SPF1 include:mailgun.org"],
    ],
)
def test_an_spf_record_that_names_our_servers_is_right(found: list[str]) -> None:
    assert spf_problem(found, RULES) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "Enter: v=spf1 include:mailgun.org ~all"),
        (["v=spf10 include:mailgun.org"], "There is no SPF record"),
        (["v=spf1 -all"], "Make it: v=spf1 include:mailgun.org -all"),
        (["v=spf1 mx include:a.example ~all"], "Make it: v=spf1 mx include:a.example include:mailgun.org ~all"),
        (["v=spf1 -all include:mailgun.org"], "Make it: v=spf1 include:mailgun.org -all"),
        (["v=spf1 include:mailgun.org ~all", "v=spf1 mx -all"], "several SPF records"),
    ],
)
def test_a_wrong_spf_record_is_told_with_what_it_becomes(found: list[str], words: str) -> None:
    problem = spf_problem(found, RULES)

    assert problem is not None
    assert words in problem


def test_a_key_is_compared_whole_but_for_spaces() -> None:
    text = Record(Purpose.DKIM, "TXT", "smtp._domainkey.x", KEY)
    alias = Record(Purpose.DKIM, "CNAME", "smtp._domainkey.x", "s.keys.example.")

    assert key_problem(text, ["k=rsa;p=MIGfMA0"], []) is None
    assert key_problem(text, ["k=rsa; p=MIGf"], []) is not None
    assert key_problem(alias, [], ["s.keys.example"]) is None
    assert key_problem(alias, [KEY], []) is not None


def test_any_policy_is_right_also_that_of_the_domain_above() -> None:
    record = record_set(DOMAIN, RULES)[-1]

    assert policy_problem(record, ["v=DMARC1; p=reject"], []) is None
    assert policy_problem(record, [], ["v=DMARC1; p=quarantine"]) is None
    assert policy_problem(record, ["v=DMARC"], []) is not None

"""The DNS records of mail: one correct set for a domain that we send from, and what is wrong with the one found. Pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

ALL = ("-all", "~all", "?all", "+all", "all")
SPF, DMARC = "v=spf1", "v=DMARC1"


class Purpose(StrEnum):
    """What a record is for."""

    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"


@dataclass(frozen=True, slots=True)
class MailRules:
    """Who sends for the platform, from its settings.

    ``spf`` are the mechanisms that name the servers. ``dkim`` has by selector the key (a text with ``p=``), or the host
    name under which whoever signs publishes it. ``dmarc`` is the policy for a domain that has none.
    """

    spf: tuple[str, ...] = ()
    dkim: Mapping[str, str] | None = None
    dmarc: str = f"{DMARC}; p=none"

    @property
    def is_whole(self) -> bool:
        """Whether mail can be sent from clients' own domains: receivers want one of both, and we want both."""
        return bool(self.spf and self.dkim)


@dataclass(frozen=True, slots=True)
class Record:
    """A line to enter in the DNS."""

    purpose: Purpose
    kind: str
    name: str
    value: str


def record_set(domain: str, rules: MailRules) -> tuple[Record, ...]:
    """All records of a domain, to be copied as they are."""
    keys = ((f"{selector}._domainkey.{domain}", value) for selector, value in sorted((rules.dkim or {}).items()))
    signed = tuple(
        Record(Purpose.DKIM, "TXT", name, value) if "p=" in value else Record(Purpose.DKIM, "CNAME", name, _host(value))
        for name, value in keys
    )
    spf = (Record(Purpose.SPF, "TXT", domain, " ".join((SPF, *rules.spf, "~all"))),) if rules.spf else ()
    return (*spf, *signed, Record(Purpose.DMARC, "TXT", f"_dmarc.{domain}", rules.dmarc))


def spf_problem(found: Sequence[str], rules: MailRules) -> str | None:
    """What is wrong with the TXT records of the domain; None if nothing is. A record that has ours among others is right."""
    records = [text for text in found if text.lower() == SPF or text.lower().startswith(f"{SPF} ")]
    ours = " ".join((SPF, *rules.spf, "~all"))
    if not records:
        return f"There is no SPF record. Enter: {ours}"
    if len(records) > 1:
        return "There are several SPF records, which receivers take for none: make one of them."
    terms = records[0].split()[1:]
    ending = next((place for place, term in enumerate(terms) if term.lower() in ALL), len(terms))
    missing = [term for term in rules.spf if term.lower() not in {known.lower() for known in terms[:ending]}]
    if not missing:
        return None
    merged = " ".join((SPF, *terms[:ending], *missing, *terms[ending:]))
    return f"The SPF record does not name our servers. Make it: {merged}"


def key_problem(record: Record, texts: Sequence[str], chain: Sequence[str]) -> str | None:
    """What is wrong at the name of a DKIM key, where these TXT records were found behind these CNAMEs."""
    if record.kind == "CNAME":
        is_right = record.value.rstrip(".").lower() in chain
    else:
        is_right = any("".join(text.split()) == "".join(record.value.split()) for text in texts)
    return None if is_right else f"The DKIM key is not there. Enter at {record.name}: {record.kind} {record.value}"


def policy_problem(record: Record, own: Sequence[str], organisation: Sequence[str]) -> str | None:
    """What is wrong with the DMARC policy. Any is right, also that of the domain above."""
    if any(text.startswith(DMARC) for text in (*own, *organisation)):
        return None
    return f"There is no DMARC policy. Enter at {record.name}: TXT {record.value}"


def _host(name: str) -> str:
    return f"{name.rstrip('.')}."

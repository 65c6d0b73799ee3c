"""What CAA records say of the certificate authority that we use (RFC 8659, RFC 8657). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from tenants.domains.words import listed

if TYPE_CHECKING:
    from dns.rdata import Rdata
    from dns.rdtypes.ANY.CAA import CAA

CRITICAL = 128
KNOWN = frozenset({"issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone"})
METHODS = frozenset({"http-01", "tls-alpn-01"})
"""How our authority is shown that a name leads here: nobody can write into a client's DNS."""


def why_refused(records: Iterable[Rdata], authorities: Sequence[str]) -> str:
    """The rest of a sentence that begins with the records; empty if one of our authorities may issue, or none is known."""
    if not authorities:
        return ""
    found = [cast("CAA", record) for record in records]
    ours = f'Allow it with: 0 issue "{authorities[0]}".'
    for record in found:
        if record.flags & CRITICAL and _tag(record) not in KNOWN:
            return f"have the critical tag {listed([_tag(record)])}, at which every authority refuses. Remove it."
    issuers = [_issuer(record) for record in found if _tag(record) == "issue"]
    if not issuers:
        return ""
    limited = [parameters for name, parameters in issuers if name in authorities]
    if not limited:
        return f"allow {listed({name for name, _ in issuers if name}) or 'nobody'} only. {ours}"
    if not any(_allows_methods(parameters) for parameters in limited):
        return f"allow our authority, but not the ways {' or '.join(sorted(METHODS))}. {ours}"
    return ""


def _tag(record: CAA) -> str:
    return record.tag.decode("ascii", "replace").lower()


def _issuer(record: CAA) -> tuple[str, dict[str, str]]:
    """The authority's domain, and its parameters: `ca.example; validationmethods=dns-01`."""
    name, _, rest = record.value.decode("ascii", "replace").partition(";")
    pairs = (part.partition("=") for part in rest.split(";"))
    return name.strip().lower(), {key.strip().lower(): value.strip().lower() for key, _, value in pairs}


def _allows_methods(parameters: dict[str, str]) -> bool:
    named = parameters.get("validationmethods")
    return named is None or bool(METHODS & {method.strip() for method in named.split(",")})

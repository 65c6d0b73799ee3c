"""Pure rules of host names: what a Host header may look like, which slugs are free, which host belongs to what."""

from __future__ import annotations

import re

import idna

from domain.kernel.errors import Invalid

MAX_HOST = 253
KINDS = frozenset({"staging", "beta", "preview", "test", "development"})
"""What stands behind the short name in the host of such a space: `CLIENT-test.preview.…`."""
MAX_SLUG = 40
_PORT = re.compile(rb":[0-9]{1,5}\Z")
_PLAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\Z")
_SLUG = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?\Z")

RESERVED = frozenset(
    """
    abuse account accounts admin api app apps assets auth autoconfig autodiscover beta billing blog callback cdn
    console controller dashboard dev dns docs files ftp git graphql health help hostmaster id images imap img
    internal ldap live localhost login mail map media metrics monitor mx news no-reply noreply ns ns1 ns2 oauth
    operationscommander ops ops-com opscom pay payments pop portal postmaster preview root saml security service
    sftp shop smtp ssh sso stage staging static status support test testing tests vpn webhook webhooks webmaster
    wiki ws wss www
    """.split()  # noqa: SIM905 - ninety words read better as a paragraph
)


class MalformedHost(Invalid):
    """The Host header is not a host name."""

    code = "host.malformed"


class SlugRefused(Invalid):
    """The short name of a tenant is malformed or reserved."""

    code = "tenant.slug_refused"


def normalise_host(raw: bytes) -> str:
    """The host name in a Host header: lower case, without port and one trailing dot, IDNA 2008 as ``xn--``.

    Raises MalformedHost for anything that is no DNS name: addresses, userinfo, paths, control characters, labels over 63.
    """
    name = _PORT.sub(b"", raw)
    name = name[:-1] if name.endswith(b".") else name
    try:
        text = name.decode("ascii").lower()
    except UnicodeDecodeError:
        text = _encoded(name)
    if not text or len(text) > MAX_HOST or not _PLAIN.match(text) or any(_bad(label) for label in text.split(".")):
        raise MalformedHost("The Host header is not a host name.")
    return text


def _encoded(name: bytes) -> str:
    try:
        return idna.encode(name.decode("utf-8").lower(), uts46=True).decode("ascii")
    except (UnicodeError, idna.IDNAError) as error:
        raise MalformedHost("The Host header is not a host name.") from error


def _bad(label: str) -> bool:
    return len(label) > 63 or label.startswith("-") or label.endswith("-")  # noqa: PLR2004 - RFC 1035, 2.3.4


def check_slug(slug: str) -> str:
    """The slug itself, or SlugRefused with the reason in words."""
    if not _SLUG.match(slug) or len(slug) > MAX_SLUG or "--" in slug:
        msg = f"A tenant's short name is 1 to {MAX_SLUG} of a-z, 0-9 and single hyphens, beginning with a letter."
        raise SlugRefused(msg, field="slug")
    if slug in RESERVED or slug.rpartition("-")[2] in KINDS:
        raise SlugRefused("This short name is reserved for the platform.", field="slug", slug=slug)
    return slug


def production_host(slug: str, base_domain: str) -> str:
    """The canonical host of a tenant's production site."""
    return f"{slug}.{base_domain}"


def preview_host(slug: str, base_domain: str) -> str:
    """The canonical host of a tenant's preview space."""
    return f"{slug}.preview.{base_domain}"


def ops_host(base_domain: str) -> str:
    """The host of the control plane for the platform's own staff."""
    return f"ops.{base_domain}"

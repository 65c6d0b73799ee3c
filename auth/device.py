"""A device that logged in to an account before: what its cookie proves, and what is counted by it.

It is no login. It lets the owner of an account past the throttle that strangers filled (OWASP: device cookies). The
cookie is sealed by the tenant's vault and names environment and account, so it is worth nothing elsewhere.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from tenants.keys.ciphertext import SecretUnreadable

if TYPE_CHECKING:
    from uuid import UUID

    from domain.kernel.vault import Vault

MAX_AGE_S = 400 * 24 * 3600  # the longest that browsers keep a cookie
_LONGEST = 512


def sealed(vault: Vault, environment_id: UUID, account: str) -> str:
    """The cookie of a device that just logged in to the account."""
    return vault.seal(f"{_about(environment_id, account)} {secrets.token_urlsafe(16)}")


def known(vault: Vault, cookie: str, environment_id: UUID, account: str) -> str:
    """What the device is counted by if its cookie is for this account; else nothing."""
    if not cookie or len(cookie) > _LONGEST:
        return ""
    try:
        about, _, device = vault.open(cookie).partition(" ")
    except (SecretUnreadable, ValueError):
        return ""
    return device if about == _about(environment_id, account) else ""


def _about(environment_id: UUID, account: str) -> str:
    return sha256(environment_id.bytes + account.encode(errors="surrogatepass")).hexdigest()

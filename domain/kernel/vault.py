"""How the domain keeps a secret without knowing keys: a port that ``tenants.keys.vault`` fills."""

from __future__ import annotations

from typing import Protocol


class Vault(Protocol):
    """Seals and opens the secrets of one tenant.

    The ciphertext names its key. Secrets are write-only in every API: only integrations open them.
    """

    def seal(self, plaintext: str) -> str:
        """The secret as ciphertext, safe to store. Raises SecretUnreadable when there is no key any more."""
        ...

    def is_current(self, ciphertext: str) -> bool:
        """Whether a secret is sealed with the newest key, so that there is nothing to do for it after a rotation."""
        ...

    def open(self, ciphertext: str) -> str:
        """The secret. Raises SecretUnreadable when the key is gone or the text was changed."""
        ...

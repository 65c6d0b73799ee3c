"""The vault of one tenant: secrets sealed with its data keys, which the key ring wraps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from tenants.keys.ciphertext import SecretUnreadable, decrypt, encrypt

if TYPE_CHECKING:
    from tenants.keys.ring import KeyRing


class TenantVault:
    """The vault of one tenant (see ``domain.kernel.vault``): its data keys by version, the newest one seals."""

    def __init__(self, ring: KeyRing, wrapped: Mapping[int, str], tenant_id: UUID) -> None:
        self._ring = ring
        self._wrapped = dict(wrapped)
        self._tenant_id = tenant_id

    def seal(self, plaintext: str) -> str:
        """The secret as ciphertext that names its data key. Raises SecretUnreadable when the tenant has no keys any more."""
        version = self._newest()
        return encrypt(str(version), self._data_key(version), plaintext.encode(), self._tenant_id.bytes)

    def open(self, ciphertext: str) -> str:
        """The secret. Raises SecretUnreadable when its key is gone or the text was changed."""
        version, _, _ = ciphertext.partition(":")
        if not version.isdecimal() or int(version) not in self._wrapped:
            raise SecretUnreadable("The key of a stored secret is gone.", key=version[:16])
        keys = {version: self._data_key(int(version))}
        return decrypt(keys, ciphertext, self._tenant_id.bytes).decode()

    def is_current(self, ciphertext: str) -> bool:
        """Whether something is sealed with the newest data key."""
        return ciphertext.partition(":")[0] == str(self._newest())

    def _newest(self) -> int:
        if not self._wrapped:
            raise SecretUnreadable("The keys of this tenant are gone.")
        return max(self._wrapped)

    def _data_key(self, version: int) -> bytes:
        return self._ring.unwrap(self._wrapped[version], self._tenant_id)

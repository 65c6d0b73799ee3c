"""The platform's key ring: it wraps the keys of tenants, and the passwords of our own database logins come from it."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tenants.keys.ciphertext import KEY_BYTES, decrypt, encrypt


class KeyRing:
    """The platform's keys by name. The first one wraps, all of them open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            msg = "OPSCOM_SECRET_KEYS is empty: it needs at least one `name:base64` pair"
            raise ValueError(msg)
        self._keys = dict(keys)
        self.primary = next(iter(self._keys))

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read ``name:base64,name:base64``. Raises ValueError, naming the pair at fault but never its key."""
        keys: dict[str, bytes] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, _, encoded = pair.partition(":")
            if name in keys:
                msg = f"OPSCOM_SECRET_KEYS: two keys are called {name[:16]!r}"
                raise ValueError(msg)
            try:
                keys[name] = b64decode(encoded, validate=True)
            except ValueError:
                keys[name] = b""
            if not name.isidentifier() or len(keys[name]) != KEY_BYTES:
                msg = f"OPSCOM_SECRET_KEYS: key {name[:16]!r} is not `name:base64 of {KEY_BYTES} bytes`"
                raise ValueError(msg)
        return cls(keys)

    def wrap(self, key: bytes, tenant_id: UUID) -> str:
        """A key of a tenant under the primary key."""
        return encrypt(self.primary, self._keys[self.primary], key, tenant_id.bytes)

    def is_current(self, wrapped: str) -> bool:
        """Whether something is wrapped under the primary key."""
        return wrapped.partition(":")[0] == self.primary

    def fingerprints(self) -> dict[str, str]:
        """The first eight hexadecimal digits of each key's SHA-256, by name: to compare with the copy in escrow."""
        return {name: sha256(key).hexdigest()[:8] for name, key in self._keys.items()}

    def unwrap(self, wrapped: str, tenant_id: UUID) -> bytes:
        """What was wrapped. Raises SecretUnreadable if the key that wrapped it is not on the ring, or it was changed."""
        return decrypt(self._keys, wrapped, tenant_id.bytes)

    def login_password(self, login: str) -> str:
        """The password of one of our database logins: derived from the primary key, so that it is stored nowhere."""
        return self.login_passwords(login)[0]

    def login_passwords(self, login: str) -> tuple[str, ...]:
        """The one that the login shall have, and those of the other keys, one of which it has until it gets that one."""
        return tuple(_derived(key, login) for key in self._keys.values())


def _derived(key: bytes, login: str) -> str:
    derivation = HKDF(SHA256(), KEY_BYTES, None, f"opscom database login {login}".encode())
    return urlsafe_b64encode(derivation.derive(key)).decode().rstrip("=")

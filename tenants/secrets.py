"""Keys: the platform's key ring, a data key for each tenant, and the passwords of our own database logins.

Everything is AES-256-GCM; a ciphertext names its key, so that keys can be rotated one by one.
"""

from __future__ import annotations

import os
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.kernel.errors import Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12


class SecretUnreadable(Unavailable):
    """A stored secret cannot be opened: its key is gone, or the text was changed."""

    code = "secret.unreadable"


class KeyRing:
    """The platform's keys by name. The first one seals, all of them open."""

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

    def wrap(self, data_key: bytes, tenant_id: UUID) -> str:
        """A tenant's data key under the primary key."""
        return _seal(self.primary, self._keys[self.primary], data_key, tenant_id.bytes)

    def is_current(self, wrapped: str) -> bool:
        """Whether something is wrapped under the primary key."""
        return wrapped.partition(":")[0] == self.primary

    def fingerprints(self) -> dict[str, str]:
        """The first eight hexadecimal digits of each key's SHA-256, by name: to compare with the copy in escrow."""
        return {name: sha256(key).hexdigest()[:8] for name, key in self._keys.items()}

    def unwrap(self, wrapped: str, tenant_id: UUID) -> bytes:
        """The data key again. Raises SecretUnreadable if its key is not on the ring."""
        return _open(self._keys, wrapped, tenant_id.bytes)

    def login_password(self, login: str) -> str:
        """The password of one of our database logins: derived from the primary key, so that it is stored nowhere."""
        return self.login_passwords(login)[0]

    def login_passwords(self, login: str) -> tuple[str, ...]:
        """The one that the login shall have, and those of the other keys, one of which it has until it gets that one."""
        return tuple(_derived(key, login) for key in self._keys.values())


class TenantVault:
    """The vault of one tenant (see ``domain.kernel.vault``): its data keys by version, the newest one seals."""

    def __init__(self, ring: KeyRing, wrapped: Mapping[int, str], tenant_id: UUID) -> None:
        self._ring = ring
        self._wrapped = dict(wrapped)
        self._tenant_id = tenant_id

    def seal(self, plaintext: str) -> str:
        """The secret as ciphertext that names its data key. Raises SecretUnreadable when the tenant has no keys any more."""
        version = self._newest()
        return _seal(str(version), self._data_key(version), plaintext.encode(), self._tenant_id.bytes)

    def open(self, ciphertext: str) -> str:
        """The secret. Raises SecretUnreadable when its key is gone or the text was changed."""
        version, _, _ = ciphertext.partition(":")
        if not version.isdecimal() or int(version) not in self._wrapped:
            raise SecretUnreadable("The key of a stored secret is gone.", key=version[:16])
        keys = {version: self._data_key(int(version))}
        return _open(keys, ciphertext, self._tenant_id.bytes).decode()

    def is_current(self, ciphertext: str) -> bool:
        """Whether something is sealed with the newest data key."""
        return ciphertext.partition(":")[0] == str(self._newest())

    def _newest(self) -> int:
        if not self._wrapped:
            raise SecretUnreadable("The keys of this tenant are gone.")
        return max(self._wrapped)

    def _data_key(self, version: int) -> bytes:
        return self._ring.unwrap(self._wrapped[version], self._tenant_id)


def _derived(key: bytes, login: str) -> str:
    derivation = HKDF(SHA256(), KEY_BYTES, None, f"opscom database login {login}".encode())
    return urlsafe_b64encode(derivation.derive(key)).decode().rstrip("=")


def new_data_key() -> bytes:
    """A fresh data key."""
    return os.urandom(KEY_BYTES)


def _seal(name: str, key: bytes, plaintext: bytes, bound_to: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)
    return f"{name}:{urlsafe_b64encode(sealed).decode()}"


def _open(keys: Mapping[str, bytes], ciphertext: str, bound_to: bytes) -> bytes:
    name, _, encoded = ciphertext.partition(":")
    if name not in keys:
        raise SecretUnreadable("The key of a stored secret is gone.", key=name[:16])
    try:
        sealed = urlsafe_b64decode(encoded)
        return AESGCM(keys[name]).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable("A stored secret was changed or belongs to somebody else.", key=name) from error

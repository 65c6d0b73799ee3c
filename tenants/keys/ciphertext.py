"""The one cipher of rings and vaults: AES-256-GCM. A ciphertext names its key, so that keys can be rotated one by one."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.kernel.errors import Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12


class SecretUnreadable(Unavailable):
    """A stored secret cannot be opened: its key is gone, or the text was changed."""

    code = "secret.unreadable"


def new_data_key() -> bytes:
    """A fresh data key."""
    return os.urandom(KEY_BYTES)


def encrypt(name: str, key: bytes, plaintext: bytes, bound_to: bytes) -> str:
    """The text, which only the key called ``name`` and only for the same ``bound_to`` makes plain again."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)
    return f"{name}:{urlsafe_b64encode(sealed).decode()}"


def decrypt(keys: Mapping[str, bytes], ciphertext: str, bound_to: bytes) -> bytes:
    """What was encrypted. Raises SecretUnreadable if none of the keys is the one it names, or the text was changed."""
    name, _, encoded = ciphertext.partition(":")
    if name not in keys:
        raise SecretUnreadable("The key of a stored secret is gone.", key=name[:16])
    try:
        sealed = urlsafe_b64decode(encoded)
        return AESGCM(keys[name]).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable("A stored secret was changed or belongs to somebody else.", key=name) from error

"""The key ring: its first key wraps, all of them open, and what is wrong with its setting is told without the key."""

import base64
import os
from uuid import uuid4

import pytest

from tenants.keys.ciphertext import SecretUnreadable
from tenants.keys.ring import KeyRing

TENANT = uuid4()


def _pair(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_a_ring_opens_what_an_older_key_wrapped_and_wraps_with_the_first() -> None:
    old, new = _pair("old"), _pair("new")
    wrapped = KeyRing.parse(old).wrap(b"d" * 32, TENANT)

    ring = KeyRing.parse(f"{new},{old}")

    assert ring.unwrap(wrapped, TENANT) == b"d" * 32
    assert ring.wrap(b"d" * 32, TENANT).startswith("new:")


def test_without_the_key_what_it_wrapped_is_gone() -> None:
    wrapped = KeyRing.parse(_pair("lost")).wrap(b"d" * 32, TENANT)

    with pytest.raises(SecretUnreadable) as refused:
        KeyRing.parse(_pair("other")).unwrap(wrapped, TENANT)

    assert refused.value.details == {"key": "lost"}


# Nothing by chance here: it is in the tests' names, which must be the same in every process.
@pytest.mark.parametrize(
    "text", ["", "k1", "k1:c2hvcnQ=", "k 1:" + "A" * 44, "k1:!!!", ",".join(f"k1:{key * 42}A=" for key in "AB")]
)
def test_a_malformed_ring_is_refused_without_showing_the_key(text: str) -> None:
    with pytest.raises(ValueError, match="OPSCOM_SECRET_KEYS") as refused:
        KeyRing.parse(text)

    assert "c2hvcnQ" not in str(refused.value)

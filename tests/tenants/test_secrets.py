"""Sealing: every ciphertext names its key, is bound to its tenant, and tells when it was changed."""

import base64
import os
from uuid import uuid4

import pytest

from tenants.secrets import KeyRing, SecretUnreadable, TenantVault, new_data_key

TENANT = uuid4()


def _pair(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def _vault(ring: KeyRing, *versions: int) -> TenantVault:
    return TenantVault(ring, {version: ring.wrap(new_data_key(), TENANT) for version in versions}, TENANT)


def test_a_sealed_secret_opens_again() -> None:
    vault = _vault(KeyRing.parse(_pair("k1")), 1)

    assert vault.open(vault.seal("pässword")) == "pässword"


def test_the_ciphertext_names_the_newest_data_key_and_never_repeats() -> None:
    vault = _vault(KeyRing.parse(_pair("k1")), 1, 2)

    first, second = vault.seal("same"), vault.seal("same")

    assert first.startswith("2:")
    assert first != second


def test_another_tenants_vault_does_not_open_it_even_with_the_same_key() -> None:
    ring = KeyRing.parse(_pair("k1"))
    key = new_data_key()
    mine = TenantVault(ring, {1: ring.wrap(key, TENANT)}, TENANT)
    other = uuid4()
    theirs = TenantVault(ring, {1: ring.wrap(key, other)}, other)

    with pytest.raises(SecretUnreadable):
        theirs.open(mine.seal("secret"))


def test_a_changed_ciphertext_is_refused() -> None:
    vault = _vault(KeyRing.parse(_pair("k1")), 1)
    sealed = vault.seal("secret")
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]

    with pytest.raises(SecretUnreadable):
        vault.open(changed)


@pytest.mark.parametrize("text", ["", ":", "²:AAAA", "9:AAAA", "1", "1:", "1:!", "one:AAAA"])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    """A version written as a superscript once passed for a number and raised ValueError."""
    with pytest.raises(SecretUnreadable):
        _vault(KeyRing.parse(_pair("k1")), 1).open(text)


def test_a_ring_opens_what_an_older_key_sealed_and_seals_with_the_first() -> None:
    old, new = _pair("old"), _pair("new")
    wrapped = KeyRing.parse(old).wrap(b"d" * 32, TENANT)

    ring = KeyRing.parse(f"{new},{old}")

    assert ring.unwrap(wrapped, TENANT) == b"d" * 32
    assert ring.wrap(b"d" * 32, TENANT).startswith("new:")


def test_without_the_key_the_secret_is_gone() -> None:
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

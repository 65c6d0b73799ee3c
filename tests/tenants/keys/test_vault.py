"""Sealing: every ciphertext names its key, is bound to its tenant, and tells when it was changed."""

import base64
import os
from uuid import uuid4

import pytest

from tenants.keys.ciphertext import SecretUnreadable, new_data_key
from tenants.keys.ring import KeyRing
from tenants.keys.vault import TenantVault

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

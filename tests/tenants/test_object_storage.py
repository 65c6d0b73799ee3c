"""Backups in an S3-compatible storage: what is done with those in a directory, against a server of that protocol."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pyrage
import pytest
from moto.server import ThreadedMotoServer

from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.backups.actions import back_up, prune, remove, verify
from tenants.copies.carrying import Carrier
from tenants.copies.copier import Copier
from tenants.copies.storage import CopyDamaged, Storage, StorageFailed
from tenants.environments import Environment
from tenants.previews.actions import Who, refresh
from tests.tenants.test_backups import _row
from tests.tenants.test_previews import _names

ANN = "ann@tomahawku.example"
NOW = datetime(2026, 3, 20, 7, 0, tzinfo=UTC)
MULTIPART = 12_000_000
"""More bytes than the client sends in one piece."""


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A folder in a bucket of a server on loopback, configured as docs/operations.md says."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
    }.items():
        monkeypatch.setenv(name, value)
    httpx2.put(f"{endpoint}/ours").raise_for_status()
    yield Storage("s3://ours/opscom")
    httpx2.post(f"{endpoint}/moto-api/reset").raise_for_status()
    server.stop()


@pytest.fixture
def copier(platform: Platform, storage: Storage) -> Copier:
    """The platform's copier with its place in the bucket."""
    return replace(platform.copier, storage=storage)


async def test_a_backup_in_a_bucket_is_verified_and_refreshes_a_preview(
    platform: Platform, copier: Copier, tenant: Environment
) -> None:
    await create_administrator(platform, tenant, ANN)

    backup_id = await back_up(copier, tenant, reason="by hand", actor="ann")
    copy_id = await refresh(platform.databases, tenant.tenant.id, backup_id, Who("ann"))
    await Carrier(copier, platform.provisioner.furnish, copy_id, lambda _code, _text: None).carry_out()

    row = await _row(platform, backup_id)
    assert copier.storage.folders() == [row.folder]
    assert f"opscom/{row.folder}/manifest.json" in Storage("s3://ours").names("opscom")
    assert await verify(copier, backup_id, tenant) == row.row_count
    (preview,) = (one for one in platform.registry.siblings(tenant.id) if one.id != tenant.id)
    assert await _names(platform, preview) == [ANN]


async def test_backups_in_a_bucket_are_pruned_to_the_last_object(
    platform: Platform, copier: Copier, tenant: Environment
) -> None:
    made = [
        await back_up(replace(copier, clock=lambda moment=moment: moment), tenant, reason="nightly", actor="ann")  # type: ignore[misc]
        for moment in (NOW - timedelta(hours=26), NOW - timedelta(hours=27))
    ]
    rows = [await _row(platform, one) for one in made]

    assert await prune(replace(copier, clock=lambda: NOW), tenant.id) == 1

    assert copier.storage.names(rows[1].folder) == []
    assert copier.storage.folders() == [rows[0].folder]
    await remove(copier, made[0], rows[0].folder)
    assert copier.storage.names("") == []


async def test_a_damaged_or_lost_object_is_found_out(platform: Platform, copier: Copier, tenant: Environment) -> None:
    backup_id = await back_up(copier, tenant, reason="by hand", actor="ann")
    path = f"{(await _row(platform, backup_id)).folder}/app_user.copy.zst.age"
    content = bytearray(copier.storage.get(path))
    content[len(content) // 2] ^= 1

    copier.storage.put(path, bytes(content))
    with pytest.raises(CopyDamaged):
        await verify(copier, backup_id, tenant)
    copier.storage.delete([path])
    with pytest.raises(CopyDamaged, match="missing"):
        await verify(copier, backup_id, tenant)

    assert str((await _row(platform, backup_id)).error).startswith("backup.damaged: ")


async def test_a_bucket_that_is_not_there_is_told(copier: Copier, tenant: Environment) -> None:
    nowhere = replace(copier, storage=Storage("s3://theirs/opscom"))

    with pytest.raises(StorageFailed) as refused:
        await back_up(nowhere, tenant, reason="by hand", actor="ann")

    assert refused.value.code == "backup.storage_failed"


def test_a_file_of_many_parts_comes_back_as_it_was(storage: Storage) -> None:
    identity, content = pyrage.x25519.Identity.generate(), os.urandom(MULTIPART)
    pieces: list[bytes] = []

    size, sha256 = storage.write("large", [content], str(identity.to_public()))
    storage.read("large", sha256, str(identity), pieces.append)

    assert size > MULTIPART
    assert b"".join(pieces) == content

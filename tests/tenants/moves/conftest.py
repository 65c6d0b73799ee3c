"""Two cells that take everything, and a tenant in the first."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opscom.accounts import create_administrator
from tenants.environments import Environment
from tenants.registry.actions import NewTenant
from tenants.registry.cells import set_open
from tests.fixtures.cells import Split


@pytest.fixture(autouse=True)
async def _second_cell_takes_everything(split: Split) -> None:
    async with split.platform.databases.provisioner().begin() as connection:
        await connection.execute(text("update registry.cell set environment_group = null, is_open = true"))
    await split.platform.registry.load()


@pytest.fixture
async def tenant(split: Split) -> Environment:
    """A fresh tenant with one person in it, in the registry's database."""
    platform = split.platform
    async with platform.databases.control().begin() as connection:
        await set_open(connection, split.second, is_open=False, actor="tests")
    number = uuid4().hex[:8]
    made = await platform.provisioner.create_tenant(NewTenant(f"tenant-{number}", "A Tenant"), actor="tests")
    async with platform.databases.control().begin() as connection:
        await set_open(connection, split.second, is_open=True, actor="tests")
    await create_administrator(platform, made, "ann@tomahawku.example")
    return made

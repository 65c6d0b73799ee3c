"""What jobs need of the platform: the part of the composition root's product that claims and runs use."""

from __future__ import annotations

from typing import Protocol

from domain.kernel.clock import Clock
from tenants.bus import Bus
from tenants.copies.copier import Copier
from tenants.databases import Databases
from tenants.egress import Egress
from tenants.provisioning import Provisioner
from tenants.registry.directory import Registry
from tenants.settings import Settings


class Platform(Protocol):
    """One process's connections to the world. Everything here is made and closed by the composition root."""

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""
        ...

    @property
    def clock(self) -> Clock:
        """The time; leases and due times go by the database's clock instead."""
        ...

    @property
    def bus(self) -> Bus:
        """Live notes and nudges."""
        ...

    @property
    def databases(self) -> Databases:
        """Work and Snapshot of an environment, and the run ledgers."""
        ...

    @property
    def registry(self) -> Registry:
        """Who the tenants are."""
        ...

    @property
    def copier(self) -> Copier:
        """Backups and copies."""
        ...

    @property
    def provisioner(self) -> Provisioner:
        """Makes and furnishes environments."""
        ...

    @property
    def egress(self) -> Egress:
        """The HTTP client for third parties."""
        ...

"""Which function carries out which of the platform's own tasks. One explicit dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain.tasks.catalogue import CATALOGUE, SystemTask
from jobs.context import PlatformFunction
from jobs.own.copies import audit, copy, sweep_all, verify_backup, verify_backups
from jobs.own.deletion import delete, delete_one
from jobs.own.domains import verify_domains
from jobs.own.exports import export
from jobs.own.keys import reseal
from jobs.own.mail_domains import verify_mail_domains
from jobs.own.previews import expire_previews
from jobs.own.trials import remind_of_trials
from tenants.platform_tasks import (
    AUDIT,
    COPY,
    DELETE,
    DELETE_ENVIRONMENT,
    EXPIRE_PREVIEWS,
    EXPORT,
    PLATFORM_TASKS,
    REMIND_OF_TRIALS,
    RESEAL,
    SWEEP,
    VERIFY_BACKUP,
    VERIFY_BACKUPS,
    VERIFY_DOMAINS,
    VERIFY_MAIL_DOMAINS,
)

PLATFORM_FUNCTIONS: Mapping[str, PlatformFunction] = MappingProxyType(
    {
        COPY.name: copy,
        DELETE.name: delete,
        DELETE_ENVIRONMENT.name: delete_one,
        EXPIRE_PREVIEWS.name: expire_previews,
        EXPORT.name: export,
        VERIFY_BACKUP.name: verify_backup,
        VERIFY_BACKUPS.name: verify_backups,
        RESEAL.name: reseal,
        SWEEP.name: sweep_all,
        AUDIT.name: audit,
        REMIND_OF_TRIALS.name: remind_of_trials,
        VERIFY_DOMAINS.name: verify_domains,
        VERIFY_MAIL_DOMAINS.name: verify_mail_domains,
    }
)

EVERY_TASK: Mapping[str, SystemTask] = MappingProxyType({**CATALOGUE, **PLATFORM_TASKS})
"""What dispatchers and workers know: the tasks of environments and the platform's own."""

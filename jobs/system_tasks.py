"""The registry of system tasks: which function carries out which task of the catalogue. One explicit dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain.tasks.catalogue import BACK_UP, EXPIRE_PERMITS, PURGE, SEND_MAIL, UPDATE_MISTALL, UPDATE_PARKING_LOGIX
from jobs.context import TaskFunction
from jobs.housekeeping.backup import back_up
from jobs.housekeeping.permits import expire_permits
from jobs.housekeeping.purge import purge
from jobs.integrations.mistall.task import update_mistall
from jobs.integrations.parking_logix.task import update_parking_logix
from jobs.mail.task import send_mail

SYSTEM_TASKS: Mapping[str, TaskFunction] = MappingProxyType(
    {
        UPDATE_MISTALL.name: update_mistall,
        UPDATE_PARKING_LOGIX.name: update_parking_logix,
        EXPIRE_PERMITS.name: expire_permits,
        SEND_MAIL.name: send_mail,
        PURGE.name: purge,
        BACK_UP.name: back_up,
    }
)

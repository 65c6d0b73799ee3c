"""Global ids: type, tenant's number and row, in base64 as Relay has it.

They carry the tenant and not the environment, so that ids are equal in production and in a preview. An id of another
tenant, of another type, or that is none at all answers exactly like one that is unknown.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from uuid import UUID

from strawberry import ID

NOBODY = UUID(int=0)
"""The id of no row: our ids are UUIDs of version 7."""

PLATFORM = 0
"""What ids of the control plane carry in place of a tenant's number."""

_LONGEST = 128


def global_id(type_name: str, tenant: int, row: UUID) -> ID:
    """The id of a row of a tenant, as clients know it."""
    return ID(b2a_base64(f"{type_name}:{tenant}.{row.hex}".encode(), newline=False).decode())


def read_id(text: str, tenant: int) -> tuple[str, UUID] | None:
    """Type and row that an id of this tenant stands for; None for anything else."""
    try:
        decoded = a2b_base64(text[:_LONGEST].encode("ascii"), strict_mode=True).decode()
        type_name, _, rest = decoded.partition(":")
        row = UUID(hex=rest.rpartition(".")[2])
    except (Error, ValueError):
        return None
    return (type_name, row) if global_id(type_name, tenant, row) == text else None


def row_id(text: str, type_name: str, tenant: int) -> UUID:
    """The row that an id of this type stands for, or that of nobody: actions and queries then say that there is none."""
    found = read_id(text, tenant)
    return found[1] if found is not None and found[0] == type_name else NOBODY

"""What may forbid a step in the life of a tenant."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid


class NotArchived(Conflict):
    """Only an archived tenant can be deleted: first it stops answering, then people have time to object.

    One that was never made whole goes at once.
    """

    code = "tenant.not_archived"


class NotConfirmed(Invalid):
    """The short name that confirms a deletion is not the tenant's."""

    code = "tenant.not_confirmed"

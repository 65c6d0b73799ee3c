"""Who sends a document, and how far documents of that sender are trusted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.kernel.actor import Actor, ActorKind, Permission


class Trust(StrEnum):
    """How far a document is trusted; each class has caches of its own, so that guests push out nobody else's."""

    PUBLISHED = "published"
    CI = "ci"
    KNOWN = "known"
    GUEST = "guest"


class FreeForm(StrEnum):
    """Who may send a document that is not published."""

    EVERYBODY = "everybody"
    KNOWN = "known"
    PERMITTED = "permitted"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a document. ``is_ci``: the request carried the deployment's secret for its own checks."""

    actor: Actor
    is_ci: bool = False

    @property
    def trust(self) -> Trust:
        """The class of what this sender writes itself."""
        if self.is_ci:
            return Trust.CI
        return Trust.GUEST if self.actor.kind is ActorKind.GUEST else Trust.KNOWN

    def may_write(self, free_form: FreeForm) -> bool:
        """Whether this sender's own documents are taken."""
        if self.is_ci or free_form is FreeForm.EVERYBODY:
            return True
        if free_form is FreeForm.KNOWN:
            return self.actor.kind is not ActorKind.GUEST
        return free_form is FreeForm.PERMITTED and Permission.WRITE_OPERATIONS in self.actor.permissions


GUEST = Sender(Actor.guest())

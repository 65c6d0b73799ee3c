"""What may forbid a copy."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid, Unavailable


class PreviewLocked(Conflict):
    """Somebody locked the preview against refreshes."""

    code = "preview.locked"


class CopyRunning(Conflict):
    """A copy into this environment is under way already; ``copy`` is its id."""

    code = "copy.running"


class CopyEnded(Conflict):
    """The copy or backup was ended meanwhile: its environment was deleted, nobody carried it out, or it took too long."""

    code = "copy.ended"


class CopyUnfinished(Conflict):
    """The new data serve, but what comes after the switch was not done to its end."""

    code = "copy.unfinished"


class StillServing(Conflict):
    """The schema is granted to an environment, so it is not dropped."""

    code = "environment.still_serving"


class CopyBegunAgain(Unavailable):
    """Another process took up the copy that this one was carrying out; nothing more may be done here."""

    code = "copy.begun_again"


class NoPreview(Conflict):
    """The tenant has no such preview space."""

    code = "preview.not_there"


class ReasonMissing(Invalid):
    """What is done needs a reason in words."""

    code = "reason.missing"


class NotCopyable(Conflict):
    """An environment of this kind or state is not copied into."""

    code = "copy.not_here"

"""What each kind of message says: pure words, from the facts of its row and the place it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domain.kernel.model import Json
from domain.mail.models import MessageKind

HIDDEN_LINK = "(a one-time link, shown to its recipient only)"
"""Stands in the stored text of a live environment where the message had a link."""

WITH_LINK = frozenset({MessageKind.INVITATION})
"""Kinds whose letter has a one-time link, which is made when it is sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message comes from: the tenant's name and the origin of its site, without a path."""

    tenant: str
    site: str
    is_preview: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in words. ``link`` stands at its end, after ``link_words``."""

    subject: str
    paragraphs: tuple[str, ...]
    link_words: str = ""
    link: str = ""


def letter_of(kind: MessageKind, facts: Json, place: Place, link: str = HIDDEN_LINK) -> Letter:
    """The letter of a kind. ``link`` is the one-time link of those kinds that have one."""
    return LETTERS[kind](facts, place, link)


def _invitation(facts: Json, place: Place, link: str) -> Letter:
    what = "the preview space" if place.is_preview else "the parking system"
    return Letter(
        f"Your account at {place.tenant}",
        (
            f"{_fact(facts, 'by') + ' invites you' if facts.get('by') else 'You are invited'} to {what} of {place.tenant}.",
            f"Your user name is {_fact(facts, 'user_name')}. Choose a password with the link below.",
            "The link works once, and for seven days. If you did not expect it, do nothing.",
        ),
        "Choose a password",
        link,
    )


def _copy_done(facts: Json, place: Place, _link: str) -> Letter:
    return _to_preview(
        facts,
        f"The database of {_fact(facts, 'host')} is refreshed",
        f"The preview space of {place.tenant} has the data that you chose. Nothing you do there is real.",
    )


def _copy_failed(facts: Json, place: Place, _link: str) -> Letter:
    before, after = "the data that it had before", "the new data, but not everything that belongs to them"
    return _to_administration(
        place,
        f"The database of {_fact(facts, 'host')} could not be refreshed",
        f"The refresh of the preview space of {place.tenant} failed: {_fact(facts, 'reason')}",
        f"It has {after if facts.get('is_switched') else before}. Please try again, or ask the platform's staff.",
    )


def _preview_ends(facts: Json, place: Place, _link: str) -> Letter:
    ways = "locks it" if facts.get("is_dated") else "logs in there, or locks it,"  # a date is not moved by a login
    return _to_preview(
        facts,
        f"The preview space {_fact(facts, 'host')} is about to be deleted",
        f"The preview space of {place.tenant} is deleted at {_fact(facts, 'ends_at')}, with everything in it.",
        f"Whoever {ways} before that time keeps it. A refresh makes a new one at any time.",
    )


def _preview_locked(facts: Json, place: Place, _link: str) -> Letter:
    return _to_administration(
        place,
        f"You hold the preview space {_fact(facts, 'host')} locked",
        f"You locked the preview space of {place.tenant} at {_fact(facts, 'since')}: {_fact(facts, 'reason')}",
        "Nobody can refresh it meanwhile, and it is not deleted. Please unlock it when you are done.",
    )


def _feature_waits(facts: Json, place: Place, _link: str) -> Letter:
    feature, since = _fact(facts, "feature"), _fact(facts, "since")
    return _to_administration(
        place,
        f"{feature} waits for your decision",
        f"{feature} has been on trial in the preview space of {place.tenant} since {since}.",
        _fact(facts, "note"),
        "Please test it there, and approve or decline it in the administration: only then it goes to production.",
    )


def _domain_failing(facts: Json, place: Place, _link: str) -> Letter:
    name = _fact(facts, "name")
    return _to_administration(
        place,
        f"The DNS of {name} is wrong",
        f"{name} leads to the site of {place.tenant}, and its DNS says so no longer.",
        _fact(facts, "problems"),
        f"Please have it corrected. Until {_fact(facts, 'until')} the name is served nevertheless.",
    )


def _domain_ended(facts: Json, place: Place, _link: str) -> Letter:
    name = _fact(facts, "name")
    return _to_administration(
        place,
        f"{name} is served no more",
        f"The DNS of {name} stayed wrong, so the name leads to {place.tenant} no longer.",
        _fact(facts, "problems"),
        f"The site itself answers as ever at {place.site}. The name comes back once its DNS is right.",
    )


def _to_administration(place: Place, subject: str, *paragraphs: str) -> Letter:
    return Letter(subject, paragraphs, "To the administration", f"{place.site}/admin")


def _to_preview(facts: Json, subject: str, *paragraphs: str) -> Letter:
    return Letter(subject, paragraphs, "To the preview space", _fact(facts, "site") + "/admin")


def _fact(facts: Json, name: str) -> str:
    return str(facts.get(name) or "")


LETTERS: Mapping[MessageKind, Callable[[Json, Place, str], Letter]] = MappingProxyType(
    {
        MessageKind.INVITATION: _invitation,
        MessageKind.COPY_DONE: _copy_done,
        MessageKind.COPY_FAILED: _copy_failed,
        MessageKind.PREVIEW_ENDS: _preview_ends,
        MessageKind.PREVIEW_LOCKED: _preview_locked,
        MessageKind.FEATURE_WAITS: _feature_waits,
        MessageKind.DOMAIN_FAILING: _domain_failing,
        MessageKind.DOMAIN_ENDED: _domain_ended,
    }
)

"""Pure rules of messages: a letter as text and as HTML, one line out of anything, and when to try again."""

from __future__ import annotations

from datetime import timedelta
from html import escape

from domain.mail.letters import WITH_LINK, Letter
from domain.mail.models import MessageKind, MessageState

RESENDABLE = frozenset({MessageState.KEPT, MessageState.FAILED, MessageState.CANCELLED})
LONGEST_SUBJECT = 200
LONGEST_REASON = 300
TAKEN_UP_FOR = timedelta(days=7)
"""How long a message that was not sent is taken up again by itself; after that only by hand."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


def can_be_resent(kind: MessageKind, state: MessageState) -> bool:
    """Whether a message that did not arrive can be sent once more by hand.

    A link that was cancelled cannot: it may have been withdrawn, and whoever may invite people invites them again.
    """
    return state in RESENDABLE and not (state is MessageState.CANCELLED and kind in WITH_LINK)


def text_of(letter: Letter) -> str:
    """The letter as plain text."""
    link = f"{letter.link_words}:\n{letter.link}" if letter.link else ""
    return "\n\n".join(part for part in (*letter.paragraphs, link) if part) + "\n"


def html_of(letter: Letter) -> str:
    """The letter as HTML, everything in it escaped."""
    paragraphs = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in letter.paragraphs if paragraph)
    link = f'<p><a href="{escape(letter.link)}">{escape(letter.link_words)}</a></p>' if letter.link else ""
    head = f'<meta charset="utf-8"><title>{escape(letter.subject)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{paragraphs}{link}</body></html>\n'


def one_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """The text as one printable line: what somebody typed into a name can not become a second header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


def pause_after(failures: int) -> timedelta:
    """How long to wait after the n-th failed attempt: a minute, doubled each time, an hour at most."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(2 ** max(0, failures - 1)))

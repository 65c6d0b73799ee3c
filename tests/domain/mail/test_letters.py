"""Messages in words: every kind, as text and as HTML, whatever people typed into names and reasons."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail.letters import HIDDEN_LINK, LETTERS, WITH_LINK, Place, letter_of
from domain.mail.models import MessageKind
from domain.mail.rules import html_of, one_line, pause_after, text_of

PLACE = Place("Tomahawk University", "https://tomahawku.ops-com.com")
LINK = "https://tomahawku.ops-com.com/welcome#token"
HOSTILE = '</p><script src="//evil"></script>\r\nBcc: all@x.example'


def test_every_kind_has_words() -> None:
    assert set(LETTERS) == set(MessageKind)


@pytest.mark.parametrize("kind", MessageKind)
def test_what_people_typed_is_text_in_every_kind(kind: MessageKind) -> None:
    names = ("by", "user_name", "host", "site", "reason", "ends_at", "since", "name", "problems", "until", "feature")
    letter = letter_of(kind, dict.fromkeys(names, HOSTILE), Place(HOSTILE, "https://x.example"), LINK)

    assert "<script" not in html_of(letter)
    assert "\r" not in one_line(letter.subject)
    assert "\n" not in one_line(letter.subject)


@pytest.mark.parametrize("kind", sorted(WITH_LINK))
def test_without_its_link_a_letter_says_that_it_had_one(kind: MessageKind) -> None:
    assert LINK in text_of(letter_of(kind, {}, PLACE, LINK))
    assert HIDDEN_LINK in text_of(letter_of(kind, {}, PLACE))


def test_an_invitation_names_who_invites_if_that_is_somebody() -> None:
    told = [text_of(letter_of(MessageKind.INVITATION, {"by": by}, PLACE, LINK)) for by in ("Ann Admin", "")]

    assert told[0].startswith("Ann Admin invites you to the parking system of Tomahawk University.")
    assert told[1].startswith("You are invited to the parking system of Tomahawk University.")


@pytest.mark.parametrize(
    ("is_dated", "words"), [(True, "Whoever locks it before"), (False, "Whoever logs in there, or")]
)
def test_a_preview_that_ends_on_a_date_is_not_said_to_be_kept_by_a_login(is_dated: bool, words: str) -> None:
    assert words in text_of(letter_of(MessageKind.PREVIEW_ENDS, {"is_dated": is_dated}, PLACE))


@pytest.mark.parametrize(
    ("is_switched", "words"),
    [(True, "It has the new data, but not everything"), (False, "It has the data that it had")],
)
def test_a_refresh_that_failed_says_which_data_are_there(is_switched: bool, words: str) -> None:
    assert words in text_of(letter_of(MessageKind.COPY_FAILED, {"is_switched": is_switched}, PLACE))


def test_what_nobody_wrote_leaves_no_empty_paragraph() -> None:
    letter = letter_of(MessageKind.FEATURE_WAITS, {"note": ""}, PLACE)

    assert "<p></p>" not in html_of(letter)
    assert "\n\n\n" not in text_of(letter)


@given(st.text())
def test_one_line_is_one_printable_line(typed: str) -> None:
    assert one_line(typed).isprintable()
    assert len(one_line(typed)) <= 200


def test_pauses_double_from_a_minute_to_an_hour() -> None:
    minutes = [pause_after(failures) // timedelta(minutes=1) for failures in range(1, 12)]

    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]

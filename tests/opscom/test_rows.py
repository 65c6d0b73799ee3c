"""Facts as lines: whoever reads them by a program finds each in its column."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from opscom.cli.rows import print_row


def test_no_text_passes_for_another_line_or_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_row("Zo\u00eb\tTab", "not paid\r\n2026-01-01\tdeleted\u2028", None, 7)

    assert capsys.readouterr().out == "Zo\u00eb Tab\tnot paid  2026-01-01 deleted \t-\t7\n"


def test_a_moment_is_in_utc_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    there = datetime(2026, 12, 1, 22, 30, tzinfo=timezone(timedelta(hours=-5)))

    print_row(there, there.astimezone(UTC))

    assert capsys.readouterr().out == "2026-12-02 03:30Z\t2026-12-02 03:30Z\n"

"""A failing vendor is left alone for a while, and probed once when that is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.kernel.ids import uuid7
from jobs.integrations.breaker import FAILURES_ALLOWED, Breakers, Key
from jobs.integrations.faults import VendorFailed, VendorPaused, VendorThrottled
from tests.fixtures.parking import SetClock

KEY: Key = (uuid7(), "https://vendor.example")
STATUS = "The vendor answered with a bad status."
OTHER: Key = (uuid7(), "https://vendor.example")


def call(
    breakers: Breakers, key: Key = KEY, *, fails: bool = False, by_hand: bool = False, wait: timedelta | None = None
) -> None:
    """One call to the vendor: well, failing, or answered with the wish that we wait."""
    with breakers.guard(key, by_hand=by_hand):
        if wait is not None:
            raise VendorThrottled(STATUS, retry_after=wait)
        if fails:
            raise VendorFailed(STATUS)


def open_breaker(breakers: Breakers) -> None:
    """As many failures in a row as it takes."""
    for _ in range(FAILURES_ALLOWED):
        with pytest.raises(VendorFailed):
            call(breakers, fails=True)


def test_a_vendor_that_keeps_failing_is_not_called_for_a_while() -> None:
    breakers = Breakers(SetClock())
    open_breaker(breakers)

    with pytest.raises(VendorPaused, match="failed 5 times in a row"):
        call(breakers)
    call(breakers, OTHER)


def test_failures_with_a_success_between_them_open_nothing() -> None:
    breakers = Breakers(SetClock())
    for _ in range(3 * FAILURES_ALLOWED):
        for fails in (True, False):
            try:
                call(breakers, fails=fails)
            except VendorFailed:
                continue

    call(breakers)


def test_after_the_pause_one_probe_goes_through_and_its_success_closes_the_breaker() -> None:
    clock = SetClock()
    breakers = Breakers(clock)
    open_breaker(breakers)
    clock.advance(seconds=31)

    with breakers.guard(KEY, by_hand=False), pytest.raises(VendorPaused):
        call(breakers)

    call(breakers)


def test_a_failed_probe_doubles_the_pause() -> None:
    clock = SetClock()
    breakers = Breakers(clock)
    open_breaker(breakers)
    clock.advance(seconds=31)
    with pytest.raises(VendorFailed):
        call(breakers, fails=True)

    clock.advance(seconds=59)
    with pytest.raises(VendorPaused):
        call(breakers)
    clock.advance(seconds=2)
    call(breakers)


def test_a_probe_that_is_cancelled_lets_the_next_one_through() -> None:
    clock = SetClock()
    breakers = Breakers(clock)
    open_breaker(breakers)
    clock.advance(seconds=31)

    with pytest.raises(KeyboardInterrupt), breakers.guard(KEY, by_hand=False):
        raise KeyboardInterrupt

    call(breakers)


def test_somebody_who_presses_run_is_told_the_truth_at_once() -> None:
    breakers = Breakers(SetClock())
    open_breaker(breakers)

    call(breakers, by_hand=True)
    call(breakers)


def test_a_vendor_that_asks_us_to_wait_is_obeyed_by_everybody() -> None:
    clock = SetClock()
    breakers = Breakers(clock)
    with pytest.raises(VendorThrottled):
        call(breakers, wait=timedelta(seconds=90))

    for by_hand in (False, True):
        with pytest.raises(VendorPaused, match="asked us to wait"):
            call(breakers, by_hand=by_hand)
    clock.advance(seconds=91)
    call(breakers)

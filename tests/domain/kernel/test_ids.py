"""Ids are version 7, carry the time, and rise."""

import time
from uuid import RFC_4122

from domain.kernel.ids import uuid7


def test_ids_are_uuids_of_version_seven_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000

    assert (made.version, made.variant) == (7, RFC_4122)
    assert before - 5 <= made.int >> 80 <= after + 5


def test_ids_of_one_process_rise_even_within_a_millisecond() -> None:
    made = [uuid7() for _ in range(10_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)

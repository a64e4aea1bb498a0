"""Times go into a file and come back to the nanosecond, and sort as they follow each other."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.timestamps import mtime_nanoseconds, mtime_text, utc_now_for_names, utc_now_text


@given(st.integers(-(1 << 63), (1 << 63) - 1))
@example(0)
@example(-1)
@example((1 << 63) - 1)
@example(-62135596800 * 10**9)
@example(-62135596800 * 10**9 - 1)
@example(253402300800 * 10**9)
def test_every_time_that_stat_can_tell_comes_back_exactly(nanoseconds: int) -> None:
    assert mtime_nanoseconds(mtime_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_714_566_896_123_456_789, "2024-05-01T12:34:56.123456789Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (10**30, str(10**30)),
    ],
)
def test_times_stand_in_the_files_in_utc_with_nine_digits(nanoseconds: int, text: str) -> None:
    assert mtime_text(nanoseconds) == text


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01T00:00:00.000000000Z", "2024-05-01T12:34:56Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        mtime_nanoseconds(text)


def test_the_present_moment_is_told_to_the_second_in_two_forms() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", utc_now_text())
    assert re.fullmatch(r"\d{8}T\d{6}Z", utc_now_for_names())

"""The modification time as evidence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from common.dates.filesystem import candidate_from_mtime
from common.dates.model import Clock, Source


def test_a_modification_time_is_an_instant_in_utc() -> None:
    found = candidate_from_mtime(1_679_149_331_123_456_789)
    assert found.moment == datetime(2023, 3, 18, 14, 22, 11, 123_456, tzinfo=UTC)
    assert (found.source, found.tag, found.clock) == (Source.FILESYSTEM, "filesystem:mtime", Clock.UTC)


def test_a_time_before_1970_is_rounded_down() -> None:
    assert candidate_from_mtime(-1).moment == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("nanoseconds", [2**63 * 1000, -(2**63) * 1000])
def test_a_time_that_no_calendar_has_is_no_moment(nanoseconds: int) -> None:
    assert candidate_from_mtime(nanoseconds).moment is None

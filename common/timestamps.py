"""Points in time as they stand in the files: ISO 8601, UTC, to the nanosecond where ``stat`` has it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1)  # of UTC, as everything here
_FIRST_DAY = date(1970, 1, 1)
_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))
_MTIME = re.compile(r"(-?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z")
_BILLION = 1_000_000_000


def utc_now_text() -> str:
    """The present moment in UTC, to the second, as ``2024-05-01T12:34:56Z``."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """A moment in UTC as ``utc_now_text`` writes it; such texts sort by time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now_for_names() -> str:
    """The present moment in UTC in a form that can stand in a file name: ``20240501T123456Z``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def mtime_text(nanoseconds: int) -> str:
    """A modification time as ``2024-05-01T12:34:56.123456789Z``; a bare number when no calendar has it."""
    seconds, fraction = divmod(nanoseconds, _BILLION)
    days, seconds = divmod(seconds, 86_400)
    day = _day_text(days)
    if not day:
        return str(nanoseconds)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day}T{_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}.{fraction:09}Z"


# Photos of one day stand side by side, and the C library takes its time to write a date.
@lru_cache(maxsize=256)
def _day_text(since_1970: int) -> str:
    """A day, empty when no calendar has it with a year of four digits. Pure."""
    try:
        day = _FIRST_DAY + timedelta(since_1970)
    except OverflowError:
        return ""
    return day.isoformat() if day.year >= 1000 else ""


def mtime_nanoseconds(text: str) -> int:
    """The inverse of ``mtime_text``. Raises ``ValueError`` for anything else."""
    if match := _MTIME.fullmatch(text):
        since = datetime.fromisoformat(match[1]) - _EPOCH
        return (since.days * 86_400 + since.seconds) * _BILLION + int(match[2])
    return int(text)

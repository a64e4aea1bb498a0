"""Times as manifests hold them: ISO 8601 in UTC, modification times to the nanosecond. Pure, except for the clock."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1)  # naive, in UTC
_FIRST_DAY = date(1970, 1, 1)
_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))
_MTIME = re.compile(r"(-?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z")
_BILLION = 1_000_000_000
COARSEST_NS = 2 * _BILLION
_QUARTER_HOUR_NS = 900 * _BILLION
_WIDEST_SHIFT_NS = 26 * 3600 * _BILLION


def utc_now_text() -> str:
    """The current time to the second, as ``2024-05-01T12:34:56Z``."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """A UTC time in the form of ``utc_now_text``. Such texts sort chronologically."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now_for_names() -> str:
    """The current time in a form for file names: ``20240501T123456Z``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def mtime_text(nanoseconds: int) -> str:
    """A modification time as ``2024-05-01T12:34:56.123456789Z``, or as a number before year 1000 and after 9999."""
    seconds, fraction = divmod(nanoseconds, _BILLION)
    days, seconds = divmod(seconds, 86_400)
    day = _day_text(days)
    if not day:
        return str(nanoseconds)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day}T{_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}.{fraction:09}Z"


# Cached, since photos of the same day come in sequence, and formatting a date is slow.
@lru_cache(maxsize=256)
def _day_text(days_since_1970: int) -> str:
    """Format a date given in days since 1970; empty unless its year has four digits."""
    try:
        day = _FIRST_DAY + timedelta(days_since_1970)
    except OverflowError:
        return ""
    return day.isoformat() if day.year >= 1000 else ""


# Cached, since a file and its copy mostly have the same time, and each row is checked several times.
@lru_cache(maxsize=4096)
def mtime_nanoseconds(text: str) -> int:
    """Parse a text made by ``mtime_text``, to nanoseconds since 1970. Raises ``ValueError`` for any other text."""
    if match := _MTIME.fullmatch(text):
        since = datetime.fromisoformat(match[1]) - _EPOCH
        return (since.days * 86_400 + since.seconds) * _BILLION + int(match[2])
    return int(text)


def is_rounded_time(one_ns: int, other_ns: int) -> bool:
    """Whether two times are equal up to the steps of the coarsest file system: two seconds, on FAT. Pure."""
    return abs(one_ns - other_ns) <= COARSEST_NS


def is_shifted_time(one_ns: int, other_ns: int) -> bool:
    """Whether two times differ by a change of zone or daylight saving: by whole quarter hours, up to 26 hours. Pure.

    FAT holds times in local time, so all of them shift with the zone of the machine. Between the zones of the world lie
    26 hours at most (UTC-12 to UTC+14), and zones differ by quarter hours.
    """
    difference = abs(one_ns - other_ns)
    off = (difference + COARSEST_NS) % _QUARTER_HOUR_NS
    return difference > COARSEST_NS and off <= 2 * COARSEST_NS and difference <= _WIDEST_SHIFT_NS + COARSEST_NS


def may_be_same_time(one_ns: int, other_ns: int) -> bool:
    """Whether two modification times may be that of one unchanged file: its contents decide. Pure."""
    return is_rounded_time(one_ns, other_ns) or is_shifted_time(one_ns, other_ns)

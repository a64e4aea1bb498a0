"""Dates as people, cameras and programs write them, parsed into one value.

Sources of the forms: Exif 3.0 (CIPA DC-008) section 4.6.5 D and F for ``YYYY:MM:DD HH:MM:SS``, SubSecTime and
OffsetTime; ISO 8601 and XMP part 1 section 8.2.1.1; RFC 2822; C's ``ctime`` and Java's ``Date.toString``; IPTC IIM 4.2
(``20030827``, ``001500+0200``); and forms that were seen in real files. Pure: no disk, no clock, no zone of the
machine.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from common.dates.model import Clock

# No form of a date is longer.
_LONGEST_TEXT = 64
# The zones in use reach from UTC-12:00 to UTC+14:00.
_LARGEST_OFFSET = timedelta(hours=14)

_TIME = (
    r"(?P<hour>\d{1,2})[:.]\s?(?P<minute>\d{1,2})(?:[:.]\s?(?P<second>\d{1,2})(?:[.,:](?P<fraction>\d{1,9}))?)?"
    r"\s{0,2}(?P<half>[AaPp]\.?[Mm]\b)?"
)
_ZONE = r"\s{0,2}(?P<utc>Z|UTC|GMT)?(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?(?!\d)"
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?:[-:/.]\s?(?P<month>\d{1,2})(?:[-:/.]\s?(?P<day>\d{1,2})(?!\d)"
    rf"(?:[T\s:,;_-]{{1,4}}{_TIME}(?:{_ZONE})?)?)?)?(?!\d)"
)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[T\s:_-]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    rf"(?P<half>)(?:{_ZONE})?)?(?!\d)"
)
_DAY_FIRST = re.compile(
    r"(?P<one>\d{1,2})(?P<separator>[-:/.])\s?(?P<two>\d{1,2})[-:/.]\s?(?P<year>\d{4})(?!\d)"
    rf"(?:[T\s,;_-]{{1,4}}{_TIME}(?:{_ZONE})?)?"
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH_NAME = re.compile(rf"\b({'|'.join(_MONTHS)})[a-z]{{0,6}}\b", re.IGNORECASE)
_TIME_ANYWHERE = re.compile(rf"(?<!\d){_TIME}(?!\d)")
_OFFSET_ANYWHERE = re.compile(r"(?P<utc>\bZ\b|\bUTC|\bGMT)?(?P<offset>[+-]\d{2}:?\d{2}\b)?")
# 1800 and later, so that an offset such as +1400 is never taken for a year.
_YEAR_ANYWHERE = re.compile(r"(?<!\d)(?:1[89]|2\d)\d\d(?!\d)")
_DAY_ANYWHERE = re.compile(r"(?<!\d)\d{1,2}(?!\d)")
_ISO_SEPARATORS = "--T::"
_COMMON_SEPARATORS = (":: ::", _ISO_SEPARATORS)
_OFFSET = re.compile(r"([+-])\s?(\d{1,2})(?::?(\d{2}))?")


class Moment(NamedTuple):
    """A parsed date. ``date_only``: no time of day was written, and ``moment`` is at midnight.

    The moment is naive with ``Clock.LOCAL``, else aware (see ``common.dates.model.Clock``).
    """

    moment: datetime
    clock: Clock
    date_only: bool


def parse_moment(text: str, subsec: str = "", offset: str = "") -> Moment | None:
    """Parse one written date; None if it is not a date. Takes bounded time, raises nothing.

    ``subsec`` is the text of an EXIF SubSecTime tag (digits after the decimal point), ``offset`` that of an OffsetTime
    tag. Each is used only if the text itself has no such part, and ignored if it is not readable. A text that ends in
    ``Z`` is an instant (``Clock.UTC``), one with an offset is a wall clock (``Clock.OFFSET``). An unknown month or day
    (``2003:00:00``, ``2003-08``) becomes the first, date_only; an impossible time of day is ignored. Hour 24 is hour
    0 of the written day: cameras that write it count hours from 1 to 24.
    """
    common = _parse_common_form(text, subsec, offset)
    if common is not None:  # nine in ten dates; the general code below has the same result but is slower
        return common
    text = text[:_LONGEST_TEXT].split("\0", 1)[0].strip()
    if len(text) < 4:
        return None
    for pattern in (_YEAR_FIRST, _COMPACT, _DAY_FIRST):
        if match := pattern.match(text):
            return _from_fields(match.groupdict(), subsec, offset)
    return _from_month_name(text, subsec, offset)


def _parse_common_form(text: str, subsec: str, offset: str) -> Moment | None:
    """Parse ``2019:07:31 12:00:00`` or ``2019-07-31T12:00:00``, bare or with a ``Z``.

    None for any other form, hour 24, a leap second, and an impossible date or time.
    """
    is_utc = len(text) == 20 and text[19] == "Z"
    if len(text) != 19 and not is_utc:
        return None
    separators = text[4:17:3]
    # Python 3.14 reads hour 24 as hour 0 of the next day.
    if separators not in _COMMON_SEPARATORS or text[11:13] == "24":
        return None
    iso = text[:19] if separators == _ISO_SEPARATORS else text[:19].replace(":", "-", 2)
    zone = "+00:00" if is_utc else _iso_offset(offset)
    try:
        moment = datetime.fromisoformat(f"{iso}{_iso_fraction(subsec)}{zone}")
    except ValueError:
        return None
    return Moment(moment, Clock.UTC if is_utc else Clock.OFFSET if zone else Clock.LOCAL, False)


# Cached, since a camera's offset is the same in photo after photo.
@lru_cache(maxsize=64)
def parse_offset(text: str) -> timezone | None:
    """Parse an offset from UTC such as ``+01:00``, ``-0530``, ``+9`` or ``Z``; None if it is not readable."""
    text = text[:16].split("\0", 1)[0].strip()
    if text in {"Z", "UTC", "GMT"}:
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > _LARGEST_OFFSET:
        return None
    return timezone(-offset if sign == "-" else offset)


def _from_fields(fields: dict[str, str | None], subsec: str, offset: str) -> Moment | None:
    if "one" in fields:
        first, second = int(fields["one"] or 0), int(fields["two"] or 0)
        # The day comes first in 05.10.2009, the month in 10/05/2009.
        month_first = fields["separator"] == "/" and first <= 12
        month, day = (first, second) if month_first else (second, first)
    else:
        month, day = int(fields["month"] or 0), int(fields["day"] or 0)
    return _assemble(int(fields["year"] or 0), month, day, fields, subsec=subsec, offset=offset)


def _from_month_name(text: str, subsec: str, offset: str) -> Moment | None:
    """Parse ``Mon Mar 10 15:04:43 2003``, ``Tue, 14 Jan 2003 10:20:30 +0100`` or ``26-Dec-2003 1:42 PM``."""
    name = _MONTH_NAME.search(text)
    if name is None:
        return None
    month = _MONTHS.index(name.group(1).lower()) + 1
    rest = text[: name.start()] + " " + text[name.end() :]
    fields: dict[str, str | None] = {}
    if time := _TIME_ANYWHERE.search(rest):
        fields = time.groupdict()
        after = rest[time.end() :]
        for zone in _OFFSET_ANYWHERE.finditer(after):
            if zone.group():
                fields |= zone.groupdict()
                after = after[: zone.start()] + " " + after[zone.end() :]
                break
        rest = rest[: time.start()] + " " + after
    year = _YEAR_ANYWHERE.search(rest)
    if year is None:
        return None
    day = _DAY_ANYWHERE.search(rest[: year.start()] + " " + rest[year.end() :])
    return _assemble(int(year.group()), month, int(day.group()) if day else 0, fields, subsec=subsec, offset=offset)


def _assemble(
    year: int, month: int, day: int, fields: dict[str, str | None], *, subsec: str, offset: str
) -> Moment | None:
    date_only = month == 0 or day == 0
    try:
        moment = datetime(year, month or 1, day or 1)
    except ValueError:
        return None
    hour_text, minute_text = fields.get("hour"), fields.get("minute")
    if date_only or hour_text is None or minute_text is None:
        return Moment(moment, Clock.LOCAL, True)
    hour, minute, second = int(hour_text), int(minute_text), int(fields.get("second") or 0)
    half = (fields.get("half") or "").lower().replace(".", "")
    if half == "pm" and hour < 12:
        hour += 12
    if (half == "am" and hour == 12) or hour == 24:
        hour = 0
    if hour > 23 or minute > 59 or second > 60:
        return Moment(moment, Clock.LOCAL, True)
    # datetime has no leap seconds.
    moment = moment.replace(
        hour=hour, minute=minute, second=min(second, 59), microsecond=_microsecond(fields.get("fraction") or subsec)
    )
    written = fields.get("offset") or ""
    if fields.get("utc") and not written:
        return Moment(moment.replace(tzinfo=UTC), Clock.UTC, False)
    zone = parse_offset(written or offset)
    return Moment(moment.replace(tzinfo=zone), Clock.OFFSET if zone else Clock.LOCAL, False)


# Fraction and offset as texts for ``fromisoformat``, which is five times as fast as ``replace``.
@lru_cache(maxsize=1024)
def _iso_fraction(subsec: str) -> str:
    microsecond = _microsecond(subsec)
    return f".{microsecond:06}" if microsecond else ""


@lru_cache(maxsize=64)
def _iso_offset(offset: str) -> str:
    zone = parse_offset(offset)
    return datetime(2000, 1, 1, tzinfo=zone).isoformat()[len("2000-01-01T00:00:00") :] if zone else ""


def _microsecond(fraction: str) -> int:
    """The microseconds in the digits after the decimal point of a second; 0 for anything but digits."""
    fraction = fraction.split("\0", 1)[0].strip()
    return int(fraction[:6].ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else 0

"""Which evidence decides, and whether a person should look at it. Pure: no disk, no clock of the machine.

The chain is that of ``design.md`` section 7: sources in the order of the rules, in each source by rank, the first
believable one wins. The year is that of the wall clock where the picture was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import islice
from typing import NamedTuple

from common.dates import notes
from common.dates.findings import RELEASED
from common.dates.model import Candidate, Choice, Clock, Source

_OLDEST_YEAR = 1826  # the first photograph
_ONE_DAY = timedelta(days=1)

# What devices and programs write when they do not know the time. The first is a QuickTime field of zero, whatever
# zone it was brought into.
_PLACEHOLDER_DAY = date(1904, 1, 1)
_PLACEHOLDERS = frozenset(
    {
        datetime(1970, 1, 1),  # a Unix time of zero
        datetime(1980, 1, 1),  # a FAT or camera clock that was never set
        datetime(2002, 12, 8, 12),  # firmware constant of several phones
        datetime(2036, 1, 1, 23, 59, 59),  # the end of a camera's calendar
    }
)

_PLACEHOLDER_YEARS = frozenset({_PLACEHOLDER_DAY.year, *(moment.year for moment in _PLACEHOLDERS)})

# Zones in use reach from UTC-12 to UTC+14, in steps of a quarter of an hour.
_FURTHEST_WEST = timedelta(hours=-12)
_FURTHEST_EAST = timedelta(hours=14)
_NEW_YEAR_MARGIN = _FURTHEST_EAST
_QUARTER = timedelta(minutes=15)
# Two clocks that noted the same moment may differ by the time it took to write the file.
_SAME_MOMENT = timedelta(minutes=1)

# Python 3.11 takes a function call to get at a member of an enumeration.
_METADATA, _FILESYSTEM = Source.METADATA, Source.FILESYSTEM
_UTC_CLOCK = Clock.UTC

_EDITED = "exif:DateTime"
_WEAK = {
    "filesystem:mtime": "only the file's modification time is left, which copying and editing change",
    _EDITED: "only the date of the last change inside the file is left",
    "gps:GPSDateTime": "only the date of the satellite receiver is left, which is often wrong",
}
_BLANK = "blank"
_MOST_TOLD = 4
_WEAK_DAY = "only a day in the file's tags is left, which may be that of a publication"

_TO_MICROSECOND = len("2019-07-31T12:00:00.123456")


# A candidate that can be believed, with its moment.
_Believed = tuple[Candidate, datetime]
# One that can't, with the reason.
_Rejected = tuple[Candidate, str]


class Rules(NamedTuple):
    """How to decide.

    ``order``: the sources that may win, the most trusted first. ``zone``: where a bare UTC time is taken to have
    been. ``now``: the present, aware; what is more than a day later is not believed. ``paired_offset``: the UTC
    offset of the still that a movie belongs to, when known; it goes before ``zone``.
    """

    order: tuple[Source, ...]
    zone: tzinfo
    now: datetime
    paired_offset: timedelta | None = None


def choose(candidates: Sequence[Candidate], rules: Rules) -> Choice:
    """Decide when one file was taken. Pure; raises nothing.

    A bare UTC time is shown at the offset that another date of the same moment in the file or its name tells,
    else at that of the paired still, else in the zone of the rules. Evidence from all sources but the file
    system, whether it may win or not, is heard for ``review``.
    """
    believed: list[_Believed] = []
    rejected: list[_Rejected] = []
    now = rules.now
    for candidate in candidates:
        reason = rejection_reason(candidate, now)
        if candidate.moment is None or reason:
            rejected.append((candidate, reason))
        else:
            believed.append((candidate, candidate.moment))

    best = _most_trusted(believed, rules.order)
    if best is None:
        return Choice(None, "", False, f"no believable date was found{_not_believed(rejected)}", tuple(rejected))
    winner, instant = best
    moment, zone_known = _wall_clock(winner, instant, believed, rules)
    doubts = (
        _doubt_about_evidence(winner, rejected),
        "" if zone_known else _doubt_about_zone(instant),
        _doubt_about_year(winner, moment, believed),
    )
    review = notes.NOTE_SEPARATOR.join(filter(None, doubts))
    return Choice(moment, winner.tag, winner.date_only, review, tuple(rejected))


def _most_trusted(believed: Iterable[_Believed], order: Sequence[Source]) -> _Believed | None:
    """The first of the most trusted source, by rank, that may win at all."""
    for source in order:
        best: _Believed | None = None
        for one in believed:
            candidate = one[0]
            if candidate.source is source and (best is None or candidate.rank < best[0].rank):
                best = one
        if best is not None:
            return best
    return None


def offset_of_still(still: Choice, movie: Iterable[Candidate]) -> timedelta | None:
    """The UTC offset that a still tells of the movie it is paired with (``Rules.paired_offset``), when it does. Pure.

    It is the still's own offset, or the difference of its wall clock to a UTC time in the movie of the same moment.
    """
    if still.moment is None or still.date_only:
        return None
    if still.moment.tzinfo is not None:
        return still.moment.utcoffset()
    for candidate in movie:
        if candidate.clock is Clock.UTC and candidate.moment is not None:
            offset = _offset_between(still.moment, candidate.moment)
            if offset is not None:
                return offset
    return None


def iso_text(choice: Choice) -> str:
    """The chosen moment as the report's ``capture_date``: ISO 8601 wall clock, with its UTC offset when known. Pure.

    A date alone when no time is known; fractions of a second only when there are any; empty without a date.
    """
    if choice.moment is None:
        return ""
    if choice.date_only:
        return choice.moment.date().isoformat()
    text = choice.moment.isoformat()
    return text[:_TO_MICROSECOND].rstrip("0") + text[_TO_MICROSECOND:] if choice.moment.microsecond else text


def rejection_reason(candidate: Candidate, now: datetime) -> str:
    """Why a candidate can't be believed, or an empty string. Pure; ``now`` is aware."""
    moment = candidate.moment
    if moment is None:
        return "not a date" if candidate.text.strip(" 0:-/.\0") else _BLANK
    year = moment.year
    if year < _OLDEST_YEAR:
        return "before the first photograph"
    if year in _PLACEHOLDER_YEARS and (
        moment.date() == _PLACEHOLDER_DAY or moment.replace(tzinfo=None) in _PLACEHOLDERS
    ):
        return "a placeholder for an unknown date"
    if year >= now.year:
        latest = now + _ONE_DAY
        if (moment if moment.tzinfo else moment.replace(tzinfo=latest.tzinfo)) > latest:
            return "in the future"
    return ""


def _wall_clock(
    winner: Candidate, moment: datetime, believed: Iterable[_Believed], rules: Rules
) -> tuple[datetime, bool]:
    """The time on the photographer's clock, and whether it is known which zone that clock showed."""
    if winner.clock is not _UTC_CLOCK:
        return moment, True
    offset = _offset_told_by(believed, moment)
    if offset is None:
        offset = rules.paired_offset
    if offset is not None:
        return moment.astimezone(timezone(offset)), True
    there = moment.astimezone(rules.zone)
    return there.replace(tzinfo=timezone(there.utcoffset() or timedelta(0))), False


def _offset_told_by(believed: Iterable[_Believed], instant: datetime) -> timedelta | None:
    """The UTC offset at which another date, the most trusted first, shows the given instant on a wall clock."""
    trusted = (Source.METADATA, Source.SIDECAR, Source.FILENAME)
    clocks = [
        (trusted.index(candidate.source), candidate.rank, moment)
        for candidate, moment in believed
        if candidate.source in trusted and candidate.clock is not Clock.UTC and not candidate.date_only
    ]
    for _, _, moment in sorted(clocks, key=lambda clock: clock[:2]):
        if moment.tzinfo is None:
            offset = _offset_between(moment, instant)
        else:
            offset = moment.utcoffset() if abs(moment - instant) <= _SAME_MOMENT else None
        if offset is not None:
            return offset
    return None


def _offset_between(wall_clock: datetime, instant: datetime) -> timedelta | None:
    """The UTC offset that makes a naive wall clock show an aware instant, when there is such a zone."""
    away = wall_clock - instant.astimezone(UTC).replace(tzinfo=None)
    offset = round(away / _QUARTER) * _QUARTER
    if abs(away - offset) > _SAME_MOMENT or not _FURTHEST_WEST <= offset <= _FURTHEST_EAST:
        return None
    return offset


def _doubt_about_evidence(winner: Candidate, rejected: Iterable[_Rejected]) -> str:
    weak = _WEAK.get(winner.tag, "")
    if winner.rank == RELEASED and winner.source is _METADATA:
        weak = _WEAK_DAY
    return f"{weak}{_not_believed(rejected)}" if weak else ""


def _not_believed(rejected: Iterable[_Rejected]) -> str:
    """What was found and not believed, in parentheses; a person who knows the picture may. Blank fields say nothing."""
    told = dict.fromkeys(f"{candidate.tag} is {reason}" for candidate, reason in rejected if reason != _BLANK)
    return f" ({', '.join(islice(told, _MOST_TOLD))})" if told else ""


def _doubt_about_zone(instant: datetime) -> str:
    west, east = (instant - _NEW_YEAR_MARGIN).year, (instant + _NEW_YEAR_MARGIN).year
    if west == east:
        return ""
    return notes.utc_near_new_year(west, east)


def _doubt_about_year(winner: Candidate, moment: datetime, believed: Iterable[_Believed]) -> str:
    """Names the other believable evidence that would file the picture in another year.

    Modification times are not heard: those of the file system differ nearly always, and an edit inside the
    file contradicts the capture only when it is earlier.
    """
    others: list[str] = []
    chosen = moment.year
    for candidate, told in believed:
        if candidate is winner or candidate.source is _FILESYSTEM:
            continue
        year = told.year if candidate.clock is not _UTC_CLOCK else _year_beside(told, moment)
        if year == chosen or (candidate.tag == _EDITED and year > chosen):
            continue
        says = notes.says_year(candidate.tag, year)
        if says not in others:
            others.append(says)
    return notes.years_disagree(winner.tag, chosen, others) if others else ""


def _year_beside(instant: datetime, moment: datetime) -> int:
    """The year of an instant, as the clock that showed the chosen moment would show it."""
    if moment.tzinfo is not None:
        return instant.astimezone(moment.tzinfo).year
    # The chosen clock's zone is not known: what some zone explains is no other year.
    if moment.year in {(instant + _FURTHEST_WEST).year, (instant + _FURTHEST_EAST).year}:
        return moment.year
    return instant.year

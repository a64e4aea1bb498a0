"""Decides which evidence dates a file, and whether a person should review it. Pure: no disk, no clock.

The first believable candidate wins, by source in the order of the rules, then by rank. The year is that of the wall
clock where the picture was taken.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import islice
from typing import NamedTuple

from common.dates import notes
from common.dates.findings import RELEASED
from common.dates.model import Candidate, Choice, Clock, Source

_OLDEST_YEAR = 1826  # the first photograph
_ONE_DAY = timedelta(days=1)

# Written by devices and programs that do not know the time. The day is that of a zero in QuickTime, in any zone.
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
# Two clocks may record one moment at the start and at the end of writing a file.
_SAME_MOMENT = timedelta(minutes=1)

# Bound once: in Python 3.11 an enum member costs a function call.
_METADATA, _FILESYSTEM = Source.METADATA, Source.FILESYSTEM
_UTC_CLOCK = Clock.UTC

_EDITED = "exif:DateTime"
_WEAK = {
    "filesystem:mtime": "only the file's modification time is left, which copying and editing change",
    _EDITED: "only the date of the last change inside the file is left",
    "gps:GPSDateTime": "only the date of the satellite receiver is left, which is often wrong",
}
_BLANK = "blank"
_MOST_REJECTED_IN_NOTE = 4
_WEAK_DAY = "only a day in the file's tags is left, which may be that of a publication"

_TO_MICROSECOND = len("2019-07-31T12:00:00.123456")

_Accepted = tuple[Candidate, datetime]  # with its moment
_Rejected = tuple[Candidate, str]  # with the reason


class Rules(NamedTuple):
    """How to decide.

    ``order``: the sources that may win, the most trusted first. ``zone``: the zone in which to show a bare UTC time.
    ``now``: the present, aware; a date more than a day later is rejected. ``paired_offset``: the UTC offset of the
    still that a movie belongs to, if known; it takes precedence over ``zone``.
    """

    order: tuple[Source, ...]
    zone: tzinfo
    now: datetime
    paired_offset: timedelta | None = None


def choose(candidates: Sequence[Candidate], rules: Rules) -> Choice:
    """Decide when one file was taken. Raises nothing.

    A bare UTC time is shown at the offset of another date of the same moment in the file or its name, else at that of
    the paired still, else in the zone of the rules. For ``review``, evidence of other years counts from all sources
    except the file system, even those that may not win.
    """
    accepted: list[_Accepted] = []
    rejected: list[_Rejected] = []
    now = rules.now
    for candidate in candidates:
        reason = rejection_reason(candidate, now)
        if candidate.moment is None or reason:
            rejected.append((candidate, reason))
        else:
            accepted.append((candidate, candidate.moment))

    best = _most_trusted(accepted, rules.order)
    if best is None:
        return Choice(None, "", False, f"no believable date was found{_rejected_note(rejected)}", tuple(rejected))
    winner, instant = best
    moment, zone_known = _wall_clock(winner, instant, accepted, rules)
    review_notes = (
        _weak_evidence_note(winner, rejected),
        "" if zone_known else _zone_note(instant),
        _other_years_note(winner, moment, accepted),
    )
    review = notes.NOTE_SEPARATOR.join(filter(None, review_notes))
    return Choice(moment, winner.tag, winner.date_only, review, tuple(rejected))


def _most_trusted(accepted: Iterable[_Accepted], order: Sequence[Source]) -> _Accepted | None:
    """The candidate of the lowest rank in the first source that has any."""
    for source in order:
        best: _Accepted | None = None
        for pair in accepted:
            candidate = pair[0]
            if candidate.source is source and (best is None or candidate.rank < best[0].rank):
                best = pair
        if best is not None:
            return best
    return None


def offset_of_still(still: Choice, movie: Iterable[Candidate]) -> timedelta | None:
    """The UTC offset of a movie according to its paired still (``Rules.paired_offset``), None if unknown.

    It is the still's own offset, or that between its wall clock and a UTC time of the same moment in the movie.
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
    """The chosen moment as the report's ``capture_date``: ISO 8601 wall clock, with its UTC offset if known.

    Only the date if the time is unknown; empty without a date. Fractions of a second are written only if not zero.
    """
    if choice.moment is None:
        return ""
    if choice.date_only:
        return choice.moment.date().isoformat()
    text = choice.moment.isoformat()
    return text[:_TO_MICROSECOND].rstrip("0") + text[_TO_MICROSECOND:] if choice.moment.microsecond else text


def rejection_reason(candidate: Candidate, now: datetime) -> str:
    """Why a candidate is not believable, or an empty string if it is. ``now`` is aware."""
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
    winner: Candidate, moment: datetime, accepted: Iterable[_Accepted], rules: Rules
) -> tuple[datetime, bool]:
    """The time on the photographer's clock, and whether the evidence decides its zone."""
    if winner.clock is not _UTC_CLOCK:
        return moment, True
    offset = _offset_by_evidence(accepted, moment)
    if offset is None:
        offset = rules.paired_offset
    if offset is not None:
        return moment.astimezone(timezone(offset)), True
    local = moment.astimezone(rules.zone)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta(0))), False


def _offset_by_evidence(accepted: Iterable[_Accepted], instant: datetime) -> timedelta | None:
    """The UTC offset of an instant according to the most trusted other date of the same moment, None if unknown."""
    trusted = (Source.METADATA, Source.SIDECAR, Source.FILENAME)
    clocks = [
        (trusted.index(candidate.source), candidate.rank, moment)
        for candidate, moment in accepted
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
    """The UTC offset between a naive wall clock and an aware instant, None if no time zone has it."""
    difference = wall_clock - instant.astimezone(UTC).replace(tzinfo=None)
    offset = round(difference / _QUARTER) * _QUARTER
    if abs(difference - offset) > _SAME_MOMENT or not _FURTHEST_WEST <= offset <= _FURTHEST_EAST:
        return None
    return offset


def _weak_evidence_note(winner: Candidate, rejected: Iterable[_Rejected]) -> str:
    weak = _WEAK.get(winner.tag, "")
    if winner.rank == RELEASED and winner.source is _METADATA:
        weak = _WEAK_DAY
    return f"{weak}{_rejected_note(rejected)}" if weak else ""


def _rejected_note(rejected: Iterable[_Rejected]) -> str:
    """The rejected candidates, without blank fields, in parentheses: they may help a person who knows the picture."""
    reasons = dict.fromkeys(f"{candidate.tag} is {reason}" for candidate, reason in rejected if reason != _BLANK)
    return f" ({', '.join(islice(reasons, _MOST_REJECTED_IN_NOTE))})" if reasons else ""


def _zone_note(instant: datetime) -> str:
    west, east = (instant - _NEW_YEAR_MARGIN).year, (instant + _NEW_YEAR_MARGIN).year
    return "" if west == east else notes.utc_near_new_year(west, east)


def _other_years_note(winner: Candidate, chosen: datetime, accepted: Iterable[_Accepted]) -> str:
    """A note on other believable evidence of another year.

    Modification times are left out: those of the file system nearly always differ, and an edit inside the file
    contradicts the capture only if it is earlier.
    """
    others: list[str] = []
    chosen_year = chosen.year
    for candidate, moment in accepted:
        if candidate is winner or candidate.source is _FILESYSTEM:
            continue
        year = moment.year if candidate.clock is not _UTC_CLOCK else _year_on_clock(moment, chosen)
        if year == chosen_year or (candidate.tag == _EDITED and year > chosen_year):
            continue
        text = notes.says_year(candidate.tag, year)
        if text not in others:
            others.append(text)
    return notes.years_disagree(winner.tag, chosen_year, others) if others else ""


def _year_on_clock(instant: datetime, moment: datetime) -> int:
    """The year of an instant on the clock that showed a moment."""
    if moment.tzinfo is not None:
        return instant.astimezone(moment.tzinfo).year
    # The zone of that clock is unknown: a year that some zone explains does not count as another year.
    if moment.year in {(instant + _FURTHEST_WEST).year, (instant + _FURTHEST_EAST).year}:
        return moment.year
    return instant.year

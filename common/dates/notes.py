"""The phrases of the ``review`` column that programs parse, each beside its parser. Pure.

Older reports contain them, so they must not change.
"""

import re
from collections.abc import Iterable

NOTE_SEPARATOR = "; "
"""Separates the notes of one row."""

NO_FFPROBE = "ffprobe is not installed, so nobody else could be asked about this video; it comes with ffmpeg"
"""The note for a video in which the readers of this project find no date, if ffprobe is not installed."""

_YEARS_DISAGREE = re.compile(r"(.{1,80}?) says (\d{4}), but (.+)", re.DOTALL)
_SAYS = re.compile(r"(?:^| and )(.{1,80}?) says (\d{4})(?= and |$)", re.DOTALL)


def says_year(tag: str, year: int) -> str:
    """The text for one piece of evidence of another year."""
    return f"{tag} says {year}"


def years_disagree(tag: str, year: int, others: Iterable[str]) -> str:
    """The note for evidence of other years than the chosen one; ``others`` are texts from ``says_year``."""
    return f"{says_year(tag, year)}, but {' and '.join(others)}"


def is_about_years(review: str) -> bool:
    """Whether a note names evidence of another year."""
    return " says " in review and ", but " in review


def parse_other_years(note: str) -> list[tuple[str, str]]:
    """The tags and years of the other evidence in a note from ``years_disagree``; empty for any other note."""
    match = _YEARS_DISAGREE.fullmatch(note)
    return _SAYS.findall(match[3]) if match else []


def utc_near_new_year(west: int, east: int) -> str:
    """The note for a UTC time whose year depends on the zone."""
    return f"a UTC time within 14 hours of New Year and no zone in the file: {west} or {east}"


def is_about_time_zone(review: str) -> bool:
    """Whether a note says that the year depends on the zone."""
    return "New Year" in review


def is_about_weak_evidence(review: str) -> bool:
    """Whether a note says that only weak evidence was left."""
    return " is left" in review


def lacks_ffprobe(review: str) -> bool:
    """Whether a note says that ffprobe was missing."""
    return NO_FFPROBE in review

"""Every phrase of the ``review`` column that a program reads again, each beside its parser. Pure.

People read these sentences in the report, and older reports hold them as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NOTE_SEPARATOR = "; "
"""Stands between the notes of one row."""

NO_FFPROBE = "ffprobe is not installed, so nobody else could be asked about this video; it comes with ffmpeg"
"""The note for a video that has no date of its own as far as our own readers can tell."""

_YEARS_DISAGREE = re.compile(r"(.{1,80}?) says (\d{4}), but (.+)", re.DOTALL)
_SAYS = re.compile(r"(?:^| and )(.{1,80}?) says (\d{4})(?= and |$)", re.DOTALL)


def says_year(tag: str, year: int) -> str:
    """One piece of evidence that would file a picture in another year."""
    return f"{tag} says {year}"


def years_disagree(tag: str, year: int, others: Iterable[str]) -> str:
    """The note for evidence that contradicts the chosen year; ``others`` are texts of ``says_year``."""
    return f"{says_year(tag, year)}, but {' and '.join(others)}"


def is_about_years(review: str) -> bool:
    """Whether evidence of another year is told."""
    return " says " in review and ", but " in review


def parse_other_years(note: str) -> list[tuple[str, str]]:
    """The evidence of other years in one note, as tag and year; empty for any other note."""
    match = _YEARS_DISAGREE.fullmatch(note)
    return _SAYS.findall(match[3]) if match else []


def utc_near_new_year(west: int, east: int) -> str:
    """The note for a UTC time that lies in one of two years, by the zone."""
    return f"a UTC time within 14 hours of New Year and no zone in the file: {west} or {east}"


def is_about_time_zone(review: str) -> bool:
    """Whether the zone decides the year."""
    return "New Year" in review


def is_about_weak_evidence(review: str) -> bool:
    """Whether only weak evidence decided."""
    return " is left" in review


def lacks_ffprobe(review: str) -> bool:
    """Whether ffprobe might have found a date in a video."""
    return NO_FFPROBE in review

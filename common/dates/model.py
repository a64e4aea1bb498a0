"""The values that travel from the date readers to the decision."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import NamedTuple


class Source(Enum):
    """Where evidence comes from, in the default order of trust; the names are those of ``--date-sources``."""

    METADATA = "metadata"
    SIDECAR = "sidecar"
    FILENAME = "filename"
    FILESYSTEM = "filesystem"


class Clock(Enum):
    """Which clock a candidate was read from."""

    LOCAL = "local"  # wall clock where the picture was taken, no zone known: ``moment`` is naive
    OFFSET = "offset"  # wall clock with its UTC offset: ``moment`` is aware
    UTC = "utc"  # an instant in UTC, the place unknown: ``moment`` is aware, in UTC


class Candidate(NamedTuple):
    """One piece of evidence for the time of capture, believable or not.

    ``tag`` names it as the report does (``exif:DateTimeOriginal``, ``quicktime:creationdate``,
    ``filename``, ``filesystem:mtime``). ``text`` is what was found, shortened to 64 characters.
    ``moment`` is None when the text could not be read as a date. ``rank`` orders candidates of
    one source: the lowest believable one wins.
    """

    source: Source
    tag: str
    text: str
    moment: datetime | None
    clock: Clock
    rank: int
    date_only: bool = False


class Reading(NamedTuple):
    """What one reader found in one file.

    ``problem`` is empty, or says in plain words why the file (or a tool that was asked) gave no
    answer: a reader that failed is never the same as a file without a date. ``unreadable``: it was the
    disk that gave none, or refused, or nobody could be asked for want of a process, so that nothing at all
    is known of what the file says.
    """

    candidates: tuple[Candidate, ...] = ()
    problem: str = ""
    unreadable: bool = False


class Choice(NamedTuple):
    """The decision for one file.

    ``moment`` is the wall-clock time where the picture was taken (aware when its UTC offset is
    known), None when nothing was believable. ``tag`` is the winner's. ``review`` is empty, or
    says why a person should look. ``rejected`` lists what was not believed, with the reason.
    """

    moment: datetime | None
    tag: str
    date_only: bool
    review: str
    rejected: tuple[tuple[Candidate, str], ...] = ()


class Dated(NamedTuple):
    """What a decision means for the report: the folder in the archive, and three columns.

    ``folder`` is relative to the archive. ``failed`` says why there is no decision, and is empty when there is one.
    A bare tuple of texts: worker processes send one for each file.
    """

    folder: str
    capture_date: str
    date_source: str
    review: str
    failed: str = ""


UNDATED = Dated("", "", "", "")

"""The values that pass from the date readers to the decision. Pure."""

from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Source(Enum):
    """Where evidence comes from, in the default order of trust. The values are the words of ``--date-sources``."""

    METADATA = "metadata"
    SIDECAR = "sidecar"
    FILENAME = "filename"
    FILESYSTEM = "filesystem"


class Clock(Enum):
    """Which clock a candidate was read from."""

    LOCAL = "local"  # wall clock where the picture was taken, its zone unknown: ``moment`` is naive
    OFFSET = "offset"  # wall clock with its UTC offset: ``moment`` is aware
    UTC = "utc"  # an instant, the local zone unknown: ``moment`` is aware, in UTC


class Candidate(NamedTuple):
    """One piece of evidence for the time of capture, believable or not.

    ``tag`` is its name in the report (``exif:DateTimeOriginal``, ``filename``, ``filesystem:mtime``). ``text`` is the
    written date, shortened to 64 characters. ``moment`` is None when the text is not readable as a date. ``rank``
    orders the candidates of one source: the lowest believable one wins.
    """

    source: Source
    tag: str
    text: str
    moment: datetime | None
    clock: Clock
    rank: int
    date_only: bool = False


class Reading(NamedTuple):
    """The candidates that a reader found in one file.

    ``problem`` is empty, or says why the reader failed; a file without a date is not a failure.
    ``unreadable``: the disk failed or refused, or no process could be started, so nothing is known about the file.
    """

    candidates: tuple[Candidate, ...] = ()
    problem: str = ""
    unreadable: bool = False


class Choice(NamedTuple):
    """The decision for one file.

    ``moment`` is the wall-clock time where the picture was taken (aware when its UTC offset is known), None when no
    candidate was believable. ``tag`` is the winner's. ``review`` is empty, or says why a person should look.
    ``rejected`` has the candidates that were not believable, with the reasons.
    """

    moment: datetime | None
    tag: str
    date_only: bool
    review: str
    rejected: tuple[tuple[Candidate, str], ...] = ()


class Dated(NamedTuple):
    """A decision in the form of the report: the folder relative to the archive, and three columns.

    ``failed`` is empty, or says why there is no decision. All are texts, since workers send one for each group.
    """

    folder: str
    capture_date: str
    date_source: str
    review: str
    failed: str = ""


UNDATED = Dated("", "", "", "")

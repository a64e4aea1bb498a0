"""The dates that a reader has found so far, and their ranks.

The order of trust: when the shutter was pressed, when the picture became a file, what programs added, a container's
own clock, edits, satellites.
"""

from datetime import UTC, datetime
from functools import lru_cache

from common.dates.model import Candidate, Clock, Source
from common.dates.parsing import Moment, parse_moment

# A lower rank wins. The gaps leave room for new kinds.
ORIGINAL = 10
DIGITIZED = 20
XMP_ORIGINAL = 30
XMP_DIGITIZED = 35
CREATED = 40  # IPTC date and time, photoshop:DateCreated with a time: when the content was made
XMP_CREATE = 50  # xmp:CreateDate: when the digital resource was made
DAY_CREATED = 55  # IPTC and photoshop dates without a time: entered by hand, often a day of publication
TEXT_CREATE = 60  # PNG Creation Time, Matroska's creation_time, RIFF's ICRD
CONTAINER = 70  # mvhd, DateUTC, ASF file properties
RELEASED = 75  # a day without a time in a film's tags: often that of the music or of the publication
EDITED = 80  # IFD0 DateTime
SATELLITE = 90

_METADATA, _LOCAL_CLOCK = Source.METADATA, Clock.LOCAL  # in Python 3.11 an enum member costs a function call
_TEXT_LENGTH = 64
_READ_LENGTH = 1 << 10


class Findings:
    """The candidates of one file. Those found before a damaged part are kept."""

    __slots__ = ("candidates",)

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []

    def add_text(
        self, tag: str, raw: bytes | str, rank: int, *, subsec: str = "", zone: str = "", rank_of_day: int | None = None
    ) -> None:
        """Add a written date, readable or not, unless the field is blank. Bytes are Latin-1.

        ``rank_of_day``, if given, is the rank of a date without a time of day, or at midnight, which programs write
        when they only have the day.
        """
        written = raw if isinstance(raw, str) else raw.decode("latin-1")
        text, parsed = _parse_text(written[:_READ_LENGTH], subsec, zone)
        if rank_of_day is not None and (parsed is None or parsed.date_only or _is_midnight(parsed.moment)):
            rank = rank_of_day
        if parsed is not None:
            self.candidates.append(Candidate(_METADATA, tag, text, parsed.moment, parsed.clock, rank, parsed.date_only))
        elif text:
            self.add_unreadable(tag, text, rank)

    def add_unreadable(self, tag: str, text: str, rank: int) -> None:
        """Add evidence that can't be a date, so that it appears among the rejected."""
        self.candidates.append(Candidate(_METADATA, tag, text[:_TEXT_LENGTH], None, _LOCAL_CLOCK, rank))

    def add_moment(self, tag: str, moment: datetime, rank: int) -> None:
        """Add a date that is stored in numbers: naive for a wall clock, aware in UTC for an instant."""
        clock = Clock.LOCAL if moment.tzinfo is None else Clock.UTC
        self.candidates.append(Candidate(_METADATA, tag, moment.isoformat(), moment, clock, rank))

    def add_seconds(self, tag: str, since_1970: float, rank: int, *, local: bool = False) -> None:
        """Add a date that is stored as seconds since 1970, in UTC or (``local``) of the camera's wall clock."""
        try:
            moment = datetime.fromtimestamp(since_1970, UTC)
        except (ValueError, OverflowError, OSError):
            self.add_unreadable(tag, f"{since_1970:.0f} seconds since 1970", rank)
            return
        self.add_moment(tag, moment.replace(tzinfo=None) if local else moment, rank)


# Cached, since most cameras write the same moment into two or three tags.
@lru_cache(maxsize=64)
def _parse_text(written: str, subsec: str, zone: str) -> tuple[str, Moment | None]:
    """The text of a field, empty if it is blank, and the date in it."""
    text = written.split("\0", 1)[0].strip()[:_TEXT_LENGTH]
    return (text, parse_moment(text, subsec, zone)) if text.strip(" :-/.") else ("", None)


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)

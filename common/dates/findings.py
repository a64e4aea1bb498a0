"""What a reader has found so far, and the order in which findings are believed.

The order is that of ``design.md`` section 7: when the shutter was pressed, then when the picture became a file,
then what programs wrote beside it, then a container's own clock, then edits, then satellites.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from common.dates.model import Candidate, Clock, Source
from common.dates.parsing import Moment, parse_moment

# The lower the rank the more it is believed. Gaps leave room for a new kind between two.
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

_METADATA, _LOCAL_CLOCK = Source.METADATA, Clock.LOCAL  # Python 3.11 takes a function call to get at one
_SHOWN = 64
_LOOKED_AT = 1 << 10  # of a longer text only this much is kept


class Findings:
    """Collects the candidates of one file, so that those before a damaged place are kept."""

    __slots__ = ("candidates",)

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []

    def add_text(
        self,
        tag: str,
        raw: bytes | str,
        rank: int,
        *,
        subsec: str = "",
        zone: str = "",
        rank_of_day: int | None = None,
    ) -> None:
        """Add a written date. Empty and blank fields are no finding; others are kept even if unreadable.

        ``rank_of_day`` is the rank of a text that tells a day at most; the same rank if it is not given. Programs that
        know only the day write midnight. Bytes are Latin-1.
        """
        written = raw if isinstance(raw, str) else raw.decode("latin-1")
        text, told = _read_text(written[:_LOOKED_AT], subsec, zone)
        if rank_of_day is not None and (told is None or told.date_only or _is_midnight(told.moment)):
            rank = rank_of_day
        if told is not None:
            self.candidates.append(Candidate(_METADATA, tag, text, told.moment, told.clock, rank, told.date_only))
        elif text:
            self.add_unreadable(tag, text, rank)

    def add_unreadable(self, tag: str, shown: str, rank: int) -> None:
        """Remember evidence that can't be a date, so that it is seen to have been rejected."""
        self.candidates.append(Candidate(_METADATA, tag, shown[:_SHOWN], None, _LOCAL_CLOCK, rank))

    def add_moment(self, tag: str, moment: datetime, rank: int) -> None:
        """Add a date that was stored as a number: naive for a wall clock, aware in UTC for an instant."""
        clock = Clock.LOCAL if moment.tzinfo is None else Clock.UTC
        self.candidates.append(Candidate(_METADATA, tag, moment.isoformat(), moment, clock, rank))

    def add_seconds(self, tag: str, since_1970: float, rank: int, *, local: bool = False) -> None:
        """Add a date that was stored as seconds since 1970, of UTC or (``local``) of the camera's wall clock."""
        try:
            moment = datetime.fromtimestamp(since_1970, UTC)
        except (ValueError, OverflowError, OSError):
            self.add_unreadable(tag, f"{since_1970:.0f} seconds since 1970", rank)
            return
        self.add_moment(tag, moment.replace(tzinfo=None) if local else moment, rank)


# Most cameras write the same moment into two or three tags.
@lru_cache(maxsize=64)
def _read_text(written: str, subsec: str, zone: str) -> tuple[str, Moment | None]:
    """A written date as it is shown, empty when nothing is written, and what it tells. Pure."""
    text = written.split("\0", 1)[0].strip()[:_SHOWN]
    return (text, parse_moment(text, subsec, zone)) if text.strip(" :-/.") else ("", None)


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)

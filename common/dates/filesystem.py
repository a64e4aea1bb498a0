"""The date of last resort: when the file was last written, which copies, downloads and edits change. Pure."""

from datetime import datetime, timedelta

from common.dates.model import EPOCH, Candidate, Clock, Source


def candidate_from_mtime(mtime_ns: int) -> Candidate:
    """The candidate ``filesystem:mtime`` for a modification time in nanoseconds since 1970 UTC.

    ``moment`` is None if the number exceeds the range of ``datetime``: some file systems store any 64 bits.
    """
    moment: datetime | None
    try:
        moment = EPOCH + timedelta(microseconds=mtime_ns // 1000)
        text = moment.isoformat()
    except OverflowError:
        moment, text = None, str(mtime_ns)
    return Candidate(Source.FILESYSTEM, "filesystem:mtime", text, moment, Clock.UTC, rank=0)

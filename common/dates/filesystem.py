"""The date of last resort: when the file was last written, which copies, downloads and edits change. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.dates.model import EPOCH, Candidate, Clock, Source


def candidate_from_mtime(mtime_ns: int) -> Candidate:
    """The candidate ``filesystem:mtime`` for a modification time in nanoseconds since 1970 UTC.

    It has no moment if no ``datetime`` holds the number: some file systems store any 64 bits.
    """
    moment: datetime | None
    try:
        moment = EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        moment = None
    text = str(mtime_ns) if moment is None else moment.isoformat()
    return Candidate(Source.FILESYSTEM, "filesystem:mtime", text[:64], moment, Clock.UTC, rank=0)

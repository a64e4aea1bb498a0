"""The last resort: when the file was last written. Copies, downloads and edits change it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from common.dates.model import Candidate, Clock, Source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def candidate_from_mtime(mtime_ns: int) -> Candidate:
    """A modification time, in nanoseconds since 1970 UTC, as evidence ``filesystem:mtime``. Pure.

    A number that no calendar has (some file systems hold any 64 bits) becomes a candidate without a moment.
    """
    moment: datetime | None
    try:
        moment = _EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        moment = None
    text = str(mtime_ns) if moment is None else moment.isoformat()
    return Candidate(Source.FILESYSTEM, "filesystem:mtime", text[:64], moment, Clock.UTC, rank=0)

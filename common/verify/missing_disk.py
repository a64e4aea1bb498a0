"""Distinguishing a missing disk from missing files."""

from collections.abc import Iterable, Iterator

from common.errors import StoppedEarly
from common.manifests.relocation import SOURCE_ELSEWHERE
from common.manifests.rows import VerifyRow
from common.manifests.statuses import ReportStatus, VerifyStatus
from common.paths import printable

ROWS = 100
MOST_HELD_ROWS = 4_096
_MISSING = (VerifyStatus.ARCHIVE_MISSING, VerifyStatus.SOURCE_MISSING)


def stop_at_missing_disk(rows: Iterable[VerifyRow]) -> Iterator[VerifyRow]:
    """Yield verified rows, but hold back the first ones as long as the files of all of them are missing. Pure.

    Raises ``StoppedEarly`` when ``ROWS`` are missing, so that none of these is recorded. Rows that were not archived
    don't count. The rows of a plan are never held back, since their files are not stored yet.
    """
    held: list[VerifyRow] = []
    missing = missing_originals = 0
    remaining = iter(rows)
    for row in remaining:
        held.append(row)
        if row.report_status == ReportStatus.PLANNED:
            break
        if row.status == VerifyStatus.NOT_ARCHIVED:
            if not missing or len(held) >= MOST_HELD_ROWS:
                yield from held
                held, missing, missing_originals = [], 0, 0
        elif row.status in _MISSING:
            missing += 1
            missing_originals += row.status == VerifyStatus.SOURCE_MISSING
            if missing_originals == ROWS:
                raise StoppedEarly(
                    f"{printable(row.source_root)}: the first {ROWS} originals are all missing; nothing was written "
                    f"about them: mount the right disk and run again, {SOURCE_ELSEWHERE}; if they are quarantined or "
                    "purged, add --archive-only"
                )
            if missing == ROWS:
                raise StoppedEarly(
                    f"{printable(row.archive_root)}: the first {ROWS} files are all missing, in the archive or the "
                    "source; nothing was written about them: mount the right disks and run again, or, if they are "
                    "mounted elsewhere today, add --archive-now-at DIR or --source-now-at DIR; or begin behind them "
                    "with --offset"
                )
        else:
            break
    yield from held
    yield from remaining

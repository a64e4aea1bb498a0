"""Counts of the entries that organize must account for, and of the rows that it has decided."""

import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from common.counts import Counts
from common.dates.notes import lacks_ffprobe
from common.manifests.reasons import asks_to_organize_again, has_failed_in_plan
from common.manifests.rows import ReportRow
from common.manifests.statuses import ReportStatus
from common.organize.scan import FolderScan, FoundFile, NotScanned
from common.paths import join_path

_MOVED, _FAILED = ReportStatus.MOVED, ReportStatus.FAILED
STATUSES = tuple(ReportStatus)
REVIEW, WITHOUT_FFPROBE, UNFIXABLE = "review", "without ffprobe", "unfixable"
"""Counts of rows with a review note, of videos that ffprobe might date, and of failed rows that the same plan can't
carry out."""


class RunTotals:
    """Counts of the rows that have been decided, and which entries of the source an earlier call has recorded."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._recorded: set[bytes] = set()

    def add(self, rows: Iterable[ReportRow]) -> None:
        """Count rows."""
        counts = self.counts
        for row in rows:
            counts.add_file(row.status, row.media_kind, row.size_bytes)
            if row.review:
                counts.add(REVIEW)
                counts.add(WITHOUT_FFPROBE, lacks_ffprobe(row.review))
            if row.status == _FAILED:
                counts.add(UNFIXABLE, has_failed_in_plan(row.reason) or asks_to_organize_again(row.reason))

    def add_recorded(self, row: ReportRow) -> None:
        """Count a row of an earlier call and remember its path, unless a move has freed the path for another file."""
        if row.status != _MOVED:
            self._recorded.add(_path_digest(row.source_path))
        self.add([row])

    def has_recorded(self, entry: FoundFile | NotScanned) -> bool:
        """Whether an earlier call has recorded an entry of the source."""
        return bool(self._recorded) and _path_digest(entry.path) in self._recorded

    @property
    def rows(self) -> int:
        return sum(self.counts[status] for status in STATUSES)

    @property
    def bytes(self) -> int:
        return sum(amount.get("bytes", 0) for amount in self.counts.amounts.values())


@dataclass(frozen=True)
class ScanTotals:
    """How many entries need a row, their bytes, and the paths of system entries, which have none, folders first."""

    entries: int
    media_bytes: int
    system_entries: tuple[str, ...] = ()
    excluded_folders: int = 0


def count_scanned(folders: Collection[FolderScan], totals: RunTotals) -> ScanTotals:
    """The totals of a scan; ``entries`` includes recorded rows whose files the scan no longer finds."""
    new = sum(not totals.has_recorded(file) for folder in folders for file in folder.files)
    new += sum(not totals.has_recorded(problem) for folder in folders for problem in folder.not_scanned)
    system_entries = [join_path(folder.path, name) for folder in folders for name in folder.system_entries]
    return ScanTotals(
        totals.rows + new,
        sum(file.size for folder in folders for file in folder.files),
        tuple(sorted(system_entries, key=lambda path: not path.endswith(os.sep))),
        sum(len(folder.excluded_folders) for folder in folders),
    )


def _path_digest(path: str) -> bytes:
    """A digest of sixteen bytes, since a million digests take less memory than a million paths."""
    return hashlib.blake2b(os.fsencode(path), digest_size=16).digest()

"""How much organize has to account for, and how much of it has been decided. Changes nothing."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from common.counts import count_file
from common.dates.notes import lacks_ffprobe
from common.manifests.reasons import asks_to_organize_again, has_failed_in_plan
from common.manifests.rows import ReportRow
from common.organize.model import FolderScan, FoundFile, NotScanned
from common.paths import join_path

STATUSES = ("planned", "copied", "moved", "already_archived", "duplicate", "skipped", "failed")
UNFIXABLE = "not by this plan"
"""Counted of rows that the same plan can't mend: they had failed in it, or what it says is not true any more."""


@dataclass(frozen=True)
class RunTotals:
    """What has been decided so far: rows by status, and a digest of each source path that is no moved file's."""

    counts: Counter[str]
    paths: set[bytes]

    def add(self, rows: Iterable[ReportRow]) -> None:
        for row in rows:
            count_file(self.counts, row.status, row.media_kind, row.size_bytes)
            self.counts["review"] += bool(row.review)
            self.counts["without ffprobe"] += lacks_ffprobe(row.review)
            if row.status == "failed":
                self.counts[UNFIXABLE] += has_failed_in_plan(row.reason) or asks_to_organize_again(row.reason)

    def load_recorded(self, row: ReportRow) -> None:
        """A row that an earlier call has recorded. What has come to bear the name of a moved file is another one."""
        if row.status != "moved":
            self.paths.add(_path_digest(row.source_path))
        self.add([row])

    def knows(self, entry: FoundFile | NotScanned) -> bool:
        """Whether an earlier call has recorded an entry of the source."""
        return bool(self.paths) and _path_digest(entry.path) in self.paths

    @property
    def rows(self) -> int:
        return sum(self.counts[status] for status in STATUSES)

    @property
    def bytes(self) -> int:
        return sum(self.counts[f"{status}: bytes"] for status in STATUSES)


@dataclass(frozen=True)
class ScanTotals:
    """How much there is to account for, recorded earlier or now, and what was left out without a row of its own.

    ``system_entries`` are paths, those of folders first.
    """

    entries: int
    media_bytes: int
    system_entries: tuple[str, ...] = ()
    excluded_folders: int = 0


def count_scanned(folders: Collection[FolderScan], tally: RunTotals) -> ScanTotals:
    """What the scan found, and what an earlier call has recorded that is not there any more."""
    new = sum(not tally.knows(file) for folder in folders for file in folder.files)
    new += sum(not tally.knows(problem) for folder in folders for problem in folder.not_scanned)
    system_entries = [join_path(folder.path, name) for folder in folders for name in folder.system_entries]
    return ScanTotals(
        tally.rows + new,
        sum(file.size for folder in folders for file in folder.files),
        tuple(sorted(system_entries, key=lambda path: not path.endswith(os.sep))),
        sum(len(folder.excluded_folders) for folder in folders),
    )


def _path_digest(path: str) -> bytes:
    """Sixteen bytes that stand for a path: a million of them fit where a million paths would not."""
    return hashlib.blake2b(os.fsencode(path), digest_size=16).digest()

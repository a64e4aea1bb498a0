"""The values that travel from the scan to the rows of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from common.dates.model import Dated
from common.paths import join_path


class MediaGroup(NamedTuple):
    """A group as the scan found it.

    An orphan is a companion without its photo or video. ``shared_sidecar`` is the path of one that
    belongs to another group and dates this one as well.
    """

    primary: FoundFile
    companions: tuple[FoundFile, ...]
    orphan: bool
    shared_sidecar: str


class FoundFile(NamedTuple):
    """A regular file as the scan saw it: sizes in bytes, times in nanoseconds since 1970 UTC."""

    folder: str
    name: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> str:
        return join_path(self.folder, self.name)


@dataclass(frozen=True, slots=True)
class NotScanned:
    """An entry that is no regular file or was to be left out, or a folder that could not be read."""

    path: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class FolderScan:
    """One folder: its files in the order of their names, what could not be scanned, and what was left out.

    What was left out is told by name, of a folder with a separator at its end.
    """

    path: str
    files: tuple[FoundFile, ...]
    not_scanned: tuple[NotScanned, ...]
    system_entries: tuple[str, ...] = ()
    excluded_folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is the same in every row of a run."""

    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    keep_duplicates: bool


class Member(NamedTuple):
    """One file of a group on its way to a row: ``kind`` and ids as the report gives them."""

    file: FoundFile
    kind: str
    row_id: int
    group_id: int
    dated: Dated

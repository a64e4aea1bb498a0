"""The values that pass from the scan to the rows of a report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from common.dates.model import UNDATED, Dated
from common.paths import join_path


class Mode(StrEnum):
    """What ``--mode`` asks for."""

    REPORT = "report"
    COPY = "copy"
    MOVE = "move"


class FoundFile(NamedTuple):
    """A regular file as the scan saw it: its size in bytes, its time in nanoseconds since 1970 UTC."""

    folder: str
    name: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> str:
        return join_path(self.folder, self.name)


class MediaGroup(NamedTuple):
    """Files that are dated together and stored under one stem.

    ``is_orphan``: the primary is a companion without its photo or video. ``shared_sidecar``: the path of a sidecar that
    belongs to another group and dates this one as well, or empty. Once it is dated, ``dated`` is the decision for all
    its files, and ``row_id`` the number of the primary's row; those of the companions follow.
    """

    primary: FoundFile
    companions: tuple[FoundFile, ...] = ()
    is_orphan: bool = False
    shared_sidecar: str = ""
    dated: Dated = UNDATED
    row_id: int = 0

    @property
    def files(self) -> tuple[FoundFile, ...]:
        """The primary, then its companions."""
        return (self.primary, *self.companions)


@dataclass(frozen=True, slots=True)
class NotScanned:
    """An entry that is no regular file or is excluded, or a folder that could not be read."""

    path: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class FolderScan:
    """One folder: its files in the order of their names, what could not be scanned, and the names of what has no row.

    Names of folders end with a separator.
    """

    path: str
    files: tuple[FoundFile, ...]
    not_scanned: tuple[NotScanned, ...]
    system_entries: tuple[str, ...] = ()
    excluded_folders: tuple[str, ...] = ()

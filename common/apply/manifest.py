"""The manifest of apply: which kind of file it is, and what a journal as the manifest says as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from common.apply.config import Options
from common.apply.journal import require_chained
from common.apply.layout import files_folder, is_quarantine_path
from common.errors import BadInput
from common.manifests.integrity import first_chain
from common.manifests.outputs import require_finished
from common.manifests.row_ids import RowIds
from common.manifests.rows import JOURNAL, REPORT, VERIFY, JournalRow, ReportRow, Table, VerifyRow
from common.manifests.statuses import Action, ManifestType, Phase
from common.manifests.survey import ManifestInput
from common.paths import path_exists, printable

IDENTIFYING_COLUMNS = ("run_id", "row_id", "source_path")
"""The columns that every kind of manifest has."""
_TABLES: dict[ManifestType, Table[VerifyRow] | Table[JournalRow] | Table[ReportRow]] = {
    ManifestType.VERIFIED: VERIFY,
    ManifestType.JOURNAL: JOURNAL,
    ManifestType.REPORT: REPORT,
}


@dataclass(frozen=True, slots=True)
class ManifestKind:
    """Which kind of file the manifest is, and what is done with its rows."""

    type: ManifestType
    action: Action

    @property
    def table(self) -> Table[VerifyRow] | Table[JournalRow] | Table[ReportRow]:
        """How its rows are read."""
        return _TABLES[self.type]

    @property
    def needs_archive(self) -> bool:
        """Whether the archive must be there: a restore from a quarantine can do without."""
        return self.type == ManifestType.REPORT or self.action != Action.RESTORE

    @property
    def destroys(self) -> bool:
        """Whether files are destroyed, after all of their bytes and those of their archive copies were read."""
        return self.action in (Action.DELETE, Action.PURGE)


def require_kind(manifest: ManifestInput, options: Options) -> ManifestKind:
    """The kind of a manifest. Reads the disk.

    Raises ``BadInput`` for options that do not fit the manifest, and for a report that is not finished.
    """
    kind = detect_kind(manifest.path, manifest.columns, restore=options.restore, delete=options.delete_permanently)
    if kind.type != ManifestType.VERIFIED:
        for option, is_given in (
            ("--max-age", options.oldest_allowed),
            ("--prune-empty-dirs", options.prune_empty_dirs),
        ):
            if is_given:
                raise BadInput(f"{option} goes with a verified.csv, not with a {kind.type}; leave it out")
    if kind.type == ManifestType.REPORT:
        require_finished(manifest.path)
    manifest.require_columns(kind.table.columns)
    return kind


def detect_kind(path: str, columns: tuple[str, ...], *, restore: bool, delete: bool) -> ManifestKind:
    """Tell a verified.csv, a journal and a report apart by their columns. Raises ``BadInput`` for a wrong use. Pure."""
    if "chain" in columns:
        if not restore and not delete:
            raise BadInput(
                f"{printable(path)} is a journal: give --restore, or both delete options to purge the quarantine"
            )
        return ManifestKind(ManifestType.JOURNAL, Action.RESTORE if restore else Action.PURGE)
    if "report_status" not in columns and "capture_date" in columns and not restore:
        raise BadInput(f"{printable(path)} is a report of organize: verify it first, and give the verified.csv of that")
    if restore:
        if "capture_date" not in columns:
            raise BadInput(f"{printable(path)}: --restore needs a journal.csv, or the report.csv of a move")
        return ManifestKind(ManifestType.REPORT, Action.RESTORE)
    return ManifestKind(ManifestType.VERIFIED, Action.DELETE if delete else Action.QUARANTINE)


@dataclass(frozen=True, slots=True)
class SupersededEntries:
    """The intentions in a journal that no longer count: those that failed, and all but the last one for a file that was
    taken several times, with restores between."""

    failed: RowIds
    """By sequence number."""
    last: Mapping[int, int]
    """The sequence number of the last intention, by row_id, of files that were taken several times."""

    def covers(self, row: JournalRow) -> bool:
        """Whether this intention no longer counts. Reads the disk for one that failed."""
        # A failed act that could not be undone has left the file in the quarantine, from where it can be brought back.
        is_failed = row.sequence in self.failed and not path_exists(row.to_path)
        return is_failed or self.last.get(row.row_id, row.sequence) != row.sequence


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """What a journal as the manifest says as a whole."""

    superseded: SupersededEntries
    quarantine: str
    """The folder of the run in the quarantine; empty where no row names a place in one."""


NO_JOURNAL = JournalFacts(SupersededEntries(RowIds(), {}), "")
"""For manifests of the other kinds."""


class JournalCheck:
    """Checks the chain of a journal that is the manifest, row by row, and gathers its facts. Reads nothing itself."""

    def __init__(self, path: str, run_id: str) -> None:
        self._path = path
        self._chain = first_chain(run_id)
        self._failed, self._carried_out = RowIds(), RowIds()
        self._last: dict[int, int] = {}
        self._under_way: dict[int, int] = {}
        self._quarantine = ""
        self._restores_or_purges = False

    def add(self, row: JournalRow, values: dict[str, str], where: str) -> None:
        """Take in the next row. Raises ``BadInput`` where it does not follow the one before."""
        self._chain = require_chained(values, self._chain, where)
        if row.action in (Action.QUARANTINE, Action.DELETE):
            if not self._quarantine and is_quarantine_path(row.to_path, row.run_id, row.source_path):
                self._quarantine = os.path.dirname(files_folder(row.to_path, row.source_path))
        elif row.action in (Action.RESTORE, Action.RESTORE_FOLDER, Action.PURGE):
            self._restores_or_purges = True
        if row.action == Action.PRUNE:
            return
        if row.phase == Phase.PLANNED:
            self._under_way[row.row_id] = row.sequence
        elif (sequence := self._under_way.pop(row.row_id, None)) is not None:
            if row.phase == Phase.FAILED:
                self._failed.add(sequence)
            else:
                self._count(row.row_id, sequence)

    def _count(self, row_id: int, sequence: int) -> None:
        if not self._carried_out.add(row_id):
            self._last[row_id] = sequence

    def facts(self) -> JournalFacts:
        """The facts, after all rows. Raises ``BadInput`` for a journal of a restore or a purge alone."""
        if self._restores_or_purges and not self._quarantine:
            raise BadInput(
                f"{printable(self._path)} tells of a restore or a purge alone: give the journal.csv beside it"
            )
        for row_id, sequence in self._under_way.items():
            self._count(row_id, sequence)
        self._under_way.clear()
        return JournalFacts(SupersededEntries(self._failed, self._last), self._quarantine)

"""The manifest of apply: a verified.csv, a journal, or the report of a move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.apply.journal import JournalReader
from common.errors import BadInput
from common.manifests.reader import Reader
from common.manifests.row_ids import RowIds
from common.manifests.rows import JOURNAL, REPORT, VERIFY, JournalRow
from common.manifests.state import Manifest
from common.paths import path_exists, printable


@dataclass(frozen=True, slots=True)
class ManifestKind:
    """Which kind of file the manifest is, and what is done with its rows."""

    name: str
    action: str
    columns: tuple[str, ...]

    @property
    def needs_archive(self) -> bool:
        """Whether the archive must be there: only a restore from a quarantine can do without."""
        return self.name == "report" or self.action != "restore"


def detect_kind(path: str, restore: bool, delete: bool) -> ManifestKind:
    """Tell a verified.csv, a journal and a report apart by their columns. Raises ``BadInput`` for a wrong use."""
    with Reader(path, ("run_id", "row_id", "source_path")) as reader:
        columns = reader.columns
    if "chain" in columns:
        if restore:
            return ManifestKind("journal", "restore", JOURNAL.columns)
        if delete:
            return ManifestKind("journal", "purge", JOURNAL.columns)
        raise BadInput(
            f"{printable(path)} is a journal: give --restore, or both delete options to purge the quarantine"
        )
    if "report_status" not in columns and "capture_date" in columns and not restore:
        raise BadInput(f"{printable(path)} is a report of organize: verify it first, and give the verified.csv of that")
    if restore:
        if "capture_date" not in columns:
            raise BadInput(f"{printable(path)}: --restore needs a journal.csv, or the report.csv of a move")
        return ManifestKind("report", "restore", REPORT.columns)
    return ManifestKind("verified", "delete" if delete else "quarantine", VERIFY.columns)


@dataclass(frozen=True, slots=True)
class SupersededEntries:
    """Intentions in a journal that count no more: those that failed, and for a file that was taken several times
    (with restores between) all but the last."""

    failed: RowIds
    last: Mapping[int, int]

    def covers(self, row: JournalRow) -> bool:
        """Whether this intention counts no more. Looks for the file of a failed one."""
        # A failed act that could not be undone has left the file in the quarantine, from where it can be brought back.
        is_failed = row.sequence in self.failed and not path_exists(row.to_path)
        return is_failed or self.last.get(row.row_id, row.sequence) != row.sequence


NONE_SUPERSEDED = SupersededEntries(RowIds(), {})


@dataclass(frozen=True, slots=True)
class ManifestSurvey:
    """What a whole look through the manifest told; the same in all its rows.

    ``void`` are the intentions in a journal of which there is nothing to take back, ``start_byte`` is where the first
    row to be applied begins (-1: not looked for, since a state knows where to go on).
    """

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    void: SupersededEntries
    torn_line: int = 0
    start_byte: int = -1


def find_superseded(path: str, run_id: str) -> SupersededEntries:
    """Check the chain of a whole journal, and find which of its intentions count no more. Changes nothing.

    Raises ``BadInput`` where a row does not follow the one before.
    """
    failed, carried_out = RowIds(), RowIds()
    last: dict[int, int] = {}
    under_way: dict[int, int] = {}

    def counts(row_id: int, sequence: int) -> None:
        if not carried_out.add(row_id):
            last[row_id] = sequence

    with JournalReader(path, run_id) as reader:
        for row, _ in reader:
            if row.action == "prune":
                continue
            if row.phase == "planned":
                under_way[row.row_id] = row.sequence
            elif (sequence := under_way.pop(row.row_id, None)) is not None:
                if row.phase == "failed":
                    failed.add(sequence)
                else:
                    counts(row.row_id, sequence)
    for row_id, sequence in under_way.items():
        counts(row_id, sequence)
    return SupersededEntries(failed, last)

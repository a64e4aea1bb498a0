"""A report that a person may have edited: checked as a whole, then read again to be carried out. Reads the disk.

Rows may be deleted and sorted, and destinations corrected; everything else must be as organize wrote it.
"""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from typing import NamedTuple, Self

from common.errors import BadInput, StoppedEarly
from common.hashing.digest import is_sha256
from common.manifests.outputs import require_finished
from common.manifests.reader import Reader, Record
from common.manifests.reasons import failed_in_plan, row_of_same_companion, row_of_same_content
from common.manifests.rows import REPORT, ReportRow, RowIds
from common.manifests.statuses import ReportStatus
from common.manifests.survey import ManifestInput
from common.media_types import extension_of, unsafe_folder_in
from common.paths import casefold_name, is_inside, is_plain_absolute, printable, relative_to
from common.run_id import require_run_id
from common.timestamps import mtime_nanoseconds

_PLANNED, _DUPLICATE, _FAILED = ReportStatus.PLANNED, ReportStatus.DUPLICATE, ReportStatus.FAILED
_STATUSES = frozenset(ReportStatus)
_ACTED = frozenset({ReportStatus.COPIED, ReportStatus.MOVED})
_WITHOUT_DESTINATION = frozenset({ReportStatus.SKIPPED, _FAILED})


class _Original(NamedTuple):
    """The file that a duplicate equals: the file of a row, or the companion of this name in the group with this id."""

    row_id: int
    companion: str = ""


class EditedReport:
    """A report to be carried out. The constructor reads and checks it; as a context manager it opens it again."""

    def __init__(self, path: str) -> None:
        """Read the whole report. Raises ``BadInput`` unless every row can be carried out as it is."""
        require_finished(path)
        self.path = path
        self._position = 0  # the offset after the row that was read last
        self._ids = array("q")
        self._ends = array("q", [0])
        self._originals: set[_Original] = set()
        self._row_ids = RowIds()
        self._lines: dict[int, int] = {}  # by the hash of a destination
        with ManifestInput(path, REPORT.columns) as manifest:
            self.survey = manifest.survey(self._check, unique_row_ids=False)
        if torn_line := self.survey.torn_line:
            raise BadInput(f"{printable(path)}, line {torn_line}: the last row is cut short; complete it or delete it")
        self._lines.clear()
        # The offsets of the rows, in the order of their ids: with these, sixteen bytes of memory a row.
        self._starts = self._ends[:-1]
        if any(row_id > following for row_id, following in pairwise(self._ids)):
            order = sorted(range(len(self._ids)), key=self._ids.__getitem__)
            self._starts = array("q", (self._ends[index] for index in order))
            self._ids = array("q", sorted(self._ids))

    def _check(self, record: Record, where: str) -> int:
        """Raise ``BadInput`` for an unsound row; index it. Returns the bytes that it plans to store."""
        row = REPORT.decode(record.values, where)
        _require_sound(row, where)
        if not self._row_ids.add(row.row_id):
            raise BadInput(f"{where}: row_id {row.row_id} stands twice; remove the duplicated row")
        self._ids.append(row.row_id)
        self._ends.append(record.end)
        if original := _original_of(row):
            self._originals.add(original)
        if row.status != _PLANNED:
            return 0
        line = self._lines.setdefault(hash(casefold_name(row.destination_path)), record.line)
        if line != record.line:
            raise BadInput(
                f"{where}: {printable(row.destination_path)} is the destination of line {line} as well; "
                "give one of them another name"
            )
        return row.size_bytes

    def groups(self, archive_id: str, done: RowIds) -> Iterator[list[ReportRow]]:
        """The rows that are not ``done``, by group in the order of their ids, with this ``archive_id``. Reads the disk.

        A duplicate gets the destination of the file that it equals, or takes its place if that row was deleted.
        """
        found = [(original, self._find(original)) for original in sorted(self._originals)]
        destinations = {original: row.destination_path for original, row in found if row}
        rows = map(self._row_at, range(len(self._ids)))
        for _, group in groupby(rows, key=lambda row: row.group_id):
            wanted = [row for row in group if row.row_id not in done]
            if wanted:
                yield [_as_edited(row, destinations)._replace(archive_id=archive_id) for row in wanted]

    def _find(self, original: _Original) -> ReportRow | None:
        """Find the row of a file that duplicates equal; companions follow their primary. None if it was deleted."""
        for index in range(bisect_left(self._ids, original.row_id), len(self._ids)):
            row = self._row_at(index)
            if original in (_Original(row.row_id), _as_companion(row.group_id, row)):
                return row
            if row.group_id != original.row_id or not original.companion:
                break
        return None

    def _row_at(self, index: int) -> ReportRow:
        if self._starts[index] != self._position:
            self._reader.seek(self._starts[index])
        for record in self._records:
            row = REPORT.decode(record.values, self._reader.where(record.line))
            if row.row_id != self._ids[index]:
                break
            self._position = record.end
            return row
        raise StoppedEarly(f"{printable(self.path)} was changed while it was carried out; restore it, then run again")

    def __enter__(self) -> Self:
        self._reader = Reader(self.path, REPORT.columns)
        self._records = iter(self._reader)
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()


def _require_sound(row: ReportRow, where: str) -> None:
    """Raise ``BadInput`` for a row that organize can't have written, or that can't be carried out. Pure."""
    require_run_id(row.run_id, where)
    for root in (row.source_root, row.archive_root):
        if not is_plain_absolute(root):
            raise BadInput(f"{where}: {printable(root)} is no absolute folder; restore the column as organize wrote it")
    if row.status not in _STATUSES:
        raise BadInput(f"{where}: status {row.status!r} is none that organize writes; restore it or delete the row")
    if row.sha256 and not is_sha256(row.sha256):
        raise BadInput(f"{where}: sha256 holds {row.sha256[:80]!r}, not 64 lower-case hex digits")
    if row.status in _ACTED:
        raise BadInput(
            f"{where}: the file was {row.status} already: this is the report of a run that acted, not a plan; "
            "make a plan of what is in the source now, without --mode"
        )
    if row.status in _WITHOUT_DESTINATION:
        return
    if not is_plain_absolute(row.source_path) or not is_inside(row.source_path, row.source_root):
        raise BadInput(
            f"{where}: {printable(row.source_path)} does not lie in the source; restore it or delete the row"
        )
    if is_inside(row.source_path, row.archive_root):
        raise BadInput(f"{where}: {printable(row.source_path)} lies in the archive itself; delete the row")
    _require_sound_destination(row, where)
    try:
        mtime_nanoseconds(row.source_mtime)
    except ValueError:
        raise BadInput(
            f"{where}: source_mtime holds {row.source_mtime[:40]!r}, not a time as organize wrote it; "
            "import the column as text"
        ) from None


def _require_sound_destination(row: ReportRow, where: str) -> None:
    """Raise ``BadInput`` for a destination that is no file below the archive, or that no scan would find. Pure."""
    shown = printable(row.destination_path)
    if not is_plain_absolute(row.destination_path) or not is_inside(row.destination_path, row.archive_root):
        raise BadInput(
            f"{where}: destination_path {shown!r} does not lie in the archive; "
            f"give the whole path, beginning with {printable(row.archive_root)}"
        )
    name, original = os.path.basename(row.destination_path), os.path.basename(row.source_path)
    if row.status == _PLANNED and extension_of(name) != extension_of(original):
        raise BadInput(
            f"{where}: {shown} does not end as the file does ({printable(extension_of(original)) or 'no ending'}): "
            "give the whole path, with the file's name"
        )
    if unsafe := unsafe_folder_in(relative_to(row.destination_path, row.archive_root)):
        raise BadInput(f"{where}: {shown} lies in {printable(unsafe)}, where no copy counts as archived; correct it")
    # An original may be hidden: phones hide files that are in their trash.
    if name.startswith(".") and not original.startswith("."):
        raise BadInput(f"{where}: {shown} would be a hidden file; give it another name")


def _as_edited(row: ReportRow, destinations: Mapping[_Original, str]) -> ReportRow:
    """Adapt a row to edits of other rows, and the reason of a failed row to a later run. Pure."""
    if original := _original_of(row):
        destination = destinations.get(original)
        if destination is None:
            return row._replace(status=_PLANNED, reason="")
        return row._replace(destination_path=destination)
    if row.status == _FAILED:
        return row._replace(reason=failed_in_plan(row.reason))
    return row


def _original_of(row: ReportRow) -> _Original | None:
    """The file of the same report that a duplicate equals; None for all other rows. Pure."""
    if row.status != _DUPLICATE:
        return None
    if row_id := row_of_same_content(row.reason):
        return _Original(row_id)
    if group_id := row_of_same_companion(row.reason):
        return _as_companion(group_id, row)
    return None


def _as_companion(group_id: int, row: ReportRow) -> _Original:
    return _Original(group_id, casefold_name(os.path.basename(row.source_path)))

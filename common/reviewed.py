"""A report that a person has looked at and perhaps edited: validated as a whole, then read again to be carried out.

Rows may have been deleted, and destinations corrected; everything else must be as organize wrote
it. Reads the disk, changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from common.errors import BadInput
from common.hashing import is_sha256
from common.manifests import REPORT, Reader, ReportRow, RowIds, file_digest
from common.media_types import system_folder_in
from common.paths import fold, is_inside, is_plain_absolute, shown
from common.run_id import require_run_id
from common.tally import FAILED_IN_PLAN
from common.timestamps import mtime_nanoseconds

_SAME_CONTENT = re.compile(r"same content as row ([0-9]{1,19})")
_STATUSES = frozenset({"planned", "copied", "moved", "already_archived", "duplicate", "skipped", "failed"})


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a whole look through a reviewed report told. ``firsts`` are the rows that others are duplicates of."""

    path: str
    digest: str
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    rows: int
    planned_bytes: int
    firsts: frozenset[int]


def survey_report(path: str) -> Reviewed:
    """Read the whole report once and refuse it unless every row can be carried out as it stands. Changes nothing."""
    seen = RowIds()
    destinations: dict[int, int] = {}
    firsts: set[int] = set()
    first: ReportRow | None = None
    rows = planned_bytes = 0
    with Reader(path, REPORT.columns) as reader:
        for record in reader:
            where = reader.where(record.line)
            row = REPORT.decode(record.values, where)
            first = first or row
            _require_sound(row, first, where)
            if not seen.add(row.row_id):
                raise BadInput(f"{where}: row_id {row.row_id} stands twice; remove the duplicated row")
            rows += 1
            firsts.add(_first_of(row))
            if row.status == "planned":
                planned_bytes += row.size_bytes
                earlier = destinations.setdefault(hash(fold(row.destination_path)), record.line)
                if earlier != record.line:
                    raise BadInput(
                        f"{where}: {shown(row.destination_path)} is the destination of line {earlier} as well; "
                        "give one of them another name"
                    )
        if reader.torn_line:
            raise BadInput(f"{reader.where(reader.torn_line)}: the last row is cut short; complete it or delete it")
    if first is None:
        raise BadInput(f"{shown(path)} has no rows; there is nothing to do")
    roots = (first.source_root, first.archive_root, first.archive_id)
    return Reviewed(path, file_digest(path), first.run_id, *roots, rows, planned_bytes, frozenset(firsts - {0}))


def _require_sound(row: ReportRow, first: ReportRow, where: str) -> None:
    require_run_id(row.run_id, where)
    for column in ("run_id", "source_root", "archive_root", "archive_id"):
        if getattr(row, column) != getattr(first, column):
            raise BadInput(f"{where}: {column} is not that of the rows before; a report is of one run")
    for root in (row.source_root, row.archive_root):
        if not is_plain_absolute(root):
            raise BadInput(f"{where}: {shown(root)} is no absolute folder; restore the column as organize wrote it")
    if row.status not in _STATUSES:
        raise BadInput(f"{where}: status {row.status!r} is none that organize writes; restore it or delete the row")
    if row.sha256 and not is_sha256(row.sha256):
        raise BadInput(f"{where}: sha256 holds {row.sha256[:80]!r}, not 64 lower-case hex digits")
    if row.status in ("copied", "moved"):
        raise BadInput(
            f"{where}: the file was {row.status} already: this is the report of a run that acted, not a plan; "
            "make a plan of what is in the source now, without --mode"
        )
    if row.status in ("skipped", "failed"):
        return
    if not is_plain_absolute(row.source_path) or not is_inside(row.source_path, row.source_root):
        raise BadInput(f"{where}: {shown(row.source_path)} does not lie in the source; restore it or delete the row")
    if not is_plain_absolute(row.destination_path) or not is_inside(row.destination_path, row.archive_root):
        raise BadInput(f"{where}: {shown(row.destination_path)} does not lie in the archive; correct it")
    if is_inside(row.source_path, row.archive_root):
        raise BadInput(f"{where}: {shown(row.source_path)} lies in the archive itself; delete the row")
    if left_out := system_folder_in(os.path.relpath(row.destination_path, row.archive_root)):
        raise BadInput(
            f"{where}: {shown(row.destination_path)} lies in {shown(left_out)}, which no scan looks into; correct it"
        )
    if os.path.basename(row.destination_path).startswith("."):
        raise BadInput(f"{where}: {shown(row.destination_path)} would be a hidden file; give it another name")
    try:
        mtime_nanoseconds(row.source_mtime)
    except ValueError:
        raise BadInput(
            f"{where}: source_mtime holds {row.source_mtime[:40]!r}, not a time as organize wrote it; "
            "import the column as text"
        ) from None


def reviewed_rows(reviewed: Reviewed, archive_id: str, done: RowIds) -> Iterator[list[ReportRow]]:
    """The rows of a validated report, one by one, with the archive's identity; those in ``done`` are left out.

    A duplicate follows the file that it equals, wherever that was sent; where that row was deleted, it takes its place.
    """
    places = _places_of(reviewed)
    for row in _rows(reviewed.path):
        if row.row_id not in done:
            yield [replace(_as_edited(row, places), archive_id=archive_id)]


def _as_edited(row: ReportRow, places: Mapping[int, str]) -> ReportRow:
    """A row as the other rows of the edited report make it. Pure."""
    first = _first_of(row)
    if first in places:
        return replace(row, destination_path=places[first])
    if first:
        return replace(row, status="planned", reason="")
    if row.status == "failed":
        return replace(row, reason=f"{FAILED_IN_PLAN}: {row.reason}")
    return row


def _places_of(reviewed: Reviewed) -> dict[int, str]:
    """Where the files go that others are duplicates of, by row."""
    if not reviewed.firsts:
        return {}
    return {row.row_id: row.destination_path for row in _rows(reviewed.path) if row.row_id in reviewed.firsts}


def _rows(path: str) -> Iterator[ReportRow]:
    with Reader(path, REPORT.columns) as reader:
        for record in reader:
            yield REPORT.decode(record.values, reader.where(record.line))


def _first_of(row: ReportRow) -> int:
    """The row that a duplicate says it equals, 0 for all other rows. Pure."""
    found = _SAME_CONTENT.fullmatch(row.reason) if row.status == "duplicate" else None
    return int(found[1]) if found else 0

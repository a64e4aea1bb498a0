"""A report that a person has looked at and perhaps edited: validated as a whole, then read again to be carried out.

Rows may have been deleted and sorted, and destinations corrected; everything else must be as organize
wrote it. Reads the disk, changes nothing.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from common.errors import BadInput
from common.hashing.digest import is_sha256
from common.manifests.integrity import file_digest
from common.manifests.reader import Reader, Record
from common.manifests.reasons import failed_in_plan, row_of_same_companion, row_of_same_content
from common.manifests.row_ids import RowIds
from common.manifests.rows import REPORT, ReportRow
from common.media_types import extension_of, system_folder_in
from common.paths import casefold_name, is_inside, is_plain_absolute, printable, relative_to
from common.run_id import require_run_id
from common.timestamps import mtime_nanoseconds

_STATUSES = frozenset({"planned", "copied", "moved", "already_archived", "duplicate", "skipped", "failed"})


# A row; or a group, and the name that a companion has in it.
_First = int | tuple[int, str]


@dataclass(frozen=True, slots=True)
class EditedReport:
    """What a whole look through a reviewed report told.

    ``firsts`` are the files that others are duplicates of. ``starts`` are the bytes at which the rows begin, in the
    order of their ids; empty where they stand in that order already.
    """

    path: str
    digest: str
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    rows: int
    planned_bytes: int
    firsts: frozenset[_First]
    starts: Sequence[int] = ()


def survey_report(path: str) -> EditedReport:
    """Read the whole report once and refuse it unless every row can be carried out as it stands. Changes nothing."""
    seen = RowIds()
    destinations: dict[int, int] = {}
    firsts: set[_First] = set()
    first: ReportRow | None = None
    rows = planned_bytes = end = 0
    ids, starts = array("q"), array("q")
    with Reader(path, REPORT.columns) as reader:
        for record in reader:
            where = reader.where(record.line)
            row = REPORT.decode(record.values, where)
            first = first or row
            _require_sound(row, first, where)
            if not seen.add(row.row_id):
                raise BadInput(f"{where}: row_id {row.row_id} stands twice; remove the duplicated row")
            ids.append(row.row_id)
            starts.append(end)
            end = record.end
            rows += 1
            if its_first := _first_of(row):
                firsts.add(its_first)
            if row.status == "planned":
                planned_bytes += row.size_bytes
                earlier = destinations.setdefault(hash(casefold_name(row.destination_path)), record.line)
                if earlier != record.line:
                    raise BadInput(
                        f"{where}: {printable(row.destination_path)} is the destination of line {earlier} as well; "
                        "give one of them another name"
                    )
        if reader.torn_line:
            raise BadInput(f"{reader.where(reader.torn_line)}: the last row is cut short; complete it or delete it")
    if first is None:
        raise BadInput(f"{printable(path)} has no rows; there is nothing to do")
    roots = (first.source_root, first.archive_root, first.archive_id)
    return EditedReport(
        path, file_digest(path), first.run_id, *roots, rows, planned_bytes, frozenset(firsts), _in_order(ids, starts)
    )


def _in_order(ids: Sequence[int], starts: Sequence[int]) -> Sequence[int]:
    """Where rows begin, in the order of their ids; nothing where that is their order already. Pure."""
    if all(one < other for one, other in pairwise(ids)):
        return ()
    return array("q", (starts[index] for index in sorted(range(len(ids)), key=ids.__getitem__)))


def _require_sound(row: ReportRow, first: ReportRow, where: str) -> None:
    require_run_id(row.run_id, where)
    for column in ("run_id", "source_root", "archive_root", "archive_id"):
        if getattr(row, column) != getattr(first, column):
            raise BadInput(f"{where}: {column} is not that of the rows before; a report is of one run")
    for root in (row.source_root, row.archive_root):
        if not is_plain_absolute(root):
            raise BadInput(f"{where}: {printable(root)} is no absolute folder; restore the column as organize wrote it")
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
        raise BadInput(
            f"{where}: {printable(row.source_path)} does not lie in the source; restore it or delete the row"
        )
    if not is_plain_absolute(row.destination_path) or not is_inside(row.destination_path, row.archive_root):
        raise BadInput(
            f"{where}: destination_path {printable(row.destination_path)!r} does not lie in the archive; "
            f"give the whole path, beginning with {printable(row.archive_root)}"
        )
    its_kind, wanted = (extension_of(os.path.basename(path)) for path in (row.destination_path, row.source_path))
    if row.status == "planned" and its_kind != wanted:
        raise BadInput(
            f"{where}: {printable(row.destination_path)} does not end as the file does "
            f"({printable(wanted) or 'no ending'}): give the whole path, with the file's name"
        )
    if is_inside(row.source_path, row.archive_root):
        raise BadInput(f"{where}: {printable(row.source_path)} lies in the archive itself; delete the row")
    if left_out := system_folder_in(relative_to(row.destination_path, row.archive_root)):
        raise BadInput(
            f"{where}: {printable(row.destination_path)} lies in {printable(left_out)}, which no scan looks into; "
            "correct it"
        )
    if _is_hidden(row.destination_path) and not _is_hidden(row.source_path):
        raise BadInput(f"{where}: {printable(row.destination_path)} would be a hidden file; give it another name")
    try:
        mtime_nanoseconds(row.source_mtime)
    except ValueError:
        raise BadInput(
            f"{where}: source_mtime holds {row.source_mtime[:40]!r}, not a time as organize wrote it; "
            "import the column as text"
        ) from None


def _is_hidden(path: str) -> bool:
    """Whether a file is one that most programs do not show. An original may be: phones hide what is in their bin."""
    return os.path.basename(path).startswith(".")


def edited_rows(reviewed: EditedReport, archive_id: str, done: RowIds) -> Iterator[list[ReportRow]]:
    """The rows of a validated report, group by group, with the archive's identity; those in ``done`` are left out.

    In the order of their ids, however they were sorted: what is equal or goes along is decided behind its first.

    A duplicate follows the file that it equals, wherever that was sent; where that row was deleted, it takes its place.
    """
    places = _places_of(reviewed)
    for _, group in groupby(_rows(reviewed), key=lambda row: row.group_id):
        rows = [_as_edited(row, places)._replace(archive_id=archive_id) for row in group if row.row_id not in done]
        if rows:
            yield rows


def _as_edited(row: ReportRow, places: Mapping[_First, str]) -> ReportRow:
    """A row as the other rows of the edited report make it. Pure."""
    first = _first_of(row)
    if first in places:
        return row._replace(destination_path=places[first])
    if first:
        return row._replace(status="planned", reason="")
    if row.status == "failed":
        return row._replace(reason=failed_in_plan(row.reason))
    return row


def _places_of(reviewed: EditedReport) -> dict[_First, str]:
    """Where the files go that others are duplicates of."""
    if not reviewed.firsts:
        return {}
    return {
        name: row.destination_path
        for row in _rows(reviewed)
        for name in (row.row_id, _as_companion(row.group_id, row))
        if name in reviewed.firsts
    }


def _rows(reviewed: EditedReport) -> Iterator[ReportRow]:
    with Reader(reviewed.path, REPORT.columns) as reader:
        for record in _sorted(reader, reviewed.starts) if reviewed.starts else reader:
            yield REPORT.decode(record.values, reader.where(record.line))


def _sorted(reader: Reader, starts: Sequence[int]) -> Iterator[Record]:
    for start in starts:
        reader.seek(start)
        yield next(iter(reader))


def _first_of(row: ReportRow) -> _First:
    """The file that a duplicate says it equals, 0 for all other rows. Pure."""
    if row.status != "duplicate":
        return 0
    if first := row_of_same_content(row.reason):
        return first
    if first := row_of_same_companion(row.reason):
        return _as_companion(first, row)
    return 0


def _as_companion(group_id: int, row: ReportRow) -> tuple[int, str]:
    """A companion by its name in a group: that of the one that it equals, which organize has compared it with."""
    return group_id, casefold_name(os.path.basename(row.source_path))

"""The input of verify: a report, or an unverified.csv that is fed back."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import BadInput
from common.hashing.digest import is_sha256
from common.manifests.integrity import file_digest, seal_of
from common.manifests.outputs import load_state_beside
from common.manifests.reader import Reader, Record
from common.manifests.row_ids import RowIds
from common.manifests.rows import REPORT, VERIFY, VERIFY_INPUT_COLUMNS, VerifyRow
from common.manifests.state import SUFFIX, Manifest, RunState
from common.paths import printable
from common.run_id import require_run_id
from common.verify.config import Call


@dataclass(frozen=True, slots=True)
class ManifestSurvey:
    """What a whole look through the input told. ``start_byte`` is where the first row to be verified begins."""

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    torn_line: int = 0
    start_byte: int = 0


def survey_manifest(path: str, start: int) -> ManifestSurvey:
    """Read the whole input once and refuse it unless every row is sound and of one run. Changes nothing.

    ``start`` is the number of rows before the first one that is to be verified.
    """
    seen = RowIds()
    first: VerifyRow | None = None
    rows = media_bytes = start_byte = 0
    with Reader(path, VERIFY_INPUT_COLUMNS) as reader:
        for record in reader:
            where = reader.where(record.line)
            row = read_row(record, where)
            require_run_id(row.run_id, where)
            first = first or row
            if row.run_id != first.run_id:
                raise BadInput(f"{where}: run_id {row.run_id} is not that of the rows before; give the rows of one run")
            for column in ("source_root", "archive_root", "archive_id"):
                if getattr(row, column) != getattr(first, column):
                    raise BadInput(f"{where}: {column} is not that of the rows before; give the rows of one run")
            if not seen.add(row.row_id):
                raise BadInput(f"{where}: row_id {row.row_id} stands twice; remove the duplicated row")
            rows += 1
            media_bytes += row.size_bytes
            if rows == start:
                start_byte = record.end
        torn_line = reader.torn_line
    if first is None:
        raise BadInput(f"{printable(path)} has no rows; there is nothing to verify")
    if rows < start:
        raise BadInput(f"{printable(path)} has no row behind --offset {start}; give a smaller one")
    manifest = Manifest(path, file_digest(path), rows, media_bytes)
    roots = (first.source_root, first.archive_root, first.archive_id)
    return ManifestSurvey(manifest, first.run_id, *roots, torn_line, start_byte)


def survey_or_load(call: Call, state: RunState | None) -> ManifestSurvey:
    """What is known of the input: from the state when it is the same file still, else by reading it all."""
    if state is None or state.manifest is None:
        return survey_manifest(call.input_csv, call.row_range.start)
    if file_digest(call.input_csv) != state.manifest.sha256:
        raise BadInput(
            f"{printable(call.input_csv)} is not the file that the state file "
            f"{printable(call.state_file or call.verified_out + SUFFIX)} belongs to (it was changed, or is another); "
            "restore it, or begin anew with another --state-file"
        )
    with Reader(call.input_csv, VERIFY_INPUT_COLUMNS) as reader:
        first = read_row(next(iter(reader)), reader.where(2))
    roots = (first.source_root, first.archive_root, first.archive_id)
    return ManifestSurvey(state.manifest, first.run_id, *roots)


def read_row(record: Record, where: str) -> VerifyRow:
    """A row of the input as the beginning of a verify row. Raises ``BadInput`` for an unsound or changed one."""
    values = dict(record.values)
    if "row_seal" in values:
        missing = [column for column in VERIFY.columns if column not in values]
        if missing or seal_of(values) != values["row_seal"]:
            raise BadInput(f"{where}: the row was changed after it was written; restore it or delete the whole row")
    values.setdefault("report_status", values["status"])
    if values["sha256"] and not is_sha256(values["sha256"]):
        raise BadInput(f"{where}: sha256 holds {values['sha256'][:80]!r}, not 64 lower-case hex digits")
    fresh = dict.fromkeys(("status", "reason", "source_inode", "archive_inode", "archive_mtime"), "")
    fresh |= dict.fromkeys(("read_mode", "verified_at", "row_seal"), "")
    return VERIFY.decode(values | fresh, where)


def is_report(path: str) -> bool:
    """Whether an input is a report, and no unverified list fed back. Reads its header."""
    with Reader(path, VERIFY_INPUT_COLUMNS) as reader:
        return set(REPORT.columns) <= set(reader.columns)


def is_plan(path: str) -> bool:
    """Whether an input is the report of a run that only reported, as far as the state beside it tells. Reads both."""
    if not is_report(path):
        return False
    state = load_state_beside(path, "organize")
    return state is None or state.settings.get("mode") == "report"

"""The outputs of one run of verify, new or gone on with, and the state beside them; what the input tells as a whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from common import archive
from common.counts import count_file
from common.errors import BadInput
from common.fileops.locking import Lock
from common.fileops.writing import Appender
from common.hashing.digest import is_sha256
from common.manifests.reader import (
    REPORT,
    VERIFY,
    VERIFY_INPUT_COLUMNS,
    Reader,
    Record,
    RowIds,
    VerifyRow,
    Writer,
    checksum_line,
    file_digest,
    seal_of,
)
from common.manifests.state import (
    SUFFIX,
    Manifest,
    State,
    Window,
    find_unfinished,
    load_state,
    require_outputs,
    save_state,
    state_beside,
)
from common.paths import below, fold, shown
from common.run_id import free_name, require_run_id

TOOL = "verify"
VERIFIED_STATUSES = ("identical", "archive_intact")
CARRIED_OUT = "carried out"
"""Counts the rows of an input that a run which acted has written: a plan has none."""


@dataclass(frozen=True)
class Call:
    """What one call is to verify, and under which names it writes: as given, or empty for the default."""

    input_csv: str
    verified_out: str
    unverified_out: str
    state_file: str
    window: Window
    archive_only: bool


# --- the input -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Survey:
    """What a whole look through the input told. ``start_byte`` is where the first row to be verified begins."""

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    torn_line: int = 0
    start_byte: int = 0


def survey_input(path: str, start: int) -> Survey:
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
        raise BadInput(f"{shown(path)} has no rows; there is nothing to verify")
    if rows < start:
        raise BadInput(f"{shown(path)} has no row behind --offset {start}; give a smaller one")
    manifest = Manifest(path, file_digest(path), rows, media_bytes)
    roots = (first.source_root, first.archive_root, first.archive_id)
    return Survey(manifest, first.run_id, *roots, torn_line, start_byte)


def survey_or_recall(call: Call, state: State | None) -> Survey:
    """What is known of the input: from the state when it is the same file still, else by reading it all."""
    if state is None or state.manifest is None:
        return survey_input(call.input_csv, call.window.start)
    if file_digest(call.input_csv) != state.manifest.sha256:
        raise BadInput(
            f"{shown(call.input_csv)} is not the file that the state file "
            f"{shown(call.state_file or call.verified_out + SUFFIX)} belongs to (it was changed, or is another); "
            "restore it, or begin anew with another --state-file"
        )
    with Reader(call.input_csv, VERIFY_INPUT_COLUMNS) as reader:
        first = read_row(next(iter(reader)), reader.where(2))
    roots = (first.source_root, first.archive_root, first.archive_id)
    return Survey(state.manifest, first.run_id, *roots)


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


# --- the outputs -----------------------------------------------------------------------------------


def is_plan(path: str) -> bool:
    """Whether an input is the report of a run that only reported, as far as the state beside it tells. Reads both."""
    if not is_report(path):
        return False
    state = state_beside(path, "organize")
    return state is None or state.settings.get("mode") == "report"


class Session:
    """The outputs of this run, new or gone on with, and its state. Changes the disk as rows are recorded."""

    def __init__(self, state_path: str, state: State) -> None:
        self.state_path = state_path
        self.state = state
        begun = any(length for _, length in state.outputs.values())
        if not begun:
            save_state(state_path, state)  # first, so that a crash from here on can be gone on with
        self._verified = Writer(VERIFY, *state.outputs["verified"])
        self._unverified = Writer(VERIFY, *state.outputs["unverified"])
        self._sums = Appender(*state.outputs["checksums"], ours=begun)
        self.call_counts: Counter[str] = Counter()
        if not begun:
            self.record([], state.byte_offset, complete=False)

    def record(self, rows: Sequence[VerifyRow], next_byte: int, complete: bool) -> None:
        """Append rows durably, then move the state on behind them."""
        good = [row for row in rows if row.status in VERIFIED_STATUSES]
        self._verified.append(good)
        self._unverified.append(row for row in rows if row.status not in VERIFIED_STATUSES)
        for row in good:
            self._sums.append(checksum_line(row.sha256, below(row.destination_path, row.archive_root)))
        for output in (self._verified, self._unverified, self._sums):
            output.sync()
        counts: Counter[str] = Counter()
        for row in rows:
            count_file(counts, row.status, row.media_kind, row.size_bytes)
        counts["attention"] = sum(needs_attention(row) for row in rows)
        counts["cached"] = sum(row.read_mode == "cached" for row in good)
        counts[CARRIED_OUT] = sum(row.report_status in ("copied", "moved") for row in rows)
        self.call_counts += counts
        lengths = {
            "verified": self._verified.length,
            "unverified": self._unverified.length,
            "checksums": self._sums.length,
        }
        self.state = replace(
            self.state,
            next_offset=self.state.next_offset + len(rows),
            byte_offset=next_byte,
            counts=dict(Counter(self.state.counts) + counts),
            outputs={kind: (self.state.outputs[kind][0], length) for kind, length in lengths.items()},
            complete=complete,
        )
        save_state(self.state_path, self.state)

    def recorded_rows(self) -> Iterator[VerifyRow]:
        """All rows in both outputs, the verified ones first."""
        for kind in ("verified", "unverified"):
            with Reader(self.state.outputs[kind][0], VERIFY.columns) as reader:
                for record in reader:
                    yield VERIFY.decode(record.values, reader.where(record.line))

    def close(self) -> None:
        for output in (self._verified, self._unverified, self._sums):
            output.close()


def needs_attention(row: VerifyRow) -> bool:
    """Whether a person must look: not for what is verified, nor for what organize was to leave out. Pure."""
    return row.status not in VERIFIED_STATUSES and row.report_status != "skipped"


def open_session(call: Call, stack: ExitStack) -> tuple[Session, Survey]:
    """Begin to verify, or go on where an earlier call stopped. Changes the disk only if nothing is wrong."""
    settings = settings_of(call)
    state_path = find_state(call, settings)
    state = load_state(state_path, TOOL) if state_path else None
    survey = survey_or_recall(call, state)
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id)
    verified = call.verified_out or free_name(os.path.dirname(call.input_csv), "verified", survey.run_id, SUFFIX)
    state_path = state_path or verified + SUFFIX
    if state is None:
        try:
            state = first_state(call, settings, survey, verified, state_path)
        except BadInput:
            # A call that began since we looked has made the outputs, after its state: then its lock decides.
            state = load_state(state_path, TOOL)
            if state is None:
                raise
    require_same_call(call, settings, survey, state, state_path)
    stack.enter_context(Lock(state_path + ".lock"))
    if found := load_state(state_path, TOOL):  # again, now that nobody else writes it
        if found.manifest != survey.manifest and found.manifest and found.manifest.sha256 != survey.manifest.sha256:
            raise BadInput(f"{shown(state_path)} is the state file of another input by now; choose another")
        require_same_call(call, settings, survey, found, state_path)
        state = found
    session = Session(state_path, state)
    stack.callback(session.close)
    return session, survey


def settings_of(call: Call) -> dict[str, str]:
    """What a later call must repeat to go on."""
    return {"archive_only": "yes" if call.archive_only else "", **call.window.settings}


def find_state(call: Call, settings: dict[str, str]) -> str:
    """The state file of this call: as named, or beside the output named, or an unfinished one of the same input."""
    if call.state_file:
        return call.state_file
    if call.verified_out:
        return call.verified_out + SUFFIX
    digest = file_digest(call.input_csv)
    return find_unfinished(
        os.path.dirname(call.input_csv),
        "verified-",
        TOOL,
        lambda state: state.settings == settings and state.manifest is not None and state.manifest.sha256 == digest,
    )


def first_state(call: Call, settings: dict[str, str], survey: Survey, verified: str, state_path: str) -> State:
    """The state at the very beginning; refuses outputs that exist or that are one file. Changes nothing."""
    folder = os.path.dirname(verified)
    unverified = call.unverified_out or free_name(folder, "unverified", survey.run_id, SUFFIX)
    outputs = {
        "verified": verified,
        "unverified": unverified,
        "checksums": checksums_path(verified, call.window.is_shard),
    }
    files = [call.input_csv, state_path, *outputs.values()]
    real = [fold(os.path.realpath(path)) for path in files]
    for number, path in enumerate(files):
        if real[number] in real[:number]:
            raise BadInput(f"{shown(path)} is named for two things at once; give each output a name of its own")
    for path in outputs.values():
        if os.path.lexists(path):
            raise BadInput(f"{shown(path)} exists already; choose another name or move it away")
    for path in (state_path, *outputs.values()):
        if not os.path.isdir(os.path.dirname(path)):
            raise BadInput(f"{shown(os.path.dirname(path))} does not exist: make the folder for the outputs first")
    return State(
        TOOL,
        survey.run_id,
        settings,
        survey.manifest,
        next_offset=call.window.start,
        byte_offset=survey.start_byte,
        end_offset=call.window.end,
        outputs={kind: (path, 0) for kind, path in outputs.items()},
    )


def require_same_call(call: Call, settings: dict[str, str], survey: Survey, state: State, state_path: str) -> None:
    """Refuse to go on under other names, or with other rows, than the state file records, or without its outputs."""
    if state.run_id != survey.run_id or set(state.outputs) != {"verified", "unverified", "checksums"}:
        raise BadInput(f"{shown(state_path)} is the state file of another run; it is left as it is: choose another")
    if state.settings != settings:
        raise BadInput(
            f"{shown(state_path)} belongs to a call with another --offset, --limit or --archive-only; "
            "give the same, or another state file"
        )
    for kind, path in (("verified", call.verified_out), ("unverified", call.unverified_out)):
        if path and path != state.outputs[kind][0]:
            raise BadInput(
                f"{shown(state_path)} goes with {shown(state.outputs[kind][0])}, not {shown(path)}; "
                "give the same names, or another state file"
            )
    require_outputs(state, state_path)


def checksums_path(verified: str, shard: bool) -> str:
    """SHA256SUMS beside the verified file; for a shard, and where another run's stands already, a name of its own.

    Shards may begin at the same moment in one folder, so theirs never depends on what stands there.
    """
    plain = os.path.join(os.path.dirname(verified), "SHA256SUMS")
    path = f"{plain}.{os.path.basename(verified)}" if shard else plain
    number = 1
    while os.path.lexists(path):
        path = f"{plain}.{os.path.basename(verified)}" + (f"-{number}" if number > 1 else "")
        number += 1
    return path

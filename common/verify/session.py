"""The outputs of one run of verify, new or gone on with, and the state beside them; what the input tells as a whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from common import archive
from common.counts import count_file
from common.errors import BadInput
from common.fileops.locking import Lock
from common.fileops.writing import Appender
from common.manifests.integrity import file_digest
from common.manifests.outputs import find_unfinished, require_outputs, unused_name
from common.manifests.reader import Reader
from common.manifests.rows import VERIFY, VerifyRow, checksum_line
from common.manifests.state import SUFFIX, RunState, load_state, save_state
from common.manifests.writer import Writer
from common.paths import casefold_name, printable, relative_to
from common.stages import Stage
from common.verify.config import Call
from common.verify.manifest import ManifestSurvey, survey_or_load

VERIFIED_STATUSES = ("identical", "archive_intact")
CARRIED_OUT = "carried out"
"""Counts the rows of an input that a run which acted has written: a plan has none."""


# --- the input -------------------------------------------------------------------------------------


# --- the outputs -----------------------------------------------------------------------------------


class VerifySession:
    """The outputs of this run, new or gone on with, and its state. Changes the disk as rows are recorded."""

    def __init__(self, state_path: str, state: RunState) -> None:
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
            self._sums.append(checksum_line(row.sha256, relative_to(row.destination_path, row.archive_root)))
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


def open_verify_session(call: Call, stack: ExitStack) -> tuple[VerifySession, ManifestSurvey]:
    """Begin to verify, or go on where an earlier call stopped. Changes the disk only if nothing is wrong."""
    settings = settings_of(call)
    state_path = find_state(call, settings)
    state = load_state(state_path, Stage.VERIFY) if state_path else None
    survey = survey_or_load(call, state)
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id)
    verified = call.verified_out or unused_name(os.path.dirname(call.input_csv), "verified", survey.run_id, SUFFIX)
    state_path = state_path or verified + SUFFIX
    if state is None:
        try:
            state = first_state(call, settings, survey, verified, state_path)
        except BadInput:
            # A call that began since we looked has made the outputs, after its state: then its lock decides.
            state = load_state(state_path, Stage.VERIFY)
            if state is None:
                raise
    require_same_call(call, settings, survey, state, state_path)
    stack.enter_context(Lock(state_path + ".lock"))
    if found := load_state(state_path, Stage.VERIFY):  # again, now that nobody else writes it
        if found.manifest != survey.manifest and found.manifest and found.manifest.sha256 != survey.manifest.sha256:
            raise BadInput(f"{printable(state_path)} is the state file of another input by now; choose another")
        require_same_call(call, settings, survey, found, state_path)
        state = found
    session = VerifySession(state_path, state)
    stack.callback(session.close)
    return session, survey


def settings_of(call: Call) -> dict[str, str]:
    """What a later call must repeat to go on."""
    return {"archive_only": "yes" if call.archive_only else "", **call.row_range.settings}


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
        Stage.VERIFY,
        lambda state: state.settings == settings and state.manifest is not None and state.manifest.sha256 == digest,
    )


def first_state(
    call: Call, settings: dict[str, str], survey: ManifestSurvey, verified: str, state_path: str
) -> RunState:
    """The state at the very beginning; refuses outputs that exist or that are one file. Changes nothing."""
    folder = os.path.dirname(verified)
    unverified = call.unverified_out or unused_name(folder, "unverified", survey.run_id, SUFFIX)
    outputs = {
        "verified": verified,
        "unverified": unverified,
        "checksums": checksums_path(verified, call.row_range.is_shard),
    }
    files = [call.input_csv, state_path, *outputs.values()]
    real = [casefold_name(os.path.realpath(path)) for path in files]
    for number, path in enumerate(files):
        if real[number] in real[:number]:
            raise BadInput(f"{printable(path)} is named for two things at once; give each output a name of its own")
    for path in outputs.values():
        if os.path.lexists(path):
            raise BadInput(f"{printable(path)} exists already; choose another name or move it away")
    for path in (state_path, *outputs.values()):
        if not os.path.isdir(os.path.dirname(path)):
            raise BadInput(f"{printable(os.path.dirname(path))} does not exist: make the folder for the outputs first")
    return RunState(
        Stage.VERIFY,
        survey.run_id,
        settings,
        survey.manifest,
        next_offset=call.row_range.start,
        byte_offset=survey.start_byte,
        end_offset=call.row_range.end,
        outputs={kind: (path, 0) for kind, path in outputs.items()},
    )


def require_same_call(
    call: Call, settings: dict[str, str], survey: ManifestSurvey, state: RunState, state_path: str
) -> None:
    """Refuse to go on under other names, or with other rows, than the state file records, or without its outputs."""
    if state.run_id != survey.run_id or set(state.outputs) != {"verified", "unverified", "checksums"}:
        raise BadInput(f"{printable(state_path)} is the state file of another run; it is left as it is: choose another")
    if state.settings != settings:
        raise BadInput(
            f"{printable(state_path)} belongs to a call with another --offset, --limit or --archive-only; "
            "give the same, or another state file"
        )
    for kind, path in (("verified", call.verified_out), ("unverified", call.unverified_out)):
        if path and path != state.outputs[kind][0]:
            raise BadInput(
                f"{printable(state_path)} goes with {printable(state.outputs[kind][0])}, not {printable(path)}; "
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

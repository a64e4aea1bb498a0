"""The report of one run of organize, new or gone on with, and the state beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from common.errors import BadInput
from common.fileops.locking import Lock
from common.manifests.outputs import find_unfinished, require_outputs, unused_name
from common.manifests.reader import Reader
from common.manifests.rows import REPORT, ReportRow
from common.manifests.state import SUFFIX, RunState, load_state, save_state
from common.manifests.writer import Writer
from common.paths import is_inside, is_plain_absolute, printable
from common.stages import Stage
from common.timestamps import mtime_nanoseconds

_ARCHIVE = "archive_id"  # kept beside the settings: it is found, and not given


class OrganizeSession:
    """The report of this run, new or gone on with, and its state. Changes the disk as rows are recorded."""

    def __init__(self, report_path: str, state: RunState) -> None:
        self.report_path = report_path
        self.state = state
        length = state.outputs["report"][1]
        if length == 0:
            save_state(report_path + SUFFIX, state)  # first, so that a crash from here on can be gone on with
        self._writer = Writer(REPORT, report_path, length)
        self._writer.sync()
        if length == 0:
            self.checkpoint()

    def recorded_rows(self) -> Iterator[ReportRow]:
        """The rows that an earlier call has recorded."""
        with Reader(self.report_path, REPORT.columns) as reader:
            for record in reader:
                yield REPORT.decode(record.values, reader.where(record.line))

    def decode_pending(self, values: dict[str, str]) -> ReportRow:
        """A row of the batch that was under way. Raises ``BadInput`` for one that this run can't have planned."""
        where = self.report_path + SUFFIX
        row = REPORT.decode(values, where)
        if row.status not in ("planned", "duplicate", "already_archived"):
            return row
        for path, root, setting in (
            (row.source_path, row.source_root, "source_root"),
            (row.destination_path, row.archive_root, "archive_root"),
        ):
            # The root of a reviewed plan may have become a link to where it is now.
            is_root = os.path.realpath(root) == self.state.settings[setting]
            if not is_root or not is_plain_absolute(path) or not is_inside(path, root):
                raise BadInput(
                    f"{printable(where)}: {printable(path)} does not lie in its root; restore the state file"
                )
        try:
            mtime_nanoseconds(row.source_mtime)
        except ValueError:
            told = f"source_mtime holds {row.source_mtime[:40]!r}, which organize did not write"
            raise BadInput(f"{printable(where)}: {told}; restore the state file") from None
        return row

    def checkpoint(self, pending: Iterable[ReportRow] = (), complete: bool = False) -> None:
        """All that is in the report is believed from now on; ``pending`` is what is about to be done."""
        self.state = replace(
            self.state,
            outputs={"report": (self.report_path, self._writer.length)},
            pending=tuple(REPORT.as_text(row) for row in pending),
            complete=complete,
        )
        save_state(self.report_path + SUFFIX, self.state)

    def record(self, rows: Sequence[ReportRow]) -> None:
        """Append rows durably."""
        self._writer.append(rows)
        self._writer.sync()

    def close(self) -> None:
        self._writer.close()


def find_report(report_csv: str, settings: dict[str, str], run_id: str) -> tuple[str, RunState | None]:
    """The path of the report, and the state of the unfinished run of the same command line, if there is one.

    Refuses a path that is taken by anything else. Changes nothing.
    """
    if report_csv:
        path = os.path.abspath(report_csv)
    else:
        unfinished = find_unfinished(
            os.getcwd(), "report-", Stage.ORGANIZE, lambda state: not _differing(state, settings)
        )
        path = unfinished.removesuffix(SUFFIX) or unused_name(os.getcwd(), "report", run_id, SUFFIX)
    if not os.path.isdir(os.path.dirname(path)):
        raise BadInput(f"{printable(os.path.dirname(path))} does not exist: make the folder for the report first")
    if not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
        raise BadInput(f"{printable(os.path.dirname(path))} can't be written: choose another folder for --report-csv")
    # In this order: who begins a report at this moment writes its state first.
    is_taken = os.path.lexists(path)
    state = load_state(path + SUFFIX, Stage.ORGANIZE)
    if state is None:
        if is_taken:
            raise BadInput(f"{printable(path)} exists already; choose another --report-csv or move it away")
        return path, None
    require_outputs(state, path + SUFFIX)
    if state.complete:
        raise BadInput(f"{printable(path)} is a finished report; choose another --report-csv or move it away")
    if differing := _differing(state, settings):
        raise BadInput(
            f"{printable(path)} is the unfinished report of a run with another {' and '.join(differing)}; "
            "give the same options again, or choose another --report-csv"
        )
    return path, state


def _differing(state: RunState, settings: dict[str, str]) -> list[str]:
    return [name for name in settings if state.settings.get(name) != settings[name]]


def archive_of(state: RunState | None) -> str:
    """The archive_id of the archive that an unfinished run had before it, empty where it had none yet."""
    return state.settings.get(_ARCHIVE, "") if state else ""


def open_organize_session(
    path: str, settings: dict[str, str], archive_id: str, run_id: str, stack: ExitStack
) -> OrganizeSession:
    """Begin the report, or go on with it. Changes the disk."""
    stack.enter_context(Lock(path + ".lock"))
    path, state = find_report(path, settings, run_id)  # again, now that nobody else writes it
    begun = RunState(Stage.ORGANIZE, run_id, settings | {_ARCHIVE: archive_id}, outputs={"report": (path, 0)})
    session = OrganizeSession(path, state or begun)
    stack.callback(session.close)
    return session

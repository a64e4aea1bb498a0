"""The report that a run writes, new or resumed, and the state beside it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from common.errors import BadInput
from common.manifests.outputs import find_unfinished, resume_or_begin, unused_name
from common.manifests.reader import Reader
from common.manifests.rows import REPORT, ReportRow, Writer
from common.manifests.state import SUFFIX, RunState, save_state
from common.manifests.statuses import ReportStatus
from common.paths import is_inside, is_plain_absolute, printable
from common.stages import Stage
from common.timestamps import mtime_nanoseconds

_WITH_DESTINATION = frozenset({ReportStatus.PLANNED, ReportStatus.DUPLICATE, ReportStatus.ALREADY_ARCHIVED})


class OrganizeSession:
    """The report of a run and its state. Changes the disk as rows are recorded."""

    def __init__(self, report_path: str, state: RunState) -> None:
        self.report_path = report_path
        self.state = state
        length = state.outputs["report"][1]
        if length == 0:
            save_state(report_path + SUFFIX, state)  # first, so that a run killed after this point can be resumed
        self._writer = Writer(REPORT, report_path, length)
        self._writer.sync()
        if length == 0:
            self.checkpoint()

    def recorded_rows(self) -> Iterator[ReportRow]:
        """The rows of the report. Reads the disk."""
        with Reader(self.report_path, REPORT.columns) as reader:
            for record in reader:
                yield REPORT.decode(record.values, reader.where(record.line))

    def pending_rows(self) -> list[ReportRow]:
        """The batch that a killed call left unfinished. Raises ``BadInput`` for a row that can't have been planned."""
        return [self._decode_pending(values) for values in self.state.pending]

    def _decode_pending(self, values: dict[str, str]) -> ReportRow:
        where = printable(self.report_path + SUFFIX)
        row = REPORT.decode(values, where)
        if row.status not in _WITH_DESTINATION:
            return row
        for path, root, setting in (
            (row.source_path, row.source_root, "source_root"),
            (row.destination_path, row.archive_root, "archive_root"),
        ):
            # The root of an edited report may have become a link to where it is now.
            is_root = os.path.realpath(root) == self.state.settings[setting]
            if not (is_root and is_plain_absolute(path) and is_inside(path, root)):
                raise BadInput(f"{where}: {printable(path)} does not lie in its root; restore the state file")
        try:
            mtime_nanoseconds(row.source_mtime)
        except ValueError:
            raise BadInput(
                f"{where}: source_mtime holds {row.source_mtime[:40]!r}, which organize did not write; "
                "restore the state file"
            ) from None
        return row

    def checkpoint(self, pending: Iterable[ReportRow] = (), complete: bool = False) -> None:
        """Save that all rows in the report are recorded, and those about to be done, ``pending``. Changes the disk."""
        self.state = replace(
            self.state,
            outputs={"report": (self.report_path, self._writer.length)},
            pending=tuple(REPORT.as_text(row) for row in pending),
            complete=complete,
        )
        save_state(self.report_path + SUFFIX, self.state)

    def record(self, rows: Sequence[ReportRow]) -> None:
        """Append rows durably. Changes the disk."""
        self._writer.append_rows(rows)
        self._writer.sync()

    def close(self) -> None:
        self._writer.close()


def find_report_path(report_csv: str, settings: dict[str, str], run_id: str) -> str:
    """The path of the report: as named, else of an unfinished run with these settings, else unused. Reads the disk."""
    path = os.path.abspath(report_csv)
    if not report_csv:
        here = os.getcwd()
        unfinished = find_unfinished(here, "report-", Stage.ORGANIZE, lambda state: not _differing(state, settings))
        path = unfinished.removesuffix(SUFFIX) or unused_name(here, "report", run_id, SUFFIX)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise BadInput(f"{printable(folder)} does not exist: make the folder for the report first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{printable(folder)} can't be written: choose another folder for --report-csv")
    return path


def resume_or_begin_report(path: str, settings: dict[str, str], run_id: str, archive_id: str = "") -> RunState:
    """The state of the unfinished run with these settings that writes this report, or of a new run. Reads the disk.

    Raises ``BadInput`` if the path is taken by anything else.
    """
    is_taken = os.path.lexists(path)  # checked before the state is read, since a new run writes its state first

    def begin() -> RunState:
        if is_taken:
            raise BadInput(f"{printable(path)} exists already; choose another --report-csv or move it away")
        return RunState(Stage.ORGANIZE, run_id, settings | {"archive_id": archive_id}, outputs={"report": (path, 0)})

    def require_same_run(state: RunState) -> None:
        if not state.complete and (differing := _differing(state, settings)):
            raise BadInput(
                f"{printable(path)} is the unfinished report of a run with another {' and '.join(differing)}; "
                "give the same options again, or choose another --report-csv"
            )

    state = resume_or_begin(path + SUFFIX, Stage.ORGANIZE, require_same_run, begin)
    if state.complete:
        raise BadInput(f"{printable(path)} is a finished report; choose another --report-csv or move it away")
    return state


def _differing(state: RunState, settings: dict[str, str]) -> list[str]:
    return [name for name in settings if state.settings.get(name) != settings[name]]

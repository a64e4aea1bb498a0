"""One call of organize: checks, locks and opens what it needs, then carries out and records batches."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Self

from common import archive
from common.cli.console import Console
from common.cli.options import require_distinct_paths, require_folder, resolve_jobs
from common.cli.progress import Progress
from common.cli.signals import StopRequest
from common.errors import BadInput, RowFailed, StoppedEarly, explain_os_error
from common.fileops.context import DiskAccess
from common.fileops.folders import make_folders
from common.fileops.locking import Lock
from common.fileops.mounts import SameDirectoryCheck
from common.fileops.writing import require_extendable_output
from common.filesystems import crosses_file_systems, file_system_of, nearest_folder
from common.manifests.batching import checkpoints
from common.manifests.rows import ReportRow, RowIds
from common.manifests.state import SUFFIX
from common.manifests.statuses import ReportStatus
from common.manifests.survey import ManifestSurvey
from common.media_types import QUARANTINE_FOLDER
from common.organize.config import Mode, Options, settings_of
from common.organize.duplicates import DuplicateIndex
from common.organize.edited_report import EditedReport
from common.organize.executor import CopyExecutor
from common.organize.session import OrganizeSession, find_report_path, resume_or_begin_report
from common.organize.totals import RunTotals, ScanTotals
from common.paths import is_inside, printable
from common.run_id import is_run_id, new_run_id

BATCH_FILES = 1_024
BATCH_BYTES = 1 << 30
# A lost batch of a mere report costs only reading its files again, so it may be larger.
REPORT_BATCH_FILES = 4_096
BATCH_SECONDS = 2.0  # an interrupt is noticed between batches, however long dating takes

_PLANNED, _FAILED = ReportStatus.PLANNED, ReportStatus.FAILED


class OrganizeRun:
    """One call of organize, and what its steps share. As a context manager it releases its locks and files.

    ``edited`` is None without ``--from-report``; ``session`` is None if no report is written.
    """

    def __init__(self, options: Options, console: Console, stop: StopRequest) -> None:
        """Check all that the run depends on; lock and open the archive and the report that it changes.

        Raises ``BadInput``, ``Locked`` or ``StoppedEarly``. Changes the disk: creates the archive and report if new.
        """
        self.options = options
        self.console = console
        self.stop = stop
        self.totals = RunTotals()
        self.duplicates = DuplicateIndex(self._warn_of_unreadable)
        self.uncounted = DuplicateIndex(self._warn_of_unreadable)
        with ExitStack() as resources:
            self.edited = resources.enter_context(EditedReport(options.from_report)) if options.from_report else None
            survey = self.edited.survey if self.edited else None
            self.source_root, self.archive_root = find_roots(options, survey)
            # A first run has yet to make the archive: not in the empty folder of a disk that is pulled before.
            self.disks = archive.MountedDisks(self.source_root, nearest_folder(self.archive_root))
            self.jobs = resolve_jobs(options, console.debug, (self.source_root, self.archive_root))
            self.archive_id = archive.read_archive_id(self.archive_root)
            archive.require_outside_archive(self.source_root, self.archive_id)
            archive.require_outside_bin(self.archive_root)
            if options.mode == Mode.MOVE:
                _require_medium_for_move(self.source_root, self.archive_root)
            self.is_new_archive = not self.archive_id
            self.run_id = survey.run_id if survey else new_run_id()
            self.session = self._open(resources, survey)
            self.disks.add(self.archive_root)  # which a first run has made by now
            self.resources = resources.pop_all()

    def _open(self, resources: ExitStack, survey: ManifestSurvey | None) -> OrganizeSession | None:
        """Open the report that this run writes, if any, and the archive that it changes. Changes the disk."""
        options = self.options
        expected_id = survey.archive_id if survey else ""
        settings = settings_of(options, self.source_root, self.archive_root, survey.manifest.sha256 if survey else "")
        path, is_resumed = "", False
        if options.writes_report:
            path = find_report_path(options.report_csv, settings, self.run_id)
            state = resume_or_begin_report(path, settings, self.run_id)
            expected_id = state.settings.get("archive_id") or expected_id
            is_resumed = state.outputs["report"][1] > 0
        if not is_resumed:  # the move that is resumed may have emptied it
            archive.require_files_in_source(self.source_root, skip_folder="" if self.archive_id else self.archive_root)
        require_distinct_paths(options, (path, path + SUFFIX))
        if path and not is_resumed:
            require_extendable_output(path)
        self.archive_id = expected_id or self.archive_id
        if options.acts:
            self._prepare_archive(expected_id, resources)
        if not options.writes_report:
            return None
        resources.enter_context(Lock(path + ".lock"))
        # Read again: another call may have written the state before this one took the lock.
        state = resume_or_begin_report(path, settings, self.run_id, self.archive_id)
        session = OrganizeSession(path, state)
        resources.callback(session.close)
        self.run_id = state.run_id
        self.console.debug(f"report: {printable(path)}")
        return session

    def _prepare_archive(self, expected_id: str, resources: ExitStack) -> None:
        """Lock the archive and require its expected id, if there is one; create a new archive. Changes the disk."""
        root = self.archive_root
        if expected_id:
            try:
                archive.require_archive(root, expected_id)
            except StoppedEarly as error:
                other_way = "make a new plan" if self.edited else "name another --report-csv"
                raise StoppedEarly(f"{error} (to begin anew with what is there, {other_way})") from None
        self.disks.require()
        try:
            make_folders(root)
        except OSError as error:
            raise BadInput(f"{printable(root)}: cannot make the archive: {explain_os_error(error)}") from None
        resources.enter_context(Lock(os.path.join(root, archive.LOCK)))
        try:
            if SameDirectoryCheck().same_directory(self.source_root, root):
                raise BadInput(
                    f"{printable(self.source_root)} and {printable(root)} show the same folder (a mount of one on the "
                    "other); name another --destination-root"
                )
        except RowFailed as doubt:
            if self.options.mode == Mode.MOVE:  # a copy takes nothing away, and verify asks again
                raise BadInput(str(doubt)) from None
        self.disks.require()
        self.archive_id = archive.create_archive(root, self.disks.require)
        if self.is_new_archive:
            self.console.info(f"a new archive is begun: {printable(root)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.resources.close()

    def finish_pending_batch(self) -> None:
        """Finish the batch during which an earlier call was killed. Changes the disk."""
        rows = self.session.pending_rows() if self.session else []
        if self.session and rows and self.options.acts:
            size = sum(row.size_bytes for row in rows)
            with Progress("finish", len(rows), size, self.options) as progress:
                disk = DiskAccess(progress, self.stop)
                executor = self.executor(disk, is_retry=True)
                self.session.record(self._apply(rows, executor))
            self.session.checkpoint()

    def executor(self, disk: DiskAccess, *, is_retry: bool = False) -> CopyExecutor:
        """An executor for this run."""
        require_disks = self.disks.require_roots
        mode, jobs = self.options.mode, self.jobs
        return CopyExecutor(disk, mode=mode, jobs=jobs, is_retry=is_retry, require_disks=require_disks)

    def progress(self, scanned: ScanTotals) -> Progress:
        """A progress bar that starts after the recorded rows and counts bytes if contents are read, else files."""
        media_bytes = scanned.media_bytes if self.options.acts else None
        done = {"done_files": self.totals.rows, "done_bytes": self.totals.bytes}
        return Progress(self.options.mode, scanned.entries, media_bytes, self.options, **done)

    def show_plan(self, rows: Iterable[ReportRow]) -> None:
        """Log what is planned, and print it in a dry run."""
        options = self.options
        prints = options.dry_run and not (options.json or options.quiet)
        if not (prints or self.console.debug_enabled):
            return
        for row in rows:
            self.console.debug(format_row(row.status, row))
            if prints:
                is_act = row.status == _PLANNED and options.mode != Mode.REPORT
                print(format_row(f"would {options.mode}" if is_act else row.status, row))

    def carry_out(self, batch: list[ReportRow], executor: CopyExecutor) -> list[ReportRow]:
        """Copy or move what is planned, unless this run only plans. Changes the disk.

        Raises ``StoppedEarly`` if a disk went away, or ``Interrupted``; the state then holds the batch as pending.
        """
        if not (self.session and self.options.acts):
            return batch
        self._require_disks()  # else rows that failed for want of their disk would be pending
        self.session.checkpoint(pending=batch)
        rows = self._apply(batch, executor)
        for row in rows:
            if row.status == _FAILED:
                self.duplicates.exclude_row(row.row_id)
        return rows

    def _apply(self, rows: Sequence[ReportRow], executor: CopyExecutor) -> list[ReportRow]:
        self._require_disks()
        try:
            done = executor.apply_batch(rows)
        except StoppedEarly:
            self._require_disks()  # a missing disk explains the error
            raise
        # Where a disk was taken away, the folder on which it was mounted takes files all the same.
        self._require_disks()
        return done

    def _require_disks(self) -> None:
        """Raise ``StoppedEarly`` if the disk of the source, or of an archive that this run changes, is not mounted.

        Its files are not missing, and no row may say so. Reads the disk.
        """
        archive.require_source(self.source_root)
        self.disks.require()
        if self.options.acts:
            archive.require_archive(self.archive_root, self.archive_id)

    def record(self, rows: Sequence[ReportRow]) -> None:
        """Count rows and append them durably to the report, if any. Raises ``StoppedEarly``. Changes the disk."""
        if not self.options.acts:
            self._require_disks()
        if self.session:
            self.session.record(rows)
            if not self.options.acts:
                self.session.checkpoint()
        for row in rows:
            if row.status == _FAILED:
                self.console.warning(f"{printable(row.source_path)}: {row.reason}")
        self.totals.add(rows)

    def complete(self) -> None:
        """Mark the report as finished. Changes the disk."""
        if self.session:
            self.session.checkpoint(complete=True)

    def recorded_rows(self) -> Iterator[ReportRow]:
        """The rows of the report that this run writes. Reads the disk."""
        return self.session.recorded_rows() if self.session else iter(())

    def review_rows(self) -> Iterator[ReportRow]:
        """The rows for the review page, from the report that was written or from the edited one. Reads the disk."""
        if self.session or not self.edited:
            return self.recorded_rows()
        return (row for group in self.edited.groups(self.archive_id, RowIds()) for row in group)

    def _warn_of_unreadable(self, path: str, error: Exception) -> None:
        cause = explain_os_error(error) if isinstance(error, OSError) else str(error)
        self.console.warning(f"{printable(path)}: cannot compare it: {cause}")


def find_roots(options: Options, edited: ManifestSurvey | None) -> tuple[str, str]:
    """The real source and archive roots, from an edited report (the command line must agree) or the command line.

    Raises ``BadInput`` for folders that don't exist or overlap in a dangerous way. Reads the disk.
    """
    given = {"--source": options.source, "--destination-root": options.destination_root}
    if edited:
        planned = {"--source": edited.source_root, "--destination-root": edited.archive_root}
        for option, root in planned.items():
            if given[option] and os.path.realpath(given[option]) != os.path.realpath(root):
                path = printable(edited.manifest.path)
                raise BadInput(f"{path} is a report with {option} {printable(root)}; leave the option out")
        given = planned
    source = require_folder(os.path.abspath(given["--source"]), "--source")
    root = os.path.realpath(given["--destination-root"])
    if os.path.lexists(root) and not os.path.isdir(root):
        raise BadInput(f"{printable(root)}: --destination-root is not a folder; name another")
    for folder, option in ((source, "--source"), (root, "--destination-root")):
        if _is_quarantine(folder):
            raise BadInput(
                f"{printable(folder)} is a quarantine, into which no scan looks (its journal with --restore brings "
                f"files back); name another {option}"
            )
    parent = os.path.dirname(root)
    if not os.path.isdir(root) and not os.path.isdir(parent):
        what = "is no folder" if os.path.lexists(parent) else "does not exist: mount the disk, or make the folder first"
        raise BadInput(f"{printable(parent)} {what}")
    if source == root or (os.path.isdir(root) and os.path.samefile(source, root)):
        raise BadInput(f"{printable(source)}: source and archive are the same folder; name another --destination-root")
    if is_inside(source, root):
        raise BadInput(
            f"{printable(source)}: the source lies inside the archive {printable(root)}; name another "
            "--destination-root"
        )
    return source, root


def _is_quarantine(folder: str) -> bool:
    """Whether a folder is marked as a quarantine and holds the files of a run. Reads the disk."""
    if not os.path.isfile(os.path.join(folder, QUARANTINE_FOLDER)):
        return False
    return any(is_run_id(name) for name in os.listdir(folder))


def _require_medium_for_move(source: str, archive_root: str) -> None:
    """Raise ``BadInput`` if a move would destroy originals after copies that can't be read back. Reads the disk."""
    system = file_system_of(archive_root)
    if crosses_file_systems(source, archive_root) and not system.has_medium:
        raise BadInput(
            f"{printable(archive_root)}: from {system.describe()} copies can't be read back from a storage medium, and "
            "a move destroys originals; use --mode copy, then verify and apply"
        )


def row_batches(groups: Iterable[list[ReportRow]], *, acts: bool) -> Iterator[list[ReportRow]]:
    """Join groups to batches that are worth a checkpoint, without splitting a group."""

    def weigh(group: list[ReportRow]) -> tuple[int, int]:
        return len(group), sum(row.size_bytes for row in group if row.status == _PLANNED) if acts else 0

    rows = BATCH_FILES if acts else REPORT_BATCH_FILES
    for batch in checkpoints(groups, weigh, rows=rows, media_bytes=BATCH_BYTES, seconds=BATCH_SECONDS):
        yield [row for group in batch for row in group]


def format_row(action: str, row: ReportRow) -> str:
    """A row as a line of text: what is done, from where to where, and why. Pure."""
    destination = f" -> {printable(row.destination_path)}" if row.destination_path else ""
    return f"{action}: {printable(row.source_path)}{destination}{f' ({row.reason})' if row.reason else ''}"

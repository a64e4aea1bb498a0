"""A run of apply: the facts and checks before it changes anything, then its journal and its state."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from types import TracebackType
from typing import NamedTuple, Self

from common import archive
from common.apply import quarantine
from common.apply.journal import Journal, JournalPosition, destroyed_rows
from common.apply.manifest import JournalCheck, ManifestKind, Options
from common.apply.preconditions import require_possible
from common.apply.tasks import Task, files_folder, read_task
from common.cli.console import Console
from common.cli.options import require_distinct_paths, resolve_jobs, resolve_relocation
from common.cli.progress import Progress
from common.cli.signals import StopRequest
from common.counts import Counts, count_text
from common.errors import BadInput, Interrupted, StoppedEarly
from common.fileops.context import DiskAccess
from common.fileops.mounts import SameDirectoryCheck
from common.fileops.moving import Terms
from common.filesystems import crosses_file_systems, file_system_of, mount_point_between, mount_points
from common.manifests.outputs import is_unfinished, resume_or_begin
from common.manifests.reader import Record
from common.manifests.relocation import Relocation, Roots
from common.manifests.rows import RowIds, has_lost_time
from common.manifests.state import Manifest, RunState, save_state
from common.manifests.statuses import Action, ManifestType
from common.manifests.survey import ManifestInput, ManifestSurvey, require_expected_run_id
from common.paths import printable, read_prefix
from common.run_id import require_run_id
from common.stages import Stage

_ONCE_MORE = {
    Action.QUARANTINE: "and what has come back since is taken once more",
    Action.DELETE: "and what has come back since is deleted as well",
    Action.PURGE: "and what was quarantined since is destroyed as well",
    Action.RESTORE: "and what was taken since is brought back as well",
}


@dataclass(frozen=True)
class ApplyRun:
    """The facts about a run before it changes anything. ``state`` is that at the beginning of this call.

    ``survey`` has the roots at present, by ``relocation``. ``journal_check`` and ``quarantine_folder`` are set if the
    manifest is a journal.
    """

    options: Options
    kind: ManifestKind
    survey: ManifestSurvey
    relocation: Relocation
    journal_check: JournalCheck | None
    quarantine_folder: str
    paths: quarantine.RunPaths
    state: RunState
    console: Console
    progress: Progress
    disk: DiskAccess
    mounted: archive.MountedDisks
    jobs: int

    @cached_property
    def _purged(self) -> RowIds:
        return destroyed_rows(self.paths.purge_journal, self.survey.run_id)

    @property
    def terms(self) -> Terms:
        """The terms under which files may be destroyed: those of the user, while the disks are there."""
        return self.options.terms._replace(require_disks=self.mounted.require_roots)

    def was_purged(self, row_id: int) -> bool:
        """Whether a purge of the quarantine has destroyed the file of a row. Reads its journal at the first call."""
        return row_id in self._purged

    def missing_disk(self) -> StoppedEarly | None:
        """The error for a disk that was unmounted during the run; None if all are mounted. Reads the disk."""
        try:
            quarantine.require_disks(self.kind, self.survey, self.quarantine_folder, self.relocation)
            self.mounted.require()
        except StoppedEarly as error:
            return error
        return None


class RunStart:
    """What a run needs to start: its checked manifest, its paths, and the state from which it resumes.

    The rows of a verified.csv or report are not checked again if there is a state for its digest. Reads the disk.
    Raises ``BadInput``.
    """

    def __init__(self, options: Options, kind: ManifestKind, manifest: ManifestInput) -> None:
        first = manifest.first_record()
        if first is None:
            raise BadInput(f"{printable(manifest.path)} has no rows; there is nothing to do")
        self._options = options
        self._kind = kind
        self._manifest = manifest
        self._settings = {"action": kind.action, **options.row_range.settings}  # what a later call must repeat
        self.run_id = require_run_id(first.values["run_id"], f"{printable(manifest.path)}, line 2")
        self.journal_check = JournalCheck(self.run_id) if kind.type == ManifestType.JOURNAL else None
        self.quarantine_folder = ""
        self.crossing_files = self.lost_times = 0
        self._mount_points = mount_points()
        recorded = Roots(first.values["source_root"], first.values["archive_root"])
        self.relocation = resolve_relocation(options, recorded)
        source_root = self.relocation.present.source
        paths = quarantine.run_paths(options, kind, self.run_id, source_root)
        self._crosses = kind.type == ManifestType.VERIFIED and crosses_file_systems(source_root, paths.folder)
        is_checked = self.journal_check or not quarantine.may_have_state(options, kind, paths)
        digest = self._checked.manifest.sha256 if is_checked else manifest.sha256()
        if self.journal_check:
            self.journal_check.finish()
            if self.journal_check.restores_or_purges and not self.quarantine_folder:
                raise BadInput(
                    f"{printable(manifest.path)} tells of a restore or a purge alone: give the journal.csv beside it"
                )
        self.paths = quarantine.with_state(options, kind, paths, digest)

    @cached_property
    def _checked(self) -> ManifestSurvey:
        return self._manifest.survey(
            self._check,
            expected_run_id=self._options.expected_run_id,
            start=self._options.row_range.start,
            unique_row_ids=self.journal_check is None,
        )

    def _check(self, record: Record, where: str) -> int:
        task = read_task(self._kind, record, where, relocation=self.relocation)
        if self.journal_check:
            self.journal_check.add(record.values, where)
            if task and task.from_path and not self.quarantine_folder:
                self.quarantine_folder = os.path.dirname(files_folder(task.from_path, task.recorded_source_path))
        if task and self._kind.type == ManifestType.VERIFIED:
            on_other_disk = mount_point_between(
                os.path.dirname(task.from_path), task.row.source_root, self._mount_points
            )
            self.crossing_files += bool(self._crosses or on_other_disk)
            self.lost_times += has_lost_time(task.verified_row)
        return task.row.size_bytes if task else 0

    def load_state(self) -> RunState:
        """Load the state of the run to resume, or make that of a new one. Reads the disk. Raises ``BadInput``."""

        def begin() -> RunState:
            return self._first_state(self._checked.manifest, self._checked.start_byte)

        # The state may be from when the quarantine, with the journal in it, was mounted elsewhere.
        outputs = {"journal": self.paths.journal}
        return resume_or_begin(self.paths.state, Stage.APPLY, self._require_same_run, begin, outputs)

    def survey(self, state: RunState) -> ManifestSurvey:
        """The survey of the manifest, with the roots at present. Reads the disk.

        It is made from the state of a resumed run, or by checking all rows.
        """
        survey = self._manifest.known_survey(state.manifest) if state.manifest and state.outputs else self._checked
        source_root, archive_root = self.relocation.present
        return replace(survey, source_root=source_root, archive_root=archive_root)

    def _require_same_run(self, state: RunState) -> None:
        state_file = printable(self.paths.state)
        is_same_manifest = state.manifest is not None and state.manifest.sha256 == self._manifest.sha256()
        if not is_same_manifest or state.run_id != self.run_id:
            raise BadInput(
                f"{state_file} belongs to another manifest, or to this one before it was changed; "
                "it is left as it is: give another --state-file"
            )
        if state.settings != self._settings:
            raise BadInput(f"{state_file} belongs to a call with other options; give the same, or another state file")
        require_expected_run_id(self.run_id, self._options.expected_run_id, printable(self._manifest.path))

    def _first_state(self, manifest: Manifest | None, start_byte: int) -> RunState:
        rows = self._options.row_range
        return RunState(Stage.APPLY, self.run_id, self._settings, manifest, rows.start, start_byte, rows.end)

    def where_to_begin(self, state: RunState, announce: Callable[[str], None]) -> RunState:
        """The state to continue with: the one given, or a new one at the first row.

        A run starts over if files were restored since then, or if it is complete and ``--limit`` is not given.
        """
        was_restored = self.paths.was_restored_since()
        if state.complete and self._options.row_range.limit and not was_restored:
            return state
        if state.complete:
            announce(
                f"this manifest was gone through before: what failed is tried again, {_ONCE_MORE[self._kind.action]}"
            )
        elif was_restored:
            announce("files of this manifest were brought back since: it is begun at its first row again")
        else:
            return state
        # The rows were checked when the run began, and by their digest they are unchanged.
        return self._first_state(state.manifest, self._manifest.byte_offset(self._options.row_range.start))


@contextmanager
def open_run(
    options: Options, kind: ManifestKind, manifest: ManifestInput, console: Console, stop: StopRequest
) -> Iterator[ApplyRun]:
    """Check everything that a run needs, make its quarantine, lock out other runs, and find where to begin.

    Raises ``BadInput``, ``Locked``, and ``StoppedEarly`` for a missing disk. Changes the disk, except in a dry run.
    """
    start = RunStart(options, kind, manifest)
    state = start.load_state()
    survey, paths = start.survey(state), start.paths
    require_distinct_paths(options, (paths.journal, paths.state))
    if kind.type == ManifestType.REPORT and not survey.archive_id:
        raise BadInput(f"{printable(options.manifest)} is a plan: nothing was moved, so there is nothing to take back")
    quarantine.require_disks(kind, survey, start.quarantine_folder, start.relocation)
    if kind.type == ManifestType.VERIFIED and not state.outputs and survey.manifest.media_bytes:
        archive.require_files_in_source(survey.source_root, start.relocation.source_hint)
    jobs = resolve_jobs(options, console.debug, (survey.source_root, survey.archive_root))
    if survey.torn_line:
        where = f"{printable(options.manifest)}, line {survey.torn_line}"
        console.warning(f"{where}: the last row is cut short and is left out")
    if kind.type == ManifestType.VERIFIED and is_unfinished(options.manifest, Stage.VERIFY):
        console.info("this verification has not come to its end: its other rows are for a later call")
    # A journal may lie elsewhere than the files that it names.
    folder = start.quarantine_folder or paths.folder
    require_possible(kind, survey.source_root, survey.archive_root, folder, options.terms)
    _warn_before(start, console)
    mounted = archive.MountedDisks(*_needed_roots(kind, survey), folder)
    directories = SameDirectoryCheck()
    with ExitStack() as stack:
        quarantine.require_suitable_quarantine(kind, survey, paths)
        if not options.dry_run:
            quarantine.prepare_quarantine(kind, survey, paths, stack, directories=directories, mounted=mounted)
            state = start.load_state()  # again, now that no other run can write it
        state = start.where_to_begin(state, console.info)
        rows = options.row_range.rows_this_call(state)
        # Destroying reads whole files; moving them is mostly a rename.
        size = survey.manifest.media_bytes * rows // max(1, survey.manifest.rows)
        progress = stack.enter_context(Progress(kind.action, rows, size if kind.destroys else None, options))
        yield ApplyRun(
            options=options,
            kind=kind,
            survey=survey,
            relocation=start.relocation,
            journal_check=start.journal_check,
            quarantine_folder=start.quarantine_folder,
            paths=paths,
            state=state,
            console=console,
            progress=progress,
            disk=DiskAccess(progress, stop, directories),
            mounted=mounted,
            jobs=jobs,
        )


def _needed_roots(kind: ManifestKind, survey: ManifestSurvey) -> list[str]:
    """The roots without which a run can't go on: a purge needs no source, a restore from a quarantine no archive."""
    needed = {survey.source_root: kind.action != Action.PURGE, survey.archive_root: kind.needs_archive}
    return [root for root, is_needed in needed.items() if is_needed]


def _warn_before(start: RunStart, console: Console) -> None:
    """Warn of what the originals lose, or where their bytes go, before any of them is touched."""
    if start.lost_times:
        copies = count_text(start.lost_times, "archive copy", "archive copies")
        console.warning(
            f"{copies} with another modification time than the original: what only it tells, such as the year, goes "
            "with the original"
        )
    if start.crossing_files:
        console.warning(
            f"on another file system than the quarantine: {count_text(start.crossing_files, 'file')}, to be copied to "
            "it, compared with their archive copies, and removed from their disk"
        )


def _require_whole_journal(path: str, length: int) -> None:
    """Raise ``StoppedEarly`` if a journal on a cloud mount is empty, or shorter than its state says. Reads the disk.

    Where it was written by a driver that was killed, it is still in the driver's cache. On other disks it was damaged.
    """
    if not os.path.isfile(path):
        return
    # The size alone may be from the driver's notes.
    if os.path.getsize(path) >= length and read_prefix(path, 1):
        return
    if file_system_of(path).is_cached_view:
        raise StoppedEarly(
            f"{printable(path)} is empty, or shorter than its state file says: this mount may not have uploaded it "
            "yet; mount it as before, wait until what is in its cache is uploaded, then run the same command again; if "
            "it stays so, move it and the state files beside it away before"
        )


class Counted(StrEnum):
    """What the state counts besides the outcomes of files. Older state files hold these texts."""

    JOURNAL_ROWS = "journal rows"
    DONE_BEFORE = "done before"
    NOTHING_TO_DO = "nothing to do"
    FOLDERS_LEFT = "folders left"
    FOLDERS_REMOVED = "folders removed"
    PURGED_BEFORE = "purged before"
    CROSSED = "copied to another file system"
    FROM_MEMORY = "destroyed by what memory may have answered"
    CHANGED = "changed since it was verified"


class Batch(NamedTuple):
    """Rows that are applied together: their tasks (not all have one), the number of rows, and the byte after them."""

    tasks: list[Task]
    rows: int
    end: int


class ApplySession:
    """The journal and the state of a run. Changes the disk. ``counts`` are those of this call only.

    Once anything was recorded, ``BadInput``, whose exit code says that nothing was changed, becomes ``StoppedEarly``.
    """

    def __init__(self, run: ApplyRun) -> None:
        self.run = run
        self.state = run.state
        self.counts = Counts()
        self._has_recorded = False
        run.console.debug(f"journal: {printable(run.paths.journal)}")
        run.mounted.require()  # else the journal is written to the folder on which a disk was mounted
        length = self.state.outputs.get("journal", ("", 0))[1]
        _require_whole_journal(run.paths.journal, length)
        checkpoint = JournalPosition(length, self.state.chain, self.state.counts.get(Counted.JOURNAL_ROWS, 0))
        self.journal = Journal(run.paths.journal, run.survey.run_id, checkpoint, run.relocation)
        if not self.state.under_way:
            self.journal.recovery.forget_uncounted()
        if not length:
            self._advance(0, self.state.byte_offset, Counts())
        if not self.state.remaining_rows:  # a shard that begins after the last row
            self._advance(0, self.state.byte_offset, Counts(), complete=True)

    def begin(self, batch: Batch) -> None:
        """Record that a batch begins, so that a later call finishes all of it. Raises ``StoppedEarly``."""
        if self.run.kind.needs_archive:
            survey, hint = self.run.survey, self.run.relocation.archive_hint
            archive.require_archive(survey.archive_root, survey.archive_id, hint)
        self.run.mounted.require()
        self._save(replace(self.state, under_way=batch.rows))

    def checkpoint(self, batch: Batch, counts: Counts) -> None:
        """Advance the state past a batch that is in the journal. Raises ``Interrupted`` if a stop was requested."""
        complete = self.state.is_last(self.state.next_offset + batch.rows)
        self._advance(batch.rows, batch.end, counts, complete=complete)
        size = sum(amount.get("bytes", 0) for amount in self.counts.amounts.values())
        self.run.progress.reach(self.state.next_offset - self.run.state.next_offset, size)
        if self.run.disk.stop_requested() and not complete:
            raise Interrupted

    def _advance(self, rows: int, next_byte: int, counts: Counts, *, complete: bool = False) -> None:
        self.counts += counts
        position = self.journal.position
        totals = Counts.from_flat(self.state.counts) + counts
        self._save(
            replace(
                self.state,
                next_offset=self.state.next_offset + rows,
                byte_offset=next_byte,
                counts=totals.to_flat() | {Counted.JOURNAL_ROWS: position.sequence},
                outputs={"journal": (self.journal.path, position.offset)},
                under_way=0,
                chain=position.chain,
                complete=complete,
            )
        )

    def _save(self, state: RunState) -> None:
        save_state(self.run.paths.state, state)
        self.state = state
        self._has_recorded = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.journal.close()
        if isinstance(error, BadInput) and self._has_recorded:
            raise StoppedEarly(str(error)) from None

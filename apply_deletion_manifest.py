#!/usr/bin/env python3
"""Stage 3: take verified originals out of the source, into a quarantine or for good, and bring them back."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from common import archive, cli, fileops
from common.errors import BadInput, ExitCode, Interrupted, MediaArchiveError, RowFailed, StoppedEarly, explain_os_error
from common.hashing import Identity, compare, identity_of, is_sha256
from common.journal import NAME as JOURNAL_NAME
from common.journal import Journal, JournalReader
from common.lock import Lock, lock_unless_read_only
from common.manifests import (
    JOURNAL,
    REPORT,
    VERIFY,
    JournalRow,
    Reader,
    Record,
    ReportRow,
    RowIds,
    VerifyRow,
    file_digest,
    seal_of,
)
from common.paths import is_inside, is_plain_absolute, leads_through_link, shown
from common.pipeline import in_order
from common.run_id import is_run_id, require_run_id
from common.state import SUFFIX, Manifest, State, load_state, save_state
from common.timestamps import mtime_nanoseconds, mtime_text

TOOL = "apply"
QUARANTINE = ".media-quarantine"
BATCH_ROWS = 512

EXAMPLES = """
what it changes: by default originals are renamed into the quarantine, from where --restore brings
them back. Only --delete-permanently with --yes-really-delete destroys, and only files whose archive
copy was read back from the disk and found identical in the same run. --dry-run changes nothing.

examples:
  python3 apply_deletion_manifest.py --manifest verified.csv --expected-run-id auto --dry-run
  python3 apply_deletion_manifest.py --manifest verified.csv --expected-run-id auto
  python3 apply_deletion_manifest.py --manifest <quarantine>/<run_id>/journal.csv --expected-run-id auto --restore

next: look around for some weeks; then give journal.csv as --manifest with both delete options
"""


# --- parse -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The command line of this script, checked."""

    manifest: str
    expected_run_id: str
    quarantine_root: str
    limit: int
    offset: int | None
    state_file: str
    dry_run: bool
    delete_permanently: bool
    restore: bool
    prune_empty_dirs: bool
    common: cli.CommonOptions


def parse(argv: Sequence[str] | None) -> Options:
    parser = cli.make_parser(
        "Take verified originals out of the source: into a quarantine, or for good when that is said twice.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    main.add_argument(
        "--manifest", required=True, metavar="PATH", help="a verified.csv, or a journal.csv to go on with"
    )
    main.add_argument("--expected-run-id", required=True, metavar="UUID|auto", help="the run that you mean to act on")
    main.add_argument("--quarantine-root", default="", metavar="DIR", help=f"default: <source_root>/{QUARANTINE}")
    main.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    main.add_argument(
        "--restore", action="store_true", help="bring back what a journal, or the report of a move, names"
    )
    main.add_argument("--prune-empty-dirs", action="store_true", help="remove folders that this run emptied")
    danger = parser.add_argument_group("permanent deletion: both are needed")
    danger.add_argument("--delete-permanently", action="store_true", help="destroy the originals")
    danger.add_argument("--yes-really-delete", action="store_true", help="yes, really")
    batch = parser.add_argument_group("batches")
    batch.add_argument("--limit", type=cli.positive, default=0, metavar="N", help="rows in this call (default: all)")
    batch.add_argument("--offset", type=cli.not_negative, metavar="N", help="begin behind this many rows")
    batch.add_argument("--state-file", default="", metavar="PATH", help="default: beside the journal")
    cli.add_common_options(parser)
    parsed = parser.parse_args(argv)
    if parsed.delete_permanently != parsed.yes_really_delete:
        parser.error("permanent deletion needs both --delete-permanently and --yes-really-delete; nothing was changed")
    if parsed.restore and parsed.delete_permanently:
        parser.error("--restore and --delete-permanently exclude each other")
    if parsed.expected_run_id != "auto" and not is_run_id(parsed.expected_run_id):
        parser.error(
            f"--expected-run-id {parsed.expected_run_id!r} is no run_id; give the one in the manifest, or auto"
        )
    return Options(
        manifest=cli.absolute(parsed.manifest),
        expected_run_id=parsed.expected_run_id,
        quarantine_root=cli.absolute(parsed.quarantine_root) if parsed.quarantine_root else "",
        limit=parsed.limit,
        offset=parsed.offset,
        state_file=cli.absolute(parsed.state_file) if parsed.state_file else "",
        dry_run=parsed.dry_run,
        delete_permanently=parsed.delete_permanently,
        restore=parsed.restore,
        prune_empty_dirs=parsed.prune_empty_dirs,
        common=cli.common_options(parsed),
    )


# --- read ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """One row of any manifest, as what is to be done.

    ``action`` is quarantine, delete, restore, purge, or empty for a row on which nothing is done.
    ``from_path`` and ``to_path`` are where the file is and where it goes. ``archive_facts`` are
    inode and modification time of the archive copy at verification, empty where there was none.
    """

    action: str
    from_path: str
    to_path: str
    run_id: str
    row_id: int
    source_path: str
    destination_path: str
    source_root: str
    archive_root: str
    archive_id: str
    size_bytes: int
    source_mtime: str
    sha256: str
    source_inode: str = ""
    archive_inode: str = ""
    archive_mtime: str = ""
    folder_mode: int = 0

    @property
    def expected(self) -> Identity:
        """The identity that the original must have."""
        device, _, inode = self.source_inode.partition(":")
        return Identity(int(device or 0), int(inode or 0), self.size_bytes, mtime_nanoseconds(self.source_mtime))


@dataclass(frozen=True, slots=True)
class Kind:
    """Which kind of file the manifest is, and what is done with its rows."""

    name: str
    action: str
    columns: tuple[str, ...]


def kind_of_manifest(options: Options) -> Kind:
    """Tell a verified.csv, a journal and a report apart by their columns. Raises ``BadInput`` for a wrong use."""
    with Reader(options.manifest, ("run_id", "row_id", "source_path")) as reader:
        columns = reader.columns
    path = shown(options.manifest)
    if "chain" in columns:
        if options.restore:
            return Kind("journal", "restore", JOURNAL.columns)
        if options.delete_permanently:
            return Kind("journal", "purge", JOURNAL.columns)
        raise BadInput(f"{path} is a journal: give --restore, or both delete options to purge the quarantine")
    if options.restore:
        if "capture_date" not in columns:
            raise BadInput(f"{path}: --restore needs a journal.csv, or the report.csv of a move")
        return Kind("report", "restore", REPORT.columns)
    return Kind("verified", "delete" if options.delete_permanently else "quarantine", VERIFY.columns)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a whole look through the manifest told; the same in all its rows."""

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    torn_line: int


def survey_manifest(options: Options, kind: Kind) -> Survey:
    """Read the whole manifest once and refuse it unless every row is sound and of the expected run. Changes nothing."""
    first: dict[str, str] = {}
    seen = RowIds()
    rows = size = 0
    with Reader(options.manifest, kind.columns) as reader:
        for record in reader:
            where = reader.where(record.line)
            values = record.values
            first = first or values
            require_run_id(values["run_id"], where)
            if options.expected_run_id not in ("auto", values["run_id"]):
                raise BadInput(
                    f"{where}: the manifest is of run {values['run_id']}, not of the expected {options.expected_run_id}; "
                    "nothing was changed"
                )
            for column in ("run_id", "source_root", "archive_root", "archive_id"):
                if values[column] != first[column]:
                    raise BadInput(f"{where}: {column} is not that of the rows before; one manifest is of one run")
            task = read_task(kind, record, where, "")
            if kind.name != "journal" and not seen.add(int(values["row_id"])):
                raise BadInput(f"{where}: row_id {values['row_id']} stands twice; remove the duplicated row")
            rows += 1
            size += task.size_bytes if task else 0
        torn_line = reader.torn_line
    if not first:
        raise BadInput(f"{shown(options.manifest)} has no rows; there is nothing to do")
    if kind.name == "journal":
        with JournalReader(options.manifest, first["run_id"]) as chained:
            for _ in chained:
                pass
    manifest = Manifest(options.manifest, file_digest(options.manifest), rows, size)
    roots = (first["source_root"], first["archive_root"], first["archive_id"])
    return Survey(manifest, first["run_id"], *roots, torn_line)


def read_task(kind: Kind, record: Record, where: str, quarantine_root: str) -> Task | None:
    """The task in a row of the manifest; None for a row on which nothing is to be done. Raises ``BadInput``."""
    if kind.name == "verified":
        return _task_of_verified(kind, record, where, quarantine_root)
    if kind.name == "journal":
        return _task_of_journal(kind, record, where)
    return _task_of_report(record, where)


def _task_of_verified(kind: Kind, record: Record, where: str, quarantine_root: str) -> Task | None:
    if seal_of(record.values) != record.values["row_seal"]:
        raise BadInput(f"{where}: the row was changed after it was verified; restore it, or delete the whole row")
    row = VERIFY.decode(record.values, where)
    if row.status == "archive_intact":
        return None
    if row.status != "identical":
        raise BadInput(f"{where}: status {row.status!r} is not proof of a copy; give a verified.csv")
    task = Task(
        action=kind.action,
        from_path=row.source_path,
        to_path=quarantine_path(quarantine_root, row.run_id, row.source_path),
        source_inode=row.source_inode,
        archive_inode=row.archive_inode,
        archive_mtime=row.archive_mtime,
        **_shared(row),
    )
    require_sound(task, where)
    return task


def _task_of_journal(kind: Kind, record: Record, where: str) -> Task | None:
    row = JOURNAL.decode(record.values, where)
    if row.phase != "planned":
        return None
    if row.action == "prune" and kind.action == "restore":
        if not is_plain_absolute(row.from_path) or not is_inside(row.from_path, row.source_root):
            raise BadInput(f"{where}: {shown(row.from_path)} does not lie in the source root; restore the journal")
        mode = int(row.reason, 8) if row.reason.isdecimal() and row.reason.isascii() else 0o755
        return Task(action="restore_folder", from_path="", to_path=row.from_path, folder_mode=mode, **_shared(row))
    if row.action not in ("quarantine", "delete"):
        return None
    if not is_quarantine_place(row.to_path, row.run_id, row.source_path):
        raise BadInput(f"{where}: {shown(row.to_path)} is no place in a quarantine; restore the journal")
    task = Task(
        action=kind.action,
        from_path=row.to_path,
        to_path=row.source_path if kind.action == "restore" else "",
        source_inode=row.source_inode,
        **_shared(row),
    )
    require_sound(task, where)
    return task


def _task_of_report(record: Record, where: str) -> Task | None:
    row = REPORT.decode(record.values, where)
    if row.status != "moved":
        return None
    task = Task(action="restore", from_path=row.destination_path, to_path=row.source_path, **_shared(row))
    require_sound(task, where)
    return task


def _shared(row: VerifyRow | JournalRow | ReportRow | Task) -> dict[str, Any]:
    """What a task takes over from a row of whatever kind."""
    names = (
        "run_id row_id source_path destination_path source_root archive_root archive_id size_bytes source_mtime sha256"
    )
    return {name: getattr(row, name) for name in names.split()}


def require_sound(task: Task, where: str) -> None:
    """Raise ``BadInput`` unless paths, hash and facts of a row are such as this project writes. Pure."""
    for path, root in ((task.source_path, task.source_root), (task.destination_path, task.archive_root)):
        if not is_plain_absolute(root) or not is_plain_absolute(path) or not is_inside(path, root):
            raise BadInput(f"{where}: {shown(path)} does not lie in its root {shown(root)}; make the manifest anew")
    if task.source_path == task.destination_path or is_inside(task.source_path, task.archive_root):
        raise BadInput(f"{where}: {shown(task.source_path)} lies in the archive itself; make the manifest anew")
    if not is_sha256(task.sha256):
        raise BadInput(f"{where}: sha256 holds {task.sha256[:80]!r}, not 64 lower-case hex digits")
    if not task.archive_id:
        raise BadInput(f"{where}: archive_id is empty; verify the files anew")
    try:
        mtime_nanoseconds(task.source_mtime)
        task.expected  # noqa: B018 - parsed to see whether it can be
    except ValueError:
        raise BadInput(f"{where}: source_mtime or source_inode is not as verify writes it") from None


# --- decide ----------------------------------------------------------------------------------------


def quarantine_path(quarantine_root: str, run_id: str, source_path: str) -> str:
    """Where an original goes: its whole absolute path below ``<quarantine_root>/<run_id>/files``. Pure."""
    return os.path.join(quarantine_root, run_id, "files", _without_root(source_path))


def is_quarantine_place(path: str, run_id: str, source_path: str) -> bool:
    """Whether a path is what ``quarantine_path`` makes for some quarantine root. Pure."""
    return is_plain_absolute(path) and path.endswith(os.path.join(os.sep + run_id, "files", _without_root(source_path)))


def _without_root(path: str) -> str:
    drive, tail = os.path.splitdrive(path)
    return os.path.join(drive.replace(":", "").strip(os.sep), tail.lstrip(os.sep))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to act on a file, seen at the moment of effect; ``read_first`` asks for a full comparison before."""

    reason: str = ""
    read_first: bool = False


def decide_by_looks(task: Task, source: os.stat_result | None, copy: os.stat_result | None) -> Verdict:
    """Whether original and archive copy are as they were when they were verified. Pure.

    Some file systems number inodes anew at each mount: when only these differ, the contents decide.
    """
    if source is None:
        return Verdict("there is no such file in the source any more")
    if copy is None:
        return Verdict("its archive copy is gone; verify again")
    if not stat.S_ISREG(source.st_mode) or not stat.S_ISREG(copy.st_mode):
        return Verdict("it, or its archive copy, is not a regular file any more; verify again")
    if (source.st_dev, source.st_ino) == (copy.st_dev, copy.st_ino):
        return Verdict("it and its archive copy are one file on disk")
    if (source.st_size, mtime_text(source.st_mtime_ns)) != (task.size_bytes, task.source_mtime):
        return Verdict("it was changed since it was verified; verify again")
    if (copy.st_size, mtime_text(copy.st_mtime_ns)) != (task.size_bytes, task.archive_mtime):
        return Verdict("its archive copy was changed since it was verified; verify again")
    renumbered = source.st_ino != task.expected.inode or str(copy.st_ino) != task.archive_inode.partition(":")[2]
    return Verdict(read_first=renumbered)


# --- act -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: ``done``, ``skipped`` (nothing was to be done) or ``failed``, with the reason."""

    phase: str
    reason: str = ""
    read_mode: str = ""


@dataclass(frozen=True)
class Doer:
    """Carries out tasks. ``apply_task`` is the only place of this script that changes source and quarantine.

    Every act finds out by itself what a killed run had done of it, and finishes that.
    """

    progress: cli.Progress
    stop: cli.StopRequest
    told_apart: set[tuple[str, str]]
    dry_run: bool = False

    def apply_task(self, task: Task, interrupted_before: bool) -> Outcome:
        """Carry out one task. Changes the disk. Raises ``StoppedEarly`` or ``Interrupted``, with nothing half done
        that the same task, given again, would not finish."""
        acts = {
            "quarantine": self._quarantine,
            "delete": self._delete,
            "purge": self._purge,
            "restore": self._restore,
            "restore_folder": self._restore_folder,
        }
        try:
            return acts[task.action](task, interrupted_before)
        except FileExistsError:
            return Outcome("failed", f"another file stands at {shown(task.to_path)}; it was not touched")
        except RowFailed as error:
            return Outcome("failed", str(error))
        finally:
            self.progress.add_file()

    def preview(self, task: Task) -> Outcome:
        """What ``apply_task`` would decide by looks. Changes nothing."""
        try:
            if task.action in ("quarantine", "delete"):
                self._require_unchanged(task)
                return Outcome("done")
            if not os.path.lexists(task.from_path) and task.action != "restore_folder":
                return Outcome("skipped", "it is not there to be taken")
            return Outcome("done")
        except RowFailed as error:
            return Outcome("failed", str(error))

    def _quarantine(self, task: Task, _interrupted_before: bool) -> Outcome:
        parked = fileops.parked_name(task.from_path, task.run_id, task.row_id)
        fileops.unpark(task.from_path, parked)
        if not os.path.lexists(task.from_path):
            if _is_as_recorded(task.to_path, task):
                return Outcome("done", "was in the quarantine already")
            return Outcome("failed", "there is no such file in the source any more")
        self._require_unchanged(task)
        move = fileops.Move(task.from_path, task.to_path, _found(task.from_path), task.sha256, parked)
        if os.path.lexists(task.to_path) and not (task.size_bytes and fileops.remove_placeholder(task.to_path)):
            return self._finish_killed_move(move, task)
        self._relocate(move, 0o700)
        return Outcome("done")

    def _finish_killed_move(self, move: fileops.Move, task: Task) -> Outcome:
        """Both names exist: a killed run had linked or copied the file, or somebody else's file stands there."""
        if not _is_as_recorded(task.to_path, task):
            raise FileExistsError
        if _found(move.destination).place == move.expected.place:
            fileops.remove_identified(move.source, move.expected, move.parked)
        else:
            fileops.finish_relocation(move, self.stop)
        return Outcome("done")

    def _relocate(self, move: fileops.Move, folder_mode: int) -> None:
        folder = os.path.dirname(move.destination)
        try:
            fileops.make_folders(folder, folder_mode)
        except OSError as error:
            raise fileops.writing_failed(folder, error) from None
        fileops.relocate(move, self.stop)

    def _delete(self, task: Task, interrupted_before: bool) -> Outcome:
        """A quarantine, and at once the purge of what was quarantined: nobody can change the file in between."""
        in_quarantine = replace(task, from_path=task.to_path, to_path="")
        parked = fileops.parked_name(in_quarantine.from_path, task.run_id, task.row_id)
        if interrupted_before and not any(os.path.lexists(p) for p in (task.from_path, task.to_path, parked)):
            return Outcome("done", "was destroyed before the interruption")
        if not os.path.lexists(parked):
            outcome = self._quarantine(task, interrupted_before)
            if outcome.phase == "failed":
                return outcome
        try:
            return self._purge(in_quarantine, interrupted_before)
        except (RowFailed, MediaArchiveError):
            # What is not destroyed goes back to where it was, and the same row can be tried again.
            move = fileops.Move(task.to_path, task.from_path, _found(task.to_path), task.sha256, parked)
            fileops.relocate(move)
            raise

    def _purge(self, task: Task, interrupted_before: bool) -> Outcome:
        """Destroy a quarantined file after reading it and its archive copy from the disk, byte by byte."""
        parked = fileops.parked_name(task.from_path, task.run_id, task.row_id)
        fileops.unpark(task.from_path, parked)
        if not os.path.lexists(task.from_path):
            if interrupted_before:
                return Outcome("done", "was destroyed before the interruption")
            if os.path.lexists(task.source_path):
                return Outcome("skipped", "it is in the source, not in the quarantine")
            return Outcome("skipped", "it is not in the quarantine any more")
        if leads_through_link(task.destination_path, task.archive_root):
            return Outcome("failed", "a symbolic link stands on the way in the archive")
        self._require_two_folders(task.from_path, task.destination_path)
        try:
            result = compare(task.from_path, task.destination_path, True, self.progress.add_bytes, self.stop)
        except FileNotFoundError:
            raise RowFailed("its archive copy is gone; it was kept") from None
        except OSError as error:
            if error.filename == task.destination_path:
                raise archive_failed(task.destination_path, error) from None
            raise RowFailed(f"cannot read it: {explain_os_error(error)}; it was kept") from None
        if not result.equal or result.sha256 != task.sha256:
            raise RowFailed("its archive copy differs from it; it was kept")
        try:
            fileops.remove_identified(task.from_path, result.left, parked)
        except OSError as error:
            raise fileops.writing_failed(task.from_path, error) from None
        return Outcome("done", read_mode=result.read_mode)

    def _restore(self, task: Task, _interrupted_before: bool) -> Outcome:
        parked = fileops.parked_name(task.to_path, task.run_id, task.row_id)
        fileops.unpark(task.to_path, parked)
        if not os.path.lexists(task.from_path):
            if os.path.lexists(task.to_path):
                return Outcome("skipped", "it is in its place")
            return Outcome(
                "failed", f"it is neither here nor there; its archive copy is {shown(task.destination_path)}"
            )
        if leads_through_link(task.to_path, task.source_root):
            return Outcome("failed", "a symbolic link stands on the way in the source")
        if not _is_as_recorded(task.from_path, task):
            return Outcome("failed", f"{shown(task.from_path)} was changed since it was put there")
        own_parked = fileops.parked_name(task.from_path, task.run_id, task.row_id)
        move = fileops.Move(task.from_path, task.to_path, _found(task.from_path), task.sha256, own_parked)
        if os.path.lexists(task.to_path) and not (task.size_bytes and fileops.remove_placeholder(task.to_path)):
            return self._finish_killed_move(move, task)
        self._relocate(move, 0o777)
        return Outcome("done")

    def _restore_folder(self, task: Task, _interrupted_before: bool) -> Outcome:
        if os.path.isdir(task.to_path):
            return Outcome("skipped", "it is in its place")
        try:
            fileops.restore_folder(task.to_path, task.folder_mode)
        except OSError as error:
            raise fileops.writing_failed(task.to_path, error) from None
        return Outcome("done")

    def _require_unchanged(self, task: Task) -> None:
        """The look at both files at the moment of effect. Raises ``RowFailed`` with the reason not to act."""
        for path, root in ((task.source_path, task.source_root), (task.destination_path, task.archive_root)):
            if leads_through_link(path, root):
                raise RowFailed(f"a symbolic link stands on the way to {shown(path)}")
        verdict = decide_by_looks(task, _look(task.source_path), _look(task.destination_path))
        if verdict.reason:
            raise RowFailed(verdict.reason)
        if self.dry_run:
            return
        self._require_two_folders(task.source_path, task.destination_path)
        if verdict.read_first:
            try:
                result = compare(task.source_path, task.destination_path, True, self.progress.add_bytes, self.stop)
            except OSError as error:
                raise RowFailed(f"cannot compare it with its archive copy: {explain_os_error(error)}") from None
            if not result.equal or result.sha256 != task.sha256:
                raise RowFailed("it or its archive copy was changed since it was verified; verify again")

    def _require_two_folders(self, path: str, copy: str) -> None:
        folders = os.path.dirname(path), os.path.dirname(copy)
        if folders in self.told_apart:
            return
        if fileops.sees_the_same_folder(folders[1], folders[0]):
            raise RowFailed("it and its archive copy are in one folder seen twice (a mount)")
        self.told_apart.add(folders)


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise archive_failed(path, error) from None


def _found(path: str) -> Identity:
    return identity_of(os.lstat(path))


def _is_as_recorded(path: str, task: Task) -> bool:
    status = _look(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    return (status.st_size, mtime_text(status.st_mtime_ns)) == (task.size_bytes, task.source_mtime)


def archive_failed(path: str, error: OSError) -> StoppedEarly:
    """A disk that can't be read is no reason to judge its files: the run stops."""
    return StoppedEarly(f"{shown(path)}: cannot read: {explain_os_error(error)}; check the disk, then run again")


# --- record ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    """Where this run keeps what: journal, state and lock stand beside the quarantined files."""

    quarantine_root: str
    folder: str
    journal: str
    state: str


def places_of(options: Options, kind: Kind, run_id: str, source_root: str, digest: str) -> Places:
    """The places for a manifest. Pure."""
    quarantine_root = options.quarantine_root or os.path.join(source_root, QUARANTINE)
    if kind.name == "verified":
        folder = os.path.join(quarantine_root, run_id)
        journal = os.path.join(folder, JOURNAL_NAME)
    else:
        folder = os.path.dirname(options.manifest)
        name = os.path.basename(options.manifest).removesuffix(".csv")
        journal = os.path.join(folder, f"{name}-{kind.action}.csv")
    shard = f"-{options.offset}-{options.limit or 'end'}" if options.offset is not None else ""
    state = options.state_file or os.path.join(folder, f"{kind.action}-{digest[:12]}{shard}{SUFFIX}")
    return Places(quarantine_root, folder, journal, state)


def journal_row(task: Task, phase: str, outcome: Outcome | None = None) -> JournalRow:
    """The row for an intention or an outcome; the journal numbers and chains it. Pure."""
    return JournalRow(
        sequence=0,
        time="",
        phase=phase,
        action=task.action,
        reason=outcome.reason if outcome else "",
        from_path=task.from_path,
        to_path=task.to_path,
        source_inode=task.source_inode,
        read_mode=outcome.read_mode if outcome else "",
        chain="",
        **_shared(task),
    )


def prune_rows(folders: Iterable[str], task: Task) -> list[JournalRow]:
    """The intentions to remove folders that this run emptied, the deepest first; never a root. Reads the disk."""
    root = task.source_root
    empty: dict[str, int] = {}
    for start in sorted(set(folders), key=len, reverse=True):
        folder = start
        while is_inside(folder, root) and folder not in empty and _holds_only(folder, empty):
            empty[folder] = stat.S_IMODE(os.stat(folder).st_mode)
            folder = os.path.dirname(folder)
    pruned = replace(task, action="prune", to_path="", row_id=0, size_bytes=0, source_mtime="0", sha256="")
    return [
        journal_row(replace(pruned, from_path=folder), "planned", Outcome("planned", f"{mode:o}"))
        for folder, mode in empty.items()
    ]


def _holds_only(folder: str, removable: dict[str, int]) -> bool:
    try:
        with os.scandir(folder) as entries:
            return all(entry.path in removable for entry in entries)
    except OSError:
        return False


class Session:
    """The journal and the state of this run. Changes the disk as rows are recorded."""

    def __init__(self, places: Places, state: State, run_id: str) -> None:
        self.places = places
        self.state = state
        length = state.outputs.get("journal", ("", 0))[1]
        sequence = state.counts.get("journal rows", 0)
        self.journal = Journal(places.journal, run_id, length, state.chain, sequence)
        self.call_counts: Counter[str] = Counter()
        if not length:
            self.checkpoint(Counter(), 0, state.byte_offset, complete=False)

    def checkpoint(self, counts: Counter[str], rows: int, next_byte: int, complete: bool) -> None:
        """The batch is done and in the journal: move the state on behind it."""
        self.call_counts += counts
        totals = Counter(self.state.counts) + counts
        totals["journal rows"] = self.journal.sequence
        self.state = replace(
            self.state,
            next_offset=self.state.next_offset + rows,
            byte_offset=next_byte,
            counts=dict(totals),
            outputs={"journal": (self.places.journal, self.journal.length)},
            chain=self.journal.chain,
            complete=complete,
        )
        save_state(self.places.state, self.state)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the manifest on its way: its task, if any, and the byte behind it."""

    task: Task | None
    end: int


# --- the story -------------------------------------------------------------------------------------


def apply(options: Options, talk: cli.Talk, stop: cli.StopRequest) -> cli.Summary:
    """Read rows from where the state says, look, write down what is intended, act, record, and sum up."""
    kind = kind_of_manifest(options)
    with ExitStack() as stack:
        digest = file_digest(options.manifest)
        survey, places, state = open_manifest(options, kind, digest)
        require_surroundings(survey)
        if survey.torn_line:
            talk.warn(f"{shown(options.manifest)}, line {survey.torn_line}: the last row is cut short and is left out")
        if state and state.complete:
            talk.info("all of this manifest was applied already; nothing is left to do")
            return sum_up(options, kind, survey, places, state, Counter(state.counts))
        start = options.offset or 0
        fresh = State(
            TOOL,
            survey.run_id,
            settings_of(options, kind),
            survey.manifest,
            next_offset=start,
            end_offset=start + options.limit if options.offset is not None and options.limit else -1,
        )
        state = state or fresh
        progress = stack.enter_context(
            cli.Progress(
                kind.action, survey.manifest.rows - state.next_offset, survey.manifest.media_bytes, options.common
            )
        )
        doer = Doer(progress, stop, set(), options.dry_run)
        reader = stack.enter_context(Reader(options.manifest, kind.columns))
        lines = read_lines(reader, kind, state, places, options)
        if options.dry_run:
            return preview_all(lines, doer, options, kind, survey, places, state)

        talk.info(f"journal: {shown(places.journal)}")
        lock_all(places, survey, stack)
        session = Session(places, state, survey.run_id)
        stack.callback(session.journal.close)
        for batch in batches(lines, max(BATCH_ROWS, len(session.journal.unresolved))):
            archive.require_archive(survey.archive_root, survey.archive_id)
            counts = carry_out(batch, session, doer, kind, options, talk)
            reached = session.state.next_offset + len(batch)
            complete = reached >= survey.manifest.rows or 0 <= session.state.end_offset <= reached
            session.checkpoint(counts, len(batch), batch[-1].end, complete)
            if stop() and not complete:
                raise Interrupted("interrupted; run the same command again to go on")
        return sum_up(options, kind, survey, places, session.state, session.call_counts)


def settings_of(options: Options, kind: Kind) -> dict[str, str]:
    """What a later call must repeat to go on."""
    window = {"offset": "", "limit": ""}
    if options.offset is not None:
        window = {"offset": str(options.offset), "limit": str(options.limit or "")}
    return {"action": kind.action, **window}


def open_manifest(options: Options, kind: Kind, digest: str) -> tuple[Survey, Places, State | None]:
    """What is known of the manifest, the places that go with it, and how far an earlier call came. Changes nothing."""
    with Reader(options.manifest, kind.columns) as reader:
        first = next(iter(reader), None)
    if first is None:
        raise BadInput(f"{shown(options.manifest)} has no rows; there is nothing to do")
    run_id = require_run_id(first.values["run_id"], f"{shown(options.manifest)}, line 2")
    places = places_of(options, kind, run_id, first.values["source_root"], digest)
    state = load_state(places.state, TOOL)
    if state is None or state.manifest is None:
        return survey_manifest(options, kind), places, None
    if state.manifest.sha256 != digest or state.run_id != run_id:
        raise BadInput(
            f"{shown(places.state)} belongs to another manifest, or to this one before it was changed; "
            "it is left as it is: give another --state-file"
        )
    if state.settings != settings_of(options, kind):
        raise BadInput(
            f"{shown(places.state)} belongs to a call with other options; give the same, or another state file"
        )
    if options.expected_run_id not in ("auto", run_id):
        raise BadInput(
            f"{shown(options.manifest)}: the manifest is of run {run_id}, not of the expected "
            f"{options.expected_run_id}; nothing was changed"
        )
    roots = (first.values["source_root"], first.values["archive_root"], first.values["archive_id"])
    return Survey(state.manifest, run_id, *roots, torn_line=0), places, state


def require_surroundings(survey: Survey) -> None:
    """Both disks must be there: a missing one is an error of the surroundings, not of a million rows."""
    if not os.path.isdir(survey.source_root):
        raise StoppedEarly(f"{shown(survey.source_root)} does not exist: mount the disk of the source, then run again")
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id)


def lock_all(places: Places, survey: Survey, stack: ExitStack) -> None:
    """Keep out other runs on this quarantine, and all that change the archive, or the source if it is one as well."""
    if is_inside(os.path.realpath(places.folder), survey.archive_root):
        raise BadInput(f"{shown(places.folder)} lies in the archive; choose another --quarantine-root")
    try:
        fileops.make_folders(places.folder, 0o700)
    except OSError as error:
        raise BadInput(
            f"{shown(places.folder)}: cannot make the quarantine: {explain_os_error(error)}; choose another --quarantine-root"
        ) from None
    stack.enter_context(Lock(os.path.join(places.folder, "lock")))
    stack.enter_context(lock_unless_read_only(os.path.join(survey.archive_root, archive.LOCK)))
    if archive.read_archive_id(survey.source_root):
        stack.enter_context(lock_unless_read_only(os.path.join(survey.source_root, archive.LOCK)))


def read_lines(reader: Reader, kind: Kind, state: State, places: Places, options: Options) -> Iterator[Line]:
    """The rows that this call is to act on."""
    if state.byte_offset:
        reader.seek(state.byte_offset)
    skip = 0 if state.byte_offset else state.next_offset
    rows = state.manifest.rows if state.manifest else 0
    end = state.end_offset if state.end_offset >= 0 else rows
    if options.offset is None and options.limit:
        end = min(end, state.next_offset + options.limit)
    wanted = range(end - state.next_offset + skip)
    for number, record in zip(wanted, reader, strict=False):
        if number >= skip:
            yield Line(read_task(kind, record, reader.where(record.line), places.quarantine_root), record.end)


def batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def carry_out(
    batch: Sequence[Line], session: Session, doer: Doer, kind: Kind, options: Options, talk: cli.Talk
) -> Counter[str]:
    """Write down what is intended, do it, write down what came of it. Changes the disk."""
    journal = session.journal
    tasks = [line.task for line in batch if line.task]
    known = {row_id: Outcome(row.phase, row.reason) for row_id, row in journal.outcomes.items()}
    under_way = set(journal.unresolved)
    to_do = [task for task in tasks if task.row_id not in known]
    journal.append([journal_row(task, "planned") for task in to_do if task.row_id not in under_way])

    done: list[tuple[Task, Outcome]] = []
    trouble: MediaArchiveError | None = None
    # Renames are too short to be worth a thread; reading whole files is not.
    jobs = options.common.jobs if kind.action in ("delete", "purge") else 1
    try:
        for task, outcome in in_order(
            lambda task: (task, doer.apply_task(task, task.row_id in under_way)), until_stop(to_do, doer.stop), jobs
        ):
            done.append((task, outcome))
    except (Interrupted, StoppedEarly) as error:
        trouble = error
    touched = [task for task, outcome in done if outcome.phase == "done"]
    sync_touched(touched)
    journal.append([journal_row(task, outcome.phase, outcome) for task, outcome in done])
    if not trouble and len(done) < len(to_do):
        trouble = Interrupted("interrupted; run the same command again to go on")
    if trouble:
        raise trouble

    for task, outcome in done:
        talk.detail(f"{outcome.phase}: {task.action} {shown(task.from_path)} {outcome.reason}")
        if outcome.phase == "failed":
            talk.warn(f"{shown(task.from_path or task.to_path)}: {outcome.reason}")
    finished = [*(outcome for _, outcome in done), *(known[task.row_id] for task in tasks if task.row_id in known)]
    if kind.name == "verified" and options.prune_empty_dirs and tasks:
        prune(journal, [os.path.dirname(task.source_path) for task in tasks], tasks[0])
    tidy_quarantine(touched)
    counts = Counter(outcome.phase for outcome in finished)
    counts["nothing to do"] += len(batch) - len(tasks)
    return +counts


def until_stop(tasks: Iterable[Task], stop: cli.StopRequest) -> Iterator[Task]:
    for task in tasks:
        if stop():
            return
        yield task


def sync_touched(tasks: Sequence[Task]) -> None:
    """Make the renames durable: where the files are now before where they were."""
    for path in ("to_path", "from_path"):
        folders = {os.path.dirname(getattr(task, path)) for task in tasks if getattr(task, path)}
        fileops.sync_folders(folder for folder in folders if os.path.isdir(folder))


def prune(journal: Journal, folders: Iterable[str], task: Task) -> None:
    """Remove the folders that this run emptied. Changes the disk."""
    rows = prune_rows(folders, task)
    journal.append(rows)
    outcomes = []
    for row in rows:
        removed = fileops.remove_empty_folder(row.from_path)
        outcomes.append(replace(row, phase="done" if removed else "failed"))
    fileops.sync_folders({folder for folder in map(_parent, rows) if os.path.isdir(folder)})
    journal.append(outcomes)


def _parent(row: JournalRow) -> str:
    return os.path.dirname(row.from_path)


def tidy_quarantine(tasks: Iterable[Task]) -> None:
    """Remove the folders in the quarantine that a restore, a purge or a deletion left empty."""
    for task in tasks:
        if task.action in ("restore", "purge", "delete") and task.from_path:
            place = task.to_path if task.action == "delete" else task.from_path
            suffix = os.path.join("files", _without_root(task.source_path))
            if place.endswith(suffix):
                fileops.remove_empty_folders_up_to(os.path.dirname(place), place.removesuffix(suffix) + "files")


def preview_all(
    lines: Iterable[Line], doer: Doer, options: Options, kind: Kind, survey: Survey, places: Places, state: State
) -> cli.Summary:
    """Print the plan: what the same command without --dry-run would do, by what can be seen now."""
    counts: Counter[str] = Counter()
    for line in lines:
        if line.task is None:
            counts["nothing to do"] += 1
            continue
        outcome = doer.preview(line.task)
        counts[outcome.phase] += 1
        if not options.common.json:
            would = f"would {line.task.action.replace('_', ' ')}" if outcome.phase == "done" else outcome.phase
            where = f" -> {shown(line.task.to_path)}" if line.task.to_path and outcome.phase == "done" else ""
            why = f" ({outcome.reason})" if outcome.reason else ""
            print(f"{would}: {shown(line.task.from_path or line.task.to_path)}{where}{why}")
    return sum_up(options, kind, survey, places, state, counts)


PAST = {"quarantine": "quarantined", "delete": "deleted", "purge": "purged", "restore": "restored"}


def sum_up(
    options: Options, kind: Kind, survey: Survey, places: Places, state: State, counts: Counter[str]
) -> cli.Summary:
    """The counts, and what to do next."""
    counts = Counter({name: number for name, number in counts.items() if name != "journal rows"})
    done = f"would be {PAST[kind.action]}" if options.dry_run else PAST[kind.action]
    names = {"done": done, "skipped": "skipped", "failed": "failed", "nothing to do": "nothing to do"}
    notes = []
    if counts["failed"]:
        notes.append(f"{counts['failed']:,} files were left where they are: the reasons are above and in the journal")
    if survey.torn_line:
        notes.append(f"the last row of the manifest (line {survey.torn_line}) was cut short and is left out")
    if not state.complete and not options.dry_run:
        notes.append(f"{survey.manifest.rows - state.next_offset:,} rows remain; run the same command again")
    return cli.Summary(
        tool=TOOL,
        headline=f"{kind.action}{' (dry run)' if options.dry_run else ''}: {shown(options.manifest)}",
        run_id=survey.run_id,
        exit_code=ExitCode.ATTENTION if counts["failed"] or survey.torn_line else ExitCode.OK,
        counts={"rows": sum(counts.values()), **{names[name]: counts[name] for name in names if counts[name]}},
        outputs={} if options.dry_run else {"journal": places.journal, "state": places.state},
        notes=notes,
        complete=state.complete,
        next_step=next_step(options, kind, places, state),
    )


def next_step(options: Options, kind: Kind, places: Places, state: State) -> str:
    if options.dry_run:
        return "the same command without --dry-run"
    if not state.complete:
        return "the same command again"
    if kind.action != "quarantine":
        return ""
    arguments = ("--manifest", places.journal, "--expected-run-id", state.run_id, "--restore")
    return f"look around; to bring all back: {cli.script_command('apply_deletion_manifest.py', *arguments)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return cli.run_stage(lambda talk, stop: apply(options, talk, stop), options.common)


if __name__ == "__main__":
    raise SystemExit(main())

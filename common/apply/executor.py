"""Taking one original out of the source, for a while or for good, and bringing it back.

Every act first finds out what a killed run had done of it, and finishes that.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from common.apply.tasks import Task, check_stat, shared_fields
from common.archive import archive_failed
from common.errors import MediaArchiveError, RowFailed, explain_os_error
from common.fileops.context import DiskAccess
from common.fileops.folders import make_folders, restore_folder, sync_folders_up_to
from common.fileops.mounts import remove_stale_probes
from common.fileops.moving import Move, destroy, drop_second_name, finish_relocation, relocate, restore_mtime
from common.fileops.os_errors import write_error
from common.fileops.renaming import remove_placeholder, restore_set_aside
from common.fileops.temporary import remove_temporaries, set_aside_name
from common.hashing.compare import compare
from common.hashing.digest import hash_file
from common.hashing.identity import Identity, identity_of
from common.manifests import reasons
from common.manifests.rows import JournalRow
from common.paths import NOT_FOUND_ERRORS, path_exists, printable
from common.timestamps import mtime_nanoseconds, mtime_text

_DESTROYED = "it is gone, and was about to be destroyed when the run was interrupted"
_COARSEST_NS = 2_000_000_000  # FAT keeps times in steps of two seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: ``done``, ``skipped`` (nothing was to be done) or ``failed``, with the reason."""

    phase: str
    reason: str = ""
    read_mode: str = ""


class TaskExecutor:
    """Carries out tasks of ``apply``. ``apply_task`` changes source and quarantine, ``preview`` changes nothing."""

    def __init__(
        self,
        disk: DiskAccess,
        *,
        oldest_allowed: str = "",
        dry_run: bool = False,
        was_purged: Callable[[int], bool] = lambda _row_id: False,
    ) -> None:
        self.disk = disk
        self._oldest_allowed = oldest_allowed
        self._dry_run = dry_run
        self.was_purged = was_purged

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
            with self.disk.hard_links.hold(task.from_path):
                return acts[task.action](task, interrupted_before)
        except FileExistsError:
            return Outcome("failed", f"another file stands at {printable(task.to_path)}; it was not touched")
        except RowFailed as error:
            return Outcome("failed", str(error))
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return Outcome("failed", f"its path would be too long: {printable(task.to_path or task.from_path)}")
            raise archive_failed(os.fsdecode(error.filename or task.from_path), error) from None
        finally:
            self.disk.progress.add_file()

    def is_done(self, task: Task) -> bool:
        """Whether an earlier run has carried out the task, by looks. Changes nothing."""
        if task.action == "restore_folder":
            return _folder_is_as_recorded(task)
        if path_exists(task.from_path):
            return False
        set_aside = set_aside_name(task.from_path, task.run_id, task.row_id)
        if task.action == "quarantine":
            return bool(_as_recorded(task.to_path, task)) and not path_exists(set_aside)
        return task.action == "restore" and bool(_as_recorded(task.to_path, task))

    def preview(self, task: Task) -> Outcome:
        """What ``apply_task`` would decide by looks. Changes nothing."""
        try:
            if task.action == "delete" and not path_exists(task.from_path) and _as_recorded(task.to_path, task):
                self._require_young(task)
                return Outcome("done", "it is in the quarantine, from where it goes for good")
            if task.action in ("quarantine", "delete"):
                self._require_unchanged(task)
                return Outcome("done")
            if not path_exists(task.from_path) and task.action != "restore_folder":
                if task.action == "restore" and not path_exists(task.to_path):
                    return self._neither_here_nor_there(task)
                return Outcome("skipped", "it is not there to be taken")
            if task.action == "purge":
                _require_copy(task)
            if task.action != "restore_folder" and _as_recorded(task.from_path, task) is None:
                raise RowFailed(f"{printable(task.from_path)} was changed since it was put there")
            if task.action == "restore" and path_exists(task.to_path) and not _as_recorded(task.to_path, task):
                raise RowFailed(f"another file stands at {printable(task.to_path)}; it was not touched")
            return Outcome("done")
        except RowFailed as error:
            return Outcome("failed", str(error))

    def _quarantine(self, task: Task, interrupted_before: bool) -> Outcome:
        set_aside = set_aside_name(task.from_path, task.run_id, task.row_id)
        restore_set_aside(task.from_path, set_aside)
        if not path_exists(task.from_path):
            if _as_recorded(task.to_path, task):
                self._require_young(task)
                return Outcome("done", "was in the quarantine already")
            return Outcome("failed", "there is no such file in the source any more")
        judged = self._require_unchanged(task)
        move = Move(task.from_path, task.to_path, judged, task.sha256, set_aside)
        if interrupted_before:
            remove_placeholder(task.to_path, task.from_path)
        if path_exists(task.to_path):
            return self._finish_killed_move(move, task)
        self._relocate(move, 0o700)
        return Outcome("done")

    def _finish_killed_move(self, move: Move, task: Task) -> Outcome:
        """Both names exist: a killed run had linked or copied the file, or somebody else's file stands there."""
        if not _as_recorded(task.to_path, task):
            raise FileExistsError
        if _found(move.destination).inode_key == move.expected.inode_key:
            drop_second_name(move)
        else:
            finish_relocation(move, self.disk)
        return Outcome("done")

    def _relocate(self, move: Move, folder_mode: int) -> None:
        folder = os.path.dirname(move.destination)
        try:
            make_folders(folder, folder_mode)
        except OSError as error:
            raise write_error(folder, error) from None
        self.disk.unsupported_attributes.update(relocate(move, self.disk))

    def _delete(self, task: Task, interrupted_before: bool) -> Outcome:
        """A quarantine, and at once the purge of what was quarantined: nobody can change the file in between."""
        in_quarantine = replace(task, from_path=task.to_path, to_path="")
        set_aside = set_aside_name(in_quarantine.from_path, task.run_id, task.row_id)
        in_source = set_aside_name(task.from_path, task.run_id, task.row_id)
        if interrupted_before and not any(path_exists(p) for p in (task.from_path, in_source, task.to_path, set_aside)):
            return Outcome("done", _DESTROYED)
        if not path_exists(set_aside):
            outcome = self._quarantine(task, interrupted_before)
            if outcome.phase == "failed":
                return outcome
        try:
            return self._purge(in_quarantine, interrupted_before)
        except (RowFailed, MediaArchiveError):
            # What is not destroyed goes back to where it was, and the same row can be tried again.
            if left := _as_recorded(task.to_path, task):
                try:
                    relocate(Move(task.to_path, task.from_path, left, task.sha256, set_aside))
                except FileExistsError:
                    raise RowFailed(
                        f"another file has its name by now; the original is kept at {printable(task.to_path)}: "
                        "--restore, with the journal, brings it back when the name is free"
                    ) from None
            raise

    def _purge(self, task: Task, interrupted_before: bool) -> Outcome:
        """Destroy a quarantined file after reading it and its archive copy from the disk, byte by byte."""
        set_aside = set_aside_name(task.from_path, task.run_id, task.row_id)
        restore_set_aside(task.from_path, set_aside)
        if not path_exists(task.from_path):
            if path_exists(task.source_path):
                return Outcome("skipped", "it is in the source, not in the quarantine")
            if interrupted_before:
                return Outcome("done", _DESTROYED)
            return Outcome("skipped", "it is not in the quarantine any more")
        if self.disk.real_roots.leads_through_link(task.destination_path, task.archive_root):
            raise RowFailed("a symbolic link stands on the way in the archive")
        if task.destination_path in self.disk.mount_points:
            raise RowFailed("its archive copy is a mount point, a view of some other file")
        _require_copy(task)
        judged = _as_recorded(task.from_path, task)
        if self.disk.real_roots.leads_through_link(task.from_path, task.from_root):
            raise RowFailed("a symbolic link stands on the way in the quarantine")
        if judged is None:
            raise RowFailed("it was changed since it was put into the quarantine; it was kept")
        self._require_two_folders(task.from_path, task.destination_path)
        sync_folders_up_to(os.path.dirname(task.destination_path), task.archive_root, self.disk.synced_folders)
        order = Move(task.from_path, task.destination_path, judged, task.sha256, set_aside)
        return Outcome("done", read_mode=destroy(order, self.disk))

    def _restore(self, task: Task, interrupted_before: bool) -> Outcome:
        own_parked = set_aside_name(task.from_path, task.run_id, task.row_id)
        restore_set_aside(task.to_path, set_aside_name(task.to_path, task.run_id, task.row_id))
        restore_set_aside(task.from_path, own_parked)
        if not path_exists(task.from_path):
            if interrupted_before and (arrived := _as_recorded(task.to_path, task)):
                _mend_time(task, arrived)
                return Outcome("done", "was restored before the interruption")
            if _as_recorded(task.to_path, task):
                return Outcome("skipped", "it is in its place")
            if path_exists(task.to_path):
                return Outcome("skipped", "another file, or an edited one, is in its place")
            return self._neither_here_nor_there(task)
        # Looked at before the way to it: what is moved in the end is this very file, so it can't be one behind a link
        # that appeared between the two.
        found = _as_recorded(task.from_path, task)
        if self.disk.real_roots.leads_through_link(task.to_path, task.source_root):
            return Outcome("failed", "a symbolic link stands on the way in the source")
        if self.disk.real_roots.leads_through_link(task.from_path, task.from_root):
            return Outcome("failed", f"a symbolic link stands on the way to {printable(task.from_path)}")
        if found is None:
            return Outcome("failed", f"{printable(task.from_path)} was changed since it was put there")
        move = Move(task.from_path, task.to_path, found, task.sha256, own_parked)
        if interrupted_before:
            remove_placeholder(task.to_path, task.from_path)
        if path_exists(task.to_path):
            self._finish_killed_move(move, task)
        else:
            self._relocate(move, 0o777)
        _mend_time(task, found)
        return Outcome("done")

    def _neither_here_nor_there(self, task: Task) -> Outcome:
        if task.from_path == task.destination_path:
            return Outcome("failed", "it is neither in the archive nor in its place")
        copy = f"its archive copy is {printable(task.destination_path)}"
        if self.was_purged(task.row_id):
            return Outcome("skipped", reasons.purged(printable(task.destination_path)))
        return Outcome("failed", f"it is neither in the quarantine nor in its place; {copy}")

    def _restore_folder(self, task: Task, _interrupted_before: bool) -> Outcome:
        if self.disk.real_roots.leads_through_link(os.path.join(task.to_path, "any"), task.source_root):
            return Outcome("failed", "a symbolic link stands in its place, or on the way to it")
        try:
            restore_folder(task.to_path, task.folder_mode, mtime_nanoseconds(task.source_mtime))
        except OSError as error:
            raise write_error(task.to_path, error) from None
        return Outcome("done")

    def _require_unchanged(self, task: Task) -> Identity:
        """The look at both files at the moment of effect; what it judged is what may be moved, and nothing else.

        Raises ``RowFailed`` with the reason not to act.
        """
        for path, root in ((task.source_path, task.source_root), (task.destination_path, task.archive_root)):
            if self.disk.real_roots.leads_through_link(path, root):
                raise RowFailed(f"a symbolic link stands on the way to {printable(path)}")
            if path in self.disk.mount_points:
                raise RowFailed(f"{printable(path)} is a mount point, a view of some other file")
        self._require_young(task)
        source, copy = _look(task.source_path), _look(task.destination_path)
        verdict = check_stat(task, source, copy)
        if verdict.reason or source is None:
            raise RowFailed(verdict.reason)
        judged = identity_of(source)
        if self._dry_run:
            return judged
        self._require_two_folders(task.source_path, task.destination_path)
        if verdict.read_first:
            try:
                result = compare(task.source_path, task.destination_path, self.disk, cold=True)
            except OSError as error:
                raise RowFailed(f"cannot compare it with its archive copy: {explain_os_error(error)}") from None
            if not result.equal or result.sha256 != task.sha256:
                raise RowFailed(reasons.verify_again("it or its archive copy was changed since it was verified"))
            judged = result.left
        return judged

    def _require_young(self, task: Task) -> None:
        if task.verified_at < self._oldest_allowed:
            raise RowFailed(
                reasons.verify_again(f"it was verified on {task.verified_at[:10]}, longer ago than --max-age")
            )

    def _require_two_folders(self, path: str, copy: str) -> None:
        if self.disk.directories.same_directory(os.path.dirname(path), os.path.dirname(copy)):
            raise RowFailed("it and its archive copy are in one folder seen twice (a mount)")


def _mend_time(task: Task, found: Identity) -> None:
    """Give a restored file the time that a file system on its way had rounded.

    What is further away is no rounding: an edited manifest must not change the time of a photo.
    """
    recorded = mtime_nanoseconds(task.source_mtime)
    if recorded != found.mtime_ns and abs(recorded - found.mtime_ns) <= _COARSEST_NS:
        restore_mtime(task.to_path, recorded)


def _require_copy(task: Task) -> None:
    """Raise ``RowFailed`` when a look at the archive copy tells already that the two will not be found identical."""
    copy = _look(task.destination_path)
    if copy is None:
        raise RowFailed(f"its archive copy {printable(task.destination_path)} is gone; it is kept")
    if not stat.S_ISREG(copy.st_mode) or copy.st_size != task.size_bytes:
        raise RowFailed(f"its archive copy {printable(task.destination_path)} is another file by now; it is kept")


def _folder_is_as_recorded(task: Task) -> bool:
    try:
        status = os.stat(task.to_path)
    except OSError:
        return False
    return (stat.S_IMODE(status.st_mode), mtime_text(status.st_mtime_ns)) == (task.folder_mode, task.source_mtime)


def clear_leftovers(tasks: Iterable[Task]) -> None:
    """Remove what a killed run left under temporary names where these tasks are at work. Changes those folders.

    Before any of them begins: a task that runs beside others must not take their temporary files away.
    """
    places = [(task.to_path, (task.from_path, task.source_path, task.destination_path)) for task in tasks]
    for folder in {os.path.dirname(to_path) for to_path, _ in places if to_path}:
        remove_temporaries(folder)
    for folder in {os.path.dirname(path) for _, paths in places for path in paths if path}:
        remove_stale_probes(folder)


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError as error:
        if error.errno in NOT_FOUND_ERRORS:
            return None
        raise archive_failed(path, error) from None


def _found(path: str) -> Identity:
    return identity_of(os.lstat(path))


def _as_recorded(path: str, task: Task) -> Identity | None:
    """The identity of a file that is the recorded one, by size and time or by content; None for any other or none."""
    status = _look(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    if status.st_size != task.size_bytes:
        return None
    if mtime_text(status.st_mtime_ns) == task.source_mtime:
        return identity_of(status)
    # A file system that rounds times has moved the time of a copy: then the content decides.
    found = hash_file(path)
    return found.identity if found.sha256 == task.sha256 else None


def journal_row(task: Task, phase: str, outcome: Outcome | None = None, folder_time: str = "") -> JournalRow:
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
        folder=task.touched_folder if folder_time else "",
        folder_mtime=folder_time,
        chain="",
        **shared_fields(task),
    )


def outcome_row(planned: JournalRow, outcome: Outcome) -> JournalRow:
    """The row that tells what came of an intention. Pure."""
    return planned._replace(phase=outcome.phase, reason=outcome.reason, read_mode=outcome.read_mode)

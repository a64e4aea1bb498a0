"""Carrying out one task: quarantining, deleting or restoring a file, or recreating a folder.

Every act first determines what a killed run has already done of it, and finishes that.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from common.apply.tasks import Task, check_stat
from common.archive import ArchiveLookup, archive_failed
from common.errors import MediaArchiveError, NoRoom, RowFailed, StoppedEarly, explain_os_error
from common.fileops.attributes import missing_attributes
from common.fileops.context import DiskAccess
from common.fileops.folders import make_folders, restore_folder, sync_folders_up_to
from common.fileops.mounts import remove_stale_probes
from common.fileops.moving import (
    STRICT,
    Move,
    Terms,
    destroy,
    drop_second_name,
    finish_relocation,
    relocate,
    restore_mtime,
)
from common.fileops.os_errors import write_error
from common.fileops.renaming import restore_set_aside
from common.fileops.temporary import remove_temporaries, set_aside_name
from common.filesystems import crosses_file_systems, file_system_of, is_on_same_disk, mount_point_between
from common.hashing.compare import compare
from common.hashing.digest import hash_file
from common.hashing.extents import first_extent
from common.hashing.identity import Identity, identity_of, open_regular
from common.manifests import reasons
from common.manifests.statuses import Action, Phase
from common.media_types import unsafe_folder_in
from common.paths import lstat_if_exists, path_exists, printable, relative_to
from common.timestamps import is_rounded_time, mtime_nanoseconds, mtime_text

# One file that does not fit is no reason to stop while there is this much room, in bytes, for others.
_ROOM_FOR_OTHERS = 16_000_000
_DESTROYED = "it is gone, and was about to be destroyed when the run was interrupted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a task: done, skipped (nothing was to be done) or failed, with the reason."""

    phase: Phase
    reason: str = ""
    read_mode: str = ""
    crossed: bool = False  # the file was moved to another file system


class TaskExecutor:
    """Carries out tasks of apply. Only ``apply_task`` changes the disk.

    Verifications before ``oldest_allowed`` have expired. ``was_purged`` returns whether a purge of the quarantine has
    destroyed the file of a row_id. ``terms`` are those under which a file may be destroyed.
    """

    def __init__(
        self,
        disk: DiskAccess,
        *,
        oldest_allowed: str = "",
        was_purged: Callable[[int], bool] = lambda _row_id: False,
        terms: Terms = STRICT,
    ) -> None:
        self.disk = disk
        self._terms = terms
        self._archives = ArchiveLookup()
        self._oldest_allowed = oldest_allowed
        self._was_purged = was_purged
        self._acts: dict[Action, Callable[[Task, bool], Outcome]] = {
            Action.QUARANTINE: self._quarantine,
            Action.DELETE: self._delete,
            Action.PURGE: self._purge,
            Action.RESTORE: self._restore,
            Action.RESTORE_FOLDER: self._restore_folder,
        }

    def apply_task(self, task: Task, interrupted_before: bool) -> Outcome:
        """Carry out one task. Changes the disk: source, quarantine or, to undo a move, archive.

        Raises ``StoppedEarly`` or ``Interrupted``; applying the same task again finishes what is half done.
        """
        try:
            with self.disk.hard_links.hold(task.from_path):
                return self._acts[task.action](task, interrupted_before)
        except FileExistsError:
            return Outcome(Phase.FAILED, f"another file stands at {printable(task.to_path)}; it was not touched")
        except RowFailed as error:
            return Outcome(Phase.FAILED, str(error))
        except NoRoom as error:
            if error.free < _ROOM_FOR_OTHERS:
                raise
            return Outcome(Phase.FAILED, f"too large for that disk: {error.amounts}")
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return Outcome(Phase.FAILED, f"its path would be too long: {printable(task.to_path or task.from_path)}")
            raise archive_failed(os.fsdecode(error.filename or task.from_path), error) from None
        finally:
            self.disk.progress.add_file()

    def is_applied(self, task: Task, has_destroyed: Callable[[int], bool]) -> bool:
        """Whether an earlier call has done what the task asks for.

        The disk shows this, except for a destroyed file: that is in the journal of this run (``has_destroyed``) or of a
        purge. Reads the disk.
        """
        if task.action == Action.RESTORE_FOLDER:
            try:
                status = os.stat(task.to_path)
            except OSError:
                return False
            facts = stat.S_IMODE(status.st_mode), mtime_text(status.st_mtime_ns)
            return facts == (task.folder_mode, task.row.source_mtime)
        if path_exists(task.from_path):
            return False
        if task.action == Action.RESTORE:
            return bool(_as_recorded(task.to_path, task))
        is_there = task.action == Action.QUARANTINE and bool(_as_recorded(task.to_path, task))
        if is_there and not path_exists(_set_aside_name(task)):
            return True
        return has_destroyed(task.row.row_id) or self._was_purged(task.row.row_id)

    def preview(self, task: Task) -> Outcome:
        """Return the outcome that ``apply_task`` would have, as far as can be seen by ``lstat``. Reads the disk."""
        try:
            return self._preview(task)
        except RowFailed as error:
            return Outcome(Phase.FAILED, str(error))

    def _preview(self, task: Task) -> Outcome:
        if task.action == Action.DELETE and not path_exists(task.from_path) and _as_recorded(task.to_path, task):
            self._require_young(task)
            return Outcome(Phase.DONE, "it is in the quarantine, from where it goes for good")
        if task.action in (Action.QUARANTINE, Action.DELETE):
            self._look_again(task)
            crosses = crosses_file_systems(os.path.dirname(task.from_path), os.path.dirname(task.to_path))
            if crosses or task.action == Action.DELETE:
                self._require_accepted(task)
            return Outcome(Phase.DONE, crossed=crosses)
        if task.action == Action.RESTORE_FOLDER:
            return Outcome(Phase.DONE)
        if not path_exists(task.from_path):
            if task.action == Action.RESTORE and not path_exists(task.to_path):
                return self._lost(task)
            return Outcome(Phase.SKIPPED, "it is not there to be taken")
        if task.action == Action.PURGE:
            self._require_archive_disk(task)
            _require_copy(task)
            self._require_accepted(task)
        if task.action == Action.RESTORE:
            _require_disk(task)
        if _as_recorded(task.from_path, task) is None:
            raise RowFailed(f"{printable(task.from_path)} was changed since it was put there")
        if task.action == Action.RESTORE and path_exists(task.to_path) and not _as_recorded(task.to_path, task):
            raise RowFailed(f"another file stands at {printable(task.to_path)}; it was not touched")
        return Outcome(Phase.DONE)

    def _quarantine(self, task: Task, _interrupted_before: bool) -> Outcome:
        self._restore_set_aside(task, task.from_path, _set_aside_name(task))
        if not path_exists(task.from_path):
            if not _as_recorded(task.to_path, task):
                raise RowFailed("there is no such file in the source any more")
            self._require_young(task)
            return Outcome(Phase.DONE, "was in the quarantine already")
        return self._move(task, self._require_unchanged(task), 0o700, archive_copy=task.row.destination_path)

    def _restore_set_aside(self, task: Task, path: str, set_aside: str) -> None:
        """Give a file that a killed run had set aside its own name again. Changes the disk; raises ``RowFailed``."""
        is_left = restore_set_aside(path, set_aside)
        if is_left and not file_system_of(path).has_stable_inodes:
            # Killed between link and unlink, where two names of one file can't be told from two files: one of them is
            # destroyed like any file that has an archive copy.
            copy = task.row.destination_path
            move = Move(set_aside, copy, identity_of(os.lstat(set_aside)), task.row.sha256, f"{set_aside}-2")
            destroy(move, self.disk, self._terms)

    def _move(self, task: Task, examined: Identity, folder_mode: int, archive_copy: str = "") -> Outcome:
        """Move the examined file to ``to_path``, or finish this if a killed run had already linked or copied it.

        Raises ``FileExistsError`` if another file exists there.
        """
        move = Move(task.from_path, task.to_path, examined, task.row.sha256, _set_aside_name(task), archive_copy)
        if not path_exists(task.to_path):
            folder = os.path.dirname(task.to_path)
            try:
                make_folders(folder, folder_mode)
            except OSError as error:
                raise write_error(folder, error) from None
            relocation = relocate(move, self.disk, self._terms)
            self.disk.unsupported_attributes.update(relocation.unsupported_attributes)
            return Outcome(Phase.DONE, crossed=relocation.crossed)
        if not _as_recorded(task.to_path, task):
            raise FileExistsError
        if identity_of(os.lstat(task.to_path)).inode_key == examined.inode_key:
            drop_second_name(move)
            return Outcome(Phase.DONE)
        finish_relocation(move, self.disk, self._terms)
        return Outcome(
            Phase.DONE, crossed=crosses_file_systems(os.path.dirname(task.from_path), os.path.dirname(task.to_path))
        )

    def _delete(self, task: Task, interrupted_before: bool) -> Outcome:
        """Quarantine the original, and purge it at once from there; move it back if it can't be purged."""
        in_quarantine = replace(task, from_path=task.to_path, to_path="")
        set_aside = _set_aside_name(in_quarantine)
        names = (task.from_path, _set_aside_name(task), task.to_path, set_aside)
        if interrupted_before and not any(path_exists(name) for name in names):
            return Outcome(Phase.DONE, _DESTROYED)
        if not path_exists(set_aside):
            self._quarantine(task, interrupted_before)
        try:
            return self._purge(in_quarantine, interrupted_before)
        except (RowFailed, MediaArchiveError):
            # A file that was not destroyed is moved back, so that the same row can be tried again.
            if left := _as_recorded(task.to_path, task):
                try:
                    relocate(Move(task.to_path, task.from_path, left, task.row.sha256, set_aside), terms=self._terms)
                except FileExistsError:
                    raise RowFailed(
                        f"another file has its name by now; the original is kept at {printable(task.to_path)}: "
                        "--restore, with the journal, brings it back when the name is free"
                    ) from None
            raise

    def _purge(self, task: Task, interrupted_before: bool) -> Outcome:
        """Destroy a quarantined file after comparing it with its archive copy byte by byte."""
        row, set_aside = task.row, _set_aside_name(task)
        self._restore_set_aside(task, task.from_path, set_aside)
        if not path_exists(task.from_path):
            if path_exists(row.source_path):
                return Outcome(Phase.SKIPPED, "it is in the source, not in the quarantine")
            if interrupted_before:
                return Outcome(Phase.DONE, _DESTROYED)
            return Outcome(Phase.SKIPPED, "it is not in the quarantine any more")
        if self.disk.real_roots.leads_through_link(row.destination_path, row.archive_root):
            raise RowFailed("a symbolic link stands on the way in the archive")
        if row.destination_path in self.disk.mount_points:
            raise RowFailed("its archive copy is a mount point, a view of some other file")
        self._require_archive_disk(task)
        _require_copy(task)
        examined = _as_recorded(task.from_path, task)
        if self.disk.real_roots.leads_through_link(task.from_path, task.from_root):
            raise RowFailed("a symbolic link stands on the way in the quarantine")
        if examined is None:
            raise RowFailed("it was changed since it was put into the quarantine; it was kept")
        self._require_two_folders(task.from_path, row.destination_path, row.archive_id)
        sync_folders_up_to(os.path.dirname(row.destination_path), row.archive_root, self.disk.synced_folders)
        move = Move(task.from_path, row.destination_path, examined, row.sha256, set_aside)
        with self.disk.copies.hold(row.destination_path):  # duplicates have one copy in common
            return Outcome(Phase.DONE, read_mode=destroy(move, self.disk, self._terms))

    def _restore(self, task: Task, interrupted_before: bool) -> Outcome:
        name_there = set_aside_name(task.to_path, task.row.run_id, task.row.row_id)
        self._restore_set_aside(task, task.to_path, name_there)
        self._restore_set_aside(task, task.from_path, _set_aside_name(task))
        if not path_exists(task.from_path):
            return self._explain_nothing_to_restore(task, interrupted_before)
        _require_disk(task)
        self._terms.require_disks()  # else the file goes to the folder on which the source was mounted
        # Examine the file first, then the path to it: only this file is moved in the end, so a link that appears
        # between the two can't lead to another.
        examined = _as_recorded(task.from_path, task)
        if self.disk.real_roots.leads_through_link(task.to_path, task.row.source_root):
            raise RowFailed("a symbolic link stands on the way in the source")
        if self.disk.real_roots.leads_through_link(task.from_path, task.from_root):
            raise RowFailed(f"a symbolic link stands on the way to {printable(task.from_path)}")
        if examined is None:
            raise RowFailed(f"{printable(task.from_path)} was changed since it was put there")
        outcome = self._move(task, examined, 0o777)
        _restore_rounded_mtime(task, examined)
        return outcome

    def _explain_nothing_to_restore(self, task: Task, interrupted_before: bool) -> Outcome:
        arrived = _as_recorded(task.to_path, task)
        if arrived and interrupted_before:
            _restore_rounded_mtime(task, arrived)
            return Outcome(Phase.DONE, "was restored before the interruption")
        if arrived:
            return Outcome(Phase.SKIPPED, "it is in its place")
        if path_exists(task.to_path):
            return Outcome(Phase.SKIPPED, "another file, or an edited one, is in its place")
        return self._lost(task)

    def _lost(self, task: Task) -> Outcome:
        """The outcome for a file that is neither where it was moved to nor where it came from."""
        copy = printable(task.row.destination_path)
        if task.from_path == task.row.destination_path:
            raise RowFailed("it is neither in the archive nor in its place")
        if self._was_purged(task.row.row_id):
            return Outcome(Phase.SKIPPED, reasons.purged(copy))
        raise RowFailed(f"it is neither in the quarantine nor in its place; its archive copy is {copy}")

    def _restore_folder(self, task: Task, _interrupted_before: bool) -> Outcome:
        if self.disk.real_roots.leads_through_link(os.path.join(task.to_path, "any"), task.row.source_root):
            raise RowFailed("a symbolic link stands in its place, or on the way to it")
        try:
            restore_folder(task.to_path, task.folder_mode, mtime_nanoseconds(task.row.source_mtime))
        except OSError as error:
            raise write_error(task.to_path, error) from None
        return Outcome(Phase.DONE)

    def _require_unchanged(self, task: Task) -> Identity:
        """Check both files just before the act; only the file returned may be moved. Raises ``RowFailed``."""
        examined, is_unsure = self._look_again(task)
        row = task.row
        self._require_two_folders(row.source_path, row.destination_path, row.archive_id)
        if is_unsure:
            try:
                result = compare(row.source_path, row.destination_path, self.disk, cold=True)
            except OSError as error:
                raise RowFailed(f"cannot compare it with its archive copy: {explain_os_error(error)}") from None
            if not result.equal or result.sha256 != row.sha256:
                raise RowFailed(reasons.verify_again("it or its archive copy was changed since it was verified"))
            examined = result.left
        return examined

    def _look_again(self, task: Task) -> tuple[Identity, bool]:
        """Check both files. Returns the original's identity, and whether both must be read. Raises ``RowFailed``."""
        row = task.verified_row
        for path, root in ((row.source_path, row.source_root), (row.destination_path, row.archive_root)):
            if self.disk.real_roots.leads_through_link(path, root):
                raise RowFailed(f"a symbolic link stands on the way to {printable(path)}")
            if path in self.disk.mount_points:
                raise RowFailed(f"{printable(path)} is a mount point, a view of some other file")
        self._require_archive_disk(task)
        self._require_young(task)
        source, copy = _look(row.source_path), _look(row.destination_path)
        if source is None:
            raise RowFailed("there is no such file in the source any more")
        is_unsure = check_stat(row, source, copy) or task.relocation.is_relocated
        return identity_of(source), is_unsure

    def _require_young(self, task: Task) -> None:
        verified_at = task.verified_row.verified_at
        if verified_at < self._oldest_allowed:
            raise RowFailed(reasons.verify_again(f"it was verified on {verified_at[:10]}, longer ago than --max-age"))

    def disk_of(self, task: Task) -> str:
        """The mount point below the source on whose disk a file lies that is taken; empty for the source's own."""
        if task.action not in (Action.QUARANTINE, Action.DELETE):
            return ""
        return mount_point_between(os.path.dirname(task.from_path), task.row.source_root, self.disk.mount_points)

    def _require_accepted(self, task: Task) -> None:
        """Raise ``RowFailed`` for what ``destroy`` would not do under these terms, as far as it shows before."""
        row, archive_system = task.row, file_system_of(task.row.archive_root)
        if not self._terms.cached_reads and not archive_system.has_medium:
            raise RowFailed(
                f"its archive copy can't be read from the storage medium of {archive_system.describe()}: to accept "
                "that, add --accept-cached-reads"
            )
        if not self._terms.cached_reads and _lies_in_metadata(row.destination_path):
            raise RowFailed(
                f"its archive copy lies inside the metadata of {archive_system.describe()}, which are in memory: to "
                "accept that, add --accept-cached-reads"
            )
        if not self._terms.lost_attributes and (missing := missing_attributes(task.from_path, row.destination_path)):
            raise RowFailed(
                f"its archive copy lacks its {', '.join(missing)}: to accept that, add --accept-lost-attributes"
            )

    def _require_archive_disk(self, task: Task) -> None:
        """Raise ``RowFailed`` if the archive copy lies where none is safe: in a bin, or on another disk."""
        row = task.row
        if unsafe := unsafe_folder_in(relative_to(row.destination_path, row.archive_root)):
            raise RowFailed(
                f"its archive copy lies in {printable(unsafe)}, a hidden folder or a bin, or one of older versions"
            )
        if not is_on_same_disk(os.path.dirname(row.destination_path), row.archive_root, self.disk.mount_points):
            raise RowFailed(
                f"its archive copy {printable(row.destination_path)} lies on another disk, mounted inside the archive"
            )

    def _require_two_folders(self, path: str, copy: str, archive_id: str) -> None:
        """Raise ``RowFailed`` if a file lies in a view of the archive. ``path`` is in the source or the quarantine."""
        folder = os.path.dirname(path)
        if self.disk.directories.same_directory(folder, os.path.dirname(copy)):
            raise RowFailed("it and its archive copy are in one folder seen twice (a mount)")
        if root := self._archives.root_around(folder, archive_id):
            raise RowFailed(f"it lies in {printable(root)}, a view or a clone of the archive itself")


def _lies_in_metadata(path: str) -> bool:
    with suppress(OSError, RowFailed), open_regular(path) as (fd, _):
        return first_extent(fd).is_inline
    return False


def _require_disk(task: Task) -> None:
    """Raise ``StoppedEarly`` if a file came from a disk below the source that is not mounted now. Reads the disk."""
    relative = reasons.disk_below_source(task.row.reason)
    point = os.path.join(task.row.source_root, relative)
    if relative and not os.path.ismount(point):
        raise StoppedEarly(
            f"{printable(task.row.source_path)} was taken from the disk that was mounted at {printable(point)}, and "
            "nothing is mounted there now: mount it, then run again"
        )


def _set_aside_name(task: Task) -> str:
    """The name in the folder of ``from_path`` that this task alone uses for a file while it is examined."""
    return set_aside_name(task.from_path, task.row.run_id, task.row.row_id)


def _restore_rounded_mtime(task: Task, found: Identity) -> None:
    """Restore the modification time of a file if a file system had rounded it. Larger differences are kept."""
    recorded = mtime_nanoseconds(task.row.source_mtime)
    if recorded != found.mtime_ns and is_rounded_time(recorded, found.mtime_ns):
        restore_mtime(task.to_path, recorded)


def _require_copy(task: Task) -> None:
    """Raise ``RowFailed`` if ``lstat`` already shows that the archive copy can't be identical."""
    copy, path = _look(task.row.destination_path), printable(task.row.destination_path)
    if copy is None:
        raise RowFailed(f"its archive copy {path} is gone; it is kept")
    if not stat.S_ISREG(copy.st_mode) or copy.st_size != task.row.size_bytes:
        raise RowFailed(f"its archive copy {path} is another file by now; it is kept")


def clear_leftovers(tasks: Iterable[Task]) -> None:
    """Remove the temporary files that a killed run left in the folders of these tasks. Changes the disk.

    Call it before any task begins, since it would also remove the temporary files of tasks in progress.
    """
    names = [(task.to_path, (task.from_path, task.row.source_path, task.row.destination_path)) for task in tasks]
    for folder in {os.path.dirname(to_path) for to_path, _ in names if to_path}:
        remove_temporaries(folder)
    for folder in {os.path.dirname(path) for _, paths in names for path in paths if path}:
        remove_stale_probes(folder)


def _look(path: str) -> os.stat_result | None:
    try:
        return lstat_if_exists(path)
    except PermissionError as error:
        raise RowFailed(f"cannot examine {printable(path)}: {explain_os_error(error)}") from None
    except OSError as error:
        raise archive_failed(path, error) from None


def _as_recorded(path: str, task: Task) -> Identity | None:
    """The identity of the recorded file, recognized by size and time or by content; None if it is not at ``path``."""
    status = _look(path)
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != task.row.size_bytes:
        return None
    if mtime_text(status.st_mtime_ns) == task.row.source_mtime:
        return identity_of(status)
    # A file system may have rounded the time of a copy, so the content decides.
    try:
        digest = hash_file(path)
    except FileNotFoundError:  # on a disk that ignores case, some drivers show a file under a name that they can't open
        return None
    return digest.identity if digest.sha256 == task.row.sha256 else None

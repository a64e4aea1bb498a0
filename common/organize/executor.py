"""Carries out planned rows: copies or moves files into the archive durably, batch by batch."""

import errno
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from common.archive import archive_failed
from common.concurrency import ordered_map
from common.errors import NoRoom, RowFailed, StoppedEarly, explain_os_error
from common.fileops.context import DiskAccess
from common.fileops.copying import commit_copy, copy_to_temporary
from common.fileops.folders import make_folders, sync_folders, sync_folders_up_to
from common.fileops.moving import Move, Terms, drop_second_name, finish_relocation, relocate
from common.fileops.os_errors import is_refused_name, read_error, write_error
from common.fileops.renaming import restore_set_aside
from common.fileops.temporary import remove_temporaries, set_aside_name
from common.filesystems import free_bytes, is_on_same_disk
from common.hashing.digest import hash_file
from common.hashing.identity import Identity, is_regular
from common.manifests.reasons import organize_again
from common.manifests.rows import ReportRow
from common.manifests.statuses import ReportStatus
from common.organize.config import Mode
from common.paths import lstat_if_exists, path_exists, printable
from common.timestamps import is_shifted_time, mtime_nanoseconds

_PLANNED, _COPIED, _MOVED = ReportStatus.PLANNED, ReportStatus.COPIED, ReportStatus.MOVED
_ARCHIVED, _DUPLICATE, _FAILED = ReportStatus.ALREADY_ARCHIVED, ReportStatus.DUPLICATE, ReportStatus.FAILED
_CHANGED = organize_again("changed since it was scanned")
_REFUSED = "the archive's file system refuses the name"
_CORRECT = "make a new report, correct destination_path in it, then carry it out with --from-report"
# An edited report may ask for a folder that can't exist; running again does not help.
_NO_SUCH_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})
# Moving has no such option: it destroys before anything was verified.
_HOW_TO_ACCEPT = "organize with --mode copy, verify, then apply with {}"


class CopyExecutor:
    """Copies or moves the planned rows of batches. Changes the disk: the archive and, in a move, the source.

    ``is_retry``: a killed run may have carried out some of the rows. What it left behind is found and finished.
    ``require_disks`` raises ``StoppedEarly`` if a disk was taken away.
    """

    def __init__(
        self,
        disk: DiskAccess,
        *,
        mode: Mode,
        jobs: int,
        is_retry: bool = False,
        require_disks: Callable[[], None] = lambda: None,
    ) -> None:
        self._disk = disk
        self._terms = Terms(require_disks=require_disks, how_to_accept=_HOW_TO_ACCEPT)
        self._moves = mode == Mode.MOVE
        self._jobs = jobs
        self._is_retry = is_retry
        self._room_at_start = -1  # in bytes, -1 until it is known
        self._sizes: dict[int, int] = {}

    def apply_batch(self, rows: Sequence[ReportRow]) -> list[ReportRow]:
        """Copy or move the planned rows of a batch durably. Changes the disk.

        Raises ``StoppedEarly`` or ``Interrupted``: then the batch must be retried.
        """
        planned = [row for row in rows if row.status == _PLANNED]
        self._sizes = {row.row_id: row.size_bytes for row in planned}
        if planned and self._room_at_start < 0:
            self._room_at_start = free_bytes(planned[0].archive_root)
        companions = [row for row in planned if not _is_primary(row)]
        impossible = self._make_folders(planned)
        done: dict[int, ReportRow] = {}
        # All primaries first: a companion stored without its own would seem to belong to another file.
        self._apply_rows((row for row in planned if _is_primary(row)), impossible, done)
        failed = _failed_primaries(rows, done, {row.group_id for row in companions})
        self._apply_rows((row for row in companions if row.group_id not in failed), impossible, done)
        for row in companions:
            if row.group_id in failed:
                reason = f"goes with {os.path.basename(failed[row.group_id])}, which failed"
                done[row.row_id] = row._replace(status=_FAILED, reason=reason)
        stored = [row for row in done.values() if row.status != _FAILED]
        sync_folders({os.path.dirname(row.destination_path) for row in stored})
        if self._moves:
            sync_folders({os.path.dirname(row.source_path) for row in stored})
        return fail_duplicates_of_failed([done.get(row.row_id, row) for row in rows])

    def _make_folders(self, planned: Sequence[ReportRow]) -> dict[str, str]:
        """Make the folders in the archive durably; return a reason for each impossible one. Changes the disk."""
        impossible: dict[str, str] = {}
        for folder in {os.path.dirname(row.destination_path) for row in planned}:
            try:
                make_folders(folder)
            except OSError as error:
                cause = f"cannot make {printable(folder)}: {explain_os_error(error)}"
                if is_refused_name(os.fsdecode(error.filename or folder), error):
                    impossible[folder] = f"{_REFUSED} {printable(folder)}; {_CORRECT}"
                    continue
                if error.errno in _NO_SUCH_FOLDER:
                    impossible[folder] = cause
                    continue
                raise StoppedEarly(
                    f"{printable(folder)}: cannot make it: {explain_os_error(error)}; run again"
                ) from None
            if not is_on_same_disk(folder, planned[0].archive_root, self._disk.mount_points):
                impossible[folder] = (
                    f"{printable(folder)} lies on another disk, mounted inside the archive, which may be taken away "
                    "alone; unmount it, then organize again"
                )
                continue
            if self._is_retry:
                remove_temporaries(folder)
            sync_folders_up_to(folder, planned[0].archive_root, self._disk.synced_folders)
            if self._disk.real_roots.leads_through_link(os.path.join(folder, "any"), planned[0].archive_root):
                raise StoppedEarly(
                    f"{printable(folder)}: a symbolic link stands on the way in the archive, and verify would "
                    "refuse what is behind it; mount or move the folder itself there"
                )
        return impossible

    def _apply_rows(self, rows: Iterable[ReportRow], impossible: Mapping[str, str], done: dict[int, ReportRow]) -> None:
        def apply(row: ReportRow) -> ReportRow:
            try:
                if reason := impossible.get(os.path.dirname(row.destination_path)):
                    raise RowFailed(reason)
                if not self._moves:
                    return self._copy(row)
                with self._disk.hard_links.hold(row.source_path):
                    return self._move(row)
            except RowFailed as error:
                return row._replace(status=_FAILED, reason=str(error))
            except NoRoom as error:
                if self._others_fit(row, error):
                    return row._replace(status=_FAILED, reason=f"too large for the archive's disk: {error.amounts}")
                raise

        for row in ordered_map(apply, rows, self._jobs):
            done[row.row_id] = row
            self._disk.progress.add_file()

    def _others_fit(self, row: ReportRow, error: NoRoom) -> bool:
        """Whether a file alone is larger than all room at the start of this run, and others of the batch still fit."""
        others = [size for row_id, size in self._sizes.items() if row_id != row.row_id]
        return 0 <= self._room_at_start < error.size and min(others, default=error.size) <= error.free

    def _copy(self, row: ReportRow) -> ReportRow:
        if self._is_retry and (sha256 := self._stored_by_killed_run(row)):
            return row._replace(status=_COPIED, sha256=sha256)
        staged = copy_to_temporary(row.source_path, os.path.dirname(row.destination_path), self._disk)
        try:
            _require_as_planned(row, staged.identity, staged.sha256)
            staged.sync()
            commit_copy(staged, row.destination_path)
        except (OSError, RowFailed) as error:
            staged.discard()
            if isinstance(error, FileExistsError):
                return self._with_taken_destination(row, staged.sha256)
            raise _store_error(row, error) if isinstance(error, OSError) else error from None
        self._disk.unsupported_attributes.update(staged.unsupported_attributes)
        return row._replace(status=_COPIED, sha256=staged.sha256)

    def _move(self, row: ReportRow) -> ReportRow:
        set_aside = set_aside_name(row.source_path, row.run_id, row.row_id)
        try:
            if self._disk.real_roots.leads_through_link(row.source_path, row.source_root):
                raise RowFailed("a symbolic link stands on the way in the source")
            if self._is_retry:
                restore_set_aside(row.source_path, set_aside)
                if not path_exists(row.source_path) and path_exists(row.destination_path):
                    return self._moved_by_killed_run(row)
            original = hash_file(row.source_path, self._disk)
            _require_as_planned(row, original.identity, original.sha256)
            move = Move(row.source_path, row.destination_path, original.identity, original.sha256, set_aside)
            is_stored = self._is_retry and path_exists(row.destination_path)
            if is_stored and os.path.samefile(row.source_path, row.destination_path):
                drop_second_name(move)
            elif is_stored and self._stored_by_killed_run(row):
                finish_relocation(move, self._disk, self._terms)
            else:
                relocation = relocate(move, self._disk, self._terms)
                self._disk.unsupported_attributes.update(relocation.unsupported_attributes)
            return row._replace(status=_MOVED, sha256=original.sha256)
        except FileExistsError:
            return self._with_taken_destination(row, "")
        except OSError as error:
            raise read_error(error) from None

    def _stored_by_killed_run(self, row: ReportRow) -> str:
        """The digest of a file that a killed run had stored whole, else empty."""
        if not path_exists(row.destination_path):
            return ""
        try:
            copy = hash_file(row.destination_path, self._disk)
            original = hash_file(row.source_path, self._disk)
        except OSError as error:
            raise read_error(error) from None
        _require_as_planned(row, original.identity, original.sha256)
        return original.sha256 if original.sha256 == copy.sha256 else ""

    def _moved_by_killed_run(self, row: ReportRow) -> ReportRow:
        """The row of a file that a killed run had moved. Its time is not compared, since the archive may round it."""
        moved = hash_file(row.destination_path, self._disk)
        if moved.identity.size != row.size_bytes or row.sha256 not in ("", moved.sha256):
            raise RowFailed(organize_again("gone from the source, and another file stands at its destination"))
        return row._replace(status=_MOVED, sha256=moved.sha256)

    def _with_taken_destination(self, row: ReportRow, sha256: str) -> ReportRow:
        """The row of a file whose destination exists with the same content. Raises ``RowFailed`` for other content."""
        try:
            sha256 = sha256 or hash_file(row.source_path).sha256
            if hash_file(row.destination_path).sha256 == sha256:
                return row._replace(status=_ARCHIVED, sha256=sha256)
        except (OSError, RowFailed):
            pass  # the contents can't be compared, and the row fails below
        raise RowFailed(organize_again("another file stands at the destination by now"))


def _store_error(row: ReportRow, error: OSError) -> Exception:
    if is_refused_name(row.destination_path, error):
        return RowFailed(f"{_REFUSED} {printable(os.path.basename(row.destination_path))}; {_CORRECT}")
    return write_error(row.destination_path, error)


def _is_primary(row: ReportRow) -> bool:
    return row.row_id == row.group_id


def _require_as_planned(row: ReportRow, identity: Identity, sha256: str) -> None:
    if not _is_as_planned(row, identity.size, identity.mtime_ns):
        raise RowFailed(_CHANGED)
    if identity.mtime_ns != mtime_nanoseconds(row.source_mtime) and row.sha256 not in ("", sha256):
        raise RowFailed(_CHANGED)


def _is_as_planned(row: ReportRow, size: int, mtime_ns: int) -> bool:
    """Whether a file has the planned size and time. On FAT, all times shift with the zone of the machine. Pure."""
    planned_ns = mtime_nanoseconds(row.source_mtime)
    return size == row.size_bytes and (mtime_ns == planned_ns or is_shifted_time(mtime_ns, planned_ns))


def _failed_primaries(
    rows: Iterable[ReportRow], done: Mapping[int, ReportRow], groups: Collection[int]
) -> dict[int, str]:
    """The source paths, by group, of primaries that are not in the archive after this step. Reads the disk."""
    under_way = {row.destination_path for row in rows if row.status == _PLANNED and row.row_id not in done}
    primaries = [done.get(row.row_id, row) for row in rows if _is_primary(row) and row.group_id in groups]
    return {
        row.group_id: row.source_path
        for row in primaries
        if row.status == _FAILED or (row.destination_path not in under_way and _unstored_reason(row))
    }


def fail_duplicates_of_failed(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Fail each row that should need no copy, but whose content is not in the archive. Reads the disk."""
    failed = {row.destination_path for row in rows if row.status == _FAILED}
    reasons = [_unstored_reason(row, failed) for row in rows]
    return [
        row._replace(status=_FAILED, reason=reason) if reason else row
        for row, reason in zip(rows, reasons, strict=True)
    ]


def _unstored_reason(row: ReportRow, failed: Collection[str] = ()) -> str:
    """Why a row that should need no copy can't be trusted to be in the archive, or an empty string. Reads the disk.

    Compares sizes and times; verify compares the bytes. ``failed`` are the destinations of rows that failed.
    """
    if row.status not in (_DUPLICATE, _ARCHIVED):
        return ""
    if row.destination_path in failed or not _may_be_its_copy(row):
        return organize_again(f"{row.reason or 'same content as a file of the archive'}, but that is not stored")
    try:
        status = os.lstat(row.source_path)
    except OSError as error:
        return f"cannot look at it: {explain_os_error(error)}"
    if not _is_as_planned(row, status.st_size, status.st_mtime_ns):
        return _CHANGED
    return ""


def _may_be_its_copy(row: ReportRow) -> bool:
    try:
        status = lstat_if_exists(row.destination_path)
    except OSError as error:
        raise archive_failed(row.destination_path, error) from None
    return status is not None and is_regular(status) and status.st_size == row.size_bytes

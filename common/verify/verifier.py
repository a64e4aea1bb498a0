"""Verifying a pair of source and archive file: by its row, by ``lstat``, and by reading every byte."""

import os
import stat
from collections.abc import Callable

from common.archive import ArchiveLookup, require_source
from common.errors import ChangedWhileReading, Interrupted, NotRegular, RowFailed, SameFile
from common.fileops.attributes import missing_attributes
from common.fileops.context import DiskAccess
from common.fileops.folders import sync_folders_up_to
from common.fileops.mounts import remove_stale_probes
from common.fileops.os_errors import read_error, unreadable_copy
from common.filesystems import is_on_same_disk
from common.hashing.compare import Comparison, compare
from common.hashing.digest import hash_file
from common.hashing.identity import Identity
from common.manifests import reasons
from common.manifests.relocation import SOURCE_ELSEWHERE
from common.manifests.rows import VerifyRow
from common.manifests.statuses import ReportStatus, VerifyStatus
from common.media_types import is_in_year_folder, unsafe_folder_in
from common.paths import is_inside, is_plain_absolute, printable, relative_to
from common.timestamps import mtime_text, utc_now_text

Verdict = tuple[VerifyStatus, str]
"""The status and reason of a row."""

_FAILURES: dict[type[RowFailed], VerifyStatus] = {
    NotRegular: VerifyStatus.NOT_REGULAR,
    ChangedWhileReading: VerifyStatus.CHANGED_WHILE_READING,
    SameFile: VerifyStatus.SAME_FILE,
}
_NOT_ARCHIVED = frozenset({ReportStatus.PLANNED, ReportStatus.SKIPPED, ReportStatus.FAILED})
_NO_COPY = (VerifyStatus.ARCHIVE_MISSING, "there is no such file in the archive")
_ONE_FILE = (VerifyStatus.SAME_FILE, "source and destination are one file on disk")
_LINK_IN_ARCHIVE = (VerifyStatus.OUTSIDE_ROOT, "a symbolic link stands on the way in the archive")


def check_row(row: VerifyRow) -> Verdict | None:
    """Return the verdict on a row, or None if the files must be examined. Pure."""
    if row.report_status in _NOT_ARCHIVED:
        return VerifyStatus.NOT_ARCHIVED, f"in the report it is {row.report_status}"
    if not is_plain_absolute(row.source_path) or not is_inside(row.source_path, row.source_root):
        return VerifyStatus.OUTSIDE_ROOT, "the source path does not lie in the source root"
    if not is_plain_absolute(row.destination_path) or not is_inside(row.destination_path, row.archive_root):
        return VerifyStatus.OUTSIDE_ROOT, "the destination path does not lie in the archive root"
    if row.source_path == row.destination_path:
        return VerifyStatus.SAME_FILE, "source and destination are one path"
    if is_inside(row.source_path, row.archive_root):
        return VerifyStatus.OUTSIDE_ROOT, "the source path lies in the archive"
    relative = relative_to(row.destination_path, row.archive_root)
    if unsafe := unsafe_folder_in(relative):
        reason = f"the copy lies in {printable(unsafe)}, a hidden folder or a bin, or one of older versions"
        return VerifyStatus.NOT_ARCHIVED, reason
    if row.report_status == ReportStatus.ALREADY_ARCHIVED and not is_in_year_folder(relative, exactly=False):
        reason = "the copy was found in the archive, but in no year folder: organize again, with %Y in --layout"
        return VerifyStatus.NOT_ARCHIVED, reason
    if not row.archive_id:
        reason = "the archive was not begun when this plan was made; carry it out, then verify its report"
        return VerifyStatus.NOT_ARCHIVED, reason
    return None


def check_stat(row: VerifyRow, source: os.stat_result | None, copy: os.stat_result | None) -> Verdict | None:
    """Return the verdict on a pair by the results of ``lstat``, or None if the contents must be read. Pure."""
    if copy is None:
        return _NO_COPY
    if source is not None and (source.st_dev, source.st_ino) == (copy.st_dev, copy.st_ino):
        return _ONE_FILE
    if not stat.S_ISREG(copy.st_mode):
        return VerifyStatus.NOT_REGULAR, "the archive path is not a regular file"
    if source is None:
        if row.report_status == ReportStatus.MOVED:
            return None
        return VerifyStatus.SOURCE_MISSING, "there is no such file in the source"
    if not stat.S_ISREG(source.st_mode):
        return VerifyStatus.NOT_REGULAR, "the source path is not a regular file"
    if source.st_size != copy.st_size:
        return VerifyStatus.SIZE_DIFFERS, f"source has {source.st_size} bytes, archive has {copy.st_size}"
    return None


class PairVerifier:
    """Verifies pairs of files, from any thread. ``shared_blocks`` lists copies that share blocks with their source.

    Changes no contents, but syncs the archive, and makes and removes probe files in folders.
    """

    def __init__(self, disk: DiskAccess, *, cold: bool, archive_only: bool) -> None:
        self._disk = disk
        self._cold = cold
        self._archive_only = archive_only
        self._archives = ArchiveLookup()
        self.shared_blocks: list[str] = []

    def verify(self, row: VerifyRow) -> VerifyRow:
        """Verify a row; return it with its status and the facts about both files.

        Raises ``StoppedEarly`` if a disk is missing or the archive can't be read, ``Interrupted`` on a stop request.
        """
        if self._disk.stop_requested():
            raise Interrupted
        try:
            if verdict := check_row(row):
                row = _decided(row, *verdict)
            else:
                row = self._verify_copy(row) if self._archive_only else self._verify_pair(row)
        except RowFailed as error:
            row = _decided(row, _FAILURES.get(type(error), VerifyStatus.READ_ERROR), str(error))
        self._disk.progress.add_file()
        return row._replace(verified_at=utc_now_text())

    def _verify_pair(self, row: VerifyRow) -> VerifyRow:
        source = _lstat(row.source_path, lambda error: _row_failed("look at the source", error))
        copy = _lstat(row.destination_path, lambda error: self._copy_failed(row, error))
        verdict = check_stat(row, source, copy)
        if verdict and verdict[0] == VerifyStatus.SOURCE_MISSING:
            require_source(row.source_root, SOURCE_ELSEWHERE)
        if verdict := verdict or self._check_paths(row, has_source=source is not None):
            return _decided(row, *verdict)
        folder = os.path.dirname(row.destination_path)
        if folder not in self._disk.synced_folders:
            remove_stale_probes(folder)
        sync_folders_up_to(folder, row.archive_root, self._disk.synced_folders)
        if source is not None:
            return self._compare(row)
        if not row.sha256:
            return _decided(row, VerifyStatus.SOURCE_MISSING, "moved, but no hash was recorded to check the copy by")
        return self._check_hash(row)

    def _check_paths(self, row: VerifyRow, has_source: bool) -> Verdict | None:
        """Return a verdict if a mount or link makes the pair anything but two files in their roots, else None."""
        disk = self._disk
        if not disk.mount_points.isdisjoint((row.source_path, row.destination_path)):
            return VerifyStatus.NOT_REGULAR, "one of the two is a mount point, a view of some other file"
        if has_source:
            if disk.real_roots.leads_through_link(row.source_path, row.source_root):
                if os.path.samefile(row.source_path, row.destination_path):
                    return _ONE_FILE
                return VerifyStatus.OUTSIDE_ROOT, "a symbolic link stands on the way in the source"
            folders = os.path.dirname(row.source_path), os.path.dirname(row.destination_path)
            if disk.directories.same_directory(*folders):
                return VerifyStatus.SAME_FILE, "source and destination folder are one folder seen twice (a mount)"
            if root := self._archives.root_around(folders[0], row.archive_id):
                reason = f"the source lies in {printable(root)}, a view or a clone of the archive itself"
                return VerifyStatus.SAME_FILE, reason
        if disk.real_roots.leads_through_link(row.destination_path, row.archive_root):
            return _LINK_IN_ARCHIVE
        return self._check_disk(row)

    def _check_disk(self, row: VerifyRow) -> Verdict | None:
        """Return a verdict if the copy lies on another disk than the archive, which may be taken away alone."""
        if is_on_same_disk(os.path.dirname(row.destination_path), row.archive_root, self._disk.mount_points):
            return None
        return VerifyStatus.OUTSIDE_ROOT, "the archive copy lies on another disk, mounted inside the archive"

    def _verify_copy(self, row: VerifyRow) -> VerifyRow:
        """Verify the archive copy alone."""
        if not row.sha256:
            return _decided(row, VerifyStatus.NOT_ARCHIVED, "no hash was recorded to check the copy by")
        copy = _lstat(row.destination_path, lambda error: _row_failed("look at the archive copy", error))
        if copy is None:
            return _decided(row, *_NO_COPY)
        if not stat.S_ISREG(copy.st_mode) or row.destination_path in self._disk.mount_points:
            return _decided(row, VerifyStatus.NOT_REGULAR, "the archive path is no regular file of the archive")
        if self._disk.real_roots.leads_through_link(row.destination_path, row.archive_root):
            return _decided(row, *_LINK_IN_ARCHIVE)
        if verdict := self._check_disk(row):
            return _decided(row, *verdict)
        return self._check_hash(row)

    def _compare(self, row: VerifyRow) -> VerifyRow:
        comparison = self._read_both(row)
        if comparison.touched:
            comparison = self._read_both(row)
            if comparison.touched:
                raise ChangedWhileReading
        source, copy = comparison.left, comparison.right
        facts = row._replace(
            size_bytes=source.size,
            source_mtime=mtime_text(source.mtime_ns),
            source_inode=_inode_text(source),
            archive_inode=_inode_text(copy),
            archive_mtime=mtime_text(copy.mtime_ns),
            read_mode=comparison.read_mode,
            source_read_mode=comparison.left_read_mode,
        )
        if not comparison.equal:
            reason = f"first difference at byte {comparison.first_difference}"
            if self._read_both(row).equal:
                raise RowFailed(f"{reason} when first read, none when read again: memory, cable or disk may be faulty")
            return _decided(facts, VerifyStatus.CONTENT_DIFFERS, reason)
        if row.sha256 not in ("", comparison.sha256):
            reason = "source and archive agree, but not with the hash that organize recorded; organize again"
            return _decided(facts, VerifyStatus.CONTENT_DIFFERS, reason)
        if comparison.shares_blocks:
            self.shared_blocks.append(row.destination_path)
        missing = missing_attributes(row.source_path, row.destination_path)
        reason = reasons.lacks_attributes(missing) if missing else ""
        return facts._replace(status=VerifyStatus.IDENTICAL, reason=reason, sha256=comparison.sha256)

    def _read_both(self, row: VerifyRow) -> Comparison:
        try:
            with self._disk.copies.hold(row.destination_path):
                return compare(row.source_path, row.destination_path, self._disk, cold=self._cold)
        except FileNotFoundError as error:
            raise RowFailed(f"went away while it was looked at: {printable(str(error.filename))}") from None
        except OSError as error:
            if error.filename == row.destination_path:
                raise self._copy_failed(row, error) from None
            raise _row_failed("read the source", error) from None

    def _check_hash(self, row: VerifyRow) -> VerifyRow:
        """Verify the archive copy against the recorded hash."""
        try:
            with self._disk.copies.hold(row.destination_path):
                hashed = hash_file(row.destination_path, self._disk, cold=self._cold)
        except OSError as error:
            raise self._copy_failed(row, error) from None
        facts = row._replace(
            archive_inode=_inode_text(hashed.identity),
            archive_mtime=mtime_text(hashed.identity.mtime_ns),
            read_mode=hashed.read_mode,
        )
        if hashed.sha256 == row.sha256:
            return facts._replace(status=VerifyStatus.ARCHIVE_INTACT)
        return _decided(facts, VerifyStatus.CONTENT_DIFFERS, "the archive copy no longer has the recorded hash")

    def _copy_failed(self, row: VerifyRow, error: OSError) -> Exception:
        """The exception for a copy that can't be read: only the row fails if permission is missing or only the archive
        is checked, otherwise the run stops."""
        if self._archive_only or isinstance(error, PermissionError):
            return _row_failed("read the archive copy", error)
        return unreadable_copy(row.destination_path, error)


def _lstat(path: str, failure: Callable[[OSError], Exception]) -> os.stat_result | None:
    """The ``lstat`` of a path; None if nothing exists there. Raises what ``failure`` makes of any other error."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise failure(error) from None


def _row_failed(act: str, error: OSError) -> Exception:
    return read_error(error, f"cannot {act}")


def _decided(row: VerifyRow, status: VerifyStatus, reason: str) -> VerifyRow:
    return row._replace(status=status, reason=reason)


def _inode_text(identity: Identity) -> str:
    return f"{identity.device}:{identity.inode}"

"""Looking at one pair of source and archive file: what can be told at once, and what only reading every byte tells.

Changes no contents: it syncs the archive, since verified includes durable, and probes folders for aliases.
"""

from __future__ import annotations

import os
import stat

from common.archive import archive_failed, require_source
from common.errors import ChangedWhileReading, MediaArchiveError, NotRegular, RowFailed, SameFile, explain_os_error
from common.fileops.context import DiskAccess
from common.fileops.folders import sync_folders_up_to
from common.fileops.mounts import remove_stale_probes
from common.hashing.compare import Comparison, compare
from common.hashing.digest import hash_file
from common.hashing.identity import Identity
from common.manifests.integrity import seal
from common.manifests.rows import VerifyRow
from common.paths import is_inside, is_plain_absolute, printable
from common.timestamps import mtime_text, utc_now_text


def check_row(row: VerifyRow) -> tuple[str, str]:
    """The status and reason of a row that needs no look at the disk, or two empty texts. Pure."""
    if row.report_status in ("planned", "skipped", "failed"):
        return "not_archived", f"in the report it is {row.report_status}"
    if not is_plain_absolute(row.source_path) or not is_inside(row.source_path, row.source_root):
        return "outside_root", "the source path does not lie in the source root"
    if not is_plain_absolute(row.destination_path) or not is_inside(row.destination_path, row.archive_root):
        return "outside_root", "the destination path does not lie in the archive root"
    if row.source_path == row.destination_path:
        return "same_file", "source and destination are one path"
    if is_inside(row.source_path, row.archive_root):
        return "outside_root", "the source path lies in the archive"
    if not row.archive_id:
        return "not_archived", "the archive was not begun when this plan was made; carry it out, then verify its report"
    return "", ""


def check_stat(row: VerifyRow, source: os.stat_result | None, copy: os.stat_result | None) -> tuple[str, str]:
    """The status of a pair that ``lstat`` alone can tell, or two empty texts: then the contents decide. Pure."""
    if copy is None:
        return "archive_missing", "there is no such file in the archive"
    if source is not None and (source.st_dev, source.st_ino) == (copy.st_dev, copy.st_ino):
        return "same_file", "source and destination are one file on disk"
    if not stat.S_ISREG(copy.st_mode):
        return "not_regular", "the archive path is not a regular file"
    if source is None:
        return ("", "") if row.report_status == "moved" else ("source_missing", "there is no such file in the source")
    if not stat.S_ISREG(source.st_mode):
        return "not_regular", "the source path is not a regular file"
    if source.st_size != copy.st_size:
        return "size_differs", f"source has {source.st_size} bytes, archive has {copy.st_size}"
    return "", ""


class PairVerifier:
    """Looks at one pair after the other. Changes no contents: it syncs the archive, and probes folders for aliases."""

    def __init__(self, disk: DiskAccess, *, cold: bool, archive_only: bool) -> None:
        self._disk = disk
        self._cold = cold
        self.archive_only = archive_only
        self.sharing: list[str] = []

    def verify(self, row: VerifyRow) -> VerifyRow:
        """The row with its status, its facts and its seal. Raises ``StoppedEarly`` when the archive fails to read."""
        status, reason = check_row(row)
        if not status:
            try:
                row = self._scrub(row) if self.archive_only else self._examine_files(row)
                status, reason = row.status, row.reason
            except NotRegular as error:
                status, reason = "not_regular", str(error)
            except ChangedWhileReading as error:
                status, reason = "changed_while_reading", str(error)
            except SameFile as error:
                status, reason = "same_file", str(error)
            except RowFailed as error:
                status, reason = "read_error", str(error)
        self._disk.progress.add_file()
        return seal(row._replace(status=status, reason=reason, verified_at=utc_now_text()))

    def _examine_files(self, row: VerifyRow) -> VerifyRow:
        source, copy = self._look(row.source_path), self._look_at_archive(row.destination_path)
        status, reason = check_stat(row, source, copy)
        if status == "source_missing":
            require_source(row.source_root)
        if not status and not self._disk.mount_points.isdisjoint((row.source_path, row.destination_path)):
            status, reason = "not_regular", "one of the two is a mount point, a view of some other file"
        if not status and source is not None:
            status, reason = self._alias(row)
        if not status and self._disk.real_roots.leads_through_link(row.destination_path, row.archive_root):
            status, reason = "outside_root", "a symbolic link stands on the way in the archive"
        if status:
            return row._replace(status=status, reason=reason)
        folder = os.path.dirname(row.destination_path)
        if folder not in self._disk.synced_folders:
            remove_stale_probes(folder)
        sync_folders_up_to(folder, row.archive_root, self._disk.synced_folders)
        return self._compare(row) if source is not None else self._check_moved(row)

    def _scrub(self, row: VerifyRow) -> VerifyRow:
        """The archive alone against the recorded hash; one unreadable file is a row, the rest is still looked at."""
        if not row.sha256:
            return row._replace(status="not_archived", reason="no hash was recorded to check the copy by")
        try:
            copy = os.lstat(row.destination_path)
        except (FileNotFoundError, NotADirectoryError):
            return row._replace(status="archive_missing", reason="there is no such file in the archive")
        except OSError as error:
            raise RowFailed(f"cannot look at the archive copy: {explain_os_error(error)}") from None
        if not stat.S_ISREG(copy.st_mode) or row.destination_path in self._disk.mount_points:
            return row._replace(status="not_regular", reason="the archive path is no regular file of the archive")
        if self._disk.real_roots.leads_through_link(row.destination_path, row.archive_root):
            return row._replace(status="outside_root", reason="a symbolic link stands on the way in the archive")
        try:
            return self._check_hash(row)
        except OSError as error:
            raise RowFailed(f"cannot read the archive copy: {explain_os_error(error)}") from None

    def _look(self, path: str) -> os.stat_result | None:
        try:
            return os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RowFailed(f"cannot look at the source: {explain_os_error(error)}") from None

    def _look_at_archive(self, path: str) -> os.stat_result | None:
        try:
            return os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise archive_failed(path, error) from None

    def _alias(self, row: VerifyRow) -> tuple[str, str]:
        """Whether source and archive are one folder seen twice; asked once for a pair of folders."""
        if self._disk.real_roots.leads_through_link(row.source_path, row.source_root):
            if os.path.samefile(row.source_path, row.destination_path):
                return "same_file", "source and destination are one file on disk"
            return "outside_root", "a symbolic link stands on the way in the source"
        if self._disk.directories.same_directory(
            os.path.dirname(row.source_path), os.path.dirname(row.destination_path)
        ):
            return "same_file", "source and destination folder are one folder seen twice (a mount)"
        return "", ""

    def _compare(self, row: VerifyRow) -> VerifyRow:
        result = self._read_both(row)
        if result.touched:
            result = self._read_both(row)
            if result.touched:
                raise ChangedWhileReading
        facts = with_facts(row, result)
        if not result.equal:
            again = self._read_both(row)
            reason = f"first difference at byte {result.first_difference}"
            if again.equal:
                raise RowFailed(f"{reason} when first read, none when read again: memory, cable or disk may be faulty")
            return facts._replace(status="content_differs", reason=reason)
        if row.sha256 not in ("", result.sha256):
            reason = "source and archive agree, but not with the hash that organize recorded; organize again"
            return facts._replace(status="content_differs", reason=reason)
        if result.shares_blocks:
            self.sharing.append(row.destination_path)
        return facts._replace(status="identical", sha256=result.sha256)

    def _read_both(self, row: VerifyRow) -> Comparison:
        try:
            return compare(row.source_path, row.destination_path, self._disk, cold=self._cold)
        except FileNotFoundError as error:
            raise RowFailed(f"went away while it was looked at: {printable(str(error.filename))}") from None
        except OSError as error:
            if error.filename == row.destination_path:
                raise _archive_copy_failed(row, error) from None
            raise RowFailed(f"cannot read the source: {explain_os_error(error)}") from None

    def _check_moved(self, row: VerifyRow) -> VerifyRow:
        """A moved file has no source any more: its archive copy must have the hash that the move recorded."""
        if not row.sha256:
            return row._replace(status="source_missing", reason="moved, but no hash was recorded to check the copy by")
        try:
            return self._check_hash(row)
        except OSError as error:
            raise _archive_copy_failed(row, error) from None

    def _check_hash(self, row: VerifyRow) -> VerifyRow:
        """The archive copy against the hash that was recorded. Raises ``OSError`` when it can't be read."""
        found = hash_file(row.destination_path, self._disk, cold=self._cold)
        row = row._replace(
            archive_inode=_place(found.identity),
            archive_mtime=mtime_text(found.identity.mtime_ns),
            read_mode=found.read_mode,
        )
        if found.sha256 == row.sha256:
            return row._replace(status="archive_intact")
        return row._replace(status="content_differs", reason="the archive copy no longer has the recorded hash")


def _archive_copy_failed(row: VerifyRow, error: OSError) -> MediaArchiveError | RowFailed:
    """What a read error of an archive copy means: where this user may not read, its row fails; else it is the disk."""
    if isinstance(error, PermissionError):
        return RowFailed(f"cannot read the archive copy: {explain_os_error(error)}")
    return archive_failed(row.destination_path, error)


def with_facts(row: VerifyRow, result: Comparison) -> VerifyRow:
    """The row with what was seen of both files while they were compared. Pure."""
    return row._replace(
        size_bytes=result.left.size,
        source_mtime=mtime_text(result.left.mtime_ns),
        source_inode=_place(result.left),
        archive_inode=_place(result.right),
        archive_mtime=mtime_text(result.right.mtime_ns),
        read_mode=result.read_mode,
    )


def _place(identity: Identity) -> str:
    return f"{identity.device}:{identity.inode}"

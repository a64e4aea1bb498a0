"""Copying a file and its attributes to a temporary name, and renaming the copy to its final name."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from common.errors import ChangedWhileReading
from common.fileops.os_errors import FULL, no_room, read_error, write_error
from common.fileops.renaming import rename_no_replace
from common.fileops.temporary import TEMPORARY_PREFIX, remove_temporary
from common.fileops.writing import write_all
from common.filesystems import free_bytes
from common.hashing.chunks import UNMONITORED, ReadMonitor, chunks
from common.hashing.identity import Identity, close_file, open_regular, require_unchanged
from common.paths import printable
from common.timestamps import may_be_same_time

TIMES_NOT_KEPT = "modification times"


@dataclass(slots=True)
class StagedCopy:
    """An open copy under its temporary name, not yet durable. ``identity`` is that of the source when it was read."""

    path: str
    fd: int
    sha256: str
    identity: Identity
    unsupported_attributes: tuple[str, ...]

    def sync(self) -> None:
        """Make the content durable. Raises ``OSError``."""
        os.fsync(self.fd)

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1  # the descriptor is closed even if closing fails
            close_file(fd, self.path)

    def discard(self) -> None:
        """Remove the temporary file. Changes the disk. Errors are ignored: there was one before, and it is told.

        What can't be removed now is removed by the next run.
        """
        with suppress(OSError):
            self.close()
        with suppress(OSError):
            remove_temporary(self.path)


def copy_to_temporary(source: str, folder: str, monitor: ReadMonitor = UNMONITORED) -> StagedCopy:
    """Copy a regular file to a temporary name in a folder, and hash it. Changes the disk: the folder.

    The copy gets the source's times and permissions, on Linux its extended attributes and, for root, its owner.
    Raises ``RowFailed`` if the source can't be read or changes meanwhile, ``NoRoom``, ``StoppedEarly`` or ``RowFailed``
    if the copy can't be written, and ``Interrupted``; in these cases the temporary file is removed.
    """
    import hashlib  # noqa: PLC0415 - copying alone needs it

    digest = hashlib.sha256()
    temporary = os.path.join(folder, TEMPORARY_PREFIX + os.urandom(8).hex())
    try:
        with open_regular(source) as (source_fd, identity):
            if 0 <= free_bytes(folder) < identity.size:
                raise no_room(source, identity.size, folder)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
                target_fd = os.open(temporary, flags, 0o600)
            except OSError as error:
                raise write_error(folder, error) from None
            staged = StagedCopy(temporary, target_fd, "", identity, ())
            try:
                for chunk in chunks(source, source_fd, identity.size, monitor):
                    digest.update(chunk)
                    try:
                        write_all(target_fd, chunk)
                    except OSError as error:
                        if error.errno in FULL:
                            raise no_room(source, identity.size, folder) from None
                        raise write_error(folder, error) from None
                if require_unchanged(source_fd, identity):
                    raise ChangedWhileReading
                staged.unsupported_attributes = _copy_attributes(source_fd, target_fd, temporary, identity)
            except BaseException:
                staged.discard()
                raise
    except OSError as error:
        raise read_error(error) from None
    staged.sha256 = digest.hexdigest()
    return staged


def _copy_attributes(source_fd: int, target_fd: int, target: str, identity: Identity) -> tuple[str, ...]:
    """Give a copy the attributes of its source; return those that it can't hold, except for owner and access time."""
    unsupported: list[str] = []
    if sys.platform == "linux":
        try:
            names = os.listxattr(source_fd)
        except OSError:
            names = []
        for name in names:
            try:
                os.setxattr(target_fd, name, os.getxattr(source_fd, name))
            except OSError:
                unsupported.append(f"extended attribute {printable(name)}")
    status = os.fstat(source_fd)
    if sys.platform != "win32":
        with suppress(OSError):  # only root may change the owner
            os.fchown(target_fd, status.st_uid, status.st_gid)
    mode = status.st_mode & 0o777
    with suppress(OSError):
        if sys.platform == "win32":
            os.chmod(target, mode)
        else:
            os.fchmod(target_fd, mode)
    with suppress(OSError):
        times = (status.st_atime_ns, identity.mtime_ns)
        os.utime(target_fd if os.utime in os.supports_fd else target, ns=times)
    # Some file systems refuse, others silently store what they can: whole seconds, or years up to 2038.
    result = os.fstat(target_fd)
    if sys.platform != "win32" and result.st_mode & 0o777 != mode:
        unsupported.append("permissions")
    if not may_be_same_time(result.st_mtime_ns, identity.mtime_ns):
        unsupported.append(TIMES_NOT_KEPT)
    elif result.st_mtime_ns != identity.mtime_ns:
        unsupported.append("exact modification times")
    return tuple(unsupported)


def commit_copy(staged: StagedCopy, destination: str) -> None:
    """Rename a synced copy to its final name. Changes the disk.

    Raises ``FileExistsError`` if the name is taken, else ``OSError``.
    """
    staged.close()
    rename_no_replace(staged.path, destination)

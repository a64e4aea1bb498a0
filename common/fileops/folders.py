"""Making folders, syncing them, removing empty ones, and setting their times."""

import errno
import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from common.errors import StoppedEarly, explain_os_error
from common.fileops.busy import retry_while_busy
from common.fileops.os_errors import UNSUPPORTED
from common.hashing.identity import closed_after
from common.media_types import QUARANTINE_FOLDER
from common.paths import is_folder, is_inside, printable


def sync_folder(path: str) -> None:
    """Make the names in a folder durable. Does nothing on Windows, which can't do it. Raises ``OSError``."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    with closed_after(fd, path):
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise OSError(error.errno, error.strerror, path) from error


def sync_folders(folders: Iterable[str]) -> None:
    """Make the names in several folders durable. Raises ``StoppedEarly``."""
    for folder in sorted(folders):
        try:
            sync_folder(folder)
        except OSError as error:
            raise StoppedEarly(f"{printable(folder)}: cannot sync: {explain_os_error(error)}; run again") from None


def sync_folders_up_to(folder: str, root: str, synced: set[str]) -> None:
    """Sync a folder and its parents up to a root, except those in ``synced``; add them. Raises ``StoppedEarly``."""
    while folder not in synced:
        sync_folders([folder])
        synced.add(folder)
        if folder == root or not is_inside(folder, root):
            return
        folder = os.path.dirname(folder)


def make_folders(path: str, mode: int = 0o777) -> None:
    """Make a folder and its missing parents, durably. Changes the disk. Raises ``OSError``."""
    missing: list[str] = []
    folder = path
    while not is_folder(folder):
        if folder == os.path.dirname(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, mode)
        except FileExistsError:
            if not is_folder(folder):
                raise
        sync_folder(os.path.dirname(folder))


def mark_quarantine(path: str) -> None:
    """Mark a folder as a quarantine, so that scans skip it whatever its name. Changes the disk. Raises ``OSError``."""
    with suppress(FileExistsError):
        os.close(os.open(os.path.join(path, QUARANTINE_FOLDER), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def remove_empty_folder(path: str) -> bool:
    """Remove a folder if it is empty; return whether it is gone. Changes the disk, without syncing.

    Raises ``OSError`` if it can't be listed, or is empty and can't be removed.
    """
    try:
        retry_while_busy(os.rmdir, path)
    except FileNotFoundError:
        return True
    except OSError:
        with os.scandir(path) as entries:
            if next(entries, None):
                return False
        raise
    return True


def remove_empty_folders_up_to(folder: str, root: str) -> None:
    """Remove a folder and its parents below a root while they are empty. Changes the disk. Raises ``OSError``."""
    while is_inside(folder, root) and remove_empty_folder(folder):
        folder = os.path.dirname(folder)


def restore_folder(path: str, mode: int, mtime_ns: int) -> None:
    """Recreate a pruned folder with its permissions and time. Changes the disk. Raises ``OSError``."""
    make_folders(path)
    os.chmod(path, mode)
    set_folder_time(path, mtime_ns)


def set_folder_time(path: str, mtime_ns: int) -> None:
    """Set the modification time of a folder, which renaming files in it has changed. Changes the disk.

    Errors are ignored: the folder may be another user's, and nothing depends on its time.
    """
    accessed_ns = mtime_ns
    with suppress(OSError):
        accessed_ns = os.stat(path).st_atime_ns
    with suppress(OSError):
        os.utime(path, ns=(accessed_ns, mtime_ns))

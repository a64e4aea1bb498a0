"""Renaming a file without replacing anything."""

import errno
import os
import sys
from contextlib import suppress

from common.fileops.os_errors import UNSUPPORTED
from common.hashing.identity import is_regular
from common.libc import libc_function
from common.paths import path_exists


def rename_no_replace(source: str, destination: str) -> None:
    """Rename a file, never replacing another. Changes the disk.

    ``renameat2(2)`` with RENAME_NOREPLACE on Linux, ``renamex_np`` with RENAME_EXCL on macOS, ``os.rename`` on Windows
    (which never replaces). On a file system that supports none of these: a hard link and an unlink; without hard links:
    a rename over a placeholder that was created exclusively.

    Raises ``FileExistsError`` if the new name is taken, else ``OSError`` (EXDEV across file systems).
    """
    for rename in (_rename_exclusive, _link_then_unlink):
        try:
            return rename(source, destination)
        except OSError as error:
            # An error without a second path comes from the unlink: links work here, and removing failed.
            if error.errno not in UNSUPPORTED or error.filename2 is None:
                raise
    return _rename_over_placeholder(source, destination)


def _rename_exclusive(source: str, destination: str) -> None:
    if sys.platform == "win32":
        os.rename(source, destination)
        return
    import ctypes  # noqa: PLC0415 - not needed to show --help

    old, new = os.fsencode(source), os.fsencode(destination)
    if sys.platform == "darwin":
        rename, arguments = libc_function("renamex_np"), (old, new, 0x4)
    else:
        at_cwd, no_replace = -100, 1
        rename, arguments = libc_function("renameat2"), (at_cwd, old, at_cwd, new, no_replace)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if rename(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, destination)


def _link_then_unlink(source: str, destination: str) -> None:
    os.link(source, destination, follow_symlinks=False)
    try:
        os.unlink(source)
    except OSError:
        with suppress(OSError):  # if nothing can be removed from the folder, both names stay
            os.unlink(destination)
        raise


def _rename_over_placeholder(source: str, destination: str) -> None:
    os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        os.rename(source, destination)
    except OSError:
        os.unlink(destination)
        raise


def remove_placeholder(path: str, original: str) -> bool:
    """Remove the empty file with which a killed run reserved a name for ``original``; return whether it was removed.

    Of two empty files the younger is the placeholder: copies have the original's time. Changes the disk.
    """
    try:
        status, original_status = os.lstat(path), os.lstat(original)
        if not is_regular(status) or status.st_size != 0 or os.path.samestat(status, original_status):
            return False
        if original_status.st_size == 0 and status.st_mtime_ns <= original_status.st_mtime_ns:
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


def restore_set_aside(path: str, set_aside: str) -> bool:
    """Rename a file that a killed run had set aside back to its own name; return whether it was renamed.

    Changes the disk. Raises ``OSError``.
    """
    if not path_exists(set_aside):
        return False
    if path_exists(path):
        # The run was killed in the middle of a rename, between link and unlink or with a placeholder in place: remove
        # the second name of the file, or the placeholder.
        status = os.lstat(path)
        if os.path.samestat(status, os.lstat(set_aside)) and status.st_nlink > 1:
            os.unlink(set_aside)
            return False
        if remove_placeholder(set_aside, path) or not remove_placeholder(path, set_aside):
            return False
    rename_no_replace(set_aside, path)
    return True

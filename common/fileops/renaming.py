"""Giving a file a name without replacing anything."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from common.fileops.os_errors import UNSUPPORTED
from common.hashing.identity import is_regular
from common.libc import libc_function
from common.paths import path_exists


def rename_no_replace(source: str, destination: str) -> None:
    """Rename, and raise ``FileExistsError`` when the new name is taken: never replaces anything.

    ``renameat2(2)`` with RENAME_NOREPLACE on Linux, ``renamex_np`` with RENAME_EXCL on macOS,
    ``os.rename`` on Windows (which never replaces). Where a file system has none of these: a hard
    link and an unlink; where it has no hard links either: a rename over a placeholder that was
    made exclusively. Raises ``OSError`` with EXDEV across file systems.
    """
    for rename in (_rename_exclusive, _link_then_unlink):
        try:
            return rename(source, destination)
        except OSError as error:
            # One that names the source alone is of the unlink: the link was made, so this way is open.
            if error.errno not in UNSUPPORTED or error.filename2 is None:
                raise
    return _rename_over_placeholder(source, destination)


if sys.platform == "win32":

    def _rename_exclusive(source: str, destination: str) -> None:
        os.rename(source, destination)

else:

    def _rename_exclusive(source: str, destination: str) -> None:
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
        with suppress(OSError):  # in a folder that can only be added to, both names stay
            os.unlink(destination)
        raise


def _rename_over_placeholder(source: str, destination: str) -> None:
    fd = os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(fd)
    try:
        os.rename(source, destination)
    except OSError:
        os.unlink(destination)
        raise


def remove_placeholder(path: str, original: str) -> bool:
    """Remove the empty file that a killed run may have left to hold a name for ``original``, and tell whether it did.

    Where the original is empty as well, the younger of the two is the placeholder: copies bear the original's time.
    """
    try:
        status, kept = os.lstat(path), os.lstat(original)
        if not is_regular(status) or status.st_size != 0 or os.path.samestat(status, kept):
            return False
        if kept.st_size == 0 and status.st_mtime_ns <= kept.st_mtime_ns:
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


def _are_two_names(path: str, other: str) -> bool:
    """Whether two names are hard links to one file. A symbolic link to it, or a mount of it, is no name of it."""
    status = os.lstat(path)
    return os.path.samestat(status, os.lstat(other)) and status.st_nlink > 1


def restore_set_aside(path: str, set_aside: str) -> bool:
    """Give a file that a killed run had parked its own name back, and tell whether there was one."""
    if not path_exists(set_aside):
        return False
    if path_exists(path):
        # Killed in the middle of a rename on a file system that has no exclusive one: the second name of
        # one file can go, and so can the empty file that held a name.
        if _are_two_names(path, set_aside):
            os.unlink(set_aside)
            return False
        if remove_placeholder(set_aside, path) or not remove_placeholder(path, set_aside):
            return False
    rename_no_replace(set_aside, path)
    return True

"""Renaming a file without replacing anything."""

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
    """Rename a file, never replacing another. Changes the disk.

    ``renameat2(2)`` with RENAME_NOREPLACE on Linux, ``renamex_np`` with RENAME_EXCL on macOS, ``os.rename`` on Windows
    (which never replaces). On a file system that has none of these: a hard link and an unlink; without hard links: a
    rename over a placeholder that was made exclusively.

    Raises ``FileExistsError`` when the new name is taken, ``OSError`` otherwise (EXDEV across file systems).
    """
    for rename in (_rename_exclusive, _link_then_unlink):
        try:
            return rename(source, destination)
        except OSError as error:
            # An error without a second path comes from the unlink: the link was made, so this way works here.
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
        with suppress(OSError):  # in a folder where nothing can be removed, both names stay
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
    """Remove the empty file by which a killed run reserved a name for ``original``; return whether there was one.

    Where the original is empty as well, the younger of the two is the placeholder: copies have the original's time.
    Changes the disk.
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


def _are_hard_links(path: str, other_path: str) -> bool:
    """Whether two names are hard links to one file; a symbolic link to it or a mount of it is not."""
    status = os.lstat(path)
    return os.path.samestat(status, os.lstat(other_path)) and status.st_nlink > 1


def restore_set_aside(path: str, set_aside: str) -> bool:
    """Give a file that a killed run had set aside its own name back; return whether there was one.

    Changes the disk. Raises ``OSError``.
    """
    if not path_exists(set_aside):
        return False
    if path_exists(path):
        # The run was killed within a rename that was a link and an unlink, or went over a placeholder: the second
        # name of the file can go, and so can the placeholder.
        if _are_hard_links(path, set_aside):
            os.unlink(set_aside)
            return False
        if remove_placeholder(set_aside, path) or not remove_placeholder(path, set_aside):
            return False
    rename_no_replace(set_aside, path)
    return True

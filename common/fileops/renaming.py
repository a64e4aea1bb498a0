"""Renaming a file without replacing anything."""

import errno
import os
import sys
from contextlib import suppress

from common.fileops.busy import retry_while_busy
from common.fileops.os_errors import FINAL_ERRORS
from common.libc import libc_function
from common.paths import path_exists


def rename_no_replace(source: str, destination: str) -> None:
    """Rename a file, never replacing another. Changes the disk.

    ``renameat2(2)`` with RENAME_NOREPLACE on Linux, ``renamex_np`` with RENAME_EXCL on macOS, ``os.rename`` on Windows
    (which never replaces). Where one of these fails for any reason of its own, a hard link and an unlink; without hard
    links, a look that the name is free and a plain rename. No file is ever created under the new name, not even an
    empty one: the write-back cache of a cloud mount would upload it later, over the file.

    Raises ``FileExistsError`` if the new name is taken, else ``OSError`` (EXDEV across file systems).
    """
    for rename in (_rename_exclusive, _link_then_unlink):
        try:
            return rename(source, destination)
        except OSError as error:
            # An error without a second path comes from the unlink: links work here, and removing failed.
            if error.errno in FINAL_ERRORS or error.filename2 is None:
                raise
    if path_exists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, destination)
    return retry_while_busy(os.rename, source, destination)


def _rename_exclusive(source: str, destination: str) -> None:
    if sys.platform == "win32":
        retry_while_busy(os.rename, source, destination)
        return
    import ctypes  # noqa: PLC0415 - not needed to show --help

    old, new = os.fsencode(source), os.fsencode(destination)
    if sys.platform == "darwin":
        rename, arguments = libc_function("renamex_np"), (old, new, 0x4)
    else:
        at_cwd, no_replace = -100, 1
        rename, arguments = libc_function("renameat2"), (at_cwd, old, at_cwd, new, no_replace)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), source, None, destination)
    if rename(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, destination)


def _link_then_unlink(source: str, destination: str) -> None:
    os.link(source, destination, follow_symlinks=False)
    try:
        retry_while_busy(os.unlink, source)
    except OSError:
        with suppress(OSError):  # if nothing can be removed from the folder, both names stay
            os.unlink(destination)
        raise


def restore_set_aside(path: str, set_aside: str) -> bool:
    """Rename a file that a killed run had set aside back to its own name. Changes the disk. Raises ``OSError``.

    Returns whether a file still stands at ``set_aside``, since another one has its name.
    """
    if not path_exists(set_aside):
        return False
    if not path_exists(path):
        rename_no_replace(set_aside, path)
        return False
    # The run was killed in the middle of a rename, between link and unlink: remove the second name of the file.
    status = os.lstat(path)
    is_second_name = os.path.samestat(status, os.lstat(set_aside)) and status.st_nlink > 1
    if is_second_name:
        os.unlink(set_aside)
    return not is_second_name

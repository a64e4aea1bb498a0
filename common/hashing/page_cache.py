"""What the kernel holds of an open file in memory: made durable, or forgotten, so that the storage medium is read.

Changes no contents: it may write out what was written before.
"""

from __future__ import annotations

import errno
import mmap
import os
import sys
import time

from common.libc import libc_function

# What was touched just now is kept in batches, from which nothing is dropped until they are worked off.
_TRIES_TO_FORGET = 3


def drop_cache(path: str, fd: int, size: int, durably: bool = True) -> bool:
    """Write out and forget what the kernel holds of an open file, so that it is read from the medium.

    Returns whether that worked: a file system in memory or over the network can't promise it, and
    neither can Windows and macOS. ``posix_fadvise(2)`` drops clean pages only, so the file is synced
    first; if not ``durably``, its contents are only written out (``sync_file_range(2)``), which spares
    the drive the order to empty its own cache.
    """
    if sys.platform != "linux":
        return False
    if durably or not _write_out(fd):
        sync_open(path, fd)
    try:
        for _ in range(_TRIES_TO_FORGET):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            if not _is_any_cached(fd, size):
                return True
            time.sleep(0.001)
    except OSError:
        pass  # this file system takes no such advice
    return False


def sync_open(path: str, fd: int) -> None:
    """Make the contents of an open file durable. Raises ``OSError`` with the path in it.

    Does nothing on Windows, where only what is open for writing can be synced.
    """
    if sys.platform == "win32":
        return
    try:
        os.fsync(fd)
    except OSError as error:
        # fsync(2): a file system without syncing, such as that of a burnt disc, has nothing that is not synced.
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, path) from error


def _write_out(fd: int) -> bool:
    """Write the contents of an open file to its drive, if this C library can, and wait for it."""
    sync_file_range = libc_function("sync_file_range")
    if sync_file_range is None:
        return False
    from ctypes import c_int64  # noqa: PLC0415 - not needed to show --help

    wait_write_wait = 1 | 2 | 4
    return bool(sync_file_range(fd, c_int64(0), c_int64(0), wait_write_wait) == 0)


def _is_any_cached(fd: int, size: int) -> bool:
    """Whether one of three pages of an open file can be had without waiting for the disk."""
    if sys.platform != "linux":
        return True
    pages = {position // mmap.PAGESIZE * mmap.PAGESIZE for position in (0, size // 2, size - 1)} if size else set()
    # A probe starts a read ahead of its place, which the next probe would find: random access has none.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    cached = any(_is_cached(fd, page) for page in pages)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return cached


def _is_cached(fd: int, position: int) -> bool:
    """Whether one byte can be had without waiting for the disk (``preadv2(2)``, RWF_NOWAIT)."""
    if sys.platform != "linux":
        return True
    try:
        return os.preadv(fd, [bytearray(1)], position, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
    except OSError:
        return True  # the file system can't tell: claim nothing

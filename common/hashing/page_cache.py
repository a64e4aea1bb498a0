"""The page cache of an open file: synced to the storage medium, or dropped so that the medium is read.

Changes no contents; it may write out what was written before.
"""

import errno
import mmap
import os
import sys
import time

from common.libc import libc_function

# The kernel adds recently used pages to its lists in batches, and drops none of a batch before that.
_DROP_ATTEMPTS = 3


def drop_cache(path: str, fd: int, size: int, durably: bool = True) -> bool:
    """Drop an open file from the page cache, so that it is read from the medium. Returns whether that worked.

    A file system in memory or over the network can't promise it, nor can Windows and macOS. ``posix_fadvise(2)`` drops
    clean pages only, so the file is synced first. If not ``durably``, its contents are only written out
    (``sync_file_range(2)``), so that the drive need not flush its own cache. Raises ``OSError`` when syncing fails.
    """
    if sys.platform != "linux":
        return False
    if durably or not _write_out(fd):
        sync_open(path, fd)
    try:
        for _ in range(_DROP_ATTEMPTS):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            if not _is_any_cached(fd, size):
                return True
            time.sleep(0.001)
    except OSError:
        pass  # this file system does not support it
    return False


def sync_open(path: str, fd: int) -> None:
    """Make the contents of an open file durable. Raises ``OSError`` with the path in it.

    Does nothing on Windows, which syncs only files that are open for writing.
    """
    if sys.platform == "win32":
        return
    try:
        os.fsync(fd)
    except OSError as error:
        # fsync(2): a file system that can't sync, such as that of a burnt disc, has nothing to sync.
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, path) from error


def _write_out(fd: int) -> bool:
    """Write the contents of an open file to its drive and wait for it. Returns whether the system can do that."""
    sync_file_range = libc_function("sync_file_range")
    if sync_file_range is None:
        return False
    from ctypes import c_int64  # noqa: PLC0415 - not needed to show --help

    wait_write_wait = 1 | 2 | 4
    return bool(sync_file_range(fd, c_int64(0), c_int64(0), wait_write_wait) == 0)


def _is_any_cached(fd: int, size: int) -> bool:
    """Whether the first, middle or last page of an open file is in memory."""
    if sys.platform != "linux":
        return True
    pages = {position // mmap.PAGESIZE * mmap.PAGESIZE for position in (0, size // 2, size - 1)} if size else set()
    # Without advice, one probe starts a read-ahead that the next one would find.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    cached = any(_is_cached(fd, page) for page in pages)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return cached


def _is_cached(fd: int, position: int) -> bool:
    """Whether a byte is in memory (``preadv2(2)``, RWF_NOWAIT)."""
    if sys.platform != "linux":
        return True
    try:
        return os.preadv(fd, [bytearray(1)], position, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
    except OSError:
        return True  # unknown: do not claim a cold read

"""The page cache of an open file: syncing it, or dropping it so that the storage medium is read.

Changes no contents, but may flush data that was written earlier.
"""

import errno
import mmap
import os
import sys
import time

from common.libc import libc_function

# The kernel adds recently used pages to its lists in batches, and can't drop them before that.
_DROP_ATTEMPTS = 3


def drop_cache(path: str, fd: int, size: int, durably: bool = True) -> bool:
    """Drop an open file from the page cache, so that it is read from the storage medium. Returns whether that worked.

    It never works on Windows and macOS, nor on file systems in memory or over the network. ``posix_fadvise(2)`` drops
    clean pages only, so the file is synced first. Unless ``durably``, its contents are only written out to the drive
    (``sync_file_range(2)``), which need not flush its own cache. Raises ``OSError`` if syncing fails.
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
        # fsync(2): a file system that can't sync, such as that of an optical disc, has nothing to sync.
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, path) from error


def _write_out(fd: int) -> bool:
    """Write the contents of an open file to its drive, and wait for it. Returns False if the system can't."""
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
    # Without this, probing one page would start a read-ahead that the next probe finds.
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

"""The page cache of an open file: syncing it, or dropping it so that the storage medium is read.

Changes no contents, but may flush data that was written earlier.
"""

import errno
import mmap
import os
import sys
import time
from functools import cache

from common.filesystems import file_system_on
from common.hashing.identity import Identity
from common.libc import libc_function

# The kernel adds recently used pages to its lists in batches, and can't drop them before that.
_DROP_ATTEMPTS = 3
_SYS_CACHESTAT = 451  # linux/unistd.h
_MINCORE_BYTES = 1 << 30


def drop_cache(path: str, fd: int, identity: Identity, durably: bool = True) -> bool:
    """Drop an open file from the page cache, so that it is read from the storage medium. Returns whether that worked.

    It never works on Windows and macOS, nor on file systems in memory, in user space or over the network, and not while
    another program has a part of the file mapped. ``posix_fadvise(2)`` drops clean pages only, so the file is synced
    first. Unless ``durably``, its contents are only written out to the drive
    (``sync_file_range(2)``), which need not flush its own cache. Raises ``OSError`` if syncing fails.
    """
    if sys.platform != "linux":
        return False
    if durably or not _write_out(fd):
        sync_open(path, fd)
    system = file_system_on(identity.device, os.path.dirname(path))
    if not system.has_medium:
        return False
    try:
        for _ in range(_DROP_ATTEMPTS):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            if not is_any_page_cached(fd, identity.size, is_counted=not system.is_overlay):
                return all(map(_drop_image, system.cached_images))
            time.sleep(0.001)
    except OSError:
        pass  # this file system does not support it
    return False


def _drop_image(path: str) -> bool:
    """Drop an image file from the page cache, as far as it is not in use. Returns whether it can be opened."""
    if sys.platform != "linux":
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        sync_open(path, fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


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


def is_any_page_cached(fd: int, size: int, *, is_counted: bool = True) -> bool:
    """Whether any page of an open file is in memory; True where that can't be found out. Raises ``OSError``.

    ``is_counted``: the system counts its pages. It doesn't on an overlay, where they are those of the file below.

    ``cachestat(2)`` counts the pages (Linux 6.5), ``mincore(2)`` shows each of them to the owner of the file, and
    ``preadv2(2)`` with RWF_NOWAIT answers anybody, page by page.
    """
    if sys.platform != "linux":
        return True
    if size == 0:
        return False
    count = _count_cached_pages(fd) if is_counted else None
    if count is not None:
        return count > 0
    if os.geteuid() in (0, os.fstat(fd).st_uid):
        return _is_any_page_resident(fd, size)
    # Without this, asking for one page would start a read-ahead that the next question finds.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    cached = any(_is_cached(fd, page) for page in range(0, size, mmap.PAGESIZE))
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return cached


def _count_cached_pages(fd: int) -> int | None:
    """How many pages of an open file are in memory; None if the system doesn't tell (``cachestat(2)``)."""
    if sys.platform == "win32":
        return None
    call = libc_function("syscall")
    if call is None or _machine() not in ("x86_64", "aarch64"):
        return None
    from ctypes import byref, c_uint64  # noqa: PLC0415 - not needed to show --help

    whole_file, counts = (c_uint64 * 2)(0, 0), (c_uint64 * 5)()  # the first of the five is nr_cache
    return int(counts[0]) if call(_SYS_CACHESTAT, fd, byref(whole_file), byref(counts), 0) == 0 else None


@cache
def _machine() -> str:
    """The processor's architecture: only there is the number of the system call known."""
    if sys.platform == "win32":
        return ""
    return os.uname().machine


def _is_any_page_resident(fd: int, size: int) -> bool:
    """Whether any page of an open file is in memory, for its owner (``mincore(2)``)."""
    if sys.platform == "win32":
        return True
    import ctypes  # noqa: PLC0415 - not needed to show --help

    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    for start in range(0, size, _MINCORE_BYTES):
        length = min(_MINCORE_BYTES, size - start)
        address = libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, fd, start)
        if address in (None, ctypes.c_void_p(-1).value):
            return True
        pages = ctypes.create_string_buffer(-(-length // mmap.PAGESIZE))
        failed = libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(length), pages)
        libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(length))
        if failed or pages.raw.count(0) != len(pages.raw):
            return True
    return False


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

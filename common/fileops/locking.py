"""A lock file that keeps other runs out, and a lock that keeps threads apart when they work on hard links."""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Self

from common.errors import BadInput, Locked, explain_os_error
from common.fileops.os_errors import FINAL_ERRORS
from common.hashing.identity import is_regular
from common.paths import path_exists, printable


class Lock:
    """An exclusive lock on a file that is never removed, held from its creation to the end of its ``with`` block.

    Changes the disk: makes the file. Raises ``Locked`` if another run holds the lock, ``BadInput`` if the file can't
    be made or locked.
    """

    def __init__(self, path: str) -> None:
        try:
            self._fd = _open_lock_file(path)
        except OSError as error:
            if path_exists(path) and not is_regular(os.lstat(path)):
                raise BadInput(f"{printable(path)} is no regular file; move it away, then run again") from None
            raise BadInput(
                f"{printable(path)}: cannot make the lock file: {explain_os_error(error)}; make that folder writable"
            ) from None
        try:
            self._lock()
        except (BlockingIOError, PermissionError):
            _close(self._fd)
            raise Locked(f"{printable(path)}: another run is at work here; wait until it has ended") from None
        except OSError as error:
            _close(self._fd)
            raise BadInput(
                f"{printable(path)}: this file system can't lock: {explain_os_error(error)}; mount it with another "
                "driver, or use a folder on another disk"
            ) from None

    def _lock(self) -> None:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - exists on Windows only

            msvcrt.locking(self._fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - does not exist on Windows

            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    raise
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # some drivers have only this kind

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._fd)


def _close(fd: int) -> None:
    """Close a lock file. Errors are ignored: nothing was written, though some cloud mounts report a failed write."""
    with suppress(OSError):
        os.close(fd)


def lock_unless_read_only(path: str) -> AbstractContextManager[object]:
    """Take a lock; on a file system that is mounted read-only, which no run can change, do nothing.

    Changes the disk and raises as ``Lock`` does.
    """
    folder = os.path.dirname(path)
    if sys.platform != "win32" and os.statvfs(folder).f_flag & os.ST_RDONLY:
        return nullcontext()
    return Lock(path)


def _open_lock_file(path: str) -> int:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    fd = _open_for_locking(path, flags)
    if not is_regular(os.fstat(fd)):
        _close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd


def _open_for_locking(path: str, flags: int) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except OSError as error:
        if error.errno in FINAL_ERRORS:
            raise
        # Another user's file, or a driver that can't open a file again for writing: read access is enough for a lock.
        return os.open(path, os.O_RDONLY | flags)


class HardLinkLock:
    """Lets threads work in parallel, except on files with several names (hard links): on these only one at a time.

    Renaming or removing one name of a file moves its change time, so a thread that compares the file under another name
    would consider it changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def hold(self, path: str) -> AbstractContextManager[object]:
        """A context to hold while working on a file. A file that can't be examined may have several names."""
        with suppress(OSError):
            if os.lstat(path).st_nlink == 1:
                return nullcontext()
        return self._lock


class PathLocks:
    """Lets one thread at a time read a file: else none of them finds it gone from the cache, and can read it cold."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, path: str) -> Iterator[None]:
        """Wait until no other thread holds a path, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: path not in self._held)
            self._held.add(path)
        try:
            yield
        finally:
            with self._changed:
                self._held.discard(path)
                self._changed.notify_all()

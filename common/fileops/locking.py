"""A lock that keeps a second run out, on a file of its own. The system releases it when the process ends."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext

from common.errors import BadInput, Locked, explain_os_error
from common.hashing.identity import close_file
from common.paths import printable


class Lock:
    """An exclusive lock, held from its creation to the end of its ``with`` block.

    Only the lock counts, not the file: it is never removed, so a crash leaves nothing to clean up, and it may belong to
    another user. Changes the disk: makes the file. Raises ``Locked`` when another run holds the lock, ``BadInput`` when
    the file can't be made.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._fd = _open_lock_file(path)
        except OSError as error:
            raise BadInput(
                f"{printable(path)}: cannot make the lock file: {explain_os_error(error)}; make that folder writable"
            ) from None
        try:
            _lock(self._fd)
        except (BlockingIOError, PermissionError):
            os.close(self._fd)
            raise Locked(f"{printable(path)}: another run is at work here; wait until it has ended") from None
        except OSError as error:
            os.close(self._fd)
            raise BadInput(f"{printable(path)}: this file system can't lock: {explain_os_error(error)}") from None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        close_file(self._fd, self._path)


def lock_unless_read_only(path: str) -> AbstractContextManager[object]:
    """A lock, or nothing where the file system is mounted read-only, so that no run can change it.

    Changes the disk and raises as ``Lock`` does.
    """
    folder = os.path.dirname(path)
    if sys.platform != "win32" and os.statvfs(folder).f_flag & os.ST_RDONLY:
        return nullcontext()
    return Lock(path)


def _open_lock_file(path: str) -> int:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError:  # another user's file: a lock needs no more than to read it
        return os.open(path, os.O_RDONLY | flags)


if sys.platform == "win32":

    def _lock(fd: int) -> None:
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:

    def _lock(fd: int) -> None:
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

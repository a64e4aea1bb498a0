"""The identity of an open file, and whether it is still the same, unchanged file."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from common.errors import ChangedWhileReading, NotRegular


@dataclass(frozen=True, slots=True)
class Identity:
    """What shows that a file was changed or replaced, by ``stat``.

    The change time (``ctime_ns``) can't be set back by whoever edits a file, but a rename moves it too: it is used
    while a file is open, and never recorded.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0

    @property
    def inode_key(self) -> tuple[int, int]:
        """Device and inode: two names with the same key are one file."""
        return self.device, self.inode


def identity_of(status: os.stat_result) -> Identity:
    """The identity by a result of ``stat``."""
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@contextmanager
def open_regular(path: str) -> Iterator[tuple[int, Identity]]:
    """Open a regular file for reading, and yield its descriptor and identity. Follows no link in the last component.

    Raises ``NotRegular`` for anything else, ``OSError`` when it can't be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    fd = os.open(path, flags)
    try:
        status = os.fstat(fd)
        if not is_regular(status):
            raise NotRegular
        yield fd, identity_of(status)
    finally:
        with suppress(OSError):  # nothing was written
            os.close(fd)


def close_file(fd: int, path: str) -> None:
    """Close a descriptor. Raises ``OSError`` with the path in it: network disks and quotas may fail as late as here."""
    try:
        os.close(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def is_regular(status: os.stat_result) -> bool:
    """Whether a result of ``stat`` is that of a regular file."""
    return stat.S_ISREG(status.st_mode)


def same_file_state(present: Identity, expected: Identity) -> bool:
    """Whether two identities of one run are of the same, unchanged file; its name may have changed."""
    return (present.inode_key, present.size, present.mtime_ns) == (expected.inode_key, expected.size, expected.mtime_ns)


def require_unchanged(fd: int, before: Identity) -> bool:
    """Raise ``ChangedWhileReading`` when an open file changed since ``before``. Returns whether its change time moved.

    That alone is no change: file systems over FUSE or a network report it late, after a rename.
    """
    now = identity_of(os.fstat(fd))
    if not same_file_state(now, before):
        raise ChangedWhileReading
    return now != before

"""The identity of a file, by which changes and replacements are detected."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from common.errors import ChangedWhileReading, NotRegular


@dataclass(frozen=True, slots=True)
class Identity:
    """The facts from ``stat`` by which a changed or replaced file is detected.

    The change time (``ctime_ns``) can't be set back by a program that edits the file, but a rename changes it too: it
    is used while a file is open, and never recorded.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0

    @property
    def inode_key(self) -> tuple[int, int]:
        """Device and inode: names with the same key are names of the same file."""
        return self.device, self.inode


def identity_of(status: os.stat_result) -> Identity:
    """Make an identity from a result of ``stat``."""
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@contextmanager
def open_regular(path: str) -> Iterator[tuple[int, Identity]]:
    """Open a regular file for reading, and yield its descriptor and identity. Doesn't follow a link to a file.

    Raises ``NotRegular`` if it is not regular, ``OSError`` if it can't be opened (on POSIX also for a link).
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
    """Close a descriptor. Raises ``OSError`` with the path in it: on network disks or quotas, writing may fail here."""
    try:
        os.close(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


@contextmanager
def closed_after(fd: int, path: str) -> Iterator[None]:
    """Close a descriptor after a block, as ``close_file`` does. An error in the block comes before one of closing."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.close(fd)
        raise
    close_file(fd, path)


def is_regular(status: os.stat_result) -> bool:
    """Whether a result of ``stat`` describes a regular file."""
    return stat.S_ISREG(status.st_mode)


def same_file_state(present: Identity, expected: Identity) -> bool:
    """Whether two identities of one run are those of the same, unchanged file, whatever its name."""
    return (present.inode_key, present.size, present.mtime_ns) == (expected.inode_key, expected.size, expected.mtime_ns)


def looks_the_same(present: Identity, expected: Identity) -> bool:
    """Whether two identities have the same size and time: FUSE and FAT give a file another inode number, so it alone
    says nothing. Then the contents decide."""
    return (present.size, present.mtime_ns) == (expected.size, expected.mtime_ns)


def require_unchanged(fd: int, before: Identity) -> bool:
    """Raise ``ChangedWhileReading`` if an open file changed since ``before``. Returns whether its change time moved.

    That alone does not count as a change: FUSE and network file systems report it late, after a rename. Nor does
    another inode number, which cloud mounts give to an open file.
    """
    now = identity_of(os.fstat(fd))
    if not looks_the_same(now, before):
        raise ChangedWhileReading
    return now.ctime_ns != before.ctime_ns

"""Reading files through one descriptor, from memory or the storage medium: SHA-256, and comparing side by side.

Changes no contents.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from common.errors import ChangedWhileReading, Interrupted, NotRegular, SameFile
from common.hashing.page_cache import drop_cache, sync_open
from common.hashing.reflinks import share_extents

# What is read, compared and hashed at a time stays in the processor's cache; what the disk fetches ahead is more.
CHUNK = 1 << 18
_AHEAD = 1 << 20
SAMPLE = 1 << 12
_SHA256 = re.compile(r"[0-9a-f]{64}")


class _Scratch(threading.local):
    """Memory to read into, a pair for each thread: fresh memory for each file costs as much as hashing what is read."""

    def __init__(self) -> None:
        self.left = bytearray(CHUNK)
        self.right = bytearray(CHUNK)


_SCRATCH = _Scratch()


def never_stop() -> bool:
    """The stop question of callers that can't be interrupted."""
    return False


def is_sha256(text: str) -> bool:
    """Whether the text is a SHA-256 as this project writes it: 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """What ``stat`` tells of one file: enough to notice that it was changed or replaced.

    The change time (``ctime_ns``) can't be set back by whoever edits a file, but a rename moves it
    too: it serves while a file is held open, and is not recorded.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Device and inode: two names with the same place are one file."""
        return self.device, self.inode


def identity_of(status: os.stat_result) -> Identity:
    """The identity in a result of ``stat``."""
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@contextmanager
def open_regular(path: str) -> Iterator[tuple[int, Identity]]:
    """Open a regular file for reading without following a link in its last component.

    Yields the descriptor and the identity at opening. Raises ``NotRegular`` for anything
    else, ``OSError`` when it can't be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        status = os.fstat(fd)
        if not is_regular(status):
            raise NotRegular
        yield fd, identity_of(status)
    finally:
        with suppress(OSError):  # closing what was only read can lose nothing
            os.close(fd)


def close_file(fd: int, path: str) -> None:
    """Close a descriptor. Raises ``OSError`` with the path in it: network disks and quotas may fail only then."""
    try:
        os.close(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def is_regular(status: os.stat_result) -> bool:
    """Whether a result of ``lstat`` or ``fstat`` is that of a regular file."""
    return stat.S_ISREG(status.st_mode)


@dataclass(frozen=True, slots=True)
class Hashed:
    """The digest of a file, the identity that it had all the while, and whether it was read ``cold`` or ``cached``."""

    sha256: str
    identity: Identity
    read_mode: str


def hash_file(
    path: str,
    cold: bool = False,
    on_bytes: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] = never_stop,
) -> Hashed:
    """Read one file to its end and hash it; with ``cold``, from the storage medium.

    Raises ``RowFailed`` when the file is not regular or changed while it was read, ``Interrupted``
    when ``should_stop`` says so, ``OSError`` when the file can't be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as (fd, identity):
        read_mode = "cold" if cold and drop_cache(path, fd, identity.size) else "cached"
        position = 0
        for chunk in chunks(path, fd):
            position += len(chunk)
            if position > identity.size:
                raise ChangedWhileReading  # it may grow for ever
            digest.update(chunk)
            if on_bytes:
                on_bytes(len(chunk))
            if should_stop():
                raise Interrupted
        require_unchanged(fd, identity)
    return Hashed(digest.hexdigest(), identity, read_mode)


def sample_of(path: str) -> bytes:
    """A cheap digest of a file's size, first and last bytes, to tell most different files apart.

    Different samples prove different contents; equal samples prove nothing.
    """
    with open_regular(path) as (fd, identity):
        digest = hashlib.sha256(b"%d:" % identity.size)
        digest.update(os.read(fd, SAMPLE))
        if identity.size > SAMPLE:
            os.lseek(fd, -SAMPLE, os.SEEK_END)
            digest.update(os.read(fd, SAMPLE))
    return digest.digest()[:16]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of reading two files side by side to their ends.

    ``sha256`` is that of both when they are equal, else empty. ``first_difference`` is a byte
    offset, -1 when equal. ``read_mode`` is ``cold`` when both were read from the storage medium.
    ``touched`` tells that a change time moved meanwhile, though size and modification time did not:
    an edit whose time was set back, or a file system that tells of a rename late. ``shares_blocks`` tells that
    both stand in one place on one disk, as copies made with reflinks do: one bad block takes both.
    """

    equal: bool
    sha256: str
    first_difference: int
    read_mode: str
    left: Identity
    right: Identity
    touched: bool
    shares_blocks: bool


def compare(
    left: str,
    right: str,
    cold: bool,
    on_bytes: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] = never_stop,
) -> Comparison:
    """Read two files side by side, compare every byte, and hash what is equal once.

    With ``cold``, what the kernel holds of them is written out and dropped first, and the right one,
    the archive copy, is synced. Raises ``RowFailed`` when one is not regular, both are the same
    file, or one changed while it was read; ``OSError`` (with the path in it) when one can't be read.
    """
    with open_regular(left) as (left_fd, left_identity), open_regular(right) as (right_fd, right_identity):
        if left_identity.place == right_identity.place:
            raise SameFile
        # Of the left one, the source, only the cache must go; its first bytes come while the right one syncs.
        left_cold = cold and drop_cache(left, left_fd, left_identity.size, durably=False)
        if cold:
            _read_ahead(left_fd, 0)
        right_cold = cold and drop_cache(right, right_fd, right_identity.size)
        if cold:
            _read_ahead(right_fd, 0)
        else:
            sync_open(right, right_fd)
        read_mode = "cold" if left_cold and right_cold else "cached"
        # What is mostly in memory already would only be searched for once more.
        ahead = left_identity.size if cold else 0
        sha256, difference = _compare_open((left, left_fd), (right, right_fd), ahead, on_bytes, should_stop)
        touched = [was_touched(left_fd, left_identity), was_touched(right_fd, right_identity)]
        equal = difference < 0
        shares_blocks = equal and left_identity.device == right_identity.device and share_extents(left_fd, right_fd)
    return Comparison(equal, sha256, difference, read_mode, left_identity, right_identity, any(touched), shares_blocks)


def _compare_open(
    left: tuple[str, int],
    right: tuple[str, int],
    ahead: int,
    on_bytes: Callable[[int], None] | None,
    should_stop: Callable[[], bool],
) -> tuple[str, int]:
    digest = hashlib.sha256()
    left_buffer, right_buffer = _SCRATCH.left, _SCRATCH.right
    chunk = len(left_buffer)
    position = ahead_until = 0
    while True:
        if ahead_until <= position < ahead:
            ahead_until = position + _AHEAD
            _read_ahead(left[1], ahead_until)
            _read_ahead(right[1], ahead_until)
        left_got, right_got = _fill_from(left, left_buffer), _fill_from(right, right_buffer)
        if left_got < chunk or right_got < chunk:
            left_buffer, right_buffer = left_buffer[:left_got], right_buffer[:right_got]
        if left_buffer != right_buffer:
            return "", position + _first_difference(left_buffer, right_buffer)
        digest.update(left_buffer)
        position += left_got
        if on_bytes:
            on_bytes(left_got)
        if left_got < chunk:
            return digest.hexdigest(), -1
        if should_stop():
            raise Interrupted


def _read_ahead(fd: int, position: int) -> None:
    """Let the disk fetch a piece before it is asked for; elsewhere than on Linux the system guesses."""
    if sys.platform == "linux":
        os.posix_fadvise(fd, position, _AHEAD, os.POSIX_FADV_WILLNEED)


def chunks(path: str, fd: int) -> Iterator[memoryview]:
    """The rest of an open file, piece by piece; each piece stands in the memory of the one before.

    One reader a thread at a time. Raises ``OSError`` with the path in it.
    """
    buffer = _SCRATCH.left
    view = memoryview(buffer)
    while got := _fill_from((path, fd), buffer):
        yield view[:got]


def _fill_from(file: tuple[str, int], buffer: bytearray) -> int:
    """Read until the buffer is full or the file ends, which may take several calls of the system.

    A read error bears the path, so that the culprit is known.
    """
    path, fd = file
    try:
        filled = got = _read_into(fd, buffer)
        while got and filled < len(buffer):
            got = _read_into(fd, memoryview(buffer)[filled:])
            filled += got
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    return filled


def _first_difference(left: bytearray, right: bytearray) -> int:
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


if sys.platform != "win32":

    def _read_into(fd: int, buffer: bytearray | memoryview) -> int:
        return os.readv(fd, [buffer])

else:

    def _read_into(fd: int, buffer: bytearray | memoryview) -> int:
        data = os.read(fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def same_file_state(found: Identity, expected: Identity) -> bool:
    """Whether two looks in one run saw the same file, unchanged; names may have changed between them."""
    return (found.place, found.size, found.mtime_ns) == (expected.place, expected.size, expected.mtime_ns)


def require_unchanged(fd: int, before: Identity) -> None:
    """Raise ``ChangedWhileReading`` when the open file was changed since ``before`` was taken.

    The change time is left out: file systems over FUSE or a network tell it late, after a rename.
    """
    was_touched(fd, before)


def was_touched(fd: int, before: Identity) -> bool:
    """Whether the change time of an open file, and nothing else of it, moved since ``before`` was taken.

    Raises ``ChangedWhileReading`` when more did.
    """
    now = identity_of(os.fstat(fd))
    if not same_file_state(now, before):
        raise ChangedWhileReading
    return now != before

"""Byte-by-byte comparison of two files, read from memory or from the storage medium. Changes no contents."""

import hashlib
import os
import sys
from dataclasses import dataclass
from typing import NamedTuple

from common.errors import Interrupted, SameFile
from common.hashing.chunks import BUFFERS, UNMONITORED, ReadMonitor, fill_buffer
from common.hashing.extents import first_extent, share_blocks
from common.hashing.identity import Identity, open_regular, require_unchanged
from common.hashing.page_cache import drop_cache, sync_open

_READ_AHEAD_BYTES = 1 << 20


class OpenFile(NamedTuple):
    """A regular file that is open for reading, with its identity."""

    path: str
    fd: int
    identity: Identity

    def rewind(self) -> None:
        """Let it be read from its first byte again."""
        os.lseek(self.fd, 0, os.SEEK_SET)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two files.

    ``sha256`` is the digest of equal files, else empty. ``first_difference`` is a byte offset, -1 if they are equal.
    ``read_mode``, of the right file, and ``left_read_mode`` are ``cold`` after a read from the storage medium.
    ``touched``: a change time (ctime) moved, but neither size nor modification time did: after an edit whose time was
    set back, or on a file system that reports a rename late. ``shares_blocks``: both begin with the same block, as
    reflinked copies do: one bad block damages both.
    """

    equal: bool
    sha256: str
    first_difference: int
    read_mode: str
    left_read_mode: str
    left: Identity
    right: Identity
    touched: bool
    shares_blocks: bool


def compare(left: str, right: str, monitor: ReadMonitor = UNMONITORED, *, cold: bool) -> Comparison:
    """Read two files side by side, compare every byte, and hash equal contents once.

    The right file, the archive copy, is synced first. With ``cold``, both are dropped from the page cache first.
    Raises ``RowFailed`` if one is not regular, both are the same file, or one changed while it was read; ``OSError``
    (with the path in it) if one can't be read; ``Interrupted`` if the monitor requests it.
    """
    with open_regular(left) as (left_fd, left_identity), open_regular(right) as (right_fd, right_identity):
        files = OpenFile(left, left_fd, left_identity), OpenFile(right, right_fd, right_identity)
        return compare_open(*files, monitor, cold=cold)


def compare_open(left: OpenFile, right: OpenFile, monitor: ReadMonitor = UNMONITORED, *, cold: bool) -> Comparison:
    """Compare two open files, not read yet, as ``compare`` does; both stay open."""
    if left.identity.inode_key == right.identity.inode_key:
        raise SameFile
    # The left file, the source, need not be durable. Its first bytes are fetched while the right one syncs.
    left_cold = cold and drop_cache(left.path, left.fd, left.identity, durably=False)
    if cold:
        _read_ahead(left.fd, 0)
    right_cold = cold and drop_cache(right.path, right.fd, right.identity)
    if cold:
        _read_ahead(right.fd, 0)
    else:
        sync_open(right.path, right.fd)
    # Without ``cold`` most of it is in memory already, and reading ahead would be wasted.
    ahead_end = left.identity.size if cold else 0
    sha256, difference = _compare_bytes((left.path, left.fd), (right.path, right.fd), ahead_end, monitor)
    touched = [require_unchanged(file.fd, file.identity) for file in (left, right)]
    equal, is_one_disk = difference < 0, left.identity.device == right.identity.device
    left_extent, right_extent = first_extent(left.fd), first_extent(right.fd)
    return Comparison(
        equal=equal,
        sha256=sha256,
        first_difference=difference,
        read_mode=_read_mode(right_cold and not right_extent.is_inline),
        left_read_mode=_read_mode(left_cold and not left_extent.is_inline),
        left=left.identity,
        right=right.identity,
        touched=any(touched),
        shares_blocks=equal and is_one_disk and share_blocks(left_extent, right_extent),
    )


def _read_mode(is_cold: bool) -> str:
    return "cold" if is_cold else "cached"


def _compare_bytes(
    left: tuple[str, int], right: tuple[str, int], ahead_end: int, monitor: ReadMonitor
) -> tuple[str, int]:
    """The digest of equal files and -1, or no digest and the first difference. Reads ahead up to ``ahead_end``."""
    digest = hashlib.sha256()
    left_buffer, right_buffer = BUFFERS.left, BUFFERS.right
    chunk = len(left_buffer)
    position = ahead_until = 0
    while True:
        if ahead_until <= position < ahead_end:
            ahead_until = position + _READ_AHEAD_BYTES
            _read_ahead(left[1], ahead_until)
            _read_ahead(right[1], ahead_until)
        left_got, right_got = fill_buffer(left, left_buffer), fill_buffer(right, right_buffer)
        if left_got < chunk or right_got < chunk:
            left_buffer, right_buffer = left_buffer[:left_got], right_buffer[:right_got]
        if left_buffer != right_buffer:
            return "", position + _first_difference(left_buffer, right_buffer)
        digest.update(left_buffer)
        position += left_got
        monitor.add_bytes(left_got)
        if left_got < chunk:
            return digest.hexdigest(), -1
        if monitor.stop_requested():
            raise Interrupted


def _read_ahead(fd: int, position: int) -> None:
    """Make the disk fetch bytes before they are read. Linux only: other systems read ahead by themselves."""
    if sys.platform == "linux":
        os.posix_fadvise(fd, position, _READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED)


def _first_difference(left: bytearray, right: bytearray) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(left), len(right)))

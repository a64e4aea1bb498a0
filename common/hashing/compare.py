"""Byte-by-byte comparison of two files, read from memory or from the storage medium. Changes no contents."""

import hashlib
import os
import sys
from dataclasses import dataclass

from common.errors import Interrupted, SameFile
from common.hashing.chunks import BUFFERS, UNMONITORED, ReadMonitor, fill_buffer
from common.hashing.identity import Identity, open_regular, require_unchanged
from common.hashing.page_cache import drop_cache, sync_open
from common.hashing.reflinks import share_blocks

_READ_AHEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two files.

    ``sha256`` is the digest of equal files, else empty. ``first_difference`` is a byte offset, -1 if they are equal.
    ``read_mode`` is ``cold`` if both were read from the storage medium. ``touched``: a change time (ctime) moved, but
    neither size nor modification time did: after an edit whose time was set back, or on a file system that reports a
    rename late. ``shares_blocks``: both begin with the same block, as reflinked copies do: one bad block damages both.
    """

    equal: bool
    sha256: str
    first_difference: int
    read_mode: str
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
        if left_identity.inode_key == right_identity.inode_key:
            raise SameFile
        # The left file, the source, need not be durable. Its first bytes are fetched while the right one syncs.
        left_cold = cold and drop_cache(left, left_fd, left_identity.size, durably=False)
        if cold:
            _read_ahead(left_fd, 0)
        right_cold = cold and drop_cache(right, right_fd, right_identity.size)
        if cold:
            _read_ahead(right_fd, 0)
        else:
            sync_open(right, right_fd)
        read_mode = "cold" if left_cold and right_cold else "cached"
        # Without ``cold`` most of it is in memory already, and reading ahead would be wasted.
        ahead_end = left_identity.size if cold else 0
        sha256, difference = _compare_open((left, left_fd), (right, right_fd), ahead_end, monitor)
        touched = [require_unchanged(left_fd, left_identity), require_unchanged(right_fd, right_identity)]
        equal = difference < 0
        shares_blocks = equal and left_identity.device == right_identity.device and share_blocks(left_fd, right_fd)
    return Comparison(equal, sha256, difference, read_mode, left_identity, right_identity, any(touched), shares_blocks)


def _compare_open(
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

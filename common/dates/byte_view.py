"""One bounded way to look at the bytes of an untrusted file.

Every reader in ``common/dates/readers`` reads through a ``View``. Whatever a file claims about its own counts,
lengths and offsets, no more than ``MOST_BYTES`` are read, ``MOST_READS`` system calls made and ``MOST_STEPS``
entries looked at; then ``StopReading`` ends the reader and what was found until then stays.
"""

from __future__ import annotations

import os
import sys
from typing import Protocol

MOST_BYTES = 16 << 20
MOST_READS = 4_000
MOST_STEPS = 20_000
MOST_DEPTH = 16

HEAD = 32 << 10
"""How many bytes are read first. The metadata of most photos lies in there, so that most files cost one read."""

# What lies behind an offset that had to be sought is mostly needed as a whole: an IFD and its strings.
_AHEAD = 4 << 10


class StopReading(Exception):
    """The file is damaged, or larger than what is looked at. The text says it in plain words."""


class ByteSource(Protocol):
    """Where the bytes come from. ``size`` is in bytes."""

    size: int

    def pread(self, length: int, offset: int) -> bytes:
        """Up to ``length`` bytes at ``offset``; fewer only at the end. Raises OSError when the disk fails."""


class Data(Protocol):
    """What is cut like bytes, ``data[start:end]``, and gives less where it ends: bytes, or a ``View``."""

    def __getitem__(self, piece: slice, /) -> bytes: ...


class FileBytes:
    """The bytes of an open descriptor, which stays the caller's to close. Reads the disk, never changes it."""

    __slots__ = ("_fd", "size")

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size

    def pread(self, length: int, offset: int) -> bytes:
        """See ``Bytes``. Windows has no pread; the descriptor is ours alone, so seeking does the same there."""
        if sys.platform != "win32":
            return os.pread(self._fd, length, offset)
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, length)


class MemoryBytes:
    """Bytes that are in memory already: an unpacked profile, or a test."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def pread(self, length: int, offset: int) -> bytes:
        """See ``Bytes``; touches no disk."""
        return self._data[offset : offset + length]


class _Allowance:
    """What may still be spent on one file and on everything that is unpacked from it."""

    __slots__ = ("bytes_left", "reads_left", "steps_left")

    def __init__(self) -> None:
        self.bytes_left = MOST_BYTES
        self.reads_left = MOST_READS
        self.steps_left = MOST_STEPS


class _Cache:
    """The two pieces of a file that are kept in memory: its head, and what was sought last."""

    __slots__ = ("allowance", "head", "head_size", "where", "window", "window_start")

    def __init__(self, where: ByteSource, allowance: _Allowance) -> None:
        self.where = where
        self.allowance = allowance
        self.head = self.fetch(0, HEAD)
        self.head_size = len(self.head)
        self.window = b""
        self.window_start = 0

    def fetch(self, offset: int, length: int) -> bytes:
        allowance = self.allowance
        allowance.reads_left -= 1
        allowance.bytes_left -= length
        if allowance.reads_left < 0 or allowance.bytes_left < 0:
            raise StopReading("more would have to be read than is looked at in one file")
        return self.where.pread(length, offset)

    def read(self, offset: int, length: int, ahead: int) -> bytes:
        """What was asked for beyond the end of a view, and cut, or lies not wholly in the head."""
        if offset + length <= self.head_size:
            return self.head[offset : offset + length]
        start = offset - self.window_start
        if start >= 0 and start + length <= len(self.window):
            return self.window[start : start + length]
        if offset >= self.where.size:
            return b""
        self.window = self.fetch(offset, max(length, min(ahead, self.where.size - offset)))
        self.window_start = offset
        return self.window[:length]


class ByteView:
    """A part of a file with offsets that count from its own start; all views of a file share one allowance."""

    __slots__ = ("_cache", "_in_head", "depth", "size", "start")

    def __init__(self, cache: _Cache, start: int, size: int, depth: int) -> None:
        self._cache = cache
        self.start = start
        self.size = size
        self.depth = depth
        end = start + size
        self._in_head = end if end <= cache.head_size else cache.head_size

    @classmethod
    def over(cls, where: ByteSource) -> ByteView:
        """The whole of a file. Reads its first bytes."""
        return cls(_Cache(where, _Allowance()), 0, where.size, 0)

    def part(self, offset: int, length: int | None = None) -> ByteView:
        """The part at ``offset``, cut to this view. Raises StopReading when parts nest too deep."""
        if self.depth >= MOST_DEPTH:
            raise StopReading("its parts are nested too deep")
        if not 0 <= offset <= self.size:
            offset = 0 if offset < 0 else self.size
        size = self.size - offset
        if length is not None and length < size:
            size = max(length, 0)
        return ByteView(self._cache, self.start + offset, size, self.depth + 1)

    def whole(self) -> ByteView:
        """The file that this is a part of, for offsets that count from its start."""
        if self.depth >= MOST_DEPTH:
            raise StopReading("its parts are nested too deep")
        return ByteView(self._cache, 0, self._cache.where.size, self.depth + 1)

    def unpacked(self, data: bytes) -> ByteView:
        """Bytes that stood packed in this view, as a view of their own, one level deeper. Reads nothing."""
        if self.depth >= MOST_DEPTH:
            raise StopReading("its parts are nested too deep")
        cache = _Cache(MemoryBytes(data), self._cache.allowance)
        return ByteView(cache, 0, len(data), self.depth + 1)

    def read(self, offset: int, length: int, ahead: int = _AHEAD) -> bytes:
        """Up to ``length`` bytes at ``offset``: fewer where the view ends, none outside of it.

        ``ahead`` is how much is fetched at once when the disk must be asked; a walk over far headers says 0.
        """
        cache = self._cache
        start = self.start + offset
        end = start + length
        if offset >= 0 and length > 0 and end <= self._in_head:
            return cache.head[start:end]
        length = min(length, self.size - offset)
        return cache.read(start, length, ahead) if offset >= 0 and length > 0 else b""

    def __getitem__(self, piece: slice, /) -> bytes:
        """``view[start:end]`` is ``read(start, end - start)``: see ``data``."""
        return self.read(piece.start, piece.stop - piece.start)

    def data(self) -> Data:
        """All of this view, to be cut like bytes: bytes indeed where it is in memory, which cuts ten times as fast."""
        cache = self._cache
        end = self.start + self.size
        return cache.head[self.start : end] if end <= cache.head_size else self

    def need(self, offset: int, length: int, ahead: int = _AHEAD) -> bytes:
        """Exactly ``length`` bytes at ``offset``. Raises StopReading when the view is too short."""
        data = self.read(offset, length, ahead)
        if len(data) != length:
            raise StopReading("it ends in the middle of a structure")
        return data

    def step(self, count: int = 1) -> None:
        """Count ``count`` entries as looked at. Raises StopReading when a file has too many of them."""
        allowance = self._cache.allowance
        allowance.steps_left -= count
        if allowance.steps_left < 0:
            raise StopReading("it has more entries than are looked at in one file")

    def search(self, length: int) -> None:
        """Count ``length`` bytes as searched or unpacked: the same bytes may be named by many entries."""
        allowance = self._cache.allowance
        allowance.bytes_left -= length
        if allowance.bytes_left < 0:
            raise StopReading("more would have to be searched than is looked at in one file")

"""Bounded access to the bytes of an untrusted file. Reads the disk, changes nothing.

Every reader in ``common/dates/readers`` reads through a ``ByteView``. Whatever counts, lengths and offsets a file
claims, no more than ``MOST_BYTES`` are read, ``MOST_READS`` system calls made and ``MOST_STEPS`` entries visited. Then
``StopReading`` ends the reader, and the dates found so far are kept.
"""

from __future__ import annotations

import os
import sys
import zlib
from typing import Protocol

MOST_BYTES = 16 << 20
MOST_READS = 4_000
MOST_STEPS = 20_000
MOST_DEPTH = 16

HEAD = 32 << 10
"""The number of bytes in the first read. They hold the metadata of most photos, so most files take one read."""

# Enough for an IFD and its strings.
_READ_BYTES = 4 << 10


class StopReading(Exception):
    """The file is damaged or exceeds a limit. The text is shown to people."""


def inflate(packed: bytes) -> bytes:
    """Unpack zlib data; empty if it is damaged. At most 1 MiB, since a few kilobytes may unpack to gigabytes."""
    try:
        return zlib.decompressobj().decompress(packed, 1 << 20)
    except zlib.error:
        return b""


class ByteSource(Protocol):
    """A source of bytes. ``size`` is in bytes."""

    size: int

    def pread(self, length: int, offset: int) -> bytes:
        """Up to ``length`` bytes at ``offset``, fewer only at the end. Raises ``OSError``."""


class Data(Protocol):
    """Bytes or a ``ByteView``: ``data[start:end]`` has fewer bytes if the data ends before."""

    def __getitem__(self, piece: slice, /) -> bytes: ...


class FileBytes:
    """The bytes of an open descriptor, which the caller closes."""

    __slots__ = ("_fd", "size")

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size

    def pread(self, length: int, offset: int) -> bytes:
        """See ``ByteSource``. Windows has no pread, but seeking is safe since nothing else uses the descriptor."""
        if sys.platform != "win32":
            return os.pread(self._fd, length, offset)
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, length)


class MemoryBytes:
    """Bytes in memory: an unpacked profile, or a test."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def pread(self, length: int, offset: int) -> bytes:
        """See ``ByteSource``."""
        return self._data[offset : offset + length]


class _Allowance:
    """The rest of the limits for one file, including everything that is unpacked from it."""

    __slots__ = ("bytes_left", "reads_left", "steps_left")

    def __init__(self) -> None:
        self.bytes_left = MOST_BYTES
        self.reads_left = MOST_READS
        self.steps_left = MOST_STEPS


class _Cache:
    """The two parts of a file that are in memory: its head, and a window with the last read."""

    __slots__ = ("allowance", "head", "head_size", "source", "window", "window_start")

    def __init__(self, source: ByteSource, allowance: _Allowance) -> None:
        self.source = source
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
        return self.source.pread(length, offset)

    def read(self, offset: int, length: int, read_bytes: int) -> bytes:
        """Bytes from the head or the window, else from the file, which is read in pieces of at least ``read_bytes``."""
        if offset + length <= self.head_size:
            return self.head[offset : offset + length]
        start = offset - self.window_start
        if start >= 0 and start + length <= len(self.window):
            return self.window[start : start + length]
        if offset >= self.source.size:
            return b""
        self.window = self.fetch(offset, max(length, min(read_bytes, self.source.size - offset)))
        self.window_start = offset
        return self.window[:length]


class ByteView:
    """A part of a file, with offsets from its own start. All views of a file share its limits."""

    __slots__ = ("_cache", "_in_head", "depth", "size", "start")

    def __init__(self, cache: _Cache, start: int, size: int, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise StopReading("its parts are nested too deep")
        self._cache = cache
        self.start = start
        self.size = size
        self.depth = depth
        end = start + size
        self._in_head = end if end <= cache.head_size else cache.head_size

    @classmethod
    def over(cls, source: ByteSource) -> ByteView:
        """A view of a whole file. Reads its first bytes."""
        return cls(_Cache(source, _Allowance()), 0, source.size, 0)

    def part(self, offset: int, length: int | None = None) -> ByteView:
        """The part at ``offset``, cut to this view. Raises ``StopReading`` when parts nest too deep."""
        if not 0 <= offset <= self.size:
            offset = 0 if offset < 0 else self.size
        size = self.size - offset
        if length is not None and length < size:
            size = max(length, 0)
        return ByteView(self._cache, self.start + offset, size, self.depth + 1)

    def whole(self) -> ByteView:
        """The whole file, for offsets from its start."""
        return ByteView(self._cache, 0, self._cache.source.size, self.depth + 1)

    def unpacked(self, data: bytes) -> ByteView:
        """A view of bytes that were packed in this view, one level deeper. Reads nothing."""
        cache = _Cache(MemoryBytes(data), self._cache.allowance)
        return ByteView(cache, 0, len(data), self.depth + 1)

    def read(self, offset: int, length: int, read_bytes: int = _READ_BYTES) -> bytes:
        """Up to ``length`` bytes at ``offset``, fewer where the view ends, none outside of it.

        If they are not in memory, at least ``read_bytes`` are read: pass few for headers that are far apart.
        """
        cache = self._cache
        start = self.start + offset
        end = start + length
        if offset >= 0 and length > 0 and end <= self._in_head:
            return cache.head[start:end]
        length = min(length, self.size - offset)
        return cache.read(start, length, read_bytes) if offset >= 0 and length > 0 else b""

    def __getitem__(self, piece: slice, /) -> bytes:
        """``view[start:end]`` is ``read(start, end - start)``."""
        return self.read(piece.start, piece.stop - piece.start)

    def data(self) -> Data:
        """This view for slicing: as bytes if it is in memory, which is ten times as fast, else the view itself."""
        cache = self._cache
        end = self.start + self.size
        return cache.head[self.start : end] if end <= cache.head_size else self

    def need(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes at ``offset``. Raises ``StopReading`` when the view is too short."""
        data = self.read(offset, length)
        if len(data) != length:
            raise StopReading("it ends in the middle of a structure")
        return data

    def step(self, count: int = 1) -> None:
        """Count visited entries. Raises ``StopReading`` when a file has too many."""
        allowance = self._cache.allowance
        allowance.steps_left -= count
        if allowance.steps_left < 0:
            raise StopReading("it has more entries than are looked at in one file")

    def search(self, length: int) -> None:
        """Count searched or unpacked bytes: many entries may name the same bytes. Raises ``StopReading``."""
        allowance = self._cache.allowance
        allowance.bytes_left -= length
        if allowance.bytes_left < 0:
            raise StopReading("more would have to be searched than is looked at in one file")

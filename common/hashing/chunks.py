"""Reading open files in chunks, into buffers that are reused for the next file. Reads the disk."""

import os
import sys
import threading
from collections.abc import Iterator
from typing import Protocol

from common.errors import ChangedWhileReading, Interrupted

# Small enough to stay in the processor's cache while it is compared and hashed.
CHUNK = 1 << 18


class ReadMonitor(Protocol):
    """Its methods are called for each chunk that is read, from any thread."""

    def add_bytes(self, count: int) -> None:
        """Count bytes that have been read."""

    def stop_requested(self) -> bool:
        """Whether reading must stop with ``Interrupted``."""


class Unmonitored:
    """The monitor of short reads, which are neither counted nor interrupted."""

    def add_bytes(self, count: int) -> None:
        """Do nothing."""

    def stop_requested(self) -> bool:
        return False


UNMONITORED = Unmonitored()


class _Buffers(threading.local):
    """Two buffers per thread: allocating memory for each file would cost as much as hashing its contents."""

    def __init__(self) -> None:
        self.left = bytearray(CHUNK)
        self.right = bytearray(CHUNK)


BUFFERS = _Buffers()


def chunks(path: str, fd: int, size: int, monitor: ReadMonitor) -> Iterator[memoryview]:
    """Read an open file of a known size in chunks. Each chunk overwrites the last: use one reader per thread at a time.

    Raises ``ChangedWhileReading`` if the file has grown (it may never end), ``Interrupted`` if the monitor requests it,
    ``OSError`` with the path in it.
    """
    buffer = BUFFERS.left
    view = memoryview(buffer)
    position = 0
    while got := fill_buffer((path, fd), buffer):
        position += got
        if position > size:
            raise ChangedWhileReading
        yield view[:got]
        monitor.add_bytes(got)
        if monitor.stop_requested():
            raise Interrupted


def fill_buffer(file: tuple[str, int], buffer: bytearray) -> int:
    """Read a file (path, descriptor) until the buffer is full or the file ends. Returns the number of bytes read.

    Raises ``OSError`` with the path in it.
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


if sys.platform != "win32":

    def _read_into(fd: int, buffer: bytearray | memoryview) -> int:
        return os.readv(fd, [buffer])

else:

    def _read_into(fd: int, buffer: bytearray | memoryview) -> int:
        data = os.read(fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

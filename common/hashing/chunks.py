"""Open files, read in chunks into memory that is kept for the next file. Changes nothing."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

# Small enough to stay in the processor's cache while it is compared and hashed.
CHUNK = 1 << 18


class _Buffers(threading.local):
    """Two buffers for each thread: new memory for each file would cost as much as hashing its contents."""

    def __init__(self) -> None:
        self.left = bytearray(CHUNK)
        self.right = bytearray(CHUNK)


BUFFERS = _Buffers()


def chunks(path: str, fd: int) -> Iterator[memoryview]:
    """The rest of an open file in chunks. Each chunk overwrites the one before; one reader per thread at a time.

    Raises ``OSError`` with the path in it.
    """
    buffer = BUFFERS.left
    view = memoryview(buffer)
    while got := fill_buffer((path, fd), buffer):
        yield view[:got]


def fill_buffer(file: tuple[str, int], buffer: bytearray) -> int:
    """Read a file, given as path and descriptor, until the buffer is full or the file ends. Returns the bytes read.

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

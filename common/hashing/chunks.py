"""Reading an open file piece by piece, into memory that is kept for the next file. Changes nothing."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

# What is read, compared and hashed at a time stays in the processor's cache; what the disk fetches ahead is more.
CHUNK = 1 << 18


class _Scratch(threading.local):
    """Memory to read into, a pair for each thread: fresh memory for each file costs as much as hashing what is read."""

    def __init__(self) -> None:
        self.left = bytearray(CHUNK)
        self.right = bytearray(CHUNK)


_SCRATCH = _Scratch()


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


if sys.platform != "win32":

    def _read_into(fd: int, buffer: bytearray | memoryview) -> int:
        return os.readv(fd, [buffer])

else:

    def _read_into(fd: int, buffer: bytearray | memoryview) -> int:
        data = os.read(fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

"""The limits that a worker process sets itself before it opens untrusted files with large C libraries.

Memory is limited by ``RLIMIT_AS``, which child processes inherit; Linux enforces it, macOS and Windows do not. Time is
limited by a watchdog that ends the process even while C code is running. Never changes the disk.
"""

import faulthandler
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from common.workers import READY

# Generous: ffprobe alone maps about two hundred libraries.
_MEMORY_BYTES = 2 << 30
# Loading a library from a slow disk for the first time can take long.
_START_SECONDS = 60


def take_standard_output() -> BinaryIO:
    """Return a stream to standard output, and redirect everything that libraries print to standard error."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # start_process has made standard error the null device
    return stream


def serve(
    answer: Callable[[dict[str, Any]], bytes],
    load_libraries: Callable[[], None] = lambda: None,
    grace_seconds: float = 0.0,
) -> int:
    """Answer requests, one JSON object per line, within the limits until the input ends. Returns the exit code 0.

    Each request has its time limit as ``seconds``; the watchdog waits ``grace_seconds`` longer.
    """
    answers = take_standard_output()
    with _time_limit(_START_SECONDS):
        _limit_memory()
        load_libraries()
    _write(answers, READY)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        with _time_limit(request["seconds"] + grace_seconds):
            _write(answers, answer(request) + b"\n")
    return 0


def _write(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
    stream.flush()


def _limit_memory() -> None:
    if sys.platform == "win32":
        return  # Windows can limit memory only by job objects
    import resource  # noqa: PLC0415 - there is none on Windows

    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    except (ValueError, OSError):
        return  # a stricter limit is already set, or the system supports none


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()

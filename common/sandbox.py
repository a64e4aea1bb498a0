"""The limits that a worker process sets for itself before it opens untrusted files with large libraries in C.

Memory is limited by ``RLIMIT_AS``, which child processes inherit; Linux enforces it, macOS and Windows do not. Time is
limited by a watchdog that ends the process even while C code holds the interpreter. Changes nothing on disk.
"""

import faulthandler
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from common.workers import READY

# ffprobe alone maps some two hundred libraries.
_MEMORY_BYTES = 2 << 30
# Loading a library from a slow disk takes long once.
_START_SECONDS = 60


def take_standard_output() -> BinaryIO:
    """A stream to the standard output of this process, where nobody else's prints arrive any more."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # start_process has made standard error the null device
    return stream


def serve(
    answer: Callable[[dict[str, Any]], bytes],
    load_libraries: Callable[[], None] = lambda: None,
    grace_seconds: float = 0.0,
) -> int:
    """Answer requests within the limits, a line of JSON each, until the input ends. Returns the exit code 0.

    A request holds its limit of time as ``seconds``; the watchdog waits ``grace_seconds`` more.
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
        return  # Windows limits memory by job objects only
    import resource  # noqa: PLC0415 - there is none on Windows

    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    except (ValueError, OSError):
        return  # a stricter limit is in force already, or the system has none


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()

"""Worker processes: modules of this project that answer requests through pipes. Never changes the disk.

They isolate the reading of untrusted files (see ``common.sandbox``), or use more cores.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

READY = b"ready\n"
"""The first answer of a sandboxed worker."""

ReadAnswer = Callable[[IO[bytes]], bytes]
"""Reads one answer from a pipe; returns empty bytes at its end, and for an answer that is cut short."""


def start_process(module: str) -> subprocess.Popen[bytes]:
    """Run a module of this project with pipes for its input and output. Raises ``OSError`` if it can't be started.

    Signals from the terminal don't reach the process: it ends when its input is closed, at the latest when this process
    ends. Its standard error is discarded.
    """
    import subprocess  # noqa: PLC0415 - most runs need no worker

    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    # A process group of its own; on POSIX, a session.
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        # -P: neither the working directory nor the folder of the script may shadow a library.
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )


def read_line(pipe: IO[bytes]) -> bytes:
    """Read an answer that is one line."""
    line = pipe.readline()
    return line if line.endswith(b"\n") else b""


class Worker:
    """A worker process, and a thread that reads its answers: Windows pipes have no timeout, and must not fill up."""

    def __init__(self, module: str, read_answer: ReadAnswer = read_line) -> None:
        self.process = start_process(module)
        requests, pipe = self.process.stdin, self.process.stdout
        if requests is None or pipe is None:
            raise AssertionError("start_process makes both pipes")
        self._requests = requests
        self._answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_collect_answers, args=(pipe, read_answer, self._answers), daemon=True).start()

    def send(self, request: bytes) -> bool:
        """Send a request. Returns False if the worker has ended."""
        try:
            self._requests.write(request)
            self._requests.flush()
        except OSError:
            return False
        return True

    def receive(self, seconds: float | None = None) -> bytes | None:
        """Wait for the next answer. Returns empty bytes if the worker has ended, None after ``seconds``."""
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        if not answer:
            self._answers.put(answer)  # for the next call
        return answer

    def close_input(self) -> None:
        """Close the worker's input, so that it ends."""
        with suppress(OSError):  # it has ended without reading everything
            self._requests.close()

    def wait(self, seconds: float) -> None:
        """Wait for the worker to end, and kill it after ``seconds``."""
        import subprocess  # noqa: PLC0415 - start_process has loaded it

        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the worker and the processes that it started."""
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):  # it has already ended; macOS raises the latter
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.close_input()


def _collect_answers(pipe: IO[bytes], read_answer: ReadAnswer, answers: queue.Queue[bytes]) -> None:
    with pipe, suppress(OSError):
        while answer := read_answer(pipe):
            answers.put(answer)
    answers.put(b"")

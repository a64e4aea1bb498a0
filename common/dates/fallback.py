"""Ask Pillow, pillow-heif and ffprobe about a file in which our own readers found no date.

They are large programs in C that read untrusted files, so they run in a worker process (``second_opinion_worker``)
with a limit of time for each file and, where the system can hold it, of memory: a hostile file costs its row and
not the run.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import stat
import sys
import threading
from types import TracebackType
from typing import IO

from common.dates.findings import Findings
from common.dates.formats import looks_like_image
from common.dates.model import Reading
from common.dates.notes import NO_FFPROBE
from common.errors import explain_os_error
from common.workers import start_worker

IMAGE_SECONDS = 5.0
VIDEO_SECONDS = 10.0
# Loading Pillow on a slow disk takes its time once; it is not counted against a file.
_START_SECONDS = 60.0
# The worker stops itself at its limit; this is how much later it is killed when it did not.
_GRACE_SECONDS = 2.0
_SNIFFED = 1024
_NOT_STARTED = "the process that asks Pillow and ffprobe can't be started"


class _Worker:
    """One worker process, and a thread that waits for its answers: pipes have no time limit on Windows."""

    def __init__(self) -> None:
        self.process = start_worker("common.dates.fallback_worker")
        self.answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_forward, args=(self.process.stdout, self.answers), daemon=True).start()

    def answer(self, seconds: float) -> bytes | None:
        """The next line; empty when the worker has ended, None when it took longer than ``seconds``."""
        try:
            return self.answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def send(self, request: bytes) -> bool:
        """Whether the worker still took the request."""
        if self.process.stdin is None:
            return False
        try:
            self.process.stdin.write(request)
            self.process.stdin.flush()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the worker and what it started."""
        if sys.platform != "win32":
            import signal  # noqa: PLC0415 - most runs kill nothing

            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self._collect()

    def close(self) -> None:
        """Let the worker end by closing its input, and kill it when it does not."""
        import subprocess  # noqa: PLC0415 - start_worker has loaded it

        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended by itself
                self.process.stdin.close()
        try:
            self.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return
        self._collect()

    def _collect(self) -> None:
        self.process.wait()
        if self.process.stdin is not None and not self.process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # what it did not take is of no use to anybody
                self.process.stdin.close()


def _forward(pipe: IO[bytes] | None, answers: queue.Queue[bytes]) -> None:
    """Hand on each line, then an empty one for the end."""
    if pipe is not None:
        with pipe:
            for line in pipe:
                answers.put(line)
    answers.put(b"")


class FallbackReader:
    """A worker that is started by the first question, serves any thread, one at a time, and dies with this process.

    ``has_ffprobe`` says whether videos can be asked about. Prints nothing; changes nothing on disk.
    """

    def __init__(self, image_seconds: float = IMAGE_SECONDS, video_seconds: float = VIDEO_SECONDS) -> None:
        import shutil  # noqa: PLC0415 - it loads three compression libraries

        self._ffprobe = shutil.which("ffprobe")
        self.has_ffprobe = self._ffprobe is not None
        self._limits = {"image": image_seconds, "video": video_seconds}
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._closed = False

    def __enter__(self) -> FallbackReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker. Later questions are refused."""
        with self._lock:
            self._closed = True
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def ask(self, path: str) -> Reading:
        """What Pillow (images) or ffprobe (everything else) says of one file. Reads the disk, raises nothing for it.

        No candidates and no problem means: asked, and nothing found. ``problem`` says why nobody could answer: the tool
        is missing, failed, was too slow or needed too much memory.
        """
        try:
            kind = "image" if _is_image(path) else "video"
        except OSError as error:
            return Reading(problem=f"it can't be read: {explain_os_error(error)}", unreadable=True)
        if kind == "video" and self._ffprobe is None:
            return Reading(problem=NO_FFPROBE)
        request: dict[str, object] = {
            "kind": kind,
            "path": path,
            "ffprobe": self._ffprobe,
            "seconds": self._limits[kind],
        }
        with self._lock:
            if self._closed:
                return Reading(problem="the second opinion is closed: the run is ending")
            return self._ask_worker(request, self._limits[kind], "Pillow" if kind == "image" else "ffprobe")

    def _ask_worker(self, request: dict[str, object], seconds: float, who: str) -> Reading:
        # A worker may have died since its last answer (out of memory, say): then a new one is asked, once.
        for _ in range(2):
            try:
                problem = self._start()
            except OSError as error:
                # The machine is short of something, and will not be for ever.
                return Reading(problem=f"{_NOT_STARTED}: {explain_os_error(error)}", unreadable=True)
            if problem or self._worker is None:
                return Reading(problem=problem)
            if self._worker.send(json.dumps(request).encode("ascii") + b"\n"):
                break
            self._drop()
        else:
            return Reading(problem="the process that asks Pillow and ffprobe ends as soon as it is started")
        line = self._worker.answer(seconds + _GRACE_SECONDS)
        if line is None:
            self._drop()
            return Reading(problem=f"{who} had no answer after {seconds:g} seconds and was stopped")
        if not line:
            self._drop()
            return Reading(problem=f"{who} crashed on it, or needed too much memory or more than {seconds:g} seconds")
        return _reading(line)

    def _start(self) -> str:
        """Have a worker ready, or say why there is none. Raises ``OSError`` where no process can be had."""
        if self._worker is not None:
            return ""
        self._worker = _Worker()
        if not self._worker.answer(_START_SECONDS):
            self._drop()
            return _NOT_STARTED
        return ""

    def _drop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None


def _is_image(path: str) -> bool:
    """By the first bytes; by the name only where these say nothing."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        head = os.read(descriptor, _SNIFFED)
    finally:
        os.close(descriptor)
    return looks_like_image(head, path)


def _reading(line: bytes) -> Reading:
    answer = json.loads(line)
    found = Findings()
    for tag, text, rank in answer["found"]:
        found.add_text(tag, text, rank)
    candidates = tuple(sorted(found.candidates, key=lambda candidate: candidate.rank))
    return Reading(candidates, "" if candidates else answer["problem"])

"""Dates from Pillow, pillow-heif and ffprobe, for files in which the readers of this project find none.

They are large C programs that read untrusted files, so they run in a worker process (``fallback_worker``) with limits
of time and memory: a hostile file can fail its row, but not the run.
"""

import errno
import json
import os
import stat
import threading
from typing import Self

from common.dates.findings import Findings
from common.dates.formats import looks_like_image, open_media
from common.dates.model import Reading
from common.dates.notes import NO_FFPROBE
from common.errors import explain_os_error
from common.workers import READY, Worker

_IMAGE_SECONDS = 5.0
_VIDEO_SECONDS = 10.0
# The first start may have to load Python from a slow disk.
_START_SECONDS = 60.0
# The worker ends itself at the time limit of a file. If it does not, it is killed this much later.
_GRACE_SECONDS = 2.0
_HEAD_BYTES = 1024
_NOT_STARTED = "the process that asks Pillow and ffprobe can't be started"


class FallbackReader:
    """Reads dates in a worker, which is started for the first file. Usable from any thread, for one file at a time.

    Prints nothing, changes nothing on disk.
    """

    def __init__(self, video_seconds: float = _VIDEO_SECONDS) -> None:
        import shutil  # noqa: PLC0415 - it loads three compression libraries

        self._ffprobe = shutil.which("ffprobe")
        self._limits = {"image": _IMAGE_SECONDS, "video": video_seconds}
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker. Later calls of ``ask`` are refused."""
        with self._lock:
            self._closed = True
            if self._worker is not None:
                self._worker.close_input()
                self._worker.wait(_GRACE_SECONDS)
                self._worker = None

    def ask(self, path: str) -> Reading:
        """The dates that Pillow (images) or ffprobe (everything else) finds in one file. Raises nothing for any file.

        No candidates and no problem means that the tool found no date. ``problem`` says why there is no answer: the
        tool is missing, failed, took too long or needed too much memory. Reads the disk.
        """
        try:
            kind = "image" if _is_image(path) else "video"
        except OSError as error:
            return Reading(problem=f"it can't be read: {explain_os_error(error)}", unreadable=True)
        if kind == "video" and self._ffprobe is None:
            return Reading(problem=NO_FFPROBE)
        with self._lock:
            if self._closed:
                return Reading(problem="the second opinion is closed: the run is ending")
            return self._ask_worker(kind, path)

    def _ask_worker(self, kind: str, path: str) -> Reading:
        seconds = self._limits[kind]
        request = {"kind": kind, "path": path, "ffprobe": self._ffprobe, "seconds": seconds}
        # A worker may have died since its last answer, for example out of memory: a new one is tried once.
        for _ in range(2):
            try:
                worker = self._ready_worker()
            except OSError as error:
                # The machine is short of resources, perhaps only for now.
                return Reading(problem=f"{_NOT_STARTED}: {explain_os_error(error)}", unreadable=True)
            if worker is None:
                return Reading(problem=_NOT_STARTED)
            if worker.send(json.dumps(request).encode("ascii") + b"\n"):
                break
            self._kill(worker)
        else:
            return Reading(problem="the process that asks Pillow and ffprobe ends as soon as it is started")
        line = worker.receive(seconds + _GRACE_SECONDS)
        if line:
            return _parse_answer(line)
        self._kill(worker)
        tool = "Pillow" if kind == "image" else "ffprobe"
        if line is None:
            return Reading(problem=f"{tool} had no answer after {seconds:g} seconds and was stopped")
        return Reading(problem=f"{tool} crashed on it, or needed too much memory or more than {seconds:g} seconds")

    def _ready_worker(self) -> Worker | None:
        """The worker, started if needed; None if it does not get ready. Raises ``OSError`` if it can't be started."""
        if self._worker is None:
            self._worker = Worker("common.dates.fallback_worker")
            if self._worker.receive(_START_SECONDS) != READY:
                self._kill(self._worker)
        return self._worker

    def _kill(self, worker: Worker) -> None:
        worker.kill()
        self._worker = None


def _is_image(path: str) -> bool:
    """Whether a file is an image by its first bytes, or by its name where they are of no known format."""
    descriptor = open_media(path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        head = os.read(descriptor, _HEAD_BYTES)
    finally:
        os.close(descriptor)
    return looks_like_image(head, path)


def _parse_answer(line: bytes) -> Reading:
    answer = json.loads(line)
    findings = Findings()
    for tag, text, rank in answer["found"]:
        findings.add_text(tag, text, rank)
    candidates = tuple(sorted(findings.candidates, key=lambda candidate: candidate.rank))
    return Reading(candidates, "" if candidates else answer["problem"])

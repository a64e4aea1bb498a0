"""Small pictures of untrusted files, as ``data:`` URIs for a page that stands alone.

They are made in a process of their own (``review/thumbnail_worker.py``) with limits of time and memory: a hostile file
costs its picture and not the page. Reads the disk, changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from common.workers import start_worker

if TYPE_CHECKING:
    import subprocess

_PREFIX = "data:image/webp;base64,"
_NONE = b"\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be spent.

    ``most``: pictures. ``most_bytes``: of all URIs together. ``seconds``: for all of them, ``seconds_each``: for one.
    """

    most: int = 500
    most_bytes: int = 3_000_000
    seconds: float = 60.0
    seconds_each: float = 5.0


class Thumbnailer:
    """Makes thumbnails until its limits are reached; then, and for what has no picture, the answer is an empty text."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._worker: subprocess.Popen[bytes] | None = None
        self._starts_left = 1 + self._limits.most
        self._deadline = 0.0
        self._made = 0
        self._bytes = 0

    @property
    def exhausted(self) -> bool:
        """Whether nothing more is made."""
        late = self._deadline and time.monotonic() > self._deadline
        limits = self._limits
        return bool(late) or self._made >= limits.most or self._bytes >= limits.most_bytes or not self._starts_left

    def data_uri(self, path: str) -> str:
        """A picture of one file. Raises nothing for its content, nor when it is missing."""
        if self.exhausted or "\0" in path:
            return ""
        self._deadline = self._deadline or time.monotonic() + self._limits.seconds
        answer = self._ask(path)
        uri = _PREFIX + answer.decode("ascii").strip() if answer not in (b"", _NONE) else ""
        if not uri or self._bytes + len(uri) > self._limits.most_bytes:
            return ""
        self._made += 1
        self._bytes += len(uri)
        return uri

    def _ask(self, path: str) -> bytes:
        """The worker's line; empty when it died of this file."""
        worker = self._started()
        if worker is None or worker.stdin is None or worker.stdout is None:
            return b""
        question = json.dumps({"path": path, "seconds": self._limits.seconds_each}).encode("ascii")
        try:
            worker.stdin.write(question + b"\n")
            worker.stdin.flush()
        except OSError:
            self._end()
            return b""
        # The worker ends itself when it takes too long, so this always returns.
        answer = worker.stdout.readline()
        if not answer.endswith(b"\n"):
            self._end()
            return b""
        return answer

    def _started(self) -> subprocess.Popen[bytes] | None:
        if self._worker is not None:
            return self._worker
        self._starts_left -= 1
        try:
            worker = start_worker("common.review.thumbnail_worker")
        except OSError:
            self._starts_left = 0  # no process can be had: the page goes without pictures
            return None
        self._worker = worker
        if worker.stdout is None or worker.stdout.readline() != b"ready\n":
            self._starts_left = 0
            self._end()
        return self._worker

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.kill()
        worker.wait()
        for pipe in (worker.stdout, worker.stdin):
            with contextlib.suppress(BrokenPipeError):  # what it did not take is of no use to anybody
                if pipe is not None:
                    pipe.close()

    def __enter__(self) -> Thumbnailer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

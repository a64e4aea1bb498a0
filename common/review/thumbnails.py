"""Thumbnails of untrusted files as ``data:`` URIs, made by a worker process with limits of time and memory."""

import json
import time
from dataclasses import dataclass
from typing import Self

from common.workers import READY, Worker

_PREFIX = "data:image/webp;base64,"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for all thumbnails of a page (number, bytes of their URIs, seconds), and the seconds for each one."""

    most: int = 500
    most_bytes: int = 3_000_000
    seconds: float = 60.0
    seconds_each: float = 5.0


class Thumbnailer:
    """Makes thumbnails until its limits are reached."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._worker: Worker | None = None
        self._starts_left = 1 + self._limits.most
        self._deadline = 0.0
        self._made = 0
        self._bytes = 0

    @property
    def exhausted(self) -> bool:
        """Whether a limit is reached."""
        if not self._starts_left or (self._deadline and time.monotonic() > self._deadline):
            return True
        return self._made >= self._limits.most or self._bytes >= self._limits.most_bytes

    def data_uri(self, path: str) -> str:
        """A thumbnail of one file, empty when there is none. Raises nothing for any content, nor for a missing file."""
        if self.exhausted or "\0" in path:
            return ""
        self._deadline = self._deadline or time.monotonic() + self._limits.seconds
        answer = self._ask(path).decode("ascii").strip()
        uri = _PREFIX + answer
        if not answer or self._bytes + len(uri) > self._limits.most_bytes:
            return ""
        self._made += 1
        self._bytes += len(uri)
        return uri

    def _ask(self, path: str) -> bytes:
        """The worker's answer, empty if it died on this file: it ends itself when it takes too long."""
        worker = self._started_worker()
        if worker is None:
            return b""
        request = json.dumps({"path": path, "seconds": self._limits.seconds_each}).encode("ascii")
        answer = worker.receive() if worker.send(request + b"\n") else None
        if not answer:
            self._end()
        return answer or b""

    def _started_worker(self) -> Worker | None:
        """The worker, started if needed; None if that is impossible: the page then has no more pictures."""
        if self._worker is None:
            self._starts_left -= 1
            try:
                self._worker = Worker("common.review.thumbnail_worker")
            except OSError:
                self._starts_left = 0
                return None
            if self._worker.receive() != READY:
                self._starts_left = 0
                self._end()
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

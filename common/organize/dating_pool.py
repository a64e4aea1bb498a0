"""Dating many groups on all cores: chunks of them go to worker processes, and come back in order. Changes nothing.

The interpreter lets one thread at a time work, and reading dates is all work, so threads gain nothing. A worker is a
process that this one talks to through pipes: it ends when they close, however this process came to its end.
"""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from types import TracebackType
from typing import IO, Any, NamedTuple

from common.concurrency import ordered_map
from common.dates.model import UNDATED, Dated
from common.dates.prefetch import Prefetcher, prefetch_limit
from common.errors import RowFailed
from common.organize.dating import Dater, dated_as
from common.organize.model import FoundFile
from common.workers import start_worker

# Starting workers costs as much as dating some two thousand files.
WORTH_WORKERS = 4_000
_GROUPS_FOR_A_PROCESS = 128
_GROUPS_FOR_A_THREAD = 8
# One that is worked on, one that waits in the pipe, one whose answer waits to be fetched.
_CHUNKS_UNDER_WAY = 3
_END_SECONDS = 5.0
_LENGTH_BYTES = 8


class DatingRequest(NamedTuple):
    """A group of which the date is asked: its files, and a sidecar that it shares with another group (or empty)."""

    primary: FoundFile
    companions: Sequence[FoundFile]
    shared_sidecar: str


# None stands for what needs no date; it keeps its place.
Chunk = Sequence[DatingRequest | None]
Answers = list[Dated | None]


def packed(chunk: Chunk) -> list[tuple[object, ...] | None]:
    """A chunk as bare tuples, which cost a tenth of what named ones cost to send."""
    return [
        question and (tuple(question.primary), [tuple(file) for file in question.companions], question.shared_sidecar)
        for question in chunk
    ]


def unpacked(chunk: Sequence[Any]) -> Chunk:
    """The inverse of ``packed``."""
    return [
        sent and DatingRequest(FoundFile(*sent[0]), [FoundFile(*file) for file in sent[1]], sent[2]) for sent in chunk
    ]


def date_chunk(dater: Dater, layout: str, chunk: Chunk, ahead: int = 0) -> Answers:
    """The decision for each group of a chunk. Reads their files; up to ``ahead`` are opened before their turn."""
    questions = filter(None, chunk)
    paths = (path for one in questions for path in dater.files_read(one.primary, one.companions))
    with Prefetcher(paths, ahead) as files:
        reader = replace(dater, read=files.read)
        return [question and _date_one(reader, layout, question) for question in chunk]


def _date_one(dater: Dater, layout: str, question: DatingRequest) -> Dated:
    try:
        return dated_as(dater.date(*question), layout)
    except RowFailed as error:
        return UNDATED._replace(failed=str(error))


class DatingPool:
    """Dates groups by the rules of one ``Dater``, up to ``jobs`` at a time.

    Many files are worth worker processes, one for each core. Fewer are read by threads of this
    process, which at least wait for the disk together; so is what a worker leaves that died.
    """

    def __init__(self, dater: Dater, layout: str, jobs: int) -> None:
        self._dater = dater
        self._layout = layout
        self._jobs = jobs
        self._workers: list[_Worker] = []
        self._asked_for_workers = False

    def expect(self, files: int) -> None:
        """Told of the number of files found so far, start workers once it is worth them: while the scan goes on."""
        workers = min(self._jobs, os.cpu_count() or 1)
        if files < WORTH_WORKERS or workers == 1 or self._asked_for_workers:
            return
        self._asked_for_workers = True
        with suppress(OSError):  # a machine that has no more processes to give: threads do it, later
            for _ in range(workers):
                self._workers.append(_Worker(self._dater, self._layout))

    @property
    def chunk_groups(self) -> int:
        """How many groups a chunk should have."""
        return _GROUPS_FOR_A_PROCESS if self._workers else _GROUPS_FOR_A_THREAD

    @property
    def pids(self) -> tuple[int, ...]:
        """The process numbers of the workers."""
        return tuple(worker.pid for worker in self._workers)

    def date_all(self, chunks: Iterable[Chunk]) -> Iterator[Answers]:
        """The decisions for chunk after chunk, in order. At most three chunks a worker are held in memory."""
        if not self._workers:
            ahead = prefetch_limit(readers=self._jobs)
            yield from ordered_map(
                lambda chunk: date_chunk(self._dater, self._layout, chunk, ahead), chunks, self._jobs
            )
            return
        waiting: deque[tuple[_Worker, Chunk]] = deque()
        for chunk, worker in zip(chunks, cycle(self._workers), strict=False):
            worker.send(packed(chunk))
            waiting.append((worker, chunk))
            if len(waiting) >= _CHUNKS_UNDER_WAY * len(self._workers):
                yield self._answer(*waiting.popleft())
        while waiting:
            yield self._answer(*waiting.popleft())

    def _answer(self, worker: _Worker, chunk: Chunk) -> Answers:
        """The worker's answer; where it died (killed for want of memory, say) the chunk is done here."""
        answers = worker.answer()
        return date_chunk(self._dater, self._layout, chunk) if answers is None else answers

    def __enter__(self) -> DatingPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.wait()


class _Worker:
    """One worker process, and a thread that fetches its answers, so that neither side ever waits for a full pipe."""

    def __init__(self, dater: Dater, layout: str) -> None:
        self._process = start_worker("common.organize.dating_worker")
        self._answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_fetch, args=(self._process.stdout, self._answers), daemon=True).start()
        self.send((dater.rules, layout))

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, what: object) -> None:
        """Give the worker a chunk (the rules first). One that has died takes none, and ``answer`` tells."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.write(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))
                self._process.stdin.flush()

    def answer(self) -> Answers | None:
        """The decisions for the chunk that was sent first, waiting for them; None from a worker that has died."""
        data = self._answers.get()
        if not data:
            self._answers.put(b"")  # for the chunks that follow
            return None
        return [sent and Dated(*sent) for sent in pickle.loads(data)]

    def end(self) -> None:
        """Let the worker end, by closing its input."""
        if self._process.stdin is not None:
            with suppress(OSError):  # it has ended by itself
                self._process.stdin.close()

    def wait(self) -> None:
        """Wait for its end, and kill it when that takes too long."""
        import subprocess  # noqa: PLC0415 - start_worker has loaded it

        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def write_answer(pipe: IO[bytes], answers: Answers) -> None:
    """What a worker says to a chunk: the length in eight bytes, then a pickle of bare tuples."""
    data = pickle.dumps([answer and tuple(answer) for answer in answers], pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    pipe.flush()


def _fetch(pipe: IO[bytes] | None, answers: queue.Queue[bytes]) -> None:
    """Hand on each answer, then an empty one for the end. Unpacking is left to the main thread, which has the time."""
    if pipe is not None:
        with pipe, suppress(OSError):
            while len(head := pipe.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
                length = int.from_bytes(head, "big")
                data = pipe.read(length)
                if len(data) < length:
                    break
                answers.put(data)
    answers.put(b"")

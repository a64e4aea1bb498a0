"""Dates many groups on all cores, in worker processes: dating is mostly computing, which threads can't share."""

import os
import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from typing import IO, Self

from common.concurrency import ordered_map
from common.dates.model import UNDATED, Dated
from common.dates.prefetch import Prefetcher, prefetch_limit
from common.errors import RowFailed
from common.organize.dating import Dater, dated_as
from common.organize.grouping import MediaGroup
from common.organize.scan import FoundFile
from common.workers import Worker

# Starting workers costs as much as dating some two thousand files.
WORTH_WORKERS = 4_000
_GROUPS_PER_PROCESS_CHUNK = 128
_GROUPS_PER_THREAD_CHUNK = 8
# One is being dated, one waits in the pipe, and the decisions of one wait to be fetched.
_CHUNKS_PER_WORKER = 3
_END_SECONDS = 5.0
_LENGTH_BYTES = 8

# None stands in for a group that needs no date.
Chunk = Sequence[MediaGroup | None]
Decisions = list[Dated | None]


def date_chunk(dater: Dater, layout: str, chunk: Chunk, prefetched: int = 0) -> Decisions:
    """Decide the date of each group of a chunk. Reads their files, up to ``prefetched`` of them opened in advance."""
    paths = (path for group in filter(None, chunk) for path in dater.paths_read(group))
    with Prefetcher(paths, prefetched) as prefetcher:
        reader = replace(dater, read=prefetcher.read)
        return [group and _date_group(reader, layout, group) for group in chunk]


def _date_group(dater: Dater, layout: str, group: MediaGroup) -> Dated:
    try:
        return dated_as(dater.date(group), layout)
    except RowFailed as error:
        return UNDATED._replace(failed=str(error))


class DatingPool:
    """Dates groups by the rules of one ``Dater``: many by a worker process for each core, fewer by ``jobs`` threads.

    The chunks of a worker that died are dated by this process.
    """

    def __init__(self, dater: Dater, layout: str, jobs: int) -> None:
        self._dater = dater
        self._layout = layout
        self._jobs = jobs
        self._workers: list[Worker] = []
        self._asked_for_workers = False

    def expect(self, files: int) -> None:
        """Start the workers, during the scan, as soon as enough files were found to be worth it."""
        workers = min(self._jobs, os.cpu_count() or 1)
        if files < WORTH_WORKERS or workers == 1 or self._asked_for_workers:
            return
        self._asked_for_workers = True
        with suppress(OSError):  # no more processes: the workers that started, else threads, date the groups
            for _ in range(workers):
                worker = Worker("common.organize.dating_worker", _read_answer)
                worker.send(_pickled((self._dater.rules, self._layout)))
                self._workers.append(worker)

    @property
    def chunk_groups(self) -> int:
        """How many groups a chunk should have."""
        return _GROUPS_PER_PROCESS_CHUNK if self._workers else _GROUPS_PER_THREAD_CHUNK

    def date_all(self, chunks: Iterable[Chunk]) -> Iterator[Decisions]:
        """Date chunk after chunk, in order. At most three chunks per worker are held in memory."""
        if not self._workers:
            prefetched = prefetch_limit(readers=self._jobs)
            yield from ordered_map(
                lambda chunk: date_chunk(self._dater, self._layout, chunk, prefetched), chunks, self._jobs
            )
            return
        waiting: deque[tuple[Worker, Chunk]] = deque()
        for chunk, worker in zip(chunks, cycle(self._workers), strict=False):
            # Sending bare tuples costs a tenth of sending named ones.
            bare = [
                group and (tuple(group.primary), [tuple(file) for file in group.companions], group.shared_sidecar)
                for group in chunk
            ]
            worker.send(_pickled(bare))
            waiting.append((worker, chunk))
            if len(waiting) >= _CHUNKS_PER_WORKER * len(self._workers):
                yield self._decisions(*waiting.popleft())
        while waiting:
            yield self._decisions(*waiting.popleft())

    def _decisions(self, worker: Worker, chunk: Chunk) -> Decisions:
        """The worker's decisions for a chunk, or this process's own if the worker died (out of memory, for example)."""
        answer = worker.receive()
        if not answer:
            return date_chunk(self._dater, self._layout, chunk)
        return [dated and Dated(*dated) for dated in pickle.loads(answer)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close_input()
        for worker in self._workers:
            worker.wait(_END_SECONDS)


# --- what goes through the pipes -------------------------------------------------------------------


def read_chunk(pipe: IO[bytes]) -> Chunk:
    """Read the next chunk, in the worker. Raises ``EOFError`` at the end."""
    return [
        bare and MediaGroup(FoundFile(*bare[0]), tuple(FoundFile(*file) for file in bare[1]), shared_sidecar=bare[2])
        for bare in pickle.load(pipe)
    ]


def write_answer(pipe: IO[bytes], decisions: Decisions) -> None:
    """Answer a chunk, in the worker: the length in eight bytes, then a pickle of bare tuples."""
    data = _pickled([dated and tuple(dated) for dated in decisions])
    pipe.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    pipe.flush()


def _read_answer(pipe: IO[bytes]) -> bytes:
    """The pickle of the next answer, empty if it is cut short. The main thread unpickles it, since it has the time."""
    length = int.from_bytes(pipe.read(_LENGTH_BYTES), "big")
    data = pipe.read(length)
    return data if len(data) == length else b""


def _pickled(value: object) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

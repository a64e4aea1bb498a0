"""How a stream of work is cut: into chunks that are dated together, and batches that are carried out together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from common.errors import Interrupted, MediaArchiveError, StoppedEarly
from common.manifests.rows import ReportRow

BATCH_FILES = 1_024
BATCH_BYTES = 1 << 30
REPORT_BATCH_FILES = 4_096
BATCH_SECONDS = 2.0  # so that an interrupt is heard soon, however long dating takes

Item = TypeVar("Item")


class Weight(NamedTuple):
    """How much of a batch one item takes up."""

    rows: int
    media_bytes: int


_ONE_ROW = Weight(1, 0)


def chunked(work: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of so many, the last one of fewer. Takes no more from the work than is asked for."""
    remaining = iter(work)
    while chunk := list(islice(remaining, size)):
        yield chunk


def checkpoints(
    items: Iterable[Item],
    weigh: Callable[[Item], Weight],
    *,
    rows: int,
    media_bytes: float = math.inf,
    seconds: float = math.inf,
) -> Iterator[list[Item]]:
    """Items joined to batches that are worth a checkpoint: by rows, bytes or time, whichever is reached first.

    No item is cut. Where the items end with ``Interrupted`` or ``StoppedEarly``, what was finished before comes as a
    last batch, so that it can be recorded; then the error is raised.
    """
    batch: list[Item] = []
    total = Weight(0, 0)
    until = time.monotonic() + seconds
    trouble: MediaArchiveError | None = None
    remaining = iter(items)
    while True:
        try:
            item = next(remaining)
        except StopIteration:
            break
        except (Interrupted, StoppedEarly) as error:
            trouble = error
            break
        batch.append(item)
        weight = weigh(item)
        total = Weight(total.rows + weight.rows, total.media_bytes + weight.media_bytes)
        if total.rows >= rows or total.media_bytes >= media_bytes or time.monotonic() >= until:
            yield batch
            batch, total = [], Weight(0, 0)
            until = time.monotonic() + seconds
    if batch:
        yield batch
    if trouble:
        raise trouble


def one_row(_item: object) -> Weight:
    """The weight of an item that is a single row, whatever its size."""
    return _ONE_ROW


def row_batches(groups: Iterable[list[ReportRow]], acts: bool) -> Iterator[list[ReportRow]]:
    """Groups joined to batches that are worth a checkpoint: by number of files, bytes or time, never cutting a group.

    A batch that is only written down is lost at the cost of reading it again, and may be larger.
    """
    most_files = BATCH_FILES if acts else REPORT_BATCH_FILES
    batch: list[ReportRow] = []
    size = 0
    until = time.monotonic() + BATCH_SECONDS
    for rows in groups:
        batch += rows
        size += sum(row.size_bytes for row in rows if row.status == "planned") if acts else 0
        if len(batch) >= most_files or size >= BATCH_BYTES or time.monotonic() >= until:
            yield batch
            batch, size = [], 0
            until = time.monotonic() + BATCH_SECONDS
    if batch:
        yield batch

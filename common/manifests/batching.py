"""How a stream of work is cut: into chunks of equal length, and batches that are worth a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from common.errors import Interrupted, MediaArchiveError, StoppedEarly

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
    batch_rows = batch_bytes = 0
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
        batch_rows += weight.rows
        batch_bytes += weight.media_bytes
        if batch_rows >= rows or batch_bytes >= media_bytes or time.monotonic() >= until:
            yield batch
            batch, batch_rows, batch_bytes = [], 0, 0
            until = time.monotonic() + seconds
    if batch:
        yield batch
    if trouble:
        raise trouble


def one_row(_item: object) -> Weight:
    """The weight of an item that is a single row, whatever its size."""
    return _ONE_ROW

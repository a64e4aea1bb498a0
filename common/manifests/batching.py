"""Splitting a stream of work into chunks of a fixed size, and into batches that end at a checkpoint."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from common.errors import Interrupted, StoppedEarly

Item = TypeVar("Item")


def chunked(work: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of ``size`` items; the last one may be shorter. Never takes items ahead of the current list."""
    remaining = iter(work)
    while chunk := list(islice(remaining, size)):
        yield chunk


def checkpoints(
    items: Iterable[Item],
    weigh: Callable[[Item], tuple[int, int]] = lambda _item: (1, 0),
    *,
    rows: int,
    media_bytes: float = math.inf,
    seconds: float = math.inf,
) -> Iterator[list[Item]]:
    """Group items into batches that end after this many rows, media bytes or seconds; ``weigh`` gives rows and bytes.

    If the items end with ``Interrupted`` or ``StoppedEarly``, the finished ones are yielded before it is raised.
    """
    batch: list[Item] = []
    batch_rows = batch_bytes = 0
    until = time.monotonic() + seconds
    try:
        for item in items:
            batch.append(item)
            item_rows, item_bytes = weigh(item)
            batch_rows += item_rows
            batch_bytes += item_bytes
            if batch_rows >= rows or batch_bytes >= media_bytes or time.monotonic() >= until:
                yield batch
                batch, batch_rows, batch_bytes = [], 0, 0
                until = time.monotonic() + seconds
    except (Interrupted, StoppedEarly):
        if batch:
            yield batch
        raise
    if batch:
        yield batch

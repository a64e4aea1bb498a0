"""Cutting a stream of work into chunks of one size, and into batches that are worth a checkpoint. Pure."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from common.errors import Interrupted, StoppedEarly

Item = TypeVar("Item")


def chunked(work: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter. Takes no more items than the list that is asked for needs."""
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
    """Join items to batches that end at so many rows, bytes of media or seconds. ``weigh`` gives rows and bytes.

    Where the items end with ``Interrupted`` or ``StoppedEarly``, the finished ones come as a last batch first.
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

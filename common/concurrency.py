"""Doing several things at a time while results come out in order and memory stays bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# More than the cores, so that there is work while others wait for the disk.
DEFAULT_JOBS = min(8, 4 * (os.cpu_count() or 1))


class Progress(Protocol):
    """Who is told how far the work has come."""

    def add_bytes(self, count: int) -> None: ...
    def add_file(self) -> None: ...


def in_order(function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """Apply a function to items in ``jobs`` threads and yield the results in the order of the items.

    At most four items a thread are under way or waiting. An exception is raised at its item's
    turn; what has not begun by then never begins.
    """
    if jobs == 1:
        yield from map(function, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # noqa: PLC0415 - not needed to show --help

    waiting: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(max_workers=jobs)
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= jobs * 4:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)

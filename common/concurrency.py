"""A parallel map that keeps the order, and the number of threads that suits the disks."""

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from common.paths import printable

Item = TypeVar("Item")
Result = TypeVar("Result")

# More threads than cores, since threads wait for the disk.
DEFAULT_JOBS = min(8, 4 * (os.cpu_count() or 1))


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """Apply a function to items in ``jobs`` threads, and yield the results in the order of the items.

    At most four items per thread are in memory. An exception is raised where its result would be yielded; items that
    have not started by then are cancelled.
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


_VIRTUAL = re.compile(r"(?:loop|nbd|ram|vd|xvd|zram)[0-9a-z]*")


def suitable_jobs(paths: Iterable[str], spins: Callable[[str], bool]) -> tuple[int, str]:
    """How many files to handle in parallel on the disks of these paths, and the reason. ``spins`` tests one path."""
    for path in paths:
        if spins(path):
            return 1, f"{printable(path)} is on a spinning disk"
    return DEFAULT_JOBS, "no spinning disk is known to take part"


def is_on_spinning_disk(path: str) -> bool:
    """Whether a path, or the nearest folder above it that exists, is known to be on a spinning disk.

    This is known only on Linux and for local disks, not for network shares or pools of several disks. Reads the disk.
    """
    if sys.platform != "linux":
        return False
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    try:
        device = os.stat(path).st_dev
        disk = os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        if os.path.exists(os.path.join(disk, "partition")):
            disk = os.path.dirname(disk)
        if _VIRTUAL.fullmatch(os.path.basename(disk)):
            return False
        with open(os.path.join(disk, "queue", "rotational"), encoding="ascii") as file:
            return file.read().strip() == "1"
    except (OSError, UnicodeDecodeError):
        return False

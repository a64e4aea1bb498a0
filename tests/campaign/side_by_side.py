"""Many runs at once: on cloud mounts the scripts and the drivers wait most of the time, so two cores can have eight."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.campaign.product import Product

Value = TypeVar("Value")
Task = Callable[[Product, Path], Value]
"""Something to be done with scripts that nobody else uses meanwhile, in an empty folder of its own."""


def side_by_side(tasks: Mapping[str, Task[Value]], folder: Path, product: Product, at_once: int) -> dict[str, Value]:
    """Do all tasks, so many at once, and return what they returned. Skip the test before, never within a task."""
    free: queue.Queue[Product] = queue.Queue()
    free.put(product)

    def do(number: int, task: Task[Value]) -> Value:
        place = folder / str(number)
        place.mkdir()
        mine = free.get()
        try:
            return task(mine, place)
        finally:
            free.put(mine)

    with ExitStack() as stack:
        for _ in range(min(at_once, len(tasks)) - 1):
            free.put(stack.enter_context(Product()))
        with ThreadPoolExecutor(min(at_once, len(tasks))) as threads:
            begun = {name: threads.submit(do, number, task) for number, (name, task) in enumerate(tasks.items())}
        return {name: future.result() for name, future in begun.items()}

"""Several things at a time, in order, bounded, and ended by the first error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from common.concurrency import ordered_map

JOBS = [1, 2, 5]


@pytest.mark.parametrize("jobs", JOBS)
def test_results_come_in_the_order_of_the_items_whoever_is_ready_first(jobs: int) -> None:
    last_may_go = threading.Event()

    def work(item: int) -> int:
        if item == 0 and jobs > 1:
            assert last_may_go.wait(10)
        if item == 1:
            last_may_go.set()
        return item * item

    assert list(ordered_map(work, range(50), jobs)) == [item * item for item in range(50)]


@pytest.mark.parametrize("jobs", JOBS)
def test_no_more_than_four_items_a_thread_are_taken_ahead(jobs: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(10_000):
            taken += 1
            yield item

    results = ordered_map(lambda item: item, items(), jobs)
    for consumed in range(1, 20):
        next(results)
        assert taken <= consumed + jobs * 4


@pytest.mark.parametrize("jobs", JOBS)
def test_an_error_comes_at_its_items_turn_and_ends_the_work(jobs: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 10:
            raise OSError("the tenth")
        return item

    results = ordered_map(work, range(1000), jobs)
    assert [next(results) for _ in range(10)] == list(range(10))
    with pytest.raises(OSError, match="the tenth"):
        next(results)
    assert len(begun) < 100
    assert list(results) == []


def test_what_waits_when_an_error_comes_never_begins() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise OSError("the first")
        time.sleep(0.2)

    with pytest.raises(OSError, match="the first"):
        list(ordered_map(work, range(8), jobs=2))
    assert len(begun) < 8


@pytest.mark.parametrize("jobs", JOBS)
def test_no_items_no_results(jobs: int) -> None:
    assert list(ordered_map(str, [], jobs)) == []

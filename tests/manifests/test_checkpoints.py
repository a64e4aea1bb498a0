"""A stream of work is cut into batches by rows, bytes and time, and what was finished before a stop is a batch too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace

import pytest

from common.errors import BadInput, Interrupted, MediaArchiveError, StoppedEarly
from common.manifests import batching
from common.manifests.batching import checkpoints


def weigh(size: int) -> tuple[int, int]:
    return 1, size


def test_a_batch_ends_with_the_item_that_makes_it_full() -> None:
    assert list(checkpoints([0] * 5, rows=2)) == [[0, 0], [0, 0], [0]]
    assert list(checkpoints([6, 6, 1, 1, 99], weigh, rows=3, media_bytes=10)) == [[6, 6], [1, 1, 99]]
    assert list(checkpoints([2, 3, 1], lambda rows: (rows, 0), rows=4)) == [[2, 3], [1]]


def test_there_is_no_empty_batch() -> None:
    assert list(checkpoints([], rows=2)) == []
    assert list(checkpoints([1, 2], rows=2)) == [[1, 2]]


def test_a_batch_takes_so_long_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert list(checkpoints("abcd", rows=100, seconds=2)) == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("error", [Interrupted(), StoppedEarly("the disk is away")])
def test_what_was_finished_before_a_stop_comes_before_the_error(error: MediaArchiveError) -> None:
    batches = checkpoints(failing_after(3, error), rows=2)
    assert [next(batches), next(batches)] == [[0, 1], [2]]
    with pytest.raises(type(error)) as raised:
        next(batches)
    assert raised.value is error
    nothing_finished = checkpoints(failing_after(0, error), rows=2)
    with pytest.raises(type(error)):
        next(nothing_finished)


def test_any_other_error_leaves_the_batch_unfinished() -> None:
    with pytest.raises(BadInput):
        next(checkpoints(failing_after(1, BadInput("a row was changed")), rows=2))


def failing_after(items: int, error: Exception) -> Iterator[int]:
    yield from range(items)
    raise error

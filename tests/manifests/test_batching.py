"""How a stream of work is cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator

from common.manifests.batching import chunked


def test_a_chunk_asks_for_no_more_than_it_holds() -> None:
    asked: list[int] = []

    def work() -> Iterator[int]:
        for number in range(5):
            asked.append(number)
            yield number

    chunks = chunked(work(), 2)
    assert next(chunks) == [0, 1]
    assert asked == [0, 1]
    assert list(chunks) == [[2, 3], [4]]

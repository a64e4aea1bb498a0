"""Where the groups of a run are cut into batches: by files, bytes and time, and never in the middle of a group."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from types import SimpleNamespace

import pytest

from common.manifests import batching
from common.manifests.rows import ReportRow
from common.organize.run import BATCH_BYTES, BATCH_FILES, BATCH_SECONDS, REPORT_BATCH_FILES, row_batches


def group(rows: int, size: int = 0, status: str = "planned") -> list[ReportRow]:
    row = ReportRow("", 1, "", "", "", "", "", "image", 1, size, "", "", "", "", status, "", "")
    return [row] * rows


def lengths(groups: Iterable[list[ReportRow]], acts: bool = True) -> list[int]:
    return [len(batch) for batch in row_batches(groups, acts=acts)]


@pytest.mark.parametrize(("acts", "most"), [(True, BATCH_FILES), (False, REPORT_BATCH_FILES)])
def test_a_batch_has_so_many_files_and_the_group_that_makes_it_full_stays_whole(acts: bool, most: int) -> None:
    assert lengths([group(most - 1), group(3), group(1)], acts) == [most + 2, 1]


def test_a_batch_has_so_many_bytes_of_what_is_to_be_read() -> None:
    half = BATCH_BYTES // 2
    assert lengths([group(1, half), group(1, half), group(1, 1)]) == [2, 1]
    assert lengths([group(1, half, "duplicate"), group(1, half), group(1, 1)]) == [3]
    assert lengths([group(1, BATCH_BYTES), group(1, BATCH_BYTES)], acts=False) == [2]


def test_a_batch_takes_so_long_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count(0, BATCH_SECONDS / 2)
    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert lengths([group(1)] * 4) == [2, 2]


def test_there_is_no_empty_batch() -> None:
    assert lengths([]) == []
    assert lengths([group(BATCH_FILES)]) == [BATCH_FILES]

"""Times that a disk shifts, rounds or loses: what changed only so is recognized by its contents, and a loss is said."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from common.timestamps import is_shifted_time, may_be_same_time
from tests.support.library import Library
from tests.support.tables import read_rows, statuses

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def shift(paths: Iterable[Path], by: int) -> None:
    """Move modification times, as FAT does in another zone."""
    for path in paths:
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + by))


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0, False),
        (HOUR, True),
        (-HOUR, True),
        (HOUR + SECOND, True),
        (HOUR // 4 * 3, True),
        (26 * HOUR, True),
        (27 * HOUR, False),
        (7 * 60 * SECOND, False),
        (HOUR + 20 * SECOND, False),
    ],
)
def test_b5_only_whole_quarter_hours_within_the_zones_of_the_world_are_a_shift(difference: int, expected: bool) -> None:
    assert is_shifted_time(1_500_000_000 * SECOND, 1_500_000_000 * SECOND + difference) == expected


def test_b5_what_fat_rounds_may_be_the_same_time() -> None:
    assert may_be_same_time(10 * SECOND, 12 * SECOND)
    assert not may_be_same_time(10 * SECOND, 13 * SECOND)


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_b5_a_plan_and_a_proof_outlive_a_change_of_daylight_saving(six: Library, mode: str) -> None:
    six.organize(mode="report")
    shift(six.source.iterdir(), HOUR)
    plan = six.report.rename(six.out / "plan.csv")
    (six.out / "report.csv.state.json").unlink()
    line = ("--from-report", plan, "--mode", mode, "--report-csv", six.report)
    from tests.support import scripts

    scripts.call(scripts.ORGANIZE, *line, cwd=six.out)
    assert statuses(read_rows(six.report)) == {"copied" if mode == "copy" else "moved": 6}


def test_b5_a_shift_since_the_proof_lets_the_contents_decide(ready: Library) -> None:
    photos = sorted(ready.source.glob("*.jpg"))
    shift(photos, -2 * HOUR)
    edited, touched = photos[:2]
    mtime = edited.stat().st_mtime_ns
    edited.write_bytes(edited.read_bytes()[:-1] + b"?")
    os.utime(edited, ns=(mtime, mtime))
    shift([touched], 7 * 60 * SECOND)
    told = ready.apply(expect=1)
    assert sorted(ready.photos()) == [edited.name, touched.name]
    assert told.stderr.count("was changed since it was verified") == 2
    ready.restore()
    assert len(ready.photos()) == 6


def test_b9_a_copy_that_lost_its_time_is_told_of_before_the_original_goes(
    six: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on exFAT that is mounted for another user, where the time of a file can't be set."""
    with monkeypatch.context() as patch:
        patch.setattr("common.fileops.copying.os.utime", lambda *_, **__: None)
        told = six.organize().stdout
    assert "MODIFICATION TIMES ARE NOT KEPT" in told
    assert "MODIFICATION TIMES LOST: 6 archive copies" in six.verify().stdout
    for line in (("--dry-run",), ()):
        told = six.apply(*line).stderr
        assert "6 archive copies with another modification time than the original" in told


def test_b9_a_rounded_time_is_no_loss(six: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = os.utime

    def to_two_seconds(file: int, ns: tuple[int, int]) -> None:
        plain(file, ns=(ns[0], ns[1] // (2 * SECOND) * 2 * SECOND))

    shift(six.source.iterdir(), SECOND // 3)
    with monkeypatch.context() as patch:
        patch.setattr("common.fileops.copying.os.utime", to_two_seconds)
        patch.setattr("common.fileops.copying.os.supports_fd", {to_two_seconds})
        told = six.organize().stdout
    assert "can't hold: exact modification times" in told
    assert "NOT KEPT" not in told
    assert "LOST" not in six.verify().stdout

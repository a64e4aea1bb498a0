"""A disk that is full, or too small for one file: what does not fit is named, and the rest goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.tables import by_name, read_rows, statuses

MB = 1_000_000


def photo(seed: int, size: int) -> bytes:
    return jpeg(seed=seed) + bytes([seed]) * size


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8000k", "none", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted: run the tests as root on Linux")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_b12_a_file_that_alone_exceeds_the_room_fails_and_the_rest_goes_on(tmp_path: Path, small_disk: Path) -> None:
    tree = {"a.jpg": photo(1, 1 * MB), "film.jpg": photo(2, 20 * MB), "z.jpg": photo(3, 1 * MB)}
    home = Library(tmp_path, tmp_path / "source", small_disk / "archive", tmp_path / "out")
    Library.at(tmp_path, tree)
    home.organize("--jobs", "1", expect=1)
    rows = by_name(read_rows(home.report))
    assert statuses(read_rows(home.report)) == {"copied": 2, "failed": 1}
    assert "too large for the archive's disk: it has 20 MB, and only" in rows["film.jpg"]["reason"]


def test_b12_a_full_disk_stops_the_run_and_names_the_file(tmp_path: Path, small_disk: Path) -> None:
    tree = {f"{n}.jpg": photo(n, 3 * MB) for n in range(4)}
    home = Library(tmp_path, tmp_path / "source", small_disk / "archive", tmp_path / "out")
    Library.at(tmp_path, tree)
    told = home.organize("--jobs", "1", expect=3).error
    assert f"{home.source}/2.jpg does not fit into {small_disk}/archive/" in told
    assert "it has 3 MB, and " in told
    for path in small_disk.glob("archive/*/*.jpg"):
        subprocess.run(["mount", "-o", "remount,size=20000k", small_disk], check=True)
        assert path.stat().st_size > 3 * MB
    home.organize()
    assert statuses(read_rows(home.report)) == {"copied": 4}


def test_b12_whether_others_fit_is_asked_where_nothing_can_be_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Library.at(tmp_path / "home", {"a.jpg": photo(1, 1000), "film.jpg": photo(2, 9000), "z.jpg": photo(3, 1000)})
    for module in ("copying", "os_errors"):
        monkeypatch.setattr(f"common.fileops.{module}.free_bytes", lambda _folder: 5000)
    monkeypatch.setattr("common.organize.executor.free_bytes", lambda _folder: 5000)
    home.organize(expect=1)
    assert statuses(read_rows(home.report)) == {"copied": 2, "failed": 1}

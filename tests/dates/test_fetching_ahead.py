"""The disk is at work on files before their turn, and each is still dated by what it is at its turn."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.dates.choose import Rules
from common.dates.model import Reading, Source
from common.dates.source import HEAD
from common.dating import Dater
from common.dating_pool import Question, date_chunk
from common.scan import ScanRules, scan_tree
from tests.dates import sample_files as make
from tests.support.media import jpeg
from tests.support.scripts import ORGANIZE, ROOT
from tests.support.tables import read_rows, statuses

SIZE = 1 << 20

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells what is in its page cache; run it there"
)


class _Meanwhile:
    """Is asked about the first file, in which there is no date, and does something before it answers."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def ask(self, path: str) -> Reading:
        if path.endswith("a.jpg"):
            self._act()
        return Reading()


def _date(folder: Path, act: Callable[[], None], *sources: Source) -> list[str]:
    """The years of photos in a folder, of which the last has a movie; ``act`` runs while the first one is dated."""
    scan, *_ = scan_tree(str(folder), ScanRules())
    *photos, last, movie = scan.files
    questions = [Question(file, (), "") for file in photos] + [Question(last, (movie,), "")]
    dater = Dater(Rules(sources or tuple(Source), UTC, datetime.now(UTC)), _Meanwhile(act))
    return [dated.folder for dated in date_chunk(dater, "%Y", questions) if dated]


def _make_uncached(folder: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg", "c.mov"):
        (folder / name).write_bytes(make.jpeg() + bytes(SIZE))
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
            if sys.platform == "linux":
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if _cached_bytes(folder / name):
            pytest.skip(f"{folder} is in memory or on a network; give pytest --basetemp on a disk")


def _cached_bytes(path: Path) -> int:
    """How much of a file is in the page cache (``mincore(2)``; unlike a look by reading this fetches nothing)."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    pages = (ctypes.c_ubyte * (os.path.getsize(path) // mmap.PAGESIZE))()
    size = ctypes.c_size_t(len(pages) * mmap.PAGESIZE)
    with path.open("rb") as file:
        place = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), ctypes.c_long(0))
    assert libc.mincore(ctypes.c_void_p(place), size, pages) == 0, os.strerror(ctypes.get_errno())
    libc.munmap(ctypes.c_void_p(place), size)
    return sum(page & 1 for page in pages) * mmap.PAGESIZE


@on_linux
@pytest.mark.parametrize("coming", ["c.jpg", "c.mov"])
def test_while_one_file_is_dated_the_first_bytes_of_the_next_come_from_the_disk_and_no_more(
    tmp_path: Path, coming: str
) -> None:
    _make_uncached(tmp_path)
    fetched: list[int] = []

    def look() -> None:
        deadline = time.monotonic() + 20
        while _cached_bytes(tmp_path / coming) < HEAD and time.monotonic() < deadline:
            time.sleep(0.001)
        fetched.append(_cached_bytes(tmp_path / coming))

    _date(tmp_path, look)
    assert fetched == [HEAD]


@on_linux
def test_nothing_comes_from_the_disk_where_metadata_is_not_to_be_believed(tmp_path: Path) -> None:
    _make_uncached(tmp_path)
    _date(tmp_path, lambda: None, Source.FILENAME, Source.FILESYSTEM)
    assert [_cached_bytes(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg")] == [0, 0, 0]


def test_what_is_replaced_before_its_turn_is_dated_as_what_it_is_then(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(make.jpeg())
    for name, year in (("b.jpg", 2001), ("c.jpg", 2002), ("c.mov", 2002)):
        (tmp_path / name).write_bytes(jpeg(datetime(year, 5, 1)))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "b.jpg").write_bytes(jpeg(datetime(2011, 5, 1)))
    years = _date(tmp_path, lambda: os.replace(tmp_path / "new" / "b.jpg", tmp_path / "b.jpg"))
    assert years[1:] == ["2011", "2002"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit: Linux or macOS")
def test_a_process_that_may_open_few_files_at_a_time_dates_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in range(600):
        (tmp_path / "source" / f"{number:03}.jpg").write_bytes(jpeg(seed=number))
    line = [sys.executable, ROOT / f"{ORGANIZE}.py", "--source", "source", "--destination-root", "archive"]
    few = ["sh", "-c", 'ulimit -n 32 && exec "$@"', "sh", *map(str, line), "--report-csv", "r.csv", "--jobs", "8"]
    subprocess.run(few, cwd=tmp_path, check=True, capture_output=True)
    assert statuses(read_rows(tmp_path / "r.csv")) == {"planned": 600}

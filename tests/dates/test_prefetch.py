"""The disk is at work on files before their turn, and each is still dated by what it is at its turn."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.dates.byte_view import HEAD
from common.dates.choose import Rules
from common.dates.formats import read_media
from common.dates.model import Reading, Source
from common.dates.prefetch import Prefetcher
from common.organize.dating import Dater
from common.organize.dating_pool import date_chunk
from common.organize.grouping import MediaGroup
from common.organize.scan import scan_tree
from tests.dates import sample_files as make
from tests.support.media import jpeg
from tests.support.scripts import ORGANIZE, ROOT
from tests.support.tables import read_rows, statuses
from tests.support.trees import write_tree

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
    scan, *_ = scan_tree(str(folder))
    *photos, last, movie = scan.files
    questions = [MediaGroup(file) for file in photos] + [MediaGroup(last, (movie,))]
    dater = Dater(Rules(sources or tuple(Source), UTC, datetime.now(UTC)), _Meanwhile(act).ask)
    return [dated.folder for dated in date_chunk(dater, "%Y", questions, prefetched=9) if dated]


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


def test_what_is_read_ahead_is_what_is_read(tmp_path: Path) -> None:
    for number, data in enumerate(make.every_format().values()):
        (tmp_path / f"{number:03}").write_bytes(data)
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to("000")
        os.mkfifo(tmp_path / "pipe")
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    paths = [*paths, str(tmp_path / "missing"), paths[0], paths[0]]
    for order in (paths, paths[::-1], paths[::3]):
        with Prefetcher(paths, 9) as files:
            assert [files.read(path) for path in order] == [read_media(path) for path in order]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc; run it on Linux")
@pytest.mark.parametrize("step", [1, 4], ids=["all", "some passed by"])
def test_those_that_follow_are_open_no_others_and_none_at_the_end(tmp_path: Path, step: int) -> None:
    paths = [str(tmp_path / f"{number:03}.gif") for number in range(60)]
    for path in paths:
        Path(path).write_bytes(b"GIF89a")
    with Prefetcher(paths, 9) as files:
        for number in range(0, 50, step):
            files.read(paths[number])
            assert _opened_below(tmp_path) <= set(paths[number + 1 : number + 10])
            assert paths[number + 1] in _opened_below(tmp_path)
    assert _opened_below(tmp_path) == set()


def _opened_below(folder: Path) -> set[str]:
    """What this process has open of a folder."""
    opened = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing itself
            opened.add(os.readlink(f"/proc/self/fd/{number}"))
    return {path for path in opened if path.startswith(str(folder))}


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


def test_what_is_replaced_or_gone_before_its_turn_is_dated_as_what_is_there_then(tmp_path: Path) -> None:
    for name, year in (("b.jpg", 2001), ("c.jpg", 2002), ("d.jpg", 2003), ("d.mov", 2003), ("new/b.jpg", 2011)):
        write_tree(tmp_path, {name: jpeg(datetime(year, 5, 1))})
    write_tree(tmp_path, {"a.jpg": make.jpeg()})

    def change() -> None:
        os.replace(tmp_path / "new" / "b.jpg", tmp_path / "b.jpg")
        os.unlink(tmp_path / "c.jpg")

    assert _date(tmp_path, change)[1:] == ["2011", "", "2003"]


@on_linux
@pytest.mark.parametrize(
    ("limit", "readers", "ahead"), [(64, 1, 0), (128, 1, 0), (256, 8, 8), (1024, 8, 32), (1024, 200, 2)]
)
def test_files_are_left_for_others_to_open(limit: int, readers: int, ahead: int) -> None:
    code = f"from common.dates.prefetch import prefetch_limit; print(prefetch_limit({readers}))"
    few = ["sh", "-c", f'ulimit -n {limit} && exec "$@"', "sh", sys.executable, "-c", code]
    assert subprocess.run(few, cwd=ROOT, check=True, capture_output=True, text=True).stdout == f"{ahead}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit: Linux or macOS")
def test_a_process_that_may_open_few_files_at_a_time_dates_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in range(600):
        (tmp_path / "source" / f"{number:03}.jpg").write_bytes(jpeg(seed=number))
    line = [sys.executable, ROOT / f"{ORGANIZE}.py", "--source", "source", "--destination-root", "archive"]
    few = ["sh", "-c", 'ulimit -n 32 && exec "$@"', "sh", *map(str, line), "--report-csv", "r.csv", "--jobs", "8"]
    subprocess.run(few, cwd=tmp_path, check=True, capture_output=True)
    assert statuses(read_rows(tmp_path / "r.csv")) == {"planned": 600}

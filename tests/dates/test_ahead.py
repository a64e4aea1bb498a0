"""Reading ahead finds what reading finds, and has the disk at work before a file's turn."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.dates.ahead import FILES_AHEAD, ReadAhead
from common.dates.choose import Rules
from common.dates.model import Reading, Source
from common.dates.read import read_media
from common.dates.source import HEAD
from common.dating import Dater
from common.dating_pool import Question, date_chunk
from common.page_cache import drop_cache
from common.scan import ScanRules, scan_tree
from tests.dates import sample_files as make

SIZE = 1 << 20


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
    with ReadAhead(paths) as ahead:
        assert [ahead.read(path) for path in paths] == [read_media(path) for path in paths]


def test_files_read_out_of_turn_are_read_all_the_same(tmp_path: Path) -> None:
    samples = list(make.every_format().values())
    paths = [str(tmp_path / f"{number:03}") for number in range(3 * FILES_AHEAD)]
    for number, path in enumerate(paths):
        Path(path).write_bytes(samples[number % len(samples)])
    with ReadAhead(paths[::2]) as ahead:
        assert [ahead.read(path) for path in reversed(paths)] == [read_media(path) for path in reversed(paths)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc; run it on Linux")
@pytest.mark.parametrize(
    "step", [1, FILES_AHEAD // 2, 2 * FILES_AHEAD], ids=["all", "some passed by", "most passed by"]
)
def test_those_that_follow_are_open_no_others_and_none_at_the_end(tmp_path: Path, step: int) -> None:
    paths = [str(tmp_path / f"{number:03}.gif") for number in range(6 * FILES_AHEAD)]
    for path in paths:
        Path(path).write_bytes(b"GIF89a")
    with ReadAhead(paths) as ahead:
        for number in range(0, FILES_AHEAD, step):
            ahead.read(paths[number])
            assert _opened_below(tmp_path) <= set(paths[number + 1 : number + 1 + FILES_AHEAD])
            assert paths[number + 1] in _opened_below(tmp_path)
    assert _opened_below(tmp_path) == set()


def _opened_below(folder: Path) -> set[str]:
    """What this process has open of a folder."""
    opened = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing itself
            opened.add(os.readlink(f"/proc/self/fd/{number}"))
    return {path for path in opened if path.startswith(str(folder))}


class _Looks:
    """Is asked about the first file, in which there is no date, and looks whether the disk is at work on the last."""

    def __init__(self, coming: Path) -> None:
        self._coming = coming
        self.starts, self.more = False, True

    def ask(self, path: str) -> Reading:
        if path.endswith("a.jpg"):
            deadline = time.monotonic() + 20
            while not self.starts and time.monotonic() < deadline:
                self.starts = _is_cached(self._coming, HEAD - 1)
            self.more = _is_cached(self._coming, 3 * HEAD)
        return Reading()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is in its page cache; run it there")
@pytest.mark.parametrize("coming", ["c.jpg", "c.mov"])
def test_while_one_file_is_dated_the_first_bytes_of_the_next_come_from_the_disk_and_no_more(
    tmp_path: Path, coming: str
) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg", "c.mov"):
        (tmp_path / name).write_bytes(make.jpeg() + bytes(SIZE))
        if not _forget(tmp_path / name):
            pytest.skip(f"{tmp_path} is in memory or on a network; give pytest --basetemp on a disk")
    (scan,) = scan_tree(str(tmp_path), ScanRules())
    first, second, photo, movie = scan.files
    looks = _Looks(tmp_path / coming)
    dater = Dater(Rules(tuple(Source), UTC, datetime.now(UTC)), looks)
    date_chunk(dater, "%Y", [Question(first, (), ""), Question(second, (), ""), Question(photo, (movie,), "")])
    assert (looks.starts, looks.more) == (True, False)


def _forget(path: Path) -> bool:
    with path.open("rb") as file:
        return drop_cache(str(path), file.fileno(), path.stat().st_size)


def _is_cached(path: Path, position: int) -> bool:
    """Whether a byte can be had without waiting for the disk (``preadv2(2)``, RWF_NOWAIT)."""
    if sys.platform != "linux":
        return True
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return os.preadv(descriptor, [bytearray(1)], position, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)

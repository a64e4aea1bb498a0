"""Dates read by worker processes are those that this process reads, in order, whatever becomes of the workers."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.dates.choose import Rules
from common.dates.fallback import FallbackReader
from common.dates.model import Reading, Source
from common.organize.dating import Dater
from common.organize.dating_pool import WORTH_WORKERS, Chunk, DatingPool, date_chunk
from common.organize.grouping import MediaGroup
from common.organize.scan import FoundFile, scan_tree
from tests.support.scripts import ORGANIZE, start
from tests.support.tables import read_rows

FILES = 60
RULES = Rules(tuple(Source), UTC, datetime.now(UTC))


def nobody_to_ask(path: str) -> Reading:
    """A fallback that finds nothing: these tests are not about it."""
    return Reading(problem=f"nobody was asked about {os.path.basename(path)}")


@pytest.fixture
def chunks(tmp_path: Path) -> list[Chunk]:
    """Photos that are dated by their names, with some that need no date, in chunks of seven."""
    for number in range(FILES):
        name = f"IMG_{2000 + number % 20}0318_1422{number:02d}.jpg" if number % 5 else f"caf\udce9 {number}\n.jpg"
        (tmp_path / name).write_bytes(b"no picture")
    (scan,) = scan_tree(str(tmp_path))
    asked = [MediaGroup(file) if number % 9 else None for number, file in enumerate(scan.files)]
    return [asked[place : place + 7] for place in range(0, len(asked), 7)]


@pytest.fixture
def dater() -> Iterator[Dater]:
    with FallbackReader() as fallback:
        yield Dater(RULES, fallback.ask)


def test_workers_decide_as_this_process_does_and_keep_the_order(chunks: list[Chunk], dater: Dater) -> None:
    expected = [date_chunk(dater, "%Y", chunk) for chunk in chunks]
    with DatingPool(dater, "%Y", 2) as pool:
        pool.expect(WORTH_WORKERS)
        assert list(pool.date_all(chunks)) == expected
    assert any(dated and dated.capture_date for dated in expected[0])


def test_when_the_workers_are_killed_this_process_dates_the_rest(chunks: list[Chunk], dater: Dater) -> None:
    expected = [date_chunk(dater, "%Y", chunk) for chunk in chunks]
    with DatingPool(dater, "%Y", 2) as pool:
        pool.expect(WORTH_WORKERS)
        answers = pool.date_all(chunks)
        found = [next(answers)]
        for worker in pool._workers:
            worker.process.terminate()
        assert [*found, *answers] == expected


def test_where_no_process_can_be_had_this_one_dates_all(
    chunks: list[Chunk], dater: Dater, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_processes(module: str) -> subprocess.Popen[bytes]:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("common.workers.start_process", no_more_processes)
    with DatingPool(dater, "%Y", 2) as pool:
        pool.expect(WORTH_WORKERS)
        pool.expect(WORTH_WORKERS + 1)
        assert list(pool.date_all(chunks)) == [date_chunk(dater, "%Y", chunk) for chunk in chunks]


@pytest.mark.parametrize(("jobs", "files"), [(1, WORTH_WORKERS), (4, WORTH_WORKERS - 1)])
def test_one_job_or_few_files_start_no_process(chunks: list[Chunk], jobs: int, files: int) -> None:
    with DatingPool(Dater(RULES, nobody_to_ask), "%Y", jobs) as pool:
        pool.expect(files)
        assert not pool._workers
        assert sum(len(answer) for answer in pool.date_all(chunks)) == FILES


def test_a_file_that_went_away_comes_back_as_failed_and_not_misdated(dater: Dater, tmp_path: Path) -> None:
    gone = FoundFile(str(tmp_path), "IMG_20190318_142211.jpg", 10, 0)
    with DatingPool(dater, "%Y", 2) as pool:
        pool.expect(WORTH_WORKERS)
        ((dated,),) = pool.date_all([[MediaGroup(gone)]])
    assert dated is not None
    assert dated.capture_date == ""
    assert "can't be opened: No such file" in dated.failed


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the workers; run it on Linux")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_workers_end_with_the_run_however_it_ends(tmp_path: Path, name: str) -> None:
    how: signal.Signals = getattr(signal, name)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(4_500):
        (source / f"IMG_20190318_{number:06d}.gif").write_bytes(b"GIF89a")
    line = ("--source", source, "--destination-root", tmp_path / "archive", "--report-csv", tmp_path / "r.csv")
    run = start(ORGANIZE, *line, "--jobs", "2", cwd=tmp_path)
    workers = _wait_for_workers(run)
    run.send_signal(how)
    _, talk = run.communicate(timeout=60)
    assert run.returncode == (130 if how == signal.SIGINT else -how)
    assert b"Traceback" not in talk
    deadline = time.monotonic() + 20
    while any(_is_running(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its run"
        time.sleep(0.05)
    if how == signal.SIGINT:
        assert all(row["status"] == "planned" for row in read_rows(tmp_path / "r.csv"))


def _wait_for_workers(run: subprocess.Popen[bytes]) -> list[int]:
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    while run.poll() is None:
        pids = [int(pid) for pid in children.read_text().split()]
        workers = [pid for pid in pids if b"dating_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        if len(workers) == 2:
            return workers
        time.sleep(0.002)
    raise AssertionError(f"the run ended before it had workers: {run.communicate()}")


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

"""Pillow and ffprobe are asked in a process of their own: slow, dead and missing tools cost one row, and no word."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from common.dates.fallback import FallbackReader
from common.dates.model import Clock, Reading
from tests.dates import sample_files as make
from tests.support.scripts import as_in_the_foreground

ROOT = Path(__file__).resolve().parents[2]

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffprobe is a shell script")


def fake_ffprobe(folder: Path, script: str) -> None:
    """A program named ffprobe, the only one on the path that matters."""
    program = folder / "ffprobe"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


def photo(path: Path, original: str = "2011:08:17 16:39:37") -> str:
    Image.new("RGB", (8, 8)).save(path, format="JPEG", exif=b"Exif\0\0" + make.exif_block(original))
    return str(path)


def film(path: Path) -> str:
    path.write_bytes(make.mp4(make.movie_header(0)))
    return str(path)


ANSWER = """printf '{"streams": [], "format": {"tags": {"creation_time": "2008-08-08T08:08:08.000000Z"}}}'"""


def test_pillow_is_asked_about_an_image(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with FallbackReader() as second:
        found = second.ask(photo(tmp_path / "a.jpg"))
    assert found.problem == ""
    best = found.candidates[0]
    assert (best.tag, best.moment) == ("pillow:DateTimeOriginal", datetime(2011, 8, 17, 16, 39, 37))
    assert capfd.readouterr() == ("", "")


@needs_posix
def test_ffprobe_is_asked_about_a_film(tmp_path: Path, tools: Path) -> None:
    fake_ffprobe(tools, ANSWER)
    with FallbackReader() as second:
        (found,) = second.ask(film(tmp_path / "a.mp4")).candidates
    assert (found.tag, found.clock) == ("ffprobe:creation_time", Clock.UTC)
    assert found.moment == datetime(2008, 8, 8, 8, 8, 8, tzinfo=UTC)


@needs_posix
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg and ffprobe: install ffmpeg")
def test_the_real_ffprobe_understands_our_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "concat:-v 100%25 a.nut"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=16x16:d=0.1", "-metadata"]
    subprocess.run([*command, "creation_time=2008-08-08T08:08:08Z", f"file:{path}"], check=True)
    monkeypatch.chdir(tmp_path)
    with FallbackReader() as second:
        found = second.ask(path.name)  # which looks like a protocol
    assert [candidate.tag for candidate in found.candidates] == ["ffprobe:creation_time"]


def test_a_film_without_ffprobe_on_the_machine_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with FallbackReader() as second:
        assert "ffprobe is not installed" in second.ask(film(tmp_path / "a.mp4")).problem
        assert second.ask(photo(tmp_path / "a.jpg")).candidates


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="only Linux lets a name be any bytes")
def test_names_of_any_bytes_and_newlines_pass(tmp_path: Path) -> None:
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b'\xff\xfe"\n\r,.jpg'))
    shutil.copy(photo(tmp_path / "a.jpg"), path)
    with FallbackReader() as second:
        assert second.ask(path).candidates


def test_a_file_that_pillow_refuses_gives_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe1" + b"\0" * 50)
    with FallbackReader() as second:
        assert second.ask(str(tmp_path / "a.jpg")) == Reading(problem="Pillow can't read it")
        assert "No such file" in second.ask(str(tmp_path / "gone.jpg")).problem
        assert "not a regular file" in second.ask(str(tmp_path)).problem or os.name == "nt"


def test_a_picture_without_a_date_is_no_problem(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.bmp")
    with FallbackReader() as second:
        assert second.ask(str(tmp_path / "a.bmp")) == Reading()


@needs_posix
def test_a_tool_that_hangs_is_stopped_and_the_next_file_is_asked_about(tmp_path: Path, tools: Path) -> None:
    fake_ffprobe(tools, f'case "$*" in *slow*) exec sleep 60;; *) {ANSWER};; esac')
    with FallbackReader(video_seconds=1.5) as second:
        start = time.monotonic()
        assert "no answer after 1.5 seconds" in second.ask(film(tmp_path / "slow.mp4")).problem
        assert time.monotonic() - start < 5
        assert second.ask(film(tmp_path / "quick.mp4")).candidates


@needs_posix
def test_a_worker_that_dies_costs_one_file(tmp_path: Path, tools: Path) -> None:
    fake_ffprobe(tools, f'case "$*" in *bad*) kill -9 $PPID; sleep 1;; *) {ANSWER};; esac')
    with FallbackReader() as second:
        assert "crashed" in second.ask(film(tmp_path / "bad.mp4")).problem
        assert second.ask(film(tmp_path / "good.mp4")).candidates


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit of memory on a process")
def test_a_tool_that_wants_all_memory_does_not_get_it(tmp_path: Path, tools: Path) -> None:
    fake_ffprobe(tools, f'exec {sys.executable} -c "x = bytearray(3 << 30)" 2>/dev/null')
    with FallbackReader() as second:
        assert second.ask(film(tmp_path / "a.mp4")) == Reading(problem="ffprobe can't read it")


@needs_posix
def test_where_no_process_can_be_had_nothing_is_known_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_processes(module: str) -> subprocess.Popen[bytes]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("common.workers.start_process", no_more_processes)
    (tmp_path / "a.jpg").write_bytes(make.jpeg())
    with FallbackReader() as second_opinion:
        reading = second_opinion.ask(str(tmp_path / "a.jpg"))
    assert reading.unreadable
    assert reading.problem.endswith("can't be started: Too many open files")


def test_what_a_tool_prints_is_not_taken_for_an_answer(
    tmp_path: Path, tools: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_ffprobe(tools, "echo noise >&2; echo this is no JSON")
    with FallbackReader() as second:
        assert "failed" in second.ask(film(tmp_path / "a.mp4")).problem
    assert capfd.readouterr() == ("", "")


def test_many_threads_may_ask_at_once_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    years = range(2000, 2024)
    paths = {year: photo(tmp_path / f"{year}.jpg", f"{year}:08:17 16:39:37") for year in years}
    answers: dict[int, set[datetime | None]] = {year: set() for year in years}
    start = threading.Barrier(len(years))
    with FallbackReader() as second:

        def ask(year: int) -> None:
            start.wait()
            for _ in range(5):
                answers[year] |= {candidate.moment for candidate in second.ask(paths[year]).candidates[:1]}

        threads = [threading.Thread(target=ask, args=(year,)) for year in years]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {year: {datetime(year, 8, 17, 16, 39, 37)} for year in years}


def test_a_worker_that_was_killed_between_two_questions_is_replaced(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    with FallbackReader() as second:
        assert second.ask(path).candidates
        assert second._worker is not None
        second._worker.process.kill()
        second._worker.process.wait()
        assert second.ask(path).candidates


def test_what_a_library_prints_is_not_taken_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pillow_heif.py").write_text("print('noise', flush=True)\ndef register_heif_opener(): print('more')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with FallbackReader() as second:
        assert second.ask(photo(tmp_path / "a.jpg")).candidates
    assert capfd.readouterr() == ("", "")


def test_no_process_is_started_before_the_first_question_nor_left_behind(tmp_path: Path) -> None:
    with FallbackReader() as second:
        assert second._worker is None
        second.ask(photo(tmp_path / "a.jpg"))
        assert second._worker is not None
        process = second._worker.process
        assert process.poll() is None
    assert process.poll() == 0
    assert "closed" in second.ask(str(tmp_path / "a.jpg")).problem


ASKS_FOREVER = """
import sys, time
from common.dates.fallback import FallbackReader
second = FallbackReader()
second.ask(sys.argv[1])
print(second._worker.process.pid, flush=True)
time.sleep(60)
"""


@needs_posix
@pytest.mark.parametrize("blow", ["SIGKILL", "SIGINT"])
def test_the_worker_dies_with_its_parent_and_says_nothing(tmp_path: Path, blow: str) -> None:
    if sys.platform == "win32":
        return  # the marker above says so to pytest; this says it to mypy
    with subprocess.Popen(
        as_in_the_foreground([sys.executable, "-c", ASKS_FOREVER, photo(tmp_path / "a.jpg")]),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.killpg(parent.pid, signal.Signals[blow])  # as the terminal does with Ctrl-C: to the whole group
        _, said = parent.communicate(timeout=10)
    assert said.count(b"Traceback") == (1 if blow == "SIGINT" else 0), "only the parent's own"
    assert b"fallback_worker" not in said
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not _runs(worker):
            return
        time.sleep(0.02)
    pytest.fail("the worker outlived its parent")


SURVIVES_AN_INTERRUPTION = """
import signal, sys
from common.dates.fallback import FallbackReader
signal.signal(signal.SIGINT, lambda *_: None)
with FallbackReader() as second:
    second.ask(sys.argv[1])
    before = second._worker.process.pid
    print(flush=True)
    sys.stdin.readline()
    assert second.ask(sys.argv[1]).candidates
    print(second._worker.process.pid == before)
"""


@needs_posix
def test_an_interruption_in_the_terminal_does_not_reach_the_worker(tmp_path: Path) -> None:
    if sys.platform == "win32":
        return  # the marker above says so to pytest; this says it to mypy
    with subprocess.Popen(
        [sys.executable, "-c", SURVIVES_AN_INTERRUPTION, photo(tmp_path / "a.jpg")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        os.killpg(parent.pid, signal.SIGINT)
        said, _ = parent.communicate(b"go on\n", timeout=10)
    assert (parent.returncode, said) == (0, b"True\n")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A process that has ended but was not yet collected by the system's first process counts as gone.
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return not done.stdout.strip().startswith("Z")


def test_the_working_directory_can_not_shadow_our_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "__init__.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    with FallbackReader() as second:
        assert second.ask(photo(tmp_path / "a.jpg")).candidates

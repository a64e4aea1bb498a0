"""What is said where: a bar with the time left on a terminal, nothing of it in cron's mail, colours nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg, mp4
from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY, Argument
from tests.support.trees import MTIME, read_tree

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
BIG = {"p1.jpg": jpeg(datetime(2018, 5, 1), seed=1, size=3_000_000), "p2.jpg": jpeg(seed=2, size=2_000_000)}

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal: Linux or macOS")


def on_terminal(script: str, *args: Argument, cwd: Path, env: dict[str, str] | None = None, expect: int = 0) -> str:
    """What a script writes on a terminal, both streams."""
    if sys.platform == "win32":
        pytest.skip("needs a pseudo terminal: Linux or macOS")
    import termios

    ours, its = os.openpty()
    termios.tcsetwinsize(its, (24, 120))
    command = [sys.executable, str(ROOT / f"{script}.py"), *map(str, args)]
    variables = {**os.environ, "TERM": "xterm-256color", "TQDM_MININTERVAL": "0", "TQDM_MINITERS": "1", **(env or {})}
    child = subprocess.Popen(command, cwd=cwd, env=variables, stdin=its, stdout=its, stderr=its)
    os.close(its)
    heard = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux: the other end was closed
            break
        if not piece:
            break
        heard += piece
    os.close(ours)
    assert child.wait(timeout=60) == expect, heard
    return heard.decode()


@pytest.fixture
def home(library: LibraryMaker) -> Library:
    return library(BIG)


@needs_terminal
def test_on_a_terminal_each_stage_shows_bytes_files_and_the_time_left(home: Library) -> None:
    copied = on_terminal(ORGANIZE, *home.organize_line("copy", "--jobs", "1"), cwd=home.out)
    verified = on_terminal(VERIFY, *home.verify_line("--jobs", "1"), cwd=home.out)
    destroy = ("--delete-permanently", "--yes-really-delete", "--jobs", "1")
    destroyed = on_terminal(APPLY, *home.apply_line(*destroy), cwd=home.out)
    for name, told in (("copy", copied), ("verify", verified), ("delete", destroyed)):
        assert re.search(rf"{name}: +\d+%\|[^|]*\| [0-9.]+M?/5\.00M \[[0-9:]+<[0-9:?]+", told), told
        assert "100%" in told
        assert "1 of 2 files" in told
        assert not COLOUR.search(told)


@needs_terminal
def test_where_contents_are_not_read_the_bar_goes_over_files(home: Library) -> None:
    reported = on_terminal(ORGANIZE, *home.organize_line("report"), cwd=home.out)
    assert re.search(r"report: 100%\|[^|]*\| 2/2 \[[0-9:]+<", reported), reported
    home.report.unlink()
    home.report.with_name("report.csv.state.json").unlink()
    home.organize()
    home.verify()
    renamed = on_terminal(APPLY, *home.apply_line(), cwd=home.out)
    assert re.search(r"quarantine: 100%\|[^|]*\| 2/2 \[[0-9:]+<", renamed), renamed


@needs_terminal
def test_the_bar_comes_to_its_end_also_where_there_is_nothing_to_read(home: Library) -> None:
    home.organize()
    home.archive_path("p1.jpg").unlink()
    verified = on_terminal(VERIFY, *home.verify_line(), cwd=home.out, expect=1)
    assert re.search(r"verify: 100%\|[^|]*\| 5\.00M/5\.00M", verified), verified


@needs_terminal
@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_a_bar_can_be_kept_away_from_a_terminal(home: Library, option: str) -> None:
    assert "%|" not in on_terminal(ORGANIZE, *home.organize_line("copy", option), cwd=home.out)


@needs_terminal
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"PYTHON_COLORS": "1"}])
def test_no_colour_reaches_a_terminal(home: Library, variables: dict[str, str]) -> None:
    for script, line in ((ORGANIZE, home.organize_line()), (VERIFY, home.verify_line()), (APPLY, ("--help",))):
        assert not COLOUR.search(on_terminal(script, *line, cwd=home.out, env=variables))


def test_under_cron_nothing_is_written_but_lines(home: Library) -> None:
    variables = {"FORCE_COLOR": "1", "TERM": "xterm"}
    for script, line in (
        (ORGANIZE, home.organize_line()),
        (VERIFY, home.verify_line()),
        (APPLY, home.apply_line("--delete-permanently", "--yes-really-delete")),
    ):
        told = scripts.run(script, *line, cwd=home.out, env=variables)
        for text in (told.stdout, told.stderr):
            assert not set(text) & {"\r", "\x1b", "\b"}
        assert "%" not in told.stderr


def test_each_row_is_told_to_who_asks_and_stands_in_the_log(home: Library) -> None:
    log = home.out / "run.log"
    for stage in (home.organize, home.verify, home.apply):
        log.unlink(missing_ok=True)
        heard = stage("--log-file", log).stderr
        assert "p1.jpg" not in heard
        assert [line.count("p1.jpg") > 0 for line in log.read_text().splitlines()].count(True) == 1


def test_each_row_is_told_on_the_terminal_of_who_asks(home: Library) -> None:
    for stage in (home.organize, home.verify, home.apply):
        assert re.search("^[a-z]+: .*p1.jpg", stage("--verbose").stderr, re.MULTILINE)


def test_what_has_no_row_is_named_folders_first(library: LibraryMaker) -> None:
    traces = ["Thumbs.db", "lost+found/rescued.jpg", "trip/._p.jpg", "trip/.Trash-1000/files/p.jpg", "trip/.DS_Store"]
    home = library({"p1.jpg": jpeg(), **dict.fromkeys(traces, b"")})
    told = home.organize("--verbose", mode="report")
    folders = f"{home.source}/lost+found/, {home.source}/trip/.Trash-1000/"
    assert f"of these scripts: {folders}, {home.source}/Thumbs.db and 2 more, which --verbose names" in told.stdout
    for name in ("trip/._p.jpg", "trip/.DS_Store", "trip/.Trash-1000/"):
        assert f"left out: {home.source}/{name}\n" in told.stderr


def test_quiet_leaves_the_summary_and_nothing_else(home: Library) -> None:
    for script, line in (
        (ORGANIZE, home.organize_line("copy", "--quiet")),
        (VERIFY, home.verify_line("--quiet")),
        (APPLY, home.apply_line("--quiet")),
    ):
        told = scripts.run(script, *line, cwd=home.out)
        assert told.stderr == ""
        assert "next: " in told.stdout


# --- a first run without ffprobe ------------------------------------------------------------------------


UNDATED_VIDEOS = {"a.mpg": b"\0\0\1\xba" + bytes(60), "b.mpg": b"\0\0\1\xba" + bytes(61)}


def without_ffprobe(home: Library, *line: Argument) -> scripts.Result:
    (home.root / "no tools").mkdir(exist_ok=True)
    return scripts.run(ORGANIZE, *line, cwd=home.out, env={"PATH": str(home.root / "no tools")})


def test_without_ffprobe_it_is_said_once_what_that_costs_and_how_to_get_it(library: LibraryMaker) -> None:
    home = library({**UNDATED_VIDEOS, "p1.jpg": BIG["p1.jpg"]})
    told = without_ffprobe(home, *home.organize_line("report"))
    [line] = [line for line in (told.stdout + told.stderr).splitlines() if "ffprobe is" in line]
    assert line.startswith("ffprobe is not installed: 2 videos in which it might find a date got one from")
    how = {"win32": "winget install ffmpeg", "darwin": "brew install ffmpeg"}.get(sys.platform, "apt install ffmpeg")
    assert line.endswith(f"it comes with ffmpeg: {how}, then run this again")
    copied = without_ffprobe(home, "--from-report", home.report, "--mode", "copy")
    assert "ffprobe is" not in copied.stdout + copied.stderr
    assert len([name for name in read_tree(home.archive) if name.startswith(str(MTIME.year))]) == 2


def test_without_ffprobe_nothing_is_said_where_it_is_not_missed(library: LibraryMaker) -> None:
    home = library({"clip.mp4": mp4(seed=1), "undated.jpg": jpeg(None), "VID_20190714_103000.mp4": mp4(seed=2)})
    told = without_ffprobe(home, *home.organize_line())
    assert "ffprobe is" not in told.stdout + told.stderr

"""Messages on standard error and in the log file, and the progress bar."""

from __future__ import annotations

import io
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from common.cli.console import Console
from common.cli.options import CommonOptions
from common.cli.progress import Progress
from common.errors import BadInput
from tests.support.options import QUIETLY
from tests.support.trees import make_pipe, write_tree


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (QUIETLY, ["info", "warning: warn", "error: error"]),
        (replace(QUIETLY, verbose=True), ["detail", "info", "warning: warn", "error: error"]),
        (replace(QUIETLY, quiet=True), ["warning: warn", "error: error"]),
        (replace(QUIETLY, quiet=True, verbose=True), ["warning: warn", "error: error"]),
    ],
)
def test_quiet_and_verbose_choose_what_is_printed_and_the_log_has_it_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: CommonOptions, printed: list[str]
) -> None:
    log = tmp_path / "run.log"
    for _ in range(2):  # a log file is added to
        console = Console(replace(options, log_file=str(log)))
        console.debug("detail")
        console.info("info")
        console.warning("warn")
        console.error("error")
        console.log("\udcff for the log")
    shown = capsys.readouterr()
    assert (shown.out, shown.err.splitlines()) == ("", printed * 2)
    lines = log.read_text().splitlines()
    assert len(lines) == 10
    assert lines[4].endswith("Z \\udcff for the log")


def test_a_log_whose_last_line_was_torn_is_added_to(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"2024-05-01T12:34:56Z half a li")
    Console(replace(QUIETLY, log_file=str(log))).log("the next run")
    assert log.read_bytes().startswith(b"2024-05-01T12:34:56Z half a li")
    assert log.read_text().endswith("Z the next run\n")


def test_there_is_no_bar_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("copy", 2, 100, QUIETLY) as progress:
        progress.add_bytes(50)
        progress.add_file()
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_bytes_and_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        """What tqdm and we take for a terminal."""

        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("copy", 2, 2_000_000, QUIETLY) as progress:
        progress.add_file()
        progress.add_bytes(1_000_000)
        progress.add_file()
        progress.add_bytes(1_000_000)
    shown = terminal.getvalue()
    assert "copy" in shown
    assert "2.00M" in shown
    for options in (replace(QUIETLY, quiet=True), replace(QUIETLY, json=True)):
        with Progress("copy", 2, 100, options) as progress:
            progress.add_bytes(50)
    assert terminal.getvalue() == shown


class FakeBar:
    """A bar as tqdm's, which records its calls."""

    def __init__(self, **settings: object) -> None:
        self.settings = settings
        self.moved: list[float] = []
        self.postfix = ""

    def update(self, n: float = 1) -> None:
        self.moved.append(n)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        assert not refresh, "update shows it: twice would flicker"
        self.postfix = s

    def close(self) -> None:
        pass


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[FakeBar]:
    made: list[FakeBar] = []

    def make(**settings: object) -> FakeBar:
        made.append(FakeBar(**settings))
        return made[-1]

    monkeypatch.setattr("tqdm.tqdm", make)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    return made


def test_the_bar_goes_over_bytes_and_comes_to_its_end_whatever_had_to_be_read(bars: list[FakeBar]) -> None:
    with Progress("copy", 4, 1000, QUIETLY, done_files=1, done_bytes=100) as progress:
        progress.add_bytes(200)
        progress.reach(2, 300)  # the same bytes, now finished
        progress.reach(4, 900)  # two duplicates, of which nothing was read
        progress.add_bytes(100)
        progress.reach(4, 5000)  # what grew since it was counted
    [bar] = bars
    assert (bar.settings["total"], bar.settings["initial"]) == (1000, 100)
    assert sum(bar.moved) == 900
    assert min(bar.moved) >= 0
    assert bar.postfix == "4 of 4 files"


def test_where_nothing_is_read_the_bar_goes_over_files(bars: list[FakeBar]) -> None:
    with Progress("report", 4, None, QUIETLY, done_files=1, done_bytes=7) as progress:
        progress.reach(3, 900)
        progress.add_file()
    [bar] = bars
    assert (bar.settings["total"], bar.settings["initial"], sum(bar.moved)) == (4, 1, 3)


def test_a_log_is_made_readable_and_never_through_a_link(tmp_path: Path) -> None:
    write_tree(tmp_path, {"photo.jpg": b"photo"})
    os.symlink("photo.jpg", tmp_path / "run.log")
    with pytest.raises(BadInput):
        Console(replace(QUIETLY, log_file=str(tmp_path / "run.log"))).info("x")
    assert (tmp_path / "photo.jpg").read_bytes() == b"photo"
    assert stat.S_ISLNK(os.lstat(tmp_path / "run.log").st_mode)


def test_a_pipe_named_as_the_log_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "run.log"
    make_pipe(pipe)
    with pytest.raises(BadInput, match="exists already"):
        Console(replace(QUIETLY, log_file=str(pipe)))

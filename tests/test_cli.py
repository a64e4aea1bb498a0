"""What the three command lines share: options, talk, signals, the summary, and how a run ends."""

from __future__ import annotations

import argparse
import inspect
import io
import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from common.cli import StopRequest, run_stage, stop_on_signals
from common.errors import BadInput, ExitCode, Interrupted, Locked, MediaArchiveError, RowFailed, StoppedEarly
from common.options import (
    EXIT_STATUS,
    CommonOptions,
    add_common_options,
    columns,
    common_options,
    make_parser,
    not_negative,
    parse_arguments,
    positive,
    require_folder,
    same_command,
    with_jobs,
)
from common.run_id import free_name
from common.summary import Summary, figures
from common.talk import Progress, Talk
from tests.support.trees import make_pipe, write_tree


def parsed(*line: str) -> CommonOptions:
    """The common options of a command line."""
    parser = make_parser("What it does.", "examples:")
    add_common_options(parser)
    return common_options(parse_arguments(parser, line))


QUIETLY = parsed()
SUMMARY = Summary(
    tool="verify",
    headline="verify: /a/report.csv",
    run_id="3f2b8c1e",
    exit_code=ExitCode.ATTENTION,
    counts={"rows": 12345, "size_differs": 1},
    amounts={"rows": {"photos": 12345, "bytes": 82_100_000_000}},
    outputs={"verified": "/a/\udcff\n.csv"},
    notes=["1 row needs attention"],
)


def ends(stage: Callable[[Talk, StopRequest], Summary], options: CommonOptions = QUIETLY) -> int:
    return run_stage("verify", stage, options)


def raising(error: BaseException) -> Callable[[Talk, StopRequest], Summary]:
    def stage(_talk: Talk, _stop: StopRequest) -> Summary:
        raise error

    return stage


# --- how a run ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("no"), 2),
        (StoppedEarly("no"), 3),
        (Locked("no"), 4),
        (Interrupted(), 130),
        (MediaArchiveError("no"), 3),
    ],
)
def test_an_error_of_ours_is_one_sentence_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: MediaArchiveError, code: int
) -> None:
    assert ends(raising(error)) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"error: {error}\n")


def test_an_error_of_the_system_names_its_path_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(28, "No space left on device", "/a/\n.csv")
    assert ends(raising(error)) == 3
    shown = capsys.readouterr().err
    assert shown.startswith("error: /a/\\n.csv: No space left on device")
    assert "run the same command again" in shown


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), RowFailed("x"), AssertionError("x")])
def test_a_fault_of_ours_is_said_to_be_one_and_its_traceback_is_in_the_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception
) -> None:
    log = tmp_path / "run.log"
    assert ends(raising(error), replace(QUIETLY, log_file=str(log))) == 3
    shown = capsys.readouterr().err
    assert f"a fault in this program ({type(error).__name__}: x)" in shown
    assert "Traceback" not in shown
    assert "Traceback" in log.read_text()


def test_the_exit_code_is_that_of_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(lambda _talk, _stop: SUMMARY) == 1
    assert ends(lambda _talk, _stop: replace(SUMMARY, exit_code=ExitCode.OK)) == 0
    assert capsys.readouterr().out.startswith("verify: /a/report.csv\n")


def test_whoever_reads_our_output_may_go_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        """A pipe whose reader has gone."""

        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    assert ends(lambda _talk, _stop: SUMMARY) == 3
    sys.stdout.close()


def test_a_review_page_that_could_not_be_written_is_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "photo.html").write_bytes(b"my only copy")
    for page in (tmp_path / "photo.html", tmp_path / "missing" / "page.html"):
        assert ends(raising(AssertionError("done")), replace(QUIETLY, review_html=str(page))) == 2
        assert str(page.name if page.exists() else page.parent) in capsys.readouterr().err


def test_a_log_file_that_cannot_be_written_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = replace(QUIETLY, log_file=str(tmp_path / "missing" / "run.log"))
    assert ends(lambda _talk, _stop: SUMMARY, options) == 2
    assert "missing" in capsys.readouterr().err


# --- the summary --------------------------------------------------------------------------------------


def test_the_summary_in_words_shows_counts_and_paths_as_they_can_be_printed() -> None:
    text = SUMMARY.as_text()
    counts = ("12,345  rows: 12,345 photos, 82.1 GB\n", "1  size differs\n")
    for part in (*counts, "verified: /a/\\udcff\\n.csv", "1 row needs attention"):
        assert part in text


def test_the_summary_for_machines_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(lambda _talk, _stop: SUMMARY, replace(QUIETLY, json=True)) == 1
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    document = json.loads(out)
    assert document["counts"] == {"rows": 12345, "size_differs": 1}
    assert document["outputs"] == {"verified": "/a/\udcff\n.csv"}
    assert (document["tool"], document["exit_code"], document["complete"]) == ("verify", 1, True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("no"), 2),
        (StoppedEarly("no"), 3),
        (Locked("no"), 4),
        (Interrupted(), 130),
        (ZeroDivisionError("no"), 3),
    ],
)
def test_machines_get_one_object_also_from_a_run_that_fails(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert ends(raising(error), replace(QUIETLY, json=True)) == code
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["tool"], document["exit_code"], document["complete"]) == ("verify", code, False)
    assert shown.err == f"error: {document['error']}\n"


def test_figures_add_up_under_the_name_of_their_sum() -> None:
    counts = {"attention": 7, "done": 2, "done: photos": 2, "done: bytes": 30, "failed": 1, "failed: bytes": 4}
    names = {"failed": "failed", "skipped": "skipped", "done": "restored"}
    assert figures("rows", counts, names) == (
        {"rows": 3, "failed": 1, "restored": 2},
        {
            "rows": {"photos": 2, "bytes": 34},
            "failed": {"bytes": 4},
            "restored": {"photos": 2, "bytes": 30},
        },
    )
    assert figures("rows", {}) == ({"rows": 0}, {})


# --- talk ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "heard"),
    [
        (QUIETLY, ["info", "warning: warn", "error: error"]),
        (replace(QUIETLY, verbose=True), ["detail", "info", "warning: warn", "error: error"]),
        (replace(QUIETLY, quiet=True), ["warning: warn", "error: error"]),
        (replace(QUIETLY, quiet=True, verbose=True), ["warning: warn", "error: error"]),
    ],
)
def test_quiet_and_verbose_choose_what_is_heard_and_the_log_has_it_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: CommonOptions, heard: list[str]
) -> None:
    log = tmp_path / "run.log"
    for _ in range(2):  # a log file is added to
        talk = Talk(replace(options, log_file=str(log)))
        talk.detail("detail")
        talk.info("info")
        talk.warn("warn")
        talk.error("error")
        talk.log("\udcff for the log")
    shown = capsys.readouterr()
    assert (shown.out, shown.err.splitlines()) == ("", heard * 2)
    lines = log.read_text().splitlines()
    assert len(lines) == 10
    assert lines[4].endswith("Z \\udcff for the log")


def test_a_log_whose_last_line_was_torn_is_added_to(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"2024-05-01T12:34:56Z half a li")
    Talk(replace(QUIETLY, log_file=str(log))).log("the next run")
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
    """A bar as tqdm's, which keeps what it is told."""

    def __init__(self, **settings: object) -> None:
        self.settings = settings
        self.moved: list[float] = []
        self.told = ""

    def update(self, n: float = 1) -> None:
        self.moved.append(n)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        assert not refresh, "update shows it: twice would flicker"
        self.told = s

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
    assert bar.told == "4 of 4 files"


def test_where_nothing_is_read_the_bar_goes_over_files(bars: list[FakeBar]) -> None:
    with Progress("report", 4, None, QUIETLY, done_files=1, done_bytes=7) as progress:
        progress.reach(3, 900)
        progress.add_file()
    [bar] = bars
    assert (bar.settings["total"], bar.settings["initial"], sum(bar.moved)) == (4, 1, 3)


# --- signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_a_stop_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert signal.getsignal(number) == signal.SIG_DFL  # a second one ends the process at once
    assert signal.getsignal(number) == before


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "two", "٣", " 1", "+1"])
def test_a_count_is_a_whole_number_and_nothing_else(text: str) -> None:
    for parse in (positive, not_negative):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


def test_zero_rows_behind_an_offset_are_fine_and_a_limit_of_zero_is_not() -> None:
    assert not_negative("0") == 0
    assert positive("12") == 12
    with pytest.raises(argparse.ArgumentTypeError):
        positive("0")


def test_every_exit_code_stands_in_the_help_with_its_meaning() -> None:
    documented = inspect.getdoc(ExitCode) or ""
    for code in ExitCode:
        [line] = [line for line in EXIT_STATUS.splitlines() if line.split(maxsplit=1)[:1] == [str(int(code))]]
        meaning = line.split(maxsplit=1)[1].split(",")[0]
        assert meaning in documented


def test_options_are_not_abbreviated_and_common_ones_have_defaults() -> None:
    options = parsed()
    assert (options.json, options.quiet, options.verbose, options.log_file) == (False, False, False, "")
    assert options.jobs == 0, "nothing asked for: what suits the disks is chosen later"
    with pytest.raises(SystemExit) as ended:
        parsed("--verb")
    assert ended.value.code == 2


def test_the_number_of_jobs_is_what_was_asked_for_else_what_suits_the_disks_and_that_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = parsed("--jobs", "7", "--verbose")
    assert with_jobs(asked, Talk(asked).detail, [str(tmp_path)]) == asked
    assert capsys.readouterr().err == ""
    free = parsed("--verbose")
    chosen = with_jobs(free, Talk(free).detail, [str(tmp_path)])
    assert chosen.jobs >= 1
    assert capsys.readouterr().err.startswith(f"jobs: {chosen.jobs}, since ")


def test_a_default_output_gets_a_name_that_nothing_has(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        path = Path(free_name(str(tmp_path), "verified", "3f2b8c1e-9d4a"))
        assert path.name.startswith("verified-20")
        assert "3f2b8c1e" in path.name
        path.touch()
        names.add(path.name)
    assert len(names) == 3


def test_a_folder_is_found_by_its_real_path_and_a_missing_one_may_be_an_unmounted_disk(tmp_path: Path) -> None:
    write_tree(tmp_path, {"real/": b"", "file": b""})
    os.symlink("real", tmp_path / "link")
    assert require_folder(str(tmp_path / "link"), "--source") == os.path.realpath(tmp_path / "real")
    for name in ("missing", "file"):
        with pytest.raises(BadInput, match=rf"{name}: --source must name an existing folder; is the disk mounted\?"):
            require_folder(str(tmp_path / name), "--source")


@pytest.mark.parametrize(
    ("without", "values", "rest"),
    [
        ("", 0, "--log-file it.log --verbose --jobs=3"),
        ("--verbose", 0, "--log-file it.log --jobs=3"),
        ("--log-file", 1, "--verbose --jobs=3"),
        ("--jobs", 1, "--log-file it.log --verbose"),
    ],
)
def test_the_same_command_can_leave_out_an_option(without: str, values: int, rest: str) -> None:
    options = parsed("--log-file", "it.log", "--verbose", "--jobs=3")
    assert same_command("a.py", options, without, values).endswith(f"a.py {rest}")


# --- arguments from a file ----------------------------------------------------------------------------


def test_an_argument_file_holds_one_argument_a_line_as_it_stands(tmp_path: Path) -> None:
    lines = b"\xef\xbb\xbf--log-file\r\n/a/two words 'quoted' # \xff\xe2\x80\xa8.log\n\n--jobs=7\n--verbose"
    (tmp_path / "@args").write_bytes(lines)
    options = parsed("--quiet", f"@{tmp_path}/@args")
    assert options.log_file == os.fsdecode(b"/a/two words 'quoted' # \xff\xe2\x80\xa8.log")
    assert (options.jobs, options.quiet, options.verbose) == (7, True, True)
    assert options.arguments == ("--quiet", "--log-file", options.log_file, "--jobs=7", "--verbose")


def test_a_line_of_an_argument_file_that_begins_with_the_sign_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "args").write_text("--log-file\n@eaDir\n")
    assert parsed(f"@{tmp_path}/args").log_file == "@eaDir"


def test_a_name_that_begins_with_the_sign_can_be_given(tmp_path: Path) -> None:
    assert parsed("--log-file=@run.log").log_file == "@run.log"
    assert parsed("--log-file", "./@run.log").log_file == "./@run.log"


def test_a_missing_argument_file_is_one_sentence_and_tells_how_to_give_such_a_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(SystemExit) as ended:
            parsed("--log-file", f"@{path}")
        assert ended.value.code == 2
        told = capsys.readouterr().err
        assert told.count("error: ") == 1
        assert f"error: {path}: cannot read arguments from it: " in told
        assert f"./@{path}" in told


def test_nobody_is_left_behind_by_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(SystemExit):
        parsed("--help")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("wanted", "width"), [("200", 200), ("60", 60), ("", 80), ("0", 80), ("wide", 80)])
def test_the_help_is_as_wide_as_it_is_told(monkeypatch: pytest.MonkeyPatch, wanted: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", wanted)
    monkeypatch.setattr(sys, "__stdout__", None)
    assert columns() == width


def test_a_log_is_made_readable_and_never_through_a_link(tmp_path: Path) -> None:
    write_tree(tmp_path, {"photo.jpg": b"photo"})
    os.symlink("photo.jpg", tmp_path / "run.log")
    with pytest.raises(BadInput):
        Talk(replace(QUIETLY, log_file=str(tmp_path / "run.log"))).info("x")
    assert (tmp_path / "photo.jpg").read_bytes() == b"photo"
    assert stat.S_ISLNK(os.lstat(tmp_path / "run.log").st_mode)


def test_a_pipe_named_as_the_log_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "run.log"
    make_pipe(pipe)
    with pytest.raises(BadInput, match="exists already"):
        Talk(replace(QUIETLY, log_file=str(pipe)))

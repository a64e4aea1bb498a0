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

from common import cli
from common.errors import BadInput, ExitCode, Interrupted, Locked, MediaArchiveError, RowFailed, StoppedEarly
from tests.support.trees import write_tree


def parsed(*line: str) -> cli.CommonOptions:
    """The common options of a command line."""
    parser = cli.make_parser("What it does.", "examples:")
    cli.add_common_options(parser)
    return cli.common_options(parser.parse_args(line))


QUIETLY = parsed()
SUMMARY = cli.Summary(
    tool="verify",
    headline="verify: /a/report.csv",
    run_id="3f2b8c1e",
    exit_code=ExitCode.ATTENTION,
    counts={"rows": 12345, "size_differs": 1},
    outputs={"verified": "/a/\udcff\n.csv"},
    notes=["1 row needs attention"],
)


def ends(stage: Callable[[cli.Talk, cli.StopRequest], cli.Summary], options: cli.CommonOptions = QUIETLY) -> int:
    return cli.run_stage(stage, options)


def raising(error: BaseException) -> Callable[[cli.Talk, cli.StopRequest], cli.Summary]:
    def stage(_talk: cli.Talk, _stop: cli.StopRequest) -> cli.Summary:
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


def test_a_log_file_that_cannot_be_written_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = replace(QUIETLY, log_file=str(tmp_path / "missing" / "run.log"))
    assert ends(lambda _talk, _stop: SUMMARY, options) == 2
    assert "missing" in capsys.readouterr().err


# --- the summary --------------------------------------------------------------------------------------


def test_the_summary_in_words_shows_counts_and_paths_as_they_can_be_printed() -> None:
    text = SUMMARY.as_text()
    for part in ("12,345  rows", "1  size differs", "verified: /a/\\udcff\\n.csv", "1 row needs attention"):
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
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: cli.CommonOptions, heard: list[str]
) -> None:
    log = tmp_path / "run.log"
    for _ in range(2):  # a log file is added to
        talk = cli.Talk(replace(options, log_file=str(log)))
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
    log.write_bytes(b"half a li")
    cli.Talk(replace(QUIETLY, log_file=str(log))).log("the next run")
    assert log.read_bytes().startswith(b"half a li")
    assert log.read_text().endswith("Z the next run\n")


def test_there_is_no_bar_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with cli.Progress("copy", 2, 100, QUIETLY) as progress:
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
    with cli.Progress("copy", 2, 2_000_000, QUIETLY) as progress:
        progress.add_file()
        progress.add_bytes(1_000_000)
        progress.add_file()
        progress.add_bytes(1_000_000)
    with cli.Progress("copy", 2, 100, replace(QUIETLY, quiet=True)):
        length = len(terminal.getvalue())
    assert "copy" in terminal.getvalue()
    assert "2.00M" in terminal.getvalue()
    assert len(terminal.getvalue()) == length


# --- signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_a_stop_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with cli.stop_on_signals() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert signal.getsignal(number) == signal.SIG_DFL  # a second one ends the process at once
    assert signal.getsignal(number) == before


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "two", "٣", " 1", "+1"])
def test_a_count_is_a_whole_number_and_nothing_else(text: str) -> None:
    for parse in (cli.positive, cli.not_negative):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


def test_zero_rows_behind_an_offset_are_fine_and_a_limit_of_zero_is_not() -> None:
    assert cli.not_negative("0") == 0
    assert cli.positive("12") == 12
    with pytest.raises(argparse.ArgumentTypeError):
        cli.positive("0")


def test_every_exit_code_stands_in_the_help_with_its_meaning() -> None:
    documented = inspect.getdoc(ExitCode) or ""
    for code in ExitCode:
        [line] = [line for line in cli.EXIT_STATUS.splitlines() if line.split(maxsplit=1)[:1] == [str(int(code))]]
        meaning = line.split(maxsplit=1)[1].split(",")[0]
        assert meaning in documented


def test_options_are_not_abbreviated_and_common_ones_have_defaults() -> None:
    options = parsed()
    assert (options.json, options.quiet, options.verbose, options.log_file) == (False, False, False, "")
    assert options.jobs >= 1
    with pytest.raises(SystemExit) as ended:
        parsed("--verb")
    assert ended.value.code == 2


def test_a_default_output_gets_a_name_that_nothing_has(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        path = Path(cli.free_name(str(tmp_path), "verified", "3f2b8c1e-9d4a"))
        assert path.name.startswith("verified-20")
        assert "3f2b8c1e" in path.name
        path.touch()
        names.add(path.name)
    assert len(names) == 3


def test_a_folder_is_found_by_its_real_path_and_a_missing_one_may_be_an_unmounted_disk(tmp_path: Path) -> None:
    write_tree(tmp_path, {"real/": b"", "file": b""})
    os.symlink("real", tmp_path / "link")
    assert cli.require_folder(str(tmp_path / "link"), "--source") == os.path.realpath(tmp_path / "real")
    for name in ("missing", "file"):
        with pytest.raises(BadInput, match=rf"{name}: --source must name an existing folder; is the disk mounted\?"):
            cli.require_folder(str(tmp_path / name), "--source")


def test_a_command_can_be_pasted_whatever_the_path_holds() -> None:
    command = cli.script_command("verify_media_archive.py", "--input-csv", "/a/it's a $report.csv")
    assert command.endswith(""" verify_media_archive.py --input-csv '/a/it'"'"'s a $report.csv'""")


def test_a_log_is_made_readable_and_never_through_a_link(tmp_path: Path) -> None:
    write_tree(tmp_path, {"photo.jpg": b"photo"})
    os.symlink("photo.jpg", tmp_path / "run.log")
    with pytest.raises(BadInput):
        cli.Talk(replace(QUIETLY, log_file=str(tmp_path / "run.log"))).info("x")
    assert (tmp_path / "photo.jpg").read_bytes() == b"photo"
    assert stat.S_ISLNK(os.lstat(tmp_path / "run.log").st_mode)

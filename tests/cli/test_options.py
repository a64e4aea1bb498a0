"""The options that the three command lines share, and the files that hold arguments."""

from __future__ import annotations

import argparse
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.cli.console import Console
from common.cli.options import (
    EXIT_STATUS,
    days,
    non_negative,
    positive,
    require_folder,
    rerun_command,
    resolve_jobs,
    terminal_columns,
)
from common.errors import BadInput, ExitCode
from common.stages import Stage
from tests.support.options import parsed
from tests.support.scripts import ORGANIZE, ROOT, run
from tests.support.trees import write_tree


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "two", "٣", " 1", "+1"])
def test_a_count_is_a_whole_number_and_nothing_else(text: str) -> None:
    for parse in (positive, non_negative):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


def test_zero_rows_behind_an_offset_are_fine_and_a_limit_of_zero_is_not() -> None:
    assert non_negative("0") == 0
    assert positive("12") == 12
    with pytest.raises(argparse.ArgumentTypeError):
        positive("0")


def test_an_age_is_of_a_century_at_most() -> None:
    assert days("36525") == 36_525
    for text in ("0", "36526", "99999999"):
        with pytest.raises(argparse.ArgumentTypeError):
            days(text)


def test_every_exit_code_stands_in_the_help_with_its_meaning() -> None:
    documented = inspect.getsource(ExitCode)
    for code in ExitCode:
        [line] = [line for line in EXIT_STATUS.splitlines() if line.split(maxsplit=1)[:1] == [str(int(code))]]
        meaning = line.split(maxsplit=1)[1].split(",")[0]
        assert meaning in documented.lower()


def test_options_are_not_abbreviated_and_common_ones_have_defaults() -> None:
    options = parsed()
    assert (options.json, options.quiet, options.verbose, options.log_file) == (False, False, False, "")
    assert options.jobs == 0, "nothing asked for: what suits the disks is chosen later"
    with pytest.raises(SystemExit) as ended:
        parsed("--verb")
    assert ended.value.code == 2


def test_the_number_of_jobs_is_what_was_asked_for_else_what_suits_the_disks_and_that_is_logged(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = parsed("--jobs", "7", "--verbose")
    assert resolve_jobs(asked, Console(asked).debug, [str(tmp_path)]) == 7
    assert capsys.readouterr().err == ""
    free = parsed("--verbose")
    chosen = resolve_jobs(free, Console(free).debug, [str(tmp_path)])
    assert chosen >= 1
    assert capsys.readouterr().err.startswith(f"jobs: {chosen}, since ")
    in_memory = resolve_jobs(free, Console(free).debug, [str(tmp_path)], in_memory=True)
    assert in_memory in (chosen, os.cpu_count())
    assert "in memory" in capsys.readouterr().err or chosen == 1


def test_a_folder_is_found_by_its_real_path_and_a_missing_one_may_be_an_unmounted_disk(tmp_path: Path) -> None:
    write_tree(tmp_path, {"real/": b"", "file": b""})
    os.symlink("real", tmp_path / "link")
    assert require_folder(str(tmp_path / "link"), "--source") == os.path.realpath(tmp_path / "real")
    for name, output in (
        ("missing", r"--source must name an existing folder; is the disk mounted\?"),
        ("file", "is a file: --source must name the folder that holds it"),
    ):
        with pytest.raises(BadInput, match=f"{name}:? {output}"):
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
    assert rerun_command(Stage.VERIFY, options, without, values).endswith(f"verify_media_archive.py {rest}")


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
        output = capsys.readouterr().err
        assert output.count("error: ") == 1
        assert f"error: {path}: cannot read arguments from it: " in output
        assert f"./@{path}" in output


def test_nobody_is_left_behind_by_colours(tmp_path: Path) -> None:
    assert "\x1b" not in run(ORGANIZE, "--help", cwd=tmp_path, env={"FORCE_COLOR": "1"}).stdout


@pytest.mark.parametrize(("wanted", "width"), [("200", 200), ("60", 60), ("", 80), ("0", 80), ("wide", 80)])
def test_the_help_is_as_wide_as_it_is_told(wanted: str, width: int) -> None:
    program = f"from {terminal_columns.__module__} import terminal_columns; print(terminal_columns())"
    environment = {**os.environ, "COLUMNS": wanted}
    output = subprocess.check_output(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL
    )
    assert int(output) == width


def test_a_value_that_begins_with_the_sign_is_joined_to_its_option_in_a_command_to_paste(tmp_path: Path) -> None:
    (tmp_path / "args").write_text("--log-file\n@eaDir\n--quiet\n--jobs\n3\n")
    options = parsed(f"@{tmp_path}/args")
    assert rerun_command(Stage.VERIFY, options).endswith("verify_media_archive.py --log-file=@eaDir --quiet --jobs 3")


def test_an_option_without_a_value_before_it_does_not_keep_a_value_from_its_option(tmp_path: Path) -> None:
    (tmp_path / "args").write_text("--quiet\n--log-file\n@eaDir\n")
    options = parsed(f"@{tmp_path}/args")
    assert rerun_command(Stage.VERIFY, options).endswith("verify_media_archive.py --quiet --log-file=@eaDir")


def test_b13_a_file_of_arguments_in_another_encoding_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On Windows, where names are Unicode; elsewhere any bytes are names."""
    path = tmp_path / "arguments"
    path.write_bytes("--log-file\nZ\xfcrich.log\n".encode("cp1252"))
    with monkeypatch.context() as patches:
        patches.setattr("common.cli.options.os.fsdecode", lambda data: data.decode("utf-8", "surrogatepass"))
        with pytest.raises(SystemExit) as ended:
            parsed(f"@{path}")
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"error: {path}: is not UTF-8 text; save it as UTF-8")

"""What ends a run says so with one exit code and one sentence."""

from __future__ import annotations

import errno

import pytest

from common.errors import (
    BadInput,
    ChangedWhileReading,
    ExitCode,
    Interrupted,
    Locked,
    MediaArchiveError,
    NotRegular,
    RowFailed,
    SameFile,
    StoppedEarly,
    explain_os_error,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [(BadInput("x"), 2), (StoppedEarly("x"), 3), (Locked("x"), 4), (Interrupted(), 130), (MediaArchiveError("x"), 3)],
)
def test_each_error_has_its_exit_code(error: MediaArchiveError, code: int) -> None:
    assert error.exit_code == code


def test_the_exit_codes_are_those_that_other_peoples_scripts_know() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 130]


def test_an_interruption_says_what_to_do_next() -> None:
    assert "run the same command again" in str(Interrupted())


@pytest.mark.parametrize("error", [NotRegular(), ChangedWhileReading(), SameFile()])
def test_what_is_wrong_with_one_file_ends_its_row_and_not_the_run(error: RowFailed) -> None:
    assert isinstance(error, RowFailed)
    assert not isinstance(error, MediaArchiveError)
    assert str(error)


def test_an_operating_system_error_is_explained_without_its_number_and_path() -> None:
    explained = explain_os_error(FileNotFoundError(errno.ENOENT, "No such file or directory", "/secret/path"))
    assert explained == "No such file or directory"


def test_an_operating_system_error_without_words_is_named_at_least() -> None:
    assert explain_os_error(PermissionError()) == "PermissionError"

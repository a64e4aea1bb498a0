"""What is no regular file, or has no end, is refused in a moment wherever a file is expected."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.library import Library
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, run

if sys.platform == "win32":
    pytest.skip("Windows has no named pipes in folders", allow_module_level=True)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 40)


KINDS = pytest.mark.parametrize("make", [make_pipe, make_endless, make_huge])


def run_briefly(script: str, args: tuple[Argument, ...], folder: Path) -> tuple[int, str]:
    """The exit code and the messages of a run that must end by itself within seconds."""
    result = run(script, *args, cwd=folder, expect=(1, 2, 3))
    return result.code, result.stderr


@KINDS
def test_b13_a_marker_of_an_archive(ready: Library, make: Callable[[Path], None]) -> None:
    marker = ready.archive / ".media-archive.json"
    marker.unlink()
    make(marker)
    for script, line in ((VERIFY, ready.verify_line()), (APPLY, ready.apply_line())):
        code, told = run_briefly(script, line, ready.out)
        assert code in (2, 3)
        assert str(marker) in told


@KINDS
def test_b13_a_state_file(ready: Library, make: Callable[[Path], None]) -> None:
    state = ready.out / "another.state.json"
    make(state)
    for script, line in ((VERIFY, ready.verify_line()), (APPLY, ready.apply_line())):
        code, told = run_briefly(script, (*line, "--state-file", state), ready.out)
        assert code == 2
        assert str(state) in told


@KINDS
def test_b13_a_manifest(ready: Library, make: Callable[[Path], None]) -> None:
    manifest = ready.out / "another.csv"
    make(manifest)
    for script, line in (
        (VERIFY, ("--input-csv", manifest)),
        (APPLY, ("--manifest", manifest, "--expected-run-id", "auto")),
        (ORGANIZE, ("--from-report", manifest, "--mode", "copy")),
    ):
        code, told = run_briefly(script, line, ready.out)
        assert code == 2
        assert str(manifest) in told


@KINDS
def test_b13_a_file_of_arguments(ready: Library, make: Callable[[Path], None]) -> None:
    arguments = ready.out / "arguments"
    make(arguments)
    code, told = run_briefly(VERIFY, (f"@{arguments}",), ready.out)
    assert code == 2
    assert str(arguments) in told


@pytest.mark.parametrize("make", [make_pipe, make_endless])
def test_b13_a_journal_that_is_to_be_written(ready: Library, make: Callable[[Path], None]) -> None:
    journal = ready.source / ".media-quarantine" / ready.run_id / "journal.csv"
    journal.parent.mkdir(parents=True)
    make(journal)
    code, told = run_briefly(APPLY, ready.apply_line(), ready.out)
    assert code in (2, 3)
    assert str(journal) in told
    assert len(ready.photos()) == 6

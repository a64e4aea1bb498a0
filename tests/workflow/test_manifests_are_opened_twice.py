"""A manifest is opened for reading twice at most: once for the checks before the work, once for the work itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import ORGANIZE, ROOT, VERIFY
from tests.support.tables import read_rows, write_rows

MOST = 2
COUNT_OPENS = """
import importlib, os, sys
script, manifest, *arguments = sys.argv[1:]
opened = 0
def count(event, values):
    global opened
    if event == "open" and isinstance(values[0], (str, bytes)):
        opened += os.fsdecode(values[0]) == manifest
sys.addaudithook(count)
code = importlib.import_module(script).main(arguments)
print(opened, code)
"""

CommandLine = tuple[str, Path, tuple[object, ...]]
"""A script, its manifest, and its arguments."""


def count_opens(line: CommandLine, folder: Path, expect: int = 0) -> int:
    """Run a script in a process of its own, and return how often it opened its manifest."""
    script, manifest, arguments = line
    command = [sys.executable, "-c", COUNT_OPENS, script, str(manifest), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    opened, code = map(int, done.stdout.splitlines()[-1].split())
    assert code == expect, done.stderr
    return opened


def verify_from_the_beginning(home: Library) -> CommandLine:
    home.organize()
    return VERIFY, home.report, home.verify_line()


def verify_resumed(home: Library) -> CommandLine:
    home.organize()
    home.verify("--limit", "2")
    return VERIFY, home.report, home.verify_line("--limit", "2")


def verify_that_was_complete(home: Library) -> CommandLine:
    home.organize()
    home.verify()
    return VERIFY, home.report, home.verify_line()


def verify_a_shard(home: Library) -> CommandLine:
    home.organize()
    return VERIFY, home.report, home.verify_line("--offset", "2", "--limit", "2")


def verify_with_default_outputs(home: Library) -> CommandLine:
    home.organize()
    return VERIFY, home.report, ("--input-csv", home.report)


def verify_resumed_with_default_outputs(home: Library) -> CommandLine:
    home.organize()
    line = ("--input-csv", home.report, "--limit", "2")
    scripts.call(VERIFY, *line, cwd=home.out)
    return VERIFY, home.report, line


def verify_unverified_rows_again(home: Library) -> CommandLine:
    home.organize()
    copy = home.archive_path("p3.jpg")
    content = copy.read_bytes()
    copy.unlink()
    home.verify(expect=1)
    copy.write_bytes(content)
    return VERIFY, home.unverified, ("--input-csv", home.unverified, "--verified-out", home.out / "again.csv")


def verify_the_archive_alone(home: Library) -> CommandLine:
    home.organize()
    home.verify()
    return VERIFY, home.verified, ("--input-csv", home.verified, "--archive-only")


@pytest.mark.parametrize(
    "prepare",
    [
        verify_from_the_beginning,
        verify_resumed,
        verify_that_was_complete,
        verify_a_shard,
        verify_with_default_outputs,
        verify_resumed_with_default_outputs,
        verify_unverified_rows_again,
        verify_the_archive_alone,
    ],
)
def test_a_manifest_is_opened_for_its_checks_and_for_the_work(
    six: Library, prepare: Callable[[Library], CommandLine]
) -> None:
    assert 1 <= count_opens(prepare(six), six.out) <= MOST


@pytest.fixture
def sorted_by_hand(library: LibraryMaker) -> Library:
    """A plan with duplicates, of a photo and of a companion, whose rows a person has sorted another way."""
    photos = {f"{folder}/IMG_1.jpg": jpeg(seed=1) for folder in "ab"}
    sidecars = {f"{folder}/IMG_1.xmp": b"<x:xmpmeta>1</x:xmpmeta>" for folder in "ab"}
    home = library({**photos, **sidecars, "IMG_2.jpg": jpeg(seed=2)})
    home.organize(mode="report")
    write_rows(home.report, read_rows(home.report)[::-1])
    return home


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--review-html", "page.html"),
        ("--mode", "copy", "--dry-run"),
        ("--mode", "copy", "--report-csv", "done.csv", "--review-html", "page.html"),
        ("--mode", "move"),
    ],
    ids=" ".join,
)
def test_an_edited_report_is_opened_for_its_checks_and_to_be_carried_out(
    sorted_by_hand: Library, options: tuple[str, ...]
) -> None:
    report = sorted_by_hand.report
    line = (ORGANIZE, report, ("--from-report", report, *options))
    assert count_opens(line, sorted_by_hand.out) == MOST


def test_an_open_is_counted(six: Library) -> None:
    """Paths are compared as texts: a script that spelled its manifest differently would always pass."""
    line = verify_from_the_beginning(six)
    assert count_opens(line, six.out) == MOST
    assert len(read_rows(six.verified)) == 6

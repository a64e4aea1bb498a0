"""A manifest is opened once to be checked as a whole, and once to be worked on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import ORGANIZE, ROOT
from tests.support.tables import read_rows, write_rows

COUNT_OPENS = """
import runpy, sys
manifest, script = sys.argv[1:3]
opened = []
def count(event, arguments):
    if event == "open" and arguments[0] == manifest:
        opened.append(event)

sys.addaudithook(count)
sys.argv[:] = sys.argv[2:]
sys.path[0] = script.rpartition("/")[0]
try:
    runpy.run_path(script, run_name="__main__")
finally:
    print(len(opened), file=sys.stderr)
"""


def opens_of_plan(home: Library, *options: str) -> int:
    """How often the script opens the report of a library while it carries it out."""
    line = (str(home.report), str(ROOT / f"{ORGANIZE}.py"), "--from-report", str(home.report), *options)
    command = [sys.executable, "-c", COUNT_OPENS, *line]
    run = subprocess.run(command, cwd=home.out, capture_output=True, text=True, check=True)
    return int(run.stderr.split()[-1])


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
def test_an_edited_report_is_opened_twice(sorted_by_hand: Library, options: tuple[str, ...]) -> None:
    assert opens_of_plan(sorted_by_hand, *options) == 2

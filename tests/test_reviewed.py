"""A report that a person edited: what the other rows make of one, and what is carried out in the end."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import Row, read_rows, write_rows


@pytest.fixture
def twins(library: LibraryMaker) -> Library:
    """A report of two photos, of which one is there twice, for a person to edit."""
    home = library({"a.jpg": jpeg(seed=1), "backup/a.jpg": jpeg(seed=1), "b.jpg": jpeg(seed=2)})
    home.organize(mode="report")
    return home


def edit(home: Library, keep: list[Row]) -> list[Row]:
    """Carry out the report with these rows instead, and return the rows that came of it."""
    write_rows(home.report, keep)
    done = home.out / "done.csv"
    line = ("--from-report", home.report, "--mode", "copy", "--report-csv", done)
    scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    return read_rows(done)


def test_a_duplicate_follows_the_file_that_it_equals_to_its_corrected_year(twins: Library) -> None:
    first, other, duplicate = read_rows(twins.report)
    corrected = str(twins.archive / "1987" / "a.jpg")
    rows = edit(twins, [{**first, "destination_path": corrected}, duplicate, other])
    assert [row["status"] for row in rows] == ["copied", "duplicate", "copied"]
    assert [row["destination_path"] for row in rows[:2]] == [corrected, corrected]
    twins.report.write_bytes((twins.out / "done.csv").read_bytes())
    assert twins.verify("--json").count("identical") == 3


def test_the_rows_may_be_sorted_another_way(twins: Library) -> None:
    rows = edit(twins, read_rows(twins.report)[::-1])
    assert [row["status"] for row in rows] == ["duplicate", "copied", "copied"]


def test_a_duplicate_takes_the_place_of_the_row_that_was_deleted(twins: Library) -> None:
    first, other, duplicate = read_rows(twins.report)
    rows = edit(twins, [duplicate, other])
    assert [row["status"] for row in rows] == ["copied", "copied"]
    assert rows[0]["destination_path"] == first["destination_path"]
    assert Path(rows[0]["destination_path"]).read_bytes() == jpeg(seed=1)


def test_what_had_failed_when_the_report_was_made_says_so_and_is_told_how_to_be_organized(six: Library) -> None:
    six.organize(mode="report")
    rows = read_rows(six.report)
    failed = {**rows[0], "status": "failed", "destination_path": "", "reason": "cannot read: Input/output error"}
    write_rows(six.report, [failed, *rows[1:]])
    line = ("--from-report", six.report, "--mode", "copy", "--report-csv", six.out / "done.csv")
    said = scripts.call(scripts.ORGANIZE, *line, cwd=six.out, expect=1)
    assert "failed already when the report was made: cannot read" in said.stderr
    again = f" --source {six.source} --destination-root {six.archive}"
    assert re.search(rf"a new one: .*{again}$", said.stdout, re.MULTILINE)
    assert "when its cause is mended" not in said.stdout


def test_what_a_killed_run_left_half_copied_is_cleared(six: Library) -> None:
    """Killed with its first batch under way: the state names the rows, and temporary files stand beside them."""
    six.organize(mode="report")
    done = six.out / "done.csv"
    line = ("--from-report", six.report, "--mode", "copy", "--report-csv", done, "--jobs", "1")
    process = scripts.start(scripts.ORGANIZE, *line, cwd=six.out)
    year = six.archive / "2019"
    scripts.wait_until(year.is_dir, process)
    process.kill()
    process.wait()
    year.mkdir(parents=True, exist_ok=True)
    (year / f".media-tmp-{'0' * 16}").write_bytes(b"half")
    scripts.call(scripts.ORGANIZE, *line, cwd=six.out)
    assert sorted(os.listdir(year)) == [f"p{number}.jpg" for number in range(1, 7)]

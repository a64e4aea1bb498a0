"""A report that a person edited: what the other rows make of one, and what is carried out in the end."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from common.errors import Interrupted, StoppedEarly
from common.manifests.rows import RowIds
from common.organize.edited_report import EditedReport
from common.organize.executor import CopyExecutor
from common.organize.run import BATCH_FILES
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import Row, assert_each_row_once, read_rows, statuses, write_rows
from tests.support.trees import contents, read_tree


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
    assert [row["status"] for row in rows] == ["copied", "copied", "duplicate"]
    assert [row["destination_path"] for row in rows[::2]] == [corrected, corrected]
    twins.report.write_bytes((twins.out / "done.csv").read_bytes())
    assert twins.verify("--json").count("identical") == 3


def test_the_rows_may_be_sorted_another_way(twins: Library) -> None:
    rows = edit(twins, read_rows(twins.report)[::-1])
    assert [row["status"] for row in rows] == ["copied", "copied", "duplicate"]


def test_rows_sorted_by_status_are_carried_out_whatever_batch_they_would_be_in(library: LibraryMaker) -> None:
    """Duplicates stand before their firsts then, by more than a batch."""
    count = BATCH_FILES + 30
    home = library({f"{folder}/{n:04d}.jpg": b"%d" % n for folder in ("a", "b") for n in range(count)})
    home.organize(mode="report")
    rows = edit(home, sorted(read_rows(home.report), key=lambda row: row["status"]))
    assert statuses(rows) == {"copied": count, "duplicate": count}
    assert_each_row_once(rows)


@pytest.fixture
def pairs(library: LibraryMaker) -> Library:
    """A report of a photo with its sidecar, and the same two once more."""
    pair = {"IMG_1.jpg": jpeg(seed=1), "IMG_1.xmp": b"<x:xmpmeta>1</x:xmpmeta>"}
    home = library({f"{folder}/{name}": data for folder in "ab" for name, data in pair.items()})
    home.organize(mode="report")
    assert [row["status"] for row in read_rows(home.report)] == ["planned", "planned", "duplicate", "duplicate"]
    return home


def test_the_companion_of_a_duplicate_follows_its_like_to_the_corrected_year(pairs: Library) -> None:
    rows = read_rows(pairs.report)
    for row in rows[:2]:
        row["destination_path"] = str(pairs.archive / "1987" / os.path.basename(row["destination_path"]))
    done = edit(pairs, rows)
    assert [row["status"] for row in done] == ["copied", "copied", "duplicate", "duplicate"]
    assert [row["destination_path"] for row in done[2:]] == [row["destination_path"] for row in rows[:2]]


def test_the_companion_of_a_duplicate_takes_the_place_of_the_row_that_was_deleted(pairs: Library) -> None:
    rows = read_rows(pairs.report)
    done = edit(pairs, rows[2:])
    assert [row["status"] for row in done] == ["copied", "copied"]
    assert [row["destination_path"] for row in done] == [row["destination_path"] for row in rows[:2]]


def test_what_was_edited_since_the_report_is_not_called_a_duplicate_any_more(twins: Library) -> None:
    (twins.source / "backup" / "a.jpg").write_bytes(jpeg(seed=3))
    done = twins.out / "done.csv"
    line = ("--from-report", twins.report, "--mode", "copy", "--report-csv", done)
    scripts.call(scripts.ORGANIZE, *line, cwd=twins.out, expect=1)
    assert [row["reason"] for row in read_rows(done)] == ["", "", "changed since it was scanned; organize again"]


def test_a_duplicate_takes_the_place_of_the_row_that_was_deleted(twins: Library) -> None:
    first, other, duplicate = read_rows(twins.report)
    rows = edit(twins, [duplicate, other])
    assert [row["status"] for row in rows] == ["copied", "copied"]
    assert rows[1]["destination_path"] == first["destination_path"]
    assert Path(rows[1]["destination_path"]).read_bytes() == jpeg(seed=1)


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


def test_two_plans_for_one_name_keep_each_photo_with_its_own_companions(library: LibraryMaker) -> None:
    """Two phones, two plans, one archive: the second photo finds its name taken, and its sidecar must not go alone."""
    one = library({"IMG_1.jpg": jpeg(seed=1)})
    two = library({"IMG_1.jpg": jpeg(seed=2), "IMG_1.jpg.json": b'{"title": "IMG_1.jpg"}'})
    for home in (one, two):
        plan = ("--source", home.source, "--destination-root", one.archive, "--report-csv", home.report)
        scripts.call(scripts.ORGANIZE, *plan, cwd=home.out)
    for home, code in ((one, 0), (two, 1)):
        move = ("--from-report", home.report, "--mode", "move", "--report-csv", home.out / "done.csv")
        scripts.call(scripts.ORGANIZE, *move, cwd=home.out, expect=code)
    assert len(two.photos()) == 2
    again = ("--source", two.source, "--destination-root", one.archive, "--mode", "move", "--report-csv")
    scripts.call(scripts.ORGANIZE, *again, two.out / "again.csv", cwd=two.out)
    photo, sidecar = (os.path.basename(row["destination_path"]) for row in read_rows(two.out / "again.csv"))
    assert photo.startswith("IMG_1~")
    assert sidecar == f"{photo}.json"


@pytest.mark.parametrize(
    ("corrected", "told"),
    [
        ("{archive}/1987", "does not end as the file does (.jpg)"),
        ("", "destination_path '' does not lie in the archive; give the whole path, beginning with {archive}"),
        ("{archive}/1987/.b.jpg", "would be a hidden file; give it another name"),
        ("1987/b.jpg", "does not lie in the archive; give the whole path, beginning with {archive}"),
    ],
)
def test_a_corrected_destination_is_a_whole_path(twins: Library, corrected: str, told: str) -> None:
    """A year alone would be the name of a photo, and stand in the way of the folder of that year."""
    rows = read_rows(twins.report)
    rows[1]["destination_path"] = corrected.format(archive=twins.archive)
    write_rows(twins.report, rows)
    line = ("--from-report", twins.report, "--mode", "copy")
    refused = scripts.call(scripts.ORGANIZE, *line, cwd=twins.out, expect=2)
    assert told.format(archive=twins.archive) in refused.error
    assert "line 3" in refused.error


def test_a_dry_run_of_a_plan_says_that_the_archive_was_not_looked_at(twins: Library) -> None:
    line = ("--from-report", twins.report, "--mode", "copy", "--dry-run")
    assert "the archive was not looked at" in scripts.call(scripts.ORGANIZE, *line, cwd=twins.out).stdout


def test_an_original_that_is_hidden_is_carried_out_as_it_was_planned(library: LibraryMaker) -> None:
    home = library({".trashed-1700000000-IMG_1.jpg": jpeg(seed=1)})
    home.organize(mode="report")
    assert [row["status"] for row in edit(home, read_rows(home.report))] == ["copied"]


def test_a_plan_is_gone_on_with_where_the_archive_has_become_a_link(
    library: LibraryMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that got another disk stands behind a link under its old path."""
    home = library({f"p{n}.jpg": jpeg(seed=n) for n in range(1, 7)})
    home.organize("--exclude", "p[2-6].jpg")
    home.report.rename(home.out / "first.csv")
    (home.out / "report.csv.state.json").unlink()
    home.organize(mode="report")
    home.archive.rename(home.root / "new disk")
    home.archive.symlink_to(home.root / "new disk")
    line = ("--from-report", home.report, "--destination-root", home.archive, "--mode", "move", "--jobs", "1")
    done = ("--report-csv", home.out / "done.csv")
    with monkeypatch.context() as patch:
        patch.setattr(CopyExecutor, "apply_batch", interrupted)
        scripts.call(scripts.ORGANIZE, *line, *done, cwd=home.out, expect=130)
    scripts.call(scripts.ORGANIZE, *line, *done, cwd=home.out)
    assert set(contents(read_tree(home.root / "new disk"))) >= {jpeg(seed=n) for n in range(1, 7)}


def test_a_report_that_is_changed_while_it_is_carried_out_stops_the_run(twins: Library) -> None:
    edited = EditedReport(str(twins.report))
    first, _, third = read_rows(twins.report)
    write_rows(twins.report, [first, third])
    with edited, pytest.raises(StoppedEarly, match="was changed while it was carried out"):
        list(edited.groups("", RowIds()))


def interrupted(*_: object) -> None:
    raise Interrupted

"""The archive alone, read again when the originals are gone: what a person does once a year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import Codes, Result
from tests.support.tables import by_name, edited, read_rows, set_cell, statuses
from tests.support.trees import MTIME, set_mtime

GONE_FOR_GOOD = ("--delete-permanently", "--yes-really-delete")


@pytest.fixture
def kept(library: LibraryMaker) -> Library:
    """A library whose three originals are destroyed, and of which the archive is left."""
    home = library({f"p{n}.jpg": jpeg(datetime(2019, 5, n), seed=n) for n in (1, 2, 3)})
    home.organize()
    home.verify()
    home.apply(*GONE_FOR_GOOD)
    return home


def check(home: Library, *outputs: str, expect: Codes = 0) -> Result:
    names = outputs or ("--verified-out", "good.csv", "--unverified-out", "bad.csv")
    return scripts.call(
        scripts.VERIFY, "--input-csv", home.verified, "--archive-only", *names, cwd=home.out, expect=expect
    )


def a_bit_off_with_the_old_time(copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    set_mtime(copy, MTIME)


def shorter(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:-1])


def gone(copy: Path) -> None:
    copy.unlink()


def a_link(copy: Path) -> None:
    copy.rename(copy.with_suffix(".moved"))
    copy.symlink_to(copy.with_suffix(".moved"))


@pytest.mark.parametrize("others", [{}, {"notes.txt": b"no media"}], ids=["photos", "photos and what is no media"])
def test_a_check_that_looks_for_the_originals_as_well_is_told_how_to_look_at_the_archive_alone(
    library: LibraryMaker, others: dict[str, bytes]
) -> None:
    home = library({"p1.jpg": jpeg(), **others})
    home.organize()
    home.verify()
    home.apply()
    told = scripts.call(scripts.VERIFY, "--input-csv", home.report, cwd=home.out, expect=1).stdout
    assert "no original is where it was" in told
    assert "--archive-only" in told


def test_a_year_corrected_in_the_archive_and_in_the_report_is_checked_where_it_is(kept: Library) -> None:
    copy = kept.archive_path("p2.jpg")
    (kept.archive / "1999").mkdir()
    moved = copy.rename(kept.archive / "1999" / copy.name)
    row = next(number for number, row in enumerate(read_rows(kept.report)) if row["destination_path"] == str(copy))
    corrected = edited(kept.report, set_cell(row, "destination_path", str(moved)))
    line = ("--input-csv", corrected, "--archive-only", "--verified-out", "new.csv", "--unverified-out", "bad.csv")
    assert "3  archive intact" in scripts.call(scripts.VERIFY, *line, cwd=kept.out).stdout
    again = ("--input-csv", kept.out / "new.csv", "--archive-only")
    assert "3  archive intact" in scripts.call(scripts.VERIFY, *again, cwd=kept.out).stdout


def test_an_archive_that_is_well_needs_nobody(kept: Library) -> None:
    assert "3  archive intact" in check(kept).stdout
    assert statuses(read_rows(kept.out / "good.csv")) == {"archive_intact": 3}


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (a_bit_off_with_the_old_time, "content_differs"),
        (shorter, "content_differs"),
        (gone, "archive_missing"),
        (a_link, "not_regular"),
    ],
)
def test_a_copy_that_is_spoiled_is_named_and_the_rest_is_read(
    kept: Library, spoil: Callable[[Path], None], status: str
) -> None:
    spoil(kept.archive / "2019" / "p2.jpg")
    told = check(kept, expect=1)
    assert by_name(read_rows(kept.out / "bad.csv"))["p2.jpg"]["status"] == status
    assert "2  archive intact" in told.stdout
    assert "another copy" in told.stdout


def test_a_folder_that_is_a_link_by_now_is_no_archive(kept: Library) -> None:
    """What it leads to may be the very disk that is emptied next."""
    (kept.archive / "2019").rename(kept.root / "elsewhere")
    (kept.archive / "2019").symlink_to(kept.root / "elsewhere")
    check(kept, expect=1)
    assert statuses(read_rows(kept.out / "bad.csv")) == {"outside_root": 3}


def test_the_check_of_last_year_is_no_check_of_this_year(kept: Library) -> None:
    """Under the names of last year all is done: a cron job that was told "intact" would believe it."""
    check(kept)
    a_bit_off_with_the_old_time(kept.archive / "2019" / "p2.jpg")
    told = check(kept, expect=2)
    last = max(row["verified_at"] for row in read_rows(kept.out / "good.csv"))
    assert "good.csv is a check that came to its end" in told.error
    assert f"NOTHING WAS READ: all rows were verified before, the last at {last}" in told.error
    check(kept, "--verified-out", "of-this-year.csv", expect=1)


def test_a_check_in_batches_says_when_it_has_come_to_its_end(kept: Library) -> None:
    names = ("--verified-out", "good.csv", "--unverified-out", "bad.csv", "--limit", "2", "--json")
    assert [check(kept, *names).summary["complete"] for _ in range(2)] == [False, True]
    check(kept, *names, expect=2)


def test_a_check_without_names_reads_all_anew(kept: Library) -> None:
    for _ in range(2):
        told = check(kept, "--jobs", "1")
        assert "3  archive intact" in told.stdout
        assert "NOTHING WAS READ" not in told.stdout

"""The first files are all missing: then a disk is, and nothing may be recorded about any of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.errors import StoppedEarly
from common.manifests.rows import VERIFY, VerifyRow
from common.verify import missing_disk
from common.verify.missing_disk import ROWS, stop_at_missing_disk
from tests.support.library import LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import read_rows, statuses

BLANK = VERIFY.decode(dict.fromkeys(VERIFY.columns, "0") | {"source_root": "/source", "archive_root": "/archive"}, "")


def row(status: str, report_status: str = "copied") -> VerifyRow:
    return BLANK._replace(status=status, report_status=report_status)


MISSING = row("archive_missing")
NO_ORIGINAL = row("source_missing")
GOOD = row("identical")
LEFT_OUT = row("not_archived", "skipped")
PLANNED = row("not_archived", "planned")


def passed_on(rows: list[VerifyRow]) -> tuple[list[VerifyRow], str]:
    """The rows that the guard passes on, and the message with which it stops the run."""
    passed: list[VerifyRow] = []
    try:
        passed.extend(stop_at_missing_disk(rows))
    except StoppedEarly as error:
        return passed, str(error)
    return passed, ""


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [MISSING] * (ROWS - 1),
        [GOOD, *[MISSING] * 500],
        [*[MISSING] * (ROWS - 1), GOOD, *[MISSING] * 500],
        [*[LEFT_OUT] * 500, GOOD],
        [PLANNED] * 500,
        [PLANNED, *[MISSING] * 500],
        [MISSING, row("size_differs"), *[NO_ORIGINAL] * 500],
    ],
)
def test_missing_files_pass_where_not_all_of_the_first_hundred_are_missing(rows: list[VerifyRow]) -> None:
    assert passed_on(rows) == (rows, "")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([MISSING] * ROWS, "/archive: the first 100 files are all missing"),
        ([NO_ORIGINAL] * ROWS, "/source: the first 100 originals are all missing"),
        ([*[NO_ORIGINAL] * (ROWS - 1), MISSING], "/archive: the first 100 files are all missing"),
        ([LEFT_OUT, MISSING] * ROWS, "/archive: the first 100 files are all missing"),
    ],
)
def test_a_hundred_missing_files_at_the_beginning_stop_the_run_before_any_passes(
    rows: list[VerifyRow], message: str
) -> None:
    passed, stopped = passed_on([*rows, GOOD])
    assert message in stopped
    assert "nothing was written about them" in stopped
    assert set(passed) <= {LEFT_OUT}


def test_rows_that_say_nothing_of_the_disks_are_not_held_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_disk, "MOST_HELD_ROWS", 10)
    passed: list[int] = []

    def rows() -> Iterator[VerifyRow]:
        yield MISSING
        for number in range(30):
            assert number - len(passed) <= 10
            yield LEFT_OUT._replace(row_id=number)

    for passed_row in stop_at_missing_disk(rows()):
        passed.append(passed_row.row_id)  # one by one: rows() looks at how many have come
    assert passed == [0, *range(30)]


@pytest.mark.parametrize("missing_side", ["source", "archive"])
def test_where_the_first_hundred_are_missing_no_row_is_written_however_long_they_took(
    library: LibraryMaker, missing_side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import verify_media_archive

    monkeypatch.setattr(verify_media_archive, "CHECKPOINT_SECONDS", 0.0)
    home = library({f"p{number:03}.jpg": jpeg(seed=number) for number in range(ROWS + 20)})
    home.organize()
    folder = home.source if missing_side == "source" else next(home.archive.glob("[0-9u]*"))
    aside = home.root / "aside"
    folder.rename(aside)
    folder.mkdir()
    stopped = home.verify(expect=3)
    assert "are all missing" in stopped.error
    assert read_rows(home.verified) == read_rows(home.unverified) == []
    folder.rmdir()
    aside.rename(folder)
    home.verify()
    assert statuses(read_rows(home.verified)) == {"identical": ROWS + 20}


def test_fewer_missing_files_than_a_hundred_are_written_down(library: LibraryMaker) -> None:
    home = library({f"p{number}.jpg": jpeg(seed=number) for number in range(5)})
    home.organize()
    for photo in home.source.glob("p*.jpg"):
        photo.unlink()
    (home.source / "note.txt").write_text("the photos are on the other disk")
    home.verify(expect=1)
    assert statuses(read_rows(home.unverified)) == {"source_missing": 5}


def test_b15_an_empty_source_is_a_disk_that_is_away_however_few_files_are_missing(library: LibraryMaker) -> None:
    home = library({"p.jpg": jpeg()})
    home.organize()
    (home.source / "p.jpg").rename(home.root / "p.jpg")
    stopped = home.verify(expect=3)
    assert "the source is empty: is its disk mounted?" in stopped.error
    assert "--archive-only" in stopped.error
    assert read_rows(home.unverified) == []
    (home.root / "p.jpg").rename(home.source / "p.jpg")
    home.verify()
    assert statuses(read_rows(home.verified)) == {"identical": 1}

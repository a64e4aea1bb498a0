"""Planned rows carried out on real folders: what is reported is there, what fails leaves nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import Interrupted
from common.fileops.temporary import set_aside_name
from common.manifests.rows import REPORT, ReportRow
from common.organize.config import Mode
from common.organize.executor import CopyExecutor, fail_duplicates_of_failed
from common.timestamps import mtime_text
from tests.support.monitor import Monitor, disk_access
from tests.support.trees import read_tree, write_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
BLANK = REPORT.decode({**dict.fromkeys(REPORT.columns, ""), "row_id": "0", "group_id": "0", "size_bytes": "0"}, "")


class Place:
    """A source with files, an archive beside it, and rows that plan to store them."""

    def __init__(self, root: Path, archive: Path | None = None) -> None:
        self.source, self.archive = root / "source", archive or root / "archive"
        self.archive.mkdir(exist_ok=True)
        write_tree(self.source, {"a.jpg": b"aaa", "sub/b.jpg": b"bbb"})

    def row(self, name: str, row_id: int = 1) -> ReportRow:
        status = os.stat(self.source / name)
        return BLANK._replace(
            run_id=RUN_ID,
            row_id=row_id,
            group_id=row_id,
            source_path=str(self.source / name),
            destination_path=str(self.archive / "2019" / os.path.basename(name)),
            source_root=str(self.source),
            archive_root=str(self.archive),
            size_bytes=status.st_size,
            source_mtime=mtime_text(status.st_mtime_ns),
            status="planned",
        )

    def rows(self) -> list[ReportRow]:
        return [self.row("a.jpg", 1), self.row("sub/b.jpg", 2)]

    def store(self, mode: Mode, rows: list[ReportRow], is_retry: bool = False) -> list[tuple[str, str]]:
        executor = CopyExecutor(disk_access(), mode=mode, jobs=2, is_retry=is_retry)
        done = executor.apply_batch(rows)
        assert [row.row_id for row in done] == [row.row_id for row in rows]
        for row in done:
            if row.status in ("copied", "moved"):
                assert row.sha256 == hashlib.sha256(Path(row.destination_path).read_bytes()).hexdigest()
        return [(row.status, row.reason) for row in done]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


both_modes = pytest.mark.parametrize("mode", [Mode.COPY, Mode.MOVE])
DONE = {Mode.COPY: ("copied", ""), Mode.MOVE: ("moved", "")}


@both_modes
def test_planned_files_are_stored_and_others_passed_by(place: Place, mode: Mode) -> None:
    skipped = place.row("a.jpg", 3)._replace(status="skipped", reason="no media")
    assert place.store(mode, [*place.rows(), skipped]) == [DONE[mode], DONE[mode], ("skipped", "no media")]
    assert read_tree(place.archive) == {"2019/a.jpg": b"aaa", "2019/b.jpg": b"bbb"}
    assert read_tree(place.source) == ({"a.jpg": b"aaa", "sub/b.jpg": b"bbb"} if mode == Mode.COPY else {})


@both_modes
def test_on_another_disk_the_same_comes_out(tmp_path: Path, other_disk: Path, mode: Mode) -> None:
    place = Place(other_disk, tmp_path)
    assert place.store(mode, place.rows()) == [DONE[mode]] * 2
    assert read_tree(place.archive) == {"2019/a.jpg": b"aaa", "2019/b.jpg": b"bbb"}
    assert read_tree(place.source) == ({"a.jpg": b"aaa", "sub/b.jpg": b"bbb"} if mode == Mode.COPY else {})


@both_modes
def test_a_file_that_changed_since_it_was_scanned_fails_and_stays(place: Place, mode: Mode) -> None:
    rows = place.rows()
    (place.source / "a.jpg").write_bytes(b"longer")
    os.utime(place.source / "sub" / "b.jpg", ns=(1, 1))
    for status, reason in place.store(mode, rows):
        assert status == "failed"
        assert "changed since it was scanned" in reason
    assert read_tree(place.archive) == {}
    assert read_tree(place.source) == {"a.jpg": b"longer", "sub/b.jpg": b"bbb"}


@both_modes
def test_a_file_that_went_away_fails_its_row_alone(place: Place, mode: Mode) -> None:
    rows = place.rows()
    os.unlink(place.source / "a.jpg")
    failed, stored = place.store(mode, rows)
    assert failed[0] == "failed"
    assert "No such file" in failed[1]
    assert stored == DONE[mode]


@both_modes
@pytest.mark.parametrize(("stranger", "status"), [(b"aaa", "already_archived"), (b"xxx", "failed"), (b"", "failed")])
def test_a_file_that_appeared_at_the_destination_is_never_replaced(
    place: Place, mode: Mode, stranger: bytes, status: str
) -> None:
    write_tree(place.archive, {"2019/a.jpg": stranger})
    assert place.store(mode, [place.row("a.jpg")])[0][0] == status
    assert read_tree(place.archive) == {"2019/a.jpg": stranger}
    assert (place.source / "a.jpg").read_bytes() == b"aaa"


@both_modes
def test_a_stop_leaves_no_half_file(place: Place, mode: Mode) -> None:
    executor = CopyExecutor(disk_access(Monitor(stop=lambda: True)), mode=mode, jobs=1)
    with pytest.raises(Interrupted):
        executor.apply_batch(place.rows())
    assert read_tree(place.archive) == {}
    assert read_tree(place.source) == {"a.jpg": b"aaa", "sub/b.jpg": b"bbb"}


def stored_by_the_killed_run(row: ReportRow) -> None:
    os.link(row.source_path, row.destination_path + ".x")
    Path(row.destination_path).write_bytes(Path(row.source_path).read_bytes())
    os.unlink(row.destination_path + ".x")


def set_aside(row: ReportRow) -> None:
    os.rename(row.source_path, set_aside_name(row.source_path, row.run_id, row.row_id))


def parked_behind_a_copy(row: ReportRow) -> None:
    stored_by_the_killed_run(row)
    set_aside(row)


def renamed(row: ReportRow) -> None:
    os.rename(row.source_path, row.destination_path)


KILLED_AT = {
    Mode.COPY: [stored_by_the_killed_run],
    Mode.MOVE: [stored_by_the_killed_run, set_aside, parked_behind_a_copy, renamed],
}


@pytest.mark.parametrize(("mode", "left"), [(mode, left) for mode, acts in KILLED_AT.items() for left in acts])
def test_a_batch_given_again_finishes_what_a_killed_run_left(
    place: Place, mode: Mode, left: Callable[[ReportRow], None]
) -> None:
    rows = place.rows()
    (place.archive / "2019").mkdir()
    left(rows[0])
    assert place.store(mode, rows, is_retry=True) == [DONE[mode]] * 2
    assert read_tree(place.archive) == {"2019/a.jpg": b"aaa", "2019/b.jpg": b"bbb"}
    assert read_tree(place.source) == ({"a.jpg": b"aaa", "sub/b.jpg": b"bbb"} if mode == Mode.COPY else {})


def named_by_another(place: Place, rows: list[ReportRow]) -> list[ReportRow]:
    write_tree(place.archive, {"2019/a.jpg": b"somebody else's"})
    return rows


def edited(place: Place, rows: list[ReportRow]) -> list[ReportRow]:
    os.utime(place.source / "a.jpg", ns=(0, 0))
    return rows


def said_to_be_archived(place: Place, rows: list[ReportRow]) -> list[ReportRow]:
    return [rows[0]._replace(status="already_archived"), rows[1]]


def failed_in_the_plan(place: Place, rows: list[ReportRow]) -> list[ReportRow]:
    return [rows[0]._replace(status="failed", reason="failed already when the report was made"), rows[1]]


@both_modes
@pytest.mark.parametrize("spoil", [named_by_another, edited, said_to_be_archived, failed_in_the_plan])
@pytest.mark.parametrize("order", [1, -1], ids=["photo first", "companion first"])
def test_a_companion_goes_nowhere_without_its_photo(
    place: Place, mode: Mode, spoil: Callable[[Place, list[ReportRow]], list[ReportRow]], order: int
) -> None:
    """It would stand beside somebody else's photo, and what it says of the date would be taken from its own."""
    group = [place.row("a.jpg", 1), place.row("sub/b.jpg", 2)._replace(group_id=1)]
    before = read_tree(place.source)
    [photo, companion] = sorted(place.store(mode, spoil(place, group)[::order]), key=lambda row: "goes with" in row[1])
    assert photo[0] == "failed"
    assert companion == ("failed", "goes with a.jpg, which failed")
    assert read_tree(place.source) == before
    assert "2019/b.jpg" not in read_tree(place.archive)


@both_modes
def test_a_companion_goes_where_its_photo_was_stored_before(place: Place, mode: Mode) -> None:
    write_tree(place.archive, {"2019/a.jpg": b"aaa"})
    group = [place.row("a.jpg", 1)._replace(status="already_archived"), place.row("sub/b.jpg", 2)._replace(group_id=1)]
    assert place.store(mode, group) == [("already_archived", ""), DONE[mode]]


def test_a_companion_of_a_duplicate_goes_along_in_the_batch_of_the_first(place: Place) -> None:
    first, double = place.row("a.jpg", 1), place.row("a.jpg", 2)._replace(status="duplicate")
    companion = place.row("sub/b.jpg", 3)._replace(group_id=2)
    assert [status for status, _ in place.store(Mode.COPY, [first, double, companion])] == [
        "copied",
        "duplicate",
        "copied",
    ]


def test_a_duplicate_counts_only_when_what_it_repeats_is_stored(place: Place) -> None:
    write_tree(place.archive, {"2019/there.jpg": b"aaa"})
    there, gone = str(place.archive / "2019" / "there.jpg"), str(place.archive / "2019" / "gone.jpg")
    row = place.row("a.jpg")
    edited = row._replace(source_mtime="0")
    rows = [
        row._replace(row_id=1, status="copied", destination_path=there),
        row._replace(row_id=2, status="duplicate", destination_path=there, reason="same content as row 1"),
        row._replace(row_id=3, status="failed", destination_path=gone, reason="cannot read"),
        row._replace(row_id=4, status="duplicate", destination_path=gone, reason="same content as row 3"),
        row._replace(row_id=5, status="skipped", reason="no media"),
        row._replace(row_id=6, status="already_archived", destination_path=there),
        row._replace(row_id=7, status="already_archived", destination_path=there, size_bytes=2),
        edited._replace(row_id=8, status="duplicate", destination_path=there, reason="same content as row 1"),
        edited._replace(row_id=9, status="already_archived", destination_path=there),
    ]
    statuses = ["copied", "duplicate", "failed", "failed", "skipped", "already_archived", "failed", "failed", "failed"]
    checked = fail_duplicates_of_failed(rows)
    assert [row.status for row in checked] == statuses
    assert "row 3" in checked[3].reason
    assert "not stored" in checked[6].reason
    assert {row.reason for row in checked[7:]} == {"changed since it was scanned; organize again"}


def test_a_killed_move_is_not_believed_where_the_archive_holds_other_bytes_by_now(place: Place) -> None:
    """Of the same size, but not the content that was planned: a new hash must never become the truth."""
    planned = place.row("a.jpg")._replace(sha256=hashlib.sha256(b"aaa").hexdigest())
    write_tree(place.archive, {"2019/a.jpg": b"xxx"})
    os.unlink(place.source / "a.jpg")
    [(status, reason)] = place.store(Mode.MOVE, [planned], is_retry=True)
    assert status == "failed"
    assert "another file stands at its destination" in reason


@both_modes
@pytest.mark.parametrize("folder", [".media-archive.lock/2019", "d" * 256])
def test_a_folder_that_cannot_be_fails_its_rows_alone(place: Place, mode: Mode, folder: str) -> None:
    write_tree(place.archive, {".media-archive.lock": b""})
    row = place.row("a.jpg")._replace(destination_path=str(place.archive / folder / "a.jpg"))
    (status, reason), other = place.store(mode, [row, place.row("sub/b.jpg", 2)])
    assert status == "failed"
    assert "cannot make" in reason
    assert other[0] != "failed"


@both_modes
def test_a_name_too_long_fails_again_and_again_and_stops_nothing(place: Place, mode: Mode) -> None:
    row = place.row("a.jpg")._replace(destination_path=str(place.archive / "2019" / ("n" * 256)))
    for again in (False, True):
        assert place.store(mode, [row], again)[0][0] == "failed"
    assert (place.source / "a.jpg").read_bytes() == b"aaa"

"""Where files go in the archive: duplicates, collisions, one name for a group, and the same answer every time."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from common.dates.model import Dated
from common.manifests.rows import ReportRow
from common.organize.destinations import DestinationPlanner
from common.organize.duplicates import DuplicateIndex, IndexedFile
from common.organize.grouping import MediaGroup
from common.organize.naming import CountedPlaces, NameRegistry, companion_name
from common.organize.scan import FoundFile, NotScanned


def digits(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


class Desk:
    """A source to make files in, an archive that may hold some already, and a planner over both."""

    def __init__(self, root: Path, keep_duplicates: bool = False) -> None:
        self.source, self.year = root / "source", root / "archive" / "2019"
        for folder in (self.source, self.year):
            folder.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.keep_duplicates = keep_duplicates
        self.rows = 0
        self.begin()

    def begin(self) -> None:
        """A new run over the archive as it is now."""
        self.names, self.contents = NameRegistry(), DuplicateIndex(lambda _path, _error: None)
        for path in sorted(self.year.iterdir()):
            self.names.add_existing(str(self.year), path.name)
            self.contents.add(path.stat().st_size, IndexedFile(str(self.year), path.name))
        self.planner = DestinationPlanner(
            duplicates=self.contents,
            uncounted=DuplicateIndex(lambda _path, _error: None),
            places=CountedPlaces(str(self.root / "archive"), "%Y", frozenset()),
            names=self.names,
            run_id="a run",
            source_root=str(self.source),
            archive_root=str(self.root / "archive"),
            archive_id="an archive",
            keep_duplicates=self.keep_duplicates,
        )

    def archive(self, name: str, data: bytes) -> None:
        (self.year / name).write_bytes(data)

    def group(self, folder: str, files: dict[str, bytes]) -> MediaGroup:
        """Files that belong together, the primary first."""
        (self.source / folder).mkdir(exist_ok=True)
        dated = Dated(str(self.year), "2019-07-14T10:30:00", "exif:DateTimeOriginal", "")
        found = []
        for name, data in files.items():
            path = self.source / folder / name
            path.write_bytes(data)
            found.append(FoundFile(str(path.parent), name, len(data), path.stat().st_mtime_ns))
        row_id = self.rows + 1
        self.rows += len(found)
        return MediaGroup(found[0], tuple(found[1:]), dated=dated, row_id=row_id)

    def plan(self, folder: str, files: dict[str, bytes]) -> list[tuple[str, str]]:
        """Status and new name of each file of a group, the primary first."""
        return told(self.planner.plan(self.group(folder, files)))

    def carry_out(self, folder: str, files: dict[str, bytes]) -> list[ReportRow]:
        rows = self.planner.plan(self.group(folder, files))
        for row in rows:
            if row.status == "planned":
                Path(row.destination_path).write_bytes(Path(row.source_path).read_bytes())
        return rows


def told(rows: Sequence[ReportRow]) -> list[tuple[str, str]]:
    return [(row.status, os.path.basename(row.destination_path)) for row in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_file_keeps_its_name(desk: Desk) -> None:
    assert desk.plan("x", {"a.jpg": b"a"}) == [("planned", "a.jpg")]


def test_another_content_of_the_same_name_gets_eight_digits_of_its_hash(desk: Desk) -> None:
    desk.plan("x", {"a.jpg": b"one"})
    assert desk.plan("y", {"a.jpg": b"two"}) == [("planned", f"a~{digits(b'two')}.jpg")]


@pytest.mark.parametrize(
    "name", ["A.JPG", "a.JPG", unicodedata.normalize("NFD", "é.jpg"), unicodedata.normalize("NFD", "É.JPG")]
)
def test_a_name_that_differs_by_case_or_unicode_form_is_the_same_name(desk: Desk, name: str) -> None:
    desk.plan("x", {"a.jpg": b"one"})
    desk.plan("x", {"é.jpg": b"six"})
    [(status, new_name)] = desk.plan("y", {name: b"two"})
    assert (status, new_name) == ("planned", f"{os.path.splitext(name)[0]}~{digits(b'two')}{os.path.splitext(name)[1]}")


def test_names_and_suffixes_do_not_depend_on_the_archive_having_been_there_before(desk: Desk) -> None:
    desk.archive("a.jpg", b"one")
    desk.begin()
    assert desk.plan("y", {"a.jpg": b"two"}) == [("planned", f"a~{digits(b'two')}.jpg")]


def test_when_even_the_suffixed_name_is_taken_the_suffix_grows(desk: Desk) -> None:
    desk.archive("a.jpg", b"one")
    desk.archive(f"a~{digits(b'two')}.jpg", b"strange")
    desk.begin()
    longer = hashlib.sha256(b"two").hexdigest()[:16]
    assert desk.plan("y", {"a.jpg": b"two"}) == [("planned", f"a~{longer}.jpg")]


def test_the_same_content_is_stored_once_and_says_which_row_it_repeats(desk: Desk) -> None:
    desk.plan("x", {"a.jpg": b"same"})
    row = desk.planner.plan(desk.group("y", {"b.jpg": b"same"}))[0]
    assert told([row]) == [("duplicate", "a.jpg")]
    assert row.reason == "same content as row 1"
    assert row.sha256 == hashlib.sha256(b"same").hexdigest()


def test_what_is_in_the_archive_under_any_name_is_already_archived(desk: Desk) -> None:
    desk.archive("other.jpg", b"same")
    desk.begin()
    assert desk.plan("x", {"a.jpg": b"same"}) == [("already_archived", "other.jpg")]


def test_nothing_repeats_a_row_that_could_not_be_stored(desk: Desk) -> None:
    row = desk.planner.plan(desk.group("x", {"a.jpg": b"same"}))[0]
    desk.contents.exclude_row(row.row_id)
    assert desk.plan("y", {"b.jpg": b"same"}) == [("planned", "b.jpg")]


def test_kept_duplicates_are_numbered_and_counted_from_what_is_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path, keep_duplicates=True)
    first = digits(b"same")
    names = [name for folder in "uvwxy" for _, name in desk.plan(folder, {"a.jpg": b"same"})]
    whole = hashlib.sha256(b"same").hexdigest()
    assert names == ["a.jpg", f"a~{first}.jpg", f"a~{whole[:16]}.jpg", f"a~{whole}.jpg", f"a~{first}-2.jpg"]


GROUP = {"IMG_1.HEIC": b"still", "IMG_1.MOV": b"movie", "IMG_1.HEIC.xmp": b"sidecar"}


def require_case(folder: Path) -> None:
    (folder / "PROBE").touch()
    if (folder / "probe").exists():
        pytest.skip("this file system ignores case: run the tests where names differ by case")


@pytest.mark.parametrize(("there", "name"), [("A.JPG", "a.jpg"), ("cafe\u0301.jpg", "caf\u00e9.jpg")])
def test_what_is_archived_in_another_case_or_unicode_form_is_named_as_it_stands_there(
    tmp_path: Path, there: str, name: str
) -> None:
    require_case(tmp_path)
    desk = Desk(tmp_path, keep_duplicates=True)
    desk.archive(there, b"a")
    desk.archive(f"{os.path.splitext(there)[0]}.xmp", b"of a")
    desk.begin()
    companion = f"{os.path.splitext(name)[0]}.xmp"
    assert desk.plan("x", {name: b"a", companion: b"of a"}) == [
        ("already_archived", there),
        ("already_archived", f"{os.path.splitext(there)[0]}.xmp"),
    ]
    again = desk.plan("y", {name: b"a"})
    assert again == [("planned", f"{os.path.splitext(name)[0]}~{digits(b'a')}.jpg")]


def test_among_several_names_that_fold_alike_the_one_with_the_content_is_found(tmp_path: Path) -> None:
    require_case(tmp_path)
    desk = Desk(tmp_path, keep_duplicates=True)
    desk.archive("A.JPG", b"other")
    desk.archive("A.jpg", b"a")
    desk.begin()
    assert desk.plan("x", {"a.jpg": b"a"}) == [("already_archived", "A.jpg")]


def test_a_group_goes_under_one_suffix(desk: Desk) -> None:
    desk.plan("x", {"IMG_1.HEIC": b"other"})
    suffix = digits(b"still")
    assert desk.plan("y", GROUP) == [
        ("planned", f"IMG_1~{suffix}.HEIC"),
        ("planned", f"IMG_1~{suffix}.MOV"),
        ("planned", f"IMG_1~{suffix}.HEIC.xmp"),
    ]


def test_a_companion_whose_name_is_taken_gives_the_whole_group_its_suffix(desk: Desk) -> None:
    desk.plan("x", {"IMG_1.MOV": b"other movie"})
    suffix = digits(b"still")
    assert [name for _, name in desk.plan("y", GROUP)][:2] == [f"IMG_1~{suffix}.HEIC", f"IMG_1~{suffix}.MOV"]


def test_a_whole_group_that_comes_again_is_a_duplicate_with_its_companions(desk: Desk) -> None:
    desk.carry_out("x", GROUP)
    assert desk.plan("y", GROUP) == [
        ("duplicate", "IMG_1.HEIC"),
        ("duplicate", "IMG_1.MOV"),
        ("duplicate", "IMG_1.HEIC.xmp"),
    ]


def test_other_edits_of_a_photo_that_is_stored_are_stored_beside_it(desk: Desk) -> None:
    desk.carry_out("x", GROUP)
    assert desk.plan("y", {**GROUP, "IMG_1.HEIC.xmp": b"later edits"})[2] == (
        "planned",
        f"IMG_1.HEIC~{digits(b'later edits')}.xmp",
    )


def test_sidecars_of_two_photos_are_both_stored_though_they_hold_the_same_bytes(desk: Desk) -> None:
    assert desk.plan("x", {"a.jpg": b"a", "a.jpg.xmp": b"<xmp/>"})[1] == ("planned", "a.jpg.xmp")
    assert desk.plan("x", {"b.jpg": b"b", "b.jpg.xmp": b"<xmp/>"})[1] == ("planned", "b.jpg.xmp")


def test_a_second_run_over_what_the_first_stored_stores_nothing(desk: Desk) -> None:
    everything = {
        "x": GROUP,
        "y": {"IMG_1.HEIC": b"another still"},
        "z": {"img_1.heic": b"a third", "img_1.mov": b"its movie"},
        "empty": {"nothing.jpg": b""},
    }
    for folder, files in everything.items():
        desk.carry_out(folder, files)
    before = sorted(path.name for path in desk.year.iterdir())
    assert len(before) == sum(map(len, everything.values()))
    desk.begin()
    for folder, files in everything.items():
        assert {row.status for row in desk.carry_out(folder, files)} == {"already_archived"}
    assert sorted(path.name for path in desk.year.iterdir()) == before


def test_what_comes_twice_is_stored_once_in_either_order(tmp_path: Path) -> None:
    groups = {"x": {"a.jpg": b"one"}, "y": {"a.jpg": b"two"}, "z": {"a.jpg": b"one"}}
    stored = []
    for number, order in enumerate(("xyz", "zyx")):
        desk = Desk(tmp_path / str(number))
        for folder in order:
            desk.carry_out(folder, groups[folder])
        stored.append({path.name: path.read_bytes() for path in desk.year.iterdir()})
    assert stored[0] == stored[1] == {"a.jpg": b"one", f"a~{digits(b'two')}.jpg": b"two"}


def test_a_file_that_cannot_be_read_fails_and_takes_its_companions_along(desk: Desk) -> None:
    desk.plan("x", {"IMG_1.HEIC": b"other"})
    group = desk.group("y", GROUP)
    os.unlink(group.primary.path)
    rows = desk.planner.plan(group)
    assert [row.status for row in rows] == ["failed"] * 3
    assert rows[0].reason == "cannot read: No such file or directory"
    assert rows[1].reason == "goes with IMG_1.HEIC, which failed"


def test_rows_of_an_unfinished_report_count_as_if_they_had_just_been_planned(desk: Desk) -> None:
    row = desk.planner.plan(desk.group("x", {"a.jpg": b"one"}))[0]
    desk.begin()
    desk.planner.add_recorded(row._replace(status="copied"))
    assert desk.plan("y", {"a.jpg": b"two"}) == [("planned", f"a~{digits(b'two')}.jpg")]
    assert desk.plan("z", {"b.jpg": b"one"}) == [("duplicate", "a.jpg")]


@pytest.mark.parametrize(("failed", "status"), [(True, "failed"), (False, "skipped")])
def test_what_is_no_file_becomes_a_row_with_its_reason(desk: Desk, failed: bool, status: str) -> None:
    row = desk.planner.unscanned(NotScanned(str(desk.source / "link"), "symbolic link", failed), 7)
    assert (row.row_id, row.status, row.reason) == (7, status, "symbolic link")
    assert (row.source_path, row.destination_path) == (str(desk.source / "link"), "")


@pytest.mark.parametrize(
    ("companion", "expected"),
    [
        ("IMG_1.MOV", "IMG_1~0a1b2c3d.MOV"),
        ("img_1.mov", "IMG_1~0a1b2c3d.mov"),
        ("IMG_1.jpg.xmp", "IMG_1~0a1b2c3d.jpg.xmp"),
        ("IMG_1.JPG.json", "IMG_1~0a1b2c3d.jpg.json"),
        ("IMG_O1.aae", "IMG_O1~0a1b2c3d.aae"),
    ],
)
def test_what_a_companion_has_in_common_with_its_primary_changes_alike(companion: str, expected: str) -> None:
    assert companion_name(companion, "IMG_1.jpg", "IMG_1~0a1b2c3d.jpg", "0a1b2c3d") == expected
    assert companion_name(companion, "IMG_1.jpg", "IMG_1.jpg", "") == companion


def test_a_long_name_leaves_room_for_that_of_its_companion(desk: Desk) -> None:
    """A name has 255 bytes at most, and the photo and its sidecar are to have one stem."""
    long = "N" * 246
    desk.plan("a", {f"{long}.jpg": b"one"})
    photo, sidecar = desk.plan("b", {f"{long}.jpg": b"another", f"{long}.jpg.xmp": b"<x/>"})
    assert sidecar == ("planned", f"{photo[1]}.xmp")
    assert len(sidecar[1]) == 255
    assert digits(b"another") in photo[1]


def test_a_folder_under_the_name_of_a_photo_is_no_copy_of_it_whatever_its_size(desk: Desk) -> None:
    (desk.year / "a.jpg").mkdir()
    size = (desk.year / "a.jpg").stat().st_size
    desk.begin()
    [(status, name)] = desk.plan("a", {"a.jpg": b"x" * size})
    assert (status, name) == ("planned", f"a~{digits(b'x' * size)}.jpg")


@pytest.mark.parametrize(
    ("year", "source", "told"),
    [
        ("2018", "filename", "by filename it would go to 2018, and row 1 of this content is in 2019"),
        ("2014", "sidecar:photoTakenTime", "by sidecar:photoTakenTime it would go to 2014"),
        ("2019", "filename", ""),
        ("2024", "filesystem:mtime", ""),
    ],
)
def test_a_duplicate_whose_name_or_companion_tells_another_year_is_to_be_looked_at(
    desk: Desk, year: str, source: str, told: str
) -> None:
    desk.plan("backup", {"untitled.jpg": b"photo"})
    group = desk.group("phone", {"IMG.jpg": b"photo"})
    [row] = desk.planner.plan(group._replace(dated=Dated(year, f"{year}-01-01", source, "")))
    assert row.status == "duplicate"
    assert row.review.startswith(told) if told else not row.review, row.review

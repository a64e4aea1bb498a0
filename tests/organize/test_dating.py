"""When a group was taken: whose evidence is heard, in which order, and who is asked when there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.dates.choose import Rules
from common.dates.model import Candidate, Choice, Clock, Reading, Source
from common.errors import RowFailed
from common.organize.dating import Dater
from common.organize.grouping import MediaGroup
from common.organize.scan import FoundFile
from tests.dates import sample_files as make
from tests.support.media import jpeg, mp4
from tests.support.trees import MTIME, write_tree

ALL = tuple(Source)
MORNING, EVENING = datetime(2019, 7, 14, 10, 30), datetime(2019, 7, 14, 20, 15)
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2011-03-04T05:06:07"/>
</rdf:RDF></x:xmpmeta>"""


class Librarian:
    """Who is asked where our own readers find nothing: remembers the questions, and answers as told."""

    def __init__(self, answers: Mapping[str, Reading] | None = None) -> None:
        self.asked: list[str] = []
        self.answers = answers or {}

    def ask(self, path: str) -> Reading:
        name = os.path.basename(path)
        self.asked.append(name)
        return self.answers.get(name, Reading())


class Group:
    """Files in a folder: the first is the primary, the others go with it."""

    def __init__(self, folder: Path, files: Mapping[str, bytes], order: tuple[Source, ...] = ALL) -> None:
        write_tree(folder, files)
        self.files = [
            FoundFile(str(folder), name, len(data), os.stat(folder / name).st_mtime_ns) for name, data in files.items()
        ]
        self.order = order
        self.librarian = Librarian()

    def date(self, shared_sidecar: str = "") -> Choice:
        dater = Dater(Rules(self.order, UTC, datetime.now(UTC)), self.librarian.ask)
        return dater.date(MediaGroup(self.files[0], tuple(self.files[1:]), shared_sidecar=shared_sidecar))


def test_a_photo_with_a_date_is_dated_by_it_and_nobody_is_asked(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": jpeg(MORNING)})
    choice = group.date()
    assert (choice.moment, choice.tag) == (MORNING, "exif:DateTimeOriginal")
    assert group.librarian.asked == []


def test_the_primary_is_heard_before_its_companions(tmp_path: Path) -> None:
    group = Group(tmp_path, {"IMG_1.jpg": jpeg(MORNING), "IMG_1.mp4": mp4(EVENING)})
    assert group.date().moment == MORNING


def test_a_primary_without_a_date_is_dated_by_its_movie(tmp_path: Path) -> None:
    group = Group(tmp_path, {"IMG_1.jpg": jpeg(None), "IMG_1.mp4": mp4(EVENING)})
    choice = group.date()
    assert choice.moment == EVENING.replace(tzinfo=UTC)
    assert group.librarian.asked == ["IMG_1.jpg"]


@pytest.mark.parametrize("shared", [False, True])
def test_a_sidecar_dates_what_says_nothing_itself_whether_its_own_or_shared(tmp_path: Path, shared: bool) -> None:
    write_tree(tmp_path, {"a.xmp": XMP})
    group = Group(tmp_path, {"a.jpg": jpeg(None)} if shared else {"a.jpg": jpeg(None), "a.xmp": XMP})
    choice = group.date(str(tmp_path / "a.xmp") if shared else "")
    assert choice.moment == datetime(2011, 3, 4, 5, 6, 7)


def test_the_order_of_sources_is_the_users(tmp_path: Path) -> None:
    files = {"20150102_030405.jpg": jpeg(MORNING), "20150102_030405.xmp": XMP}
    years = {
        ALL: 2019,
        (Source.SIDECAR, Source.METADATA): 2011,
        (Source.FILENAME, Source.METADATA): 2015,
        (Source.FILESYSTEM,): MTIME.year,
    }
    for order, year in years.items():
        moment = Group(tmp_path, files, order).date().moment
        assert moment
        assert moment.year == year, order


def test_without_metadata_among_the_sources_no_file_is_opened_for_it(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": b"no photo at all"}, (Source.FILENAME, Source.FILESYSTEM))
    assert group.date().tag == "filesystem:mtime"
    assert group.librarian.asked == []


def test_the_answer_of_who_was_asked_counts_as_metadata(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": jpeg(None)})
    found = Candidate(Source.METADATA, "pillow:DateTimeOriginal", "2003", datetime(2003, 2, 1), Clock.LOCAL, rank=0)
    group.librarian = Librarian({"a.jpg": Reading((found,))})
    assert group.date().tag == "pillow:DateTimeOriginal"


def test_a_tool_that_failed_is_told_of_where_only_weak_evidence_was_left(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": b"no photo at all"})
    group.librarian = Librarian({"a.jpg": Reading(problem="the tool crashed")})
    choice = group.date()
    assert choice.tag == "filesystem:mtime"
    assert "the tool crashed" in choice.review


def test_a_sidecar_that_cannot_be_read_leaves_a_photo_without_a_date_of_its_own_undecided(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": jpeg(None), "a.jpg.json": b"{}"})
    os.unlink(tmp_path / "a.jpg.json")
    with pytest.raises(RowFailed, match=r"a\.jpg\.json: cannot read"):
        group.date()


def test_a_sidecar_that_cannot_be_read_does_not_matter_to_a_photo_with_a_date(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": jpeg(MORNING), "a.jpg.json": b"{}"})
    os.unlink(tmp_path / "a.jpg.json")
    assert group.date().moment == MORNING


EDITED_IN_2020 = make.jpeg(make.exif_segment(make.tiff({make.DATE_TIME: "2020:01:01 10:00:00"})))


@pytest.mark.parametrize("photo", [jpeg(None), EDITED_IN_2020], ids=["no date", "the date of an edit"])
def test_a_raw_that_cannot_be_read_leaves_its_photo_undecided_but_by_a_date_as_good(
    tmp_path: Path, photo: bytes
) -> None:
    group = Group(tmp_path, {"a.jpg": photo, "a.dng": b""})
    os.unlink(tmp_path / "a.dng")
    with pytest.raises(RowFailed, match=r"a\.dng: it can't be opened"):
        group.date()
    good = Group(tmp_path, {"b.jpg": jpeg(MORNING), "b.dng": b""})
    os.unlink(tmp_path / "b.dng")
    assert good.date().moment == MORNING


def test_a_tool_that_failed_is_not_told_of_where_a_good_date_was_found(tmp_path: Path) -> None:
    group = Group(tmp_path, {"a.jpg": jpeg(None), "a.xmp": XMP})
    group.librarian = Librarian({"a.jpg": Reading(problem="the tool crashed")})
    assert "crashed" not in group.date().review


def test_a_photo_that_cannot_be_read_is_not_dated_by_its_name_or_time(tmp_path: Path) -> None:
    group = Group(tmp_path, {"20150102_030405.jpg": jpeg(MORNING), "20150102_030405.xmp": XMP})
    os.unlink(group.files[0].path)
    with pytest.raises(RowFailed, match=r"^it can't be opened: No such file"):
        group.date()


@pytest.mark.parametrize(
    ("movie", "doubt"),
    [
        (datetime(2022, 8, 5, 16, 21), "exif:DateTimeOriginal says 2019, but IMG_1.mov says 2022"),
        (datetime(2019, 7, 14, 8, 30), ""),  # the same moment, in UTC
        (datetime(2019, 12, 1), ""),
    ],
)
def test_a_movie_of_another_year_beside_a_photo_is_worth_a_look(tmp_path: Path, movie: datetime, doubt: str) -> None:
    """A camera whose counter began anew gives a movie the name of an old photo."""
    choice = Group(tmp_path, {"IMG_1.jpg": jpeg(MORNING), "IMG_1.mov": mp4(movie)}).date()
    assert (choice.moment, choice.review) == (MORNING, doubt)


def test_a_live_photo_of_new_years_night_is_of_one_year(tmp_path: Path) -> None:
    """The movie tells UTC: still the old year in the west, already the new one in the east."""
    for photo, movie in (
        (datetime(2019, 12, 31, 20, 0), datetime(2020, 1, 1, 1, 0)),
        (datetime(2020, 1, 1, 6, 0), datetime(2019, 12, 31, 21, 0)),
    ):
        group = Group(tmp_path / str(photo.year), {"IMG_1.jpg": jpeg(photo), "IMG_1.mov": mp4(movie)})
        assert group.date().review == ""

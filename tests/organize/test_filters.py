"""Which groups of a scan are taken, and the words for those that are left out."""

from __future__ import annotations

from datetime import date

import pytest

from common.dates.model import Dated
from common.organize.filters import MediaFilter, date_skip_reason, skip_reason
from common.organize.grouping import media_groups
from common.organize.model import FolderScan, FoundFile, MediaGroup

ALL = MediaFilter("both", (), None, None)
IN_2019 = MediaFilter("both", (), date(2019, 1, 1), date(2019, 12, 31))


def found(name: str, orphan: bool = False) -> MediaGroup:
    return MediaGroup(FoundFile("/photos", name, 1, 0), (), orphan, "")


def dated(day: str) -> Dated:
    return Dated(day[:4], f"{day}T23:59:59+14:00" if day else "", "exif:DateTimeOriginal", "")


@pytest.mark.parametrize(
    ("name", "selection", "reason"),
    [
        ("a.JPG", ALL, ""),
        ("a.mov", ALL, ""),
        ("a.txt", ALL, "not a media type (.txt)"),
        ("README", ALL, "not a media type (no extension)"),
        ("a.jpg", MediaFilter("images", (), None, None), ""),
        ("a.mov", MediaFilter("images", (), None, None), "--media-kind is images"),
        ("a.jpg", MediaFilter("videos", (), None, None), "--media-kind is videos"),
        ("a.jpg", MediaFilter("both", (".png",), None, None), "type .jpg is not among --types"),
        ("a.PNG", MediaFilter("both", (".png",), None, None), ""),
        (
            ".media-removing-x",
            ALL,
            "left by an interrupted run; run the command that was interrupted again",
        ),
    ],
)
def test_the_name_alone_tells_why_a_group_is_left_out(name: str, selection: MediaFilter, reason: str) -> None:
    assert skip_reason(found(name), selection) == reason


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2019-01-01", ""),
        ("2019-12-31", ""),
        ("2018-12-31", "taken on 2018-12-31, before --date-from"),
        ("2020-01-01", "taken on 2020-01-01, after --date-to"),
        ("", "no believable date, and a date range was asked for"),
    ],
)
def test_both_days_of_a_range_belong_to_it_by_the_clock_of_the_photographer(day: str, reason: str) -> None:
    assert date_skip_reason(IN_2019, dated(day)) == reason
    assert date_skip_reason(ALL, dated(day)) == ""


def test_a_companion_alone_is_left_out_and_said_so() -> None:
    assert skip_reason(found("a.xmp", orphan=True), ALL) == "a companion without its photo or video"


def test_a_group_holds_the_files_of_its_folder() -> None:
    files = tuple(FoundFile("/photos", name, 1, 0) for name in ("a.jpg", "a.xmp", "b.txt"))
    groups = list(media_groups(FolderScan("/photos", files, ())))
    assert [(group.primary.name, [file.name for file in group.companions]) for group in groups] == [
        ("a.jpg", ["a.xmp"]),
        ("b.txt", []),
    ]

"""Which groups of a scan are taken, and the words for those that are left out."""

from __future__ import annotations

from datetime import date

import pytest

from common.dates.model import Dated
from common.organize.filters import Found, Selection, groups_of, why_not_of_these_days, why_skipped
from common.organize.scan import FolderScan, FoundFile

ALL = Selection("both", (), None, None)
IN_2019 = Selection("both", (), date(2019, 1, 1), date(2019, 12, 31))


def found(name: str, orphan: bool = False) -> Found:
    return Found(FoundFile("/photos", name, 1, 0), (), orphan, "")


def dated(day: str) -> Dated:
    return Dated(day[:4], f"{day}T23:59:59+14:00" if day else "", "exif:DateTimeOriginal", "")


@pytest.mark.parametrize(
    ("name", "selection", "reason"),
    [
        ("a.JPG", ALL, ""),
        ("a.mov", ALL, ""),
        ("a.txt", ALL, "not a media type (.txt)"),
        ("README", ALL, "not a media type (no extension)"),
        ("a.jpg", Selection("images", (), None, None), ""),
        ("a.mov", Selection("images", (), None, None), "--media-kind is images"),
        ("a.jpg", Selection("videos", (), None, None), "--media-kind is videos"),
        ("a.jpg", Selection("both", (".png",), None, None), "type .jpg is not among --types"),
        ("a.PNG", Selection("both", (".png",), None, None), ""),
        (
            ".media-removing-x",
            ALL,
            "left by an interrupted run; run the command that was interrupted again",
        ),
    ],
)
def test_the_name_alone_tells_why_a_group_is_left_out(name: str, selection: Selection, reason: str) -> None:
    assert why_skipped(found(name), selection) == reason


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
    assert why_not_of_these_days(IN_2019, dated(day)) == reason
    assert why_not_of_these_days(ALL, dated(day)) == ""


def test_a_companion_alone_is_left_out_and_said_so() -> None:
    assert why_skipped(found("a.xmp", orphan=True), ALL) == "a companion without its photo or video"


def test_a_group_holds_the_files_of_its_folder() -> None:
    files = tuple(FoundFile("/photos", name, 1, 0) for name in ("a.jpg", "a.xmp", "b.txt"))
    groups = list(groups_of(FolderScan("/photos", files, ())))
    assert [(group.primary.name, [file.name for file in group.companions]) for group in groups] == [
        ("a.jpg", ["a.xmp"]),
        ("b.txt", []),
    ]

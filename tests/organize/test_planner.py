"""Which groups of a scan are taken, and the words for those that are left out."""

from __future__ import annotations

import pytest

from common.dates.model import Dated
from common.organize.config import Options, parse_options
from common.organize.grouping import MediaGroup, media_groups
from common.organize.planner import date_skip_reason, skip_reason
from common.organize.scan import FolderScan, FoundFile
from organize_media_by_date import command_line


def options(*line: str) -> Options:
    """The options of a command line."""
    return parse_options(command_line(), ["--source", "/photos", "--destination-root", "/archive", *line])


ALL = options()
IN_2019 = options("--date-from", "2019-01-01", "--date-to", "2019-12-31")


def found(name: str, is_orphan: bool = False) -> MediaGroup:
    return MediaGroup(FoundFile("/photos", name, 1, 0), is_orphan=is_orphan)


def dated(day: str) -> Dated:
    return Dated(day[:4], f"{day}T23:59:59+14:00" if day else "", "exif:DateTimeOriginal", "")


@pytest.mark.parametrize(
    ("name", "chosen", "reason"),
    [
        ("a.JPG", ALL, ""),
        ("a.mov", ALL, ""),
        ("a.txt", ALL, "not a media type (.txt)"),
        ("README", ALL, "not a media type (no extension)"),
        ("a.jpg", options("--media-kind", "images"), ""),
        ("a.mov", options("--media-kind", "images"), "--media-kind is images"),
        ("a.jpg", options("--media-kind", "videos"), "--media-kind is videos"),
        ("a.jpg", options("--types", ".png"), "type .jpg is not among --types"),
        ("a.PNG", options("--types", ".png"), ""),
        (
            ".media-removing-x",
            ALL,
            "left by an interrupted run; run the command that was interrupted again",
        ),
    ],
)
def test_the_name_alone_tells_why_a_group_is_left_out(name: str, chosen: Options, reason: str) -> None:
    assert skip_reason(found(name), chosen) == reason


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
    assert date_skip_reason(dated(day), IN_2019) == reason
    assert date_skip_reason(dated(day), ALL) == ""


def test_a_companion_alone_is_left_out_and_said_so() -> None:
    assert skip_reason(found("a.xmp", is_orphan=True), ALL) == "a companion without its photo or video"


def test_a_group_holds_the_files_of_its_folder() -> None:
    files = tuple(FoundFile("/photos", name, 1, 0) for name in ("a.jpg", "a.xmp", "b.txt"))
    groups = list(media_groups(FolderScan("/photos", files, ())))
    assert [(group.primary.name, [file.name for file in group.companions]) for group in groups] == [
        ("a.jpg", ["a.xmp"]),
        ("b.txt", []),
    ]

"""The rules that other programs get wrong, one case each, and New Year as seen from five places.

The cases come from real files; here they stand as the evidence that the readers find in such files, or as real
names and companions. What a row expects is the date in the report, which evidence gave it, and whether a person
is asked to look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.dates.choose import Rules, choose, iso_text, offset_of_still
from common.dates.filename import candidates_from_name
from common.dates.filesystem import candidate_from_mtime
from common.dates.findings import CONTAINER, DIGITIZED, EDITED, ORIGINAL, SATELLITE, TEXT_CREATE, Findings
from common.dates.model import Candidate, Source
from common.dates.sidecar import candidates_from_sidecar
from common.dates.timezones import resolve_timezone
from tests.support.zones import in_zone

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ORDER = (Source.METADATA, Source.SIDECAR, Source.FILENAME, Source.FILESYSTEM)
COPIED_LATER = candidate_from_mtime(1_717_000_000_000_000_000)


def metadata(*written: tuple[str, str, int]) -> tuple[Candidate, ...]:
    """Tags as a reader finds them: name, text, rank. A text that ends in Z is an instant."""
    findings = Findings()
    for tag, text, rank in written:
        findings.add_text(tag, text, rank)
    return tuple(findings.candidates)


def original(text: str) -> tuple[str, str, int]:
    return ("exif:DateTimeOriginal", text, ORIGINAL)


def digitized(text: str) -> tuple[str, str, int]:
    return ("exif:DateTimeDigitized", text, DIGITIZED)


def edited(text: str) -> tuple[str, str, int]:
    return ("exif:DateTime", text, EDITED)


def apple(text: str) -> tuple[str, str, int]:
    return ("quicktime:creationdate", text, ORIGINAL)


def mvhd(text: str) -> tuple[str, str, int]:
    return ("quicktime:mvhd", text + "Z", CONTAINER)


@dataclass(frozen=True)
class Case:
    evidence: Sequence[Candidate]
    date: str
    tag: str
    review: str = ""


RULES = {
    "a slide of 1995 that was scanned in 2022 is of 1995": Case(
        metadata(original("1995:06:01 12:00:00"), digitized("2022:03:04 10:00:00")),
        "1995-06-01T12:00:00",
        "exif:DateTimeOriginal",
        "exif:DateTimeDigitized says 2022",
    ),
    "the oldest of all tags is not the date": Case(
        metadata(original("2019:07:14 10:30:00"), ("iptc:DateCreated", "20010101", 55)),
        "2019-07-14T10:30:00",
        "exif:DateTimeOriginal",
        "iptc:DateCreated says 2001",
    ),
    "one tag that can't be read does not end the search": Case(
        metadata(original("2019:99:99 10:30:00"), digitized("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTimeDigitized",
    ),
    "zeros fall through": Case(
        metadata(original("0000:00:00 00:00:00"), digitized("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTimeDigitized",
    ),
    "blanks fall through": Case(
        metadata(original("    :  :     :  :  "), digitized("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTimeDigitized",
    ),
    "a container's zero falls through to the name": Case(
        [*metadata(mvhd("1904-01-01 00:00:00")), *candidates_from_name("VID_20190714_103000.mp4")],
        "2019-07-14T10:30:00",
        "filename",
    ),
    "the zero of Unix time falls through to the name": Case(
        [*metadata(mvhd("1970-01-01 00:00:00")), *candidates_from_name("VID_20190714_103000.mp4")],
        "2019-07-14T10:30:00",
        "filename",
    ),
    "2036 falls through": Case(
        metadata(original("2036:01:01 23:59:59"), digitized("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTimeDigitized",
    ),
    "2099 falls through": Case(
        metadata(original("2099:01:01 10:00:00"), digitized("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTimeDigitized",
    ),
    "an EXIF time with an offset keeps its wall clock": Case(
        metadata(original("2023:01:01 09:00:00+11:00")), "2023-01-01T09:00:00+11:00", "exif:DateTimeOriginal"
    ),
    "Apple's local time decides over the container's UTC": Case(
        metadata(mvhd("2022-12-31 22:00:00"), apple("2023-01-01T09:00:00+1100")),
        "2023-01-01T09:00:00+11:00",
        "quicktime:creationdate",
    ),
    "a movie exported later is of the day it was filmed": Case(
        metadata(mvhd("2022-03-04 10:00:00"), apple("2019-07-14T10:30:00+0200")),
        "2019-07-14T10:30:00+02:00",
        "quicktime:creationdate",
        "quicktime:mvhd says 2022",
    ),
    "the tag of a remuxed MKV wins over its DateUTC": Case(
        metadata(
            ("matroska:DateUTC", "2019-09-09 10:00:00Z", CONTAINER),
            ("matroska:creation_time", "2019-07-14 10:30:00", TEXT_CREATE),
        ),
        "2019-07-14T10:30:00",
        "matroska:creation_time",
    ),
    "WhatsApp's name has a day and no time": Case(
        [*candidates_from_name("IMG-20230318-WA0006.jpg"), COPIED_LATER], "2023-03-18", "filename"
    ),
    "Facebook's name is a time stamp": Case(
        [*candidates_from_name("FB_IMG_1679149331123.jpg"), COPIED_LATER], "2023-03-18T14:22:11.123+00:00", "filename"
    ),
    "a counter is no date": Case(
        [*candidates_from_name("DSC20991301.jpg"), COPIED_LATER],
        "2024-05-29T16:26:40+00:00",
        "filesystem:mtime",
        "only the file's modification time is left",
    ),
    "the date of an edit is believed last, and flagged": Case(
        metadata(edited("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTime",
        "only the date of the last change inside the file is left",
    ),
    "a firmware constant in Digitized does not win over Original": Case(
        metadata(original("2007:08:15 10:13:13"), digitized("2002:12:08 12:00:00")),
        "2007-08-15T10:13:13",
        "exif:DateTimeOriginal",
    ),
    "a firmware constant that is no known placeholder is flagged and does not win": Case(
        metadata(original("2019:08:15 10:13:13"), digitized("2016:03:25 00:00:00")),
        "2019-08-15T10:13:13",
        "exif:DateTimeOriginal",
        "exif:DateTimeDigitized says 2016",
    ),
    "a scan of 1919 is of 1919": Case(
        metadata(original("1919:05:05 12:00:00")), "1919-05-05T12:00:00", "exif:DateTimeOriginal"
    ),
    "1601 is a fault": Case(
        metadata(original("1601:01:01 00:00:00"), digitized("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTimeDigitized",
    ),
    "the satellite's date is a last resort": Case(
        metadata(("gps:GPSDateTime", "2019-07-14 08:30:00Z", SATELLITE), edited("2019:07:14 10:30:00")),
        "2019-07-14T10:30:00",
        "exif:DateTime",
        "only the date of the last change",
    ),
    "a copy's modification time asks nobody to look": Case(
        [*metadata(original("2019:07:14 10:30:00")), COPIED_LATER], "2019-07-14T10:30:00", "exif:DateTimeOriginal"
    ),
    "a name of another year than EXIF asks for a look": Case(
        [*metadata(original("2019:07:14 10:30:00")), *candidates_from_name("2009-07-14 10.30.00.jpg")],
        "2019-07-14T10:30:00",
        "exif:DateTimeOriginal",
        "filename says 2009",
    ),
}


@pytest.mark.parametrize("case", RULES.values(), ids=RULES.keys())
def test_a_rule(case: Case) -> None:
    choice = choose(case.evidence, Rules(ORDER, UTC, NOW))
    assert (iso_text(choice), choice.tag) == (case.date, case.tag)
    assert case.review in choice.review
    assert bool(case.review) == bool(choice.review)


@pytest.fixture
def takeout(tmp_path: Path) -> Callable[[datetime], tuple[Candidate, ...]]:
    """The evidence of a Takeout JSON on disk."""

    def make(taken: datetime) -> tuple[Candidate, ...]:
        path = tmp_path / "photo.jpg.json"
        path.write_text(json.dumps({"photoTakenTime": {"timestamp": str(int(taken.timestamp()))}}))
        return candidates_from_sidecar(str(path)).candidates

    return make


def test_takeout_dates_what_has_no_date_and_never_overrides_a_good_exif_time(
    takeout: Callable[[datetime], tuple[Candidate, ...]],
) -> None:
    beside = takeout(datetime(2019, 7, 14, 8, 30, tzinfo=UTC))
    rules = Rules(ORDER, UTC, NOW)
    alone = choose([*beside, *candidates_from_name("IMG-20190715-WA0006.jpg"), COPIED_LATER], rules)
    assert (iso_text(alone), alone.tag) == ("2019-07-14T08:30:00+00:00", "sidecar:takeout:photoTakenTime")
    both = choose([*beside, *metadata(original("2019:07:14 10:30:00"))], rules)
    assert (iso_text(both), both.tag, both.review) == ("2019-07-14T10:30:00", "exif:DateTimeOriginal", "")


PLACES = ["America/New_York", "Australia/Sydney", "Asia/Kolkata", "UTC", "Pacific/Honolulu"]

# Taken at 9 in the morning of New Year's Day in Sydney, and at 8 in the evening of New Year's Eve in Honolulu.
# Wherever the machine stands, the evidence tells the photographer's clock.
NEW_YEAR = {
    "EXIF without an offset": (metadata(original("2023:01:01 09:00:00")), 2023),
    "EXIF with an offset": (metadata(original("2023:01:01 09:00:00+11:00")), 2023),
    "EXIF beside the satellite's UTC": (
        metadata(original("2023:01:01 09:00:00"), ("gps:GPSDateTime", "2022-12-31 22:00:00Z", SATELLITE)),
        2023,
    ),
    "iPhone movie, Sydney": (metadata(mvhd("2022-12-31 22:00:00"), apple("2023-01-01T09:00:00+1100")), 2023),
    "iPhone movie, Honolulu": (metadata(mvhd("2023-01-01 06:00:00"), apple("2022-12-31T20:00:00-1000")), 2022),
    "Android movie, Sydney": (
        [*metadata(mvhd("2022-12-31 22:00:12")), *candidates_from_name("VID_20230101_090000.mp4")],
        2023,
    ),
    "Android movie, Honolulu": (
        [*metadata(mvhd("2023-01-01 06:00:12")), *candidates_from_name("VID_20221231_200000.mp4")],
        2022,
    ),
    "Pixel photo, Sydney": (
        [*metadata(original("2023:01:01 09:00:00")), *candidates_from_name("PXL_20221231_220000123.jpg")],
        2023,
    ),
    "WhatsApp": (candidates_from_name("IMG-20230101-WA0001.jpg"), 2023),
    "screenshot": (candidates_from_name("Screenshot_20221231-235959.png"), 2022),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("evidence", "year"), NEW_YEAR.values(), ids=NEW_YEAR.keys())
def test_at_new_year_the_photographers_clock_decides_and_not_the_machines(
    place: str, evidence: Sequence[Candidate], year: int
) -> None:
    def check() -> None:
        choice = choose([*evidence, COPIED_LATER], Rules(ORDER, resolve_timezone(None), NOW))
        assert choice.moment is not None
        assert (choice.moment.year, choice.review) == (year, "")

    in_zone(place, check)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("still", ["2023:01:01 09:00:00+11:00", "2023:01:01 09:00:00"], ids=["offset", "no offset"])
def test_at_new_year_a_movie_goes_with_its_still(place: str, still: str) -> None:
    def check() -> None:
        zone = resolve_timezone(None)
        movie = metadata(mvhd("2022-12-31 22:00:02"))
        paired = offset_of_still(choose(metadata(original(still)), Rules(ORDER, zone, NOW)), movie)
        choice = choose(movie, Rules(ORDER, zone, NOW, paired))
        assert (iso_text(choice), choice.review) == ("2023-01-01T09:00:02+11:00", "")

    in_zone(place, check)


@pytest.mark.parametrize("named", [False, True], ids=["machine's zone", "--timezone"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("minutes", "year"), [(-30, 2022), (30, 2023)], ids=["before midnight", "after midnight"])
def test_a_movie_filmed_at_home_around_midnight_lands_in_the_year_of_the_clock_at_home(
    place: str, minutes: int, year: int, named: bool
) -> None:
    def check() -> None:
        zone = resolve_timezone(place if named else None)
        filmed = datetime(2023, 1, 1, tzinfo=resolve_timezone(place)) + timedelta(minutes=minutes)
        choice = choose(metadata(mvhd(f"{filmed.astimezone(UTC):%Y-%m-%d %H:%M:%S}")), Rules(ORDER, zone, NOW))
        assert choice.moment is not None
        assert choice.moment.replace(tzinfo=None) == filmed.replace(tzinfo=None)
        assert choice.moment.year == year
        assert "2022 or 2023" in choice.review

    in_zone("Asia/Tokyo" if named else place, check)

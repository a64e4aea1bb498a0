"""Every way of writing a date that real files were seen to use, and what must not be taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dates.model import Clock
from common.dates.parsing import parse_moment, parse_offset

LOCAL = [
    ("2021:07:10 20:39:25", datetime(2021, 7, 10, 20, 39, 25)),
    ("2021:07:10 20:39:25\0garbage", datetime(2021, 7, 10, 20, 39, 25)),
    ("  2021:07:10 20:39:25  ", datetime(2021, 7, 10, 20, 39, 25)),
    ("2004/05/09 10:11:12", datetime(2004, 5, 9, 10, 11, 12)),
    ("2004-05-09T10:11:12", datetime(2004, 5, 9, 10, 11, 12)),
    ("2004-05-09T10:11", datetime(2004, 5, 9, 10, 11)),
    ("2004.05.09 10.11.12", datetime(2004, 5, 9, 10, 11, 12)),
    ("2004-5-9 1:2:3", datetime(2004, 5, 9, 1, 2, 3)),
    ("05.10.2009 11:16", datetime(2009, 10, 5, 11, 16)),
    ("10/15/2009 11:16:01 PM", datetime(2009, 10, 15, 23, 16, 1)),
    ("15/10/2009 11:16", datetime(2009, 10, 15, 11, 16)),
    ("2003:08:27:00:09:15", datetime(2003, 8, 27, 0, 9, 15)),
    ("2003:08:27 24:09:15", datetime(2003, 8, 27, 0, 9, 15)),
    ("2019:12:31 24:00:00", datetime(2019, 12, 31)),
    ("2019-12-31T24:00:00", datetime(2019, 12, 31)),
    ("2003:08:27 23:59:60", datetime(2003, 8, 27, 23, 59, 59)),
    ("2001/ 1/27  1:42PM", datetime(2001, 1, 27, 13, 42)),
    ("2001/ 1/27 12:42 AM", datetime(2001, 1, 27, 0, 42)),
    ("20030827T001500", datetime(2003, 8, 27, 0, 15)),
    ("20030827 001500", datetime(2003, 8, 27, 0, 15)),
    ("20030827001500", datetime(2003, 8, 27, 0, 15)),
    ("Mon Mar 10 15:04:43 2003", datetime(2003, 3, 10, 15, 4, 43)),
    ("SAT MAR  1 05:04:43 2003\n", datetime(2003, 3, 1, 5, 4, 43)),
    ("Tue, 14 Jan 2003 10:20:30", datetime(2003, 1, 14, 10, 20, 30)),
    ("26-Dec-2003 1:42 PM", datetime(2003, 12, 26, 13, 42)),
    ("December 26, 2003 10:20", datetime(2003, 12, 26, 10, 20)),
    ("2010-05-11T10:51:45.25", datetime(2010, 5, 11, 10, 51, 45, 250_000)),
]


@pytest.mark.parametrize(("text", "moment"), LOCAL, ids=[text for text, _ in LOCAL])
def test_a_written_wall_clock_is_read(text: str, moment: datetime) -> None:
    assert parse_moment(text) == (moment, Clock.LOCAL, False)


DATE_ONLY = [
    ("2003:08:27", datetime(2003, 8, 27)),
    ("20030827", datetime(2003, 8, 27)),
    ("2003-08", datetime(2003, 8, 1)),
    ("2003", datetime(2003, 1, 1)),
    ("2003:00:00 00:00:00", datetime(2003, 1, 1)),
    ("20030000", datetime(2003, 1, 1)),
    ("2003:08:27   :  :  ", datetime(2003, 8, 27)),
    ("2003:08:27 99:99:99", datetime(2003, 8, 27)),
    ("27.08.2003", datetime(2003, 8, 27)),
    ("14 Jan 2003", datetime(2003, 1, 14)),
]


@pytest.mark.parametrize(("text", "moment"), DATE_ONLY, ids=[text for text, _ in DATE_ONLY])
def test_a_date_without_a_time_says_so(text: str, moment: datetime) -> None:
    assert parse_moment(text) == (moment, Clock.LOCAL, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "    :  :     :  :  ",
        "0000:00:00 00:00:00",
        "2003:13:27 10:00:00",
        "2003:02:30 10:00:00",
        "hello",
        "1066554",
        "123456789012345",
        "99999999",
        "\0\0\0\0",
        "may contain nuts",
        "²⁰⁰³",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_moment(text) is None


OFFSETS = [
    ("2021-04-10T11:43:59+0100", timedelta(hours=1)),
    ("2021-04-10T11:43:59+01:00", timedelta(hours=1)),
    ("2021:04:10 11:43:59 +01:00", timedelta(hours=1)),
    ("2021-04-10T11:43-05:30", -timedelta(hours=5, minutes=30)),
    ("Sat, 10 Apr 2021 11:43:59 +0100", timedelta(hours=1)),
    ("Sat Apr 10 11:43:59 GMT+01:00 2021", timedelta(hours=1)),
]


@pytest.mark.parametrize(("text", "away"), OFFSETS, ids=[text for text, _ in OFFSETS])
def test_an_offset_stays_with_its_wall_clock(text: str, away: timedelta) -> None:
    found = parse_moment(text)
    assert found is not None
    assert found.clock is Clock.OFFSET
    assert found.moment.utcoffset() == away
    assert found.moment.hour == 11


@pytest.mark.parametrize("text", ["2008-08-08T08:08:08.000000Z", "2008:08:08 08:08:08 UTC", "2008-08-08 08:08:08Z"])
def test_a_time_marked_as_utc_is_an_instant(text: str) -> None:
    assert parse_moment(text) == (datetime(2008, 8, 8, 8, 8, 8, tzinfo=UTC), Clock.UTC, False)


def test_the_exif_subsecond_and_offset_tags_complete_the_date() -> None:
    moment = datetime(2021, 7, 10, 20, 39, 25, 70_000, tzinfo=timezone(timedelta(hours=11)))
    assert parse_moment("2021:07:10 20:39:25", subsec="07\0", offset="+11:00\0") == (moment, Clock.OFFSET, False)


@pytest.mark.parametrize("offset", ["   :  ", "+99:00", "-24:00", "CEST", "\0"])
def test_a_damaged_offset_leaves_a_wall_clock(offset: str) -> None:
    found = parse_moment("2021:07:10 20:39:25", offset=offset)
    assert found == (datetime(2021, 7, 10, 20, 39, 25), Clock.LOCAL, False)


def test_an_exif_offset_of_zero_is_a_wall_clock_and_no_bare_instant() -> None:
    found = parse_moment("2021:07:10 20:39:25", offset="Z")
    assert found is not None
    assert found.clock is Clock.OFFSET


def test_offsets_are_read_in_every_form() -> None:
    assert parse_offset("+05:45") == timezone(timedelta(hours=5, minutes=45))
    assert parse_offset("-0800") == timezone(timedelta(hours=-8))
    assert parse_offset("+9") == timezone(timedelta(hours=9))
    assert parse_offset("nine") is None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80), st.text(max_size=8), st.text(max_size=8))
def test_no_text_at_all_raises(text: str, subsec: str, offset: str) -> None:
    found = parse_moment(text, subsec, offset)
    assert found is None or (found.moment.tzinfo is None) == (found.clock is Clock.LOCAL)


@given(st.text(alphabet="0123456789:-/. TZ+JanPM", max_size=40))
def test_no_text_of_date_characters_raises(text: str) -> None:
    found = parse_moment(text)
    assert found is None or (found.moment.tzinfo is None) == (found.clock is Clock.LOCAL)


@pytest.mark.parametrize("text", ["2019:07:31 12+00:00", "2019-07-31T12-00:20", "2019:07:31 12:00+00Z"])
def test_a_sign_where_a_colon_belongs_gives_no_zone_to_a_wall_clock(text: str) -> None:
    """Python's own reader takes these for times with an offset."""
    found = parse_moment(text)
    assert found is not None
    assert (found.moment.tzinfo is None) == (found.clock is Clock.LOCAL)
    assert found.moment.date() == datetime(2019, 7, 31).date()


_WRITTEN = ("2019:07:31 12:00:00", "2019-07-31T12:00:00", "2019:07:31 12:00:00Z", "2019-07-31T12:00:00Z")


@given(
    written=st.sampled_from(_WRITTEN),
    changes=st.lists(st.tuples(st.integers(0, 18), st.sampled_from("0123456789:-T Z+.")), max_size=3),
    subsec=st.sampled_from(("", "12")),
    offset=st.sampled_from(("", "+02:00", "Z")),
)
def test_the_short_way_for_plain_dates_reads_them_as_the_general_way_does(
    written: str, changes: list[tuple[int, str]], subsec: str, offset: str
) -> None:
    letters = list(written)
    for place, letter in changes:
        letters[place] = letter
    text = "".join(letters)
    short = parse_moment(text, subsec, offset)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.dates.parsing._parse_common_form", lambda *_: None)
        general = parse_moment(text, subsec, offset)
    assert short == general
    assert short is None or general is None or short.moment.tzinfo == general.moment.tzinfo

"""The decision: which evidence wins, what is not believed, and when a person should look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dates.choose import Rules, choose, iso_text, offset_of_still
from common.dates.model import Candidate, Choice, Clock, Source

ORDER = (Source.METADATA, Source.SIDECAR, Source.FILENAME, Source.FILESYSTEM)
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
RULES = Rules(ORDER, ZoneInfo("Europe/Berlin"), NOW)
SYDNEY = timezone(timedelta(hours=11))


def local(text: str, tag: str = "exif:DateTimeOriginal", rank: int = 10, source: Source = Source.METADATA) -> Candidate:
    return Candidate(source, tag, text, datetime.fromisoformat(text), Clock.LOCAL, rank)


def offset(text: str, tag: str = "quicktime:creationdate", rank: int = 10) -> Candidate:
    return Candidate(Source.METADATA, tag, text, datetime.fromisoformat(text), Clock.OFFSET, rank)


def utc(text: str, tag: str = "quicktime:mvhd", rank: int = 70, source: Source = Source.METADATA) -> Candidate:
    return Candidate(source, tag, text, datetime.fromisoformat(text).replace(tzinfo=UTC), Clock.UTC, rank)


def unreadable(text: str, rank: int = 10) -> Candidate:
    return Candidate(Source.METADATA, "exif:DateTimeOriginal", text, None, Clock.LOCAL, rank)


def named(text: str, *, date_only: bool = False) -> Candidate:
    moment = datetime.fromisoformat(text)
    return Candidate(Source.FILENAME, "filename", text, moment, Clock.LOCAL, 0, date_only)


MTIME = utc("2024-05-05T05:05:05", "filesystem:mtime", 0, Source.FILESYSTEM)


def test_the_sources_are_asked_in_their_order() -> None:
    chain = [local("2019-01-10"), utc("2019-01-11", "sidecar", 95, Source.SIDECAR), named("2019-01-12"), MTIME]
    for left_out in range(len(chain)):
        assert choose(chain[left_out:][::-1], RULES).tag == chain[left_out].tag


def test_the_order_can_be_changed_and_a_source_left_out() -> None:
    found = [local("2019-01-10"), named("2019-01-12"), MTIME]
    assert choose(found, Rules((Source.FILENAME, Source.METADATA), UTC, NOW)).tag == "filename"
    assert choose(found, Rules((Source.SIDECAR,), UTC, NOW)) == Choice(None, "", False, "no believable date was found")


def test_inside_a_source_the_lowest_rank_wins() -> None:
    found = [local("2022-02-02", "exif:DateTimeDigitized", 20), local("2022-03-03", rank=10)]
    assert choose(found, RULES).tag == "exif:DateTimeOriginal"


def test_nothing_at_all_is_said_and_not_dated() -> None:
    choice = choose([], RULES)
    assert (choice.moment, iso_text(choice), choice.review) == (None, "", "no believable date was found")


UNBELIEVABLE = [
    (unreadable("2005:13:45 10:00"), "not a date"),
    (unreadable("    :  :     :  :  "), "blank"),
    (unreadable("0000:00:00 00:00:00"), "blank"),
    (local("0001-01-01T00:00:00"), "before the first photograph"),
    (local("1601-01-01T00:00:00"), "before the first photograph"),
    (local("1825-12-31T23:59:59"), "before the first photograph"),
    (local("1904-01-01T01:00:00"), "a placeholder for an unknown date"),
    (utc("1904-01-01T00:00:00"), "a placeholder for an unknown date"),
    (utc("1970-01-01T00:00:00"), "a placeholder for an unknown date"),
    (local("1970-01-01T00:00:00"), "a placeholder for an unknown date"),
    (local("1980-01-01T00:00:00"), "a placeholder for an unknown date"),
    (local("2002-12-08T12:00:00"), "a placeholder for an unknown date"),
    (local("2036-01-01T23:59:59"), "a placeholder for an unknown date"),
    (local("2024-06-02T12:00:01"), "in the future"),
    (utc("2024-06-02T12:00:01"), "in the future"),
    (offset("2024-06-02T23:00:01+11:00"), "in the future"),
    (local("2038-01-19T03:14:07"), "in the future"),
    (local("2099-12-31T00:00:00"), "in the future"),
    (offset("9999-12-31T23:59:59-12:00"), "in the future"),
    (offset("0001-01-01T00:00:00+12:00"), "before the first photograph"),
]


@pytest.mark.parametrize(("candidate", "reason"), UNBELIEVABLE, ids=[c.text for c, _ in UNBELIEVABLE])
def test_what_is_not_believed_falls_through_and_is_remembered_with_its_reason(
    candidate: Candidate, reason: str
) -> None:
    choice = choose([candidate, local("2019-07-14T10:30:00", "exif:DateTimeDigitized", 20)], RULES)
    assert choice.tag == "exif:DateTimeDigitized"
    assert choice.rejected == ((candidate, reason),)
    assert choice.review == ""


@pytest.mark.parametrize(("candidate", "reason"), UNBELIEVABLE, ids=[c.text for c, _ in UNBELIEVABLE])
def test_where_only_weak_evidence_is_left_it_is_told_what_was_not_believed(candidate: Candidate, reason: str) -> None:
    told = "" if reason == "blank" else f" ({candidate.tag} is {reason})"
    assert choose([candidate, MTIME], RULES).review == choose([MTIME], RULES).review + told
    assert choose([candidate, candidate], RULES).review == f"no believable date was found{told}"


@pytest.mark.parametrize(
    "text",
    (
        "1826-01-01T00:00:00 1919-05-05T00:00:00 1935-05-05T00:00:00 1980-01-01T00:00:01 2002-12-08T12:00:01 "
        "2024-06-02T11:59:59"
    ).split(),
)
def test_old_and_recent_dates_are_believed(text: str) -> None:
    assert choose([local(text)], RULES) == Choice(datetime.fromisoformat(text), "exif:DateTimeOriginal", False, "")


def test_a_bare_utc_time_is_shown_in_the_zone_of_the_rules_with_the_offset_of_that_day() -> None:
    assert iso_text(choose([utc("2023-01-15T12:00:00")], RULES)) == "2023-01-15T13:00:00+01:00"
    assert iso_text(choose([utc("2023-07-15T12:00:00")], RULES)) == "2023-07-15T14:00:00+02:00"


def test_a_bare_utc_time_is_shown_at_the_offset_of_the_paired_still() -> None:
    rules = Rules(ORDER, RULES.zone, NOW, paired_offset=timedelta(hours=11))
    assert iso_text(choose([utc("2023-01-15T12:00:00")], rules)) == "2023-01-15T23:00:00+11:00"


@pytest.mark.parametrize(
    "witness",
    [
        local("2023-01-15T23:00:30", "udta", 75),
        offset("2023-01-15T23:00:30+11:00", "udta", 75),
        named("2023-01-15T22:59:30"),
    ],
    ids=["a wall clock in the file", "an offset in the file", "the file's name"],
)
def test_another_date_of_the_same_moment_tells_the_zone(witness: Candidate) -> None:
    choice = choose([utc("2023-01-15T12:00:00"), witness], RULES)
    assert (iso_text(choice), choice.tag) == ("2023-01-15T23:00:00+11:00", "quicktime:mvhd")


@pytest.mark.parametrize(
    "witness",
    [
        named("2023-01-15T23:05:00"),
        named("2023-01-16T23:00:00"),
        named("2023-01-15T00:00:00", date_only=True),
        offset("2023-01-15T15:00:00+11:00", "udta", 75),
    ],
    ids=["minutes away", "a day away", "a day alone", "another moment"],
)
def test_a_date_of_another_moment_tells_no_zone(witness: Candidate) -> None:
    choice = choose([utc("2023-01-15T12:00:00"), witness], RULES)
    assert iso_text(choice) == "2023-01-15T13:00:00+01:00"


def test_a_still_tells_the_offset_of_its_movie() -> None:
    movie = [utc("2023-01-15T12:00:02")]
    assert offset_of_still(choose([offset("2023-01-15T23:00:00+11:00")], RULES), movie) == timedelta(hours=11)
    assert offset_of_still(choose([local("2023-01-15T23:00:00")], RULES), movie) == timedelta(hours=11)
    assert offset_of_still(choose([local("2023-01-15T21:15:00")], RULES), movie) == timedelta(hours=9, minutes=15)
    assert offset_of_still(choose([local("2023-01-18T23:00:00")], RULES), movie) is None
    assert offset_of_still(choose([named("2023-01-15", date_only=True)], RULES), movie) is None
    assert offset_of_still(choose([], RULES), movie) is None


WEAK = [
    (MTIME, "modification time"),
    (local("2019-07-14T10:30:00", "exif:DateTime", 80), "last change"),
    (utc("2019-07-14T10:30:00", "gps:GPSDateTime", 90), "satellite"),
    (
        Candidate(Source.METADATA, "riff:ICRD", "2019-07-14", datetime(2019, 7, 14), Clock.LOCAL, 75, True),
        "publication",
    ),
]


@pytest.mark.parametrize(("candidate", "words"), WEAK, ids=[c.tag for c, _ in WEAK])
def test_weak_evidence_wins_only_with_a_word_of_warning(candidate: Candidate, words: str) -> None:
    assert words in choose([candidate], RULES).review


@pytest.mark.parametrize(
    "candidate",
    [local("2019-07-14T10:30:00"), named("2019-07-14", date_only=True), utc("2019-07-14T10:30:00")],
    ids=["exif", "a day in the name", "container"],
)
def test_good_evidence_needs_no_review_whatever_the_modification_time(candidate: Candidate) -> None:
    assert choose([candidate, MTIME], RULES).review == ""


OTHER_YEARS = [
    (named("2020-07-14T10:30:00"), "exif:DateTimeOriginal says 2019, but filename says 2020"),
    (named("2020-07-14", date_only=True), "exif:DateTimeOriginal says 2019, but filename says 2020"),
    (
        utc("2020-07-14T10:30:00", "sidecar:takeout:photoTakenTime", 95, Source.SIDECAR),
        "exif:DateTimeOriginal says 2019, but sidecar:takeout:photoTakenTime says 2020",
    ),
    (
        local("2022-07-14T10:30:00", "exif:DateTimeDigitized", 20),
        "exif:DateTimeOriginal says 2019, but exif:DateTimeDigitized says 2022",
    ),
    (
        local("2012-07-14T10:30:00", "exif:DateTime", 80),
        "exif:DateTimeOriginal says 2019, but exif:DateTime says 2012",
    ),
]


@pytest.mark.parametrize(("other", "review"), OTHER_YEARS, ids=[f"{c.tag} {c.text}" for c, _ in OTHER_YEARS])
def test_plausible_evidence_of_another_year_is_named(other: Candidate, review: str) -> None:
    assert choose([local("2019-07-14T10:30:00"), other, MTIME], RULES).review == review


def test_evidence_of_a_source_that_may_not_win_is_heard() -> None:
    rules = Rules((Source.METADATA,), UTC, NOW)
    assert "filename says 2020" in choose([local("2019-07-14"), named("2020-07-14")], rules).review


def test_each_other_year_is_named_once() -> None:
    found = [local("2019-07-14"), named("2020-07-14"), named("2020-07-15"), utc("2021-01-15T12:00:00")]
    assert choose(found, RULES).review == (
        "exif:DateTimeOriginal says 2019, but filename says 2020 and quicktime:mvhd says 2021"
    )


def test_an_edit_in_a_later_year_contradicts_nothing() -> None:
    assert choose([local("2019-07-14"), local("2023-07-14", "exif:DateTime", 80)], RULES).review == ""


def test_a_utc_time_that_some_zone_explains_contradicts_no_wall_clock() -> None:
    assert choose([local("2023-01-01T09:00:00"), utc("2022-12-31T22:00:00")], RULES).review == ""
    assert choose([offset("2023-01-01T09:00:00+11:00"), utc("2022-12-31T22:00:00")], RULES).review == ""


@pytest.mark.parametrize(
    "other", [named("2023-01-01T00:00:03"), local("2023-01-01T00:00:03", "exif:DateTimeDigitized", 20)]
)
@pytest.mark.parametrize("first", [local("2022-12-31T23:59:58"), offset("2022-12-31T23:59:58+11:00")])
def test_two_wall_clocks_on_both_sides_of_new_year_contradict(first: Candidate, other: Candidate) -> None:
    assert choose([first, other], RULES).review == f"{first.tag} says 2022, but {other.tag} says 2023"


def test_a_utc_time_that_no_zone_explains_contradicts() -> None:
    assert "mvhd says 2022" in choose([local("2023-01-01T09:00:00"), utc("2022-12-30T22:00:00")], RULES).review
    assert "mvhd says 2022" in choose([offset("2023-01-01T09:00:00+11:00"), utc("2022-12-31T12:00:00")], RULES).review


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("2022-12-31T09:59:59", ""),
        ("2022-12-31T10:00:00", "2022 or 2023"),
        ("2023-01-01T13:59:59", "2022 or 2023"),
        ("2023-01-01T14:00:00", ""),
    ],
)
def test_within_fourteen_hours_of_new_year_a_bare_utc_time_needs_a_look(text: str, years: str) -> None:
    review = choose([utc(text)], RULES).review
    assert (years in review) if years else review == ""


def test_at_new_year_a_known_offset_needs_no_look() -> None:
    new_year = utc("2022-12-31T22:00:00")
    rules = Rules(ORDER, UTC, NOW, paired_offset=timedelta(hours=11))
    assert choose([new_year], rules) == Choice(datetime(2023, 1, 1, 9, tzinfo=SYDNEY), new_year.tag, False, "")
    assert choose([new_year, named("2023-01-01T09:00:10")], RULES).review == ""


ISO = [
    (datetime(2023, 3, 18, 14, 22, 11), False, "2023-03-18T14:22:11"),
    (datetime(2023, 3, 18, 14, 22, 11, 120_000), False, "2023-03-18T14:22:11.12"),
    (datetime(2023, 3, 18, 14, 22, 11, 100_200), False, "2023-03-18T14:22:11.1002"),
    (datetime(2023, 3, 18, 14, 22, 11, 459_038), False, "2023-03-18T14:22:11.459038"),
    (datetime(2023, 3, 18, 14, 22, 10, 7), False, "2023-03-18T14:22:10.000007"),
    (datetime(2023, 3, 18, 14, 20, tzinfo=SYDNEY), False, "2023-03-18T14:20:00+11:00"),
    (datetime(2023, 3, 18, 14, 20, 0, 500_000, SYDNEY), False, "2023-03-18T14:20:00.5+11:00"),
    (datetime(2023, 3, 18), True, "2023-03-18"),
    (None, False, ""),
]


@pytest.mark.parametrize(("moment", "date_only", "text"), ISO, ids=[text or "none" for *_, text in ISO])
def test_the_report_shows_the_wall_clock_in_iso_8601(moment: datetime | None, date_only: bool, text: str) -> None:
    assert iso_text(Choice(moment, "tag", date_only, "")) == text
    assert not text or datetime.fromisoformat(text) == moment


MOMENTS = st.one_of(
    st.none(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([timezone(timedelta(hours=h)) for h in (-12, 0, 5, 14)])),
)


def _any_candidate(source: Source, rank: int, moment: datetime | None, bare: bool, date_only: bool) -> Candidate:
    clock = Clock.LOCAL if moment is None or moment.tzinfo is None else Clock.UTC if bare else Clock.OFFSET
    if clock is Clock.UTC and moment is not None:
        moment = moment.replace(tzinfo=UTC)
    return Candidate(source, source.value, str(moment)[:64], moment, clock, rank, date_only)


@given(
    st.lists(
        st.builds(_any_candidate, st.sampled_from(Source), st.integers(0, 99), MOMENTS, st.booleans(), st.booleans()),
        max_size=8,
    )
)
def test_no_evidence_at_all_raises_and_none_is_forgotten(found: list[Candidate]) -> None:
    choice = choose(found, RULES)
    iso_text(choice)
    assert choice.moment is not None or len(choice.rejected) == len(found)
    assert all(reason for _, reason in choice.rejected)

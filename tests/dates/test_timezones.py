"""Zones by name and the machine's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.dates.timezones import resolve_timezone
from common.errors import BadInput, ExitCode
from tests.support.zones import in_zone


def test_a_named_zone_knows_summer_and_winter() -> None:
    zone = resolve_timezone("Australia/Sydney")
    assert datetime(2023, 1, 1, tzinfo=zone).utcoffset() == timedelta(hours=11)
    assert datetime(2023, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=10)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "Europe", "a\0b", "é", "tzdata.zi"]
)
def test_an_unknown_zone_is_refused_in_one_sentence_that_says_what_to_do(name: str) -> None:
    with pytest.raises(BadInput, match=r"unknown time zone .* such as Europe/Berlin .* pip install tzdata") as refused:
        resolve_timezone(name)
    assert refused.value.exit_code is ExitCode.BAD_INPUT
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["America/New_York", "Australia/Sydney", "Asia/Kolkata", "UTC", "Pacific/Honolulu", "Europe/Dublin"]
)
def test_the_machines_own_zone_agrees_with_its_name_at_every_hour_of_the_changes(name: str) -> None:
    def check() -> None:
        local, named = resolve_timezone(None), resolve_timezone(name)
        start = datetime(2022, 12, 31, tzinfo=UTC)
        for hour in range(0, 367 * 24):
            instant = start + timedelta(hours=hour, minutes=30)
            assert instant.astimezone(local).isoformat() == instant.astimezone(named).isoformat()

    in_zone(name, check)


def test_the_machines_own_zone_goes_both_ways_where_an_hour_comes_twice() -> None:
    def check() -> None:
        for hour in (5, 6):
            instant = datetime(2023, 11, 5, hour, 30, tzinfo=UTC)
            there = instant.astimezone(resolve_timezone(None))
            assert (there.hour, there.astimezone(UTC)) == (1, instant)

    in_zone("America/New_York", check)

"""Time zones by name, and the machine's own. Reads the zone files of the system, changes nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from common.errors import BadInput


class LocalZone(tzinfo):
    """The zone of this machine, as ``TZ`` or the system settings say, with the offset that held at each instant."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        if moment is None:
            return timedelta(seconds=-time.timezone)
        return _system_offset(moment.replace(tzinfo=None))

    def dst(self, moment: datetime | None, /) -> None:
        """Unknown: only the whole offset from UTC is asked of the system."""

    def tzname(self, moment: datetime | None, /) -> str:
        return f"UTC{timezone(self.utcoffset(moment)).tzname(None).removeprefix('UTC')}"

    def fromutc(self, moment: datetime, /) -> datetime:
        there = moment.replace(tzinfo=None) + _system_offset(moment.replace(tzinfo=UTC))
        first = there.replace(tzinfo=self, fold=0)
        # Where the clock is put back an hour comes twice, and ``fold`` tells the second one.
        is_second = first.utcoffset() != _system_offset(moment.replace(tzinfo=UTC))
        return first.replace(fold=int(is_second))


def _system_offset(moment: datetime) -> timedelta:
    """The system's offset at an aware moment, or at a naive one taken as local time."""
    try:
        return moment.astimezone().utcoffset() or timedelta(0)
    except OSError:
        # Windows has no local time before 1970.
        return timedelta(seconds=-time.timezone)


def resolve_timezone(name: str | None) -> tzinfo:
    """The zone of an IANA name such as ``Australia/Sydney``; without a name, the zone of this machine.

    Raises ``BadInput`` when the name is not known. Reads the system's zone files.
    """
    if name is None:
        zone = LocalZone()
        try:
            datetime.now(UTC).astimezone(zone)
        except ValueError as error:
            raise BadInput(f"this machine's time zone (TZ, or its settings) is no zone: {error}; mend it") from None
        return zone
    # Here and not at the top: only runs with --timezone pay for it.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - see above

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of the tzdata package
        raise BadInput(
            f"unknown time zone {name!r}: give an IANA name such as Europe/Berlin or America/New_York; "
            "where the system has no zone files, as on Windows, first run: pip install tzdata"
        ) from error

"""Time zones by name, and the machine's own. Reads the zone files of the system."""

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from common.errors import BadInput


class LocalZone(tzinfo):
    """The zone of this machine, by ``TZ`` or the system settings, with the offset of each instant."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        if moment is None:
            return timedelta(seconds=-time.timezone)
        return _system_offset(moment.replace(tzinfo=None))

    def dst(self, moment: datetime | None, /) -> None:
        """None for unknown: the system gives only the whole offset from UTC."""

    def tzname(self, moment: datetime | None, /) -> str:
        return timezone(self.utcoffset(moment)).tzname(None)

    def fromutc(self, moment: datetime, /) -> datetime:
        offset = _system_offset(moment.replace(tzinfo=UTC))
        first = (moment.replace(tzinfo=None) + offset).replace(tzinfo=self, fold=0)
        # An hour comes twice when the clock is put back, and ``fold`` marks the second one.
        return first.replace(fold=int(first.utcoffset() != offset))


def _system_offset(moment: datetime) -> timedelta:
    """The system's offset at an aware moment, or at a naive one taken as local time."""
    try:
        return moment.astimezone().utcoffset() or timedelta(0)
    except OSError:  # Windows has no local time before 1970
        return timedelta(seconds=-time.timezone)


def resolve_timezone(name: str | None) -> tzinfo:
    """The zone with an IANA name such as ``Australia/Sydney``, or this machine's zone without a name.

    Raises ``BadInput`` for an unknown name. Reads the zone files of the system.
    """
    if name is None:
        zone = LocalZone()
        try:
            datetime.now(UTC).astimezone(zone)
        except ValueError as error:
            raise BadInput(f"this machine's time zone (TZ, or its settings) is no zone: {error}; mend it") from None
        return zone
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - only runs with --timezone need it

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of the tzdata package
        raise BadInput(
            f"unknown time zone {name!r}: give an IANA name such as Europe/Berlin or America/New_York; "
            "where the system has no zone files, as on Windows, first run: pip install tzdata"
        ) from error

"""AVCHD: MPEG transport streams of camcorders (MTS, M2TS, TS, MOD).

Sources: ITU-T H.222.0 section 2.4.3 (packets of 188 bytes, or 192 with a time stamp in front), ITU-T H.264 annex D
(SEI, user data unregistered, emulation prevention), and the Modified DV Pack Metadata (MDPM) that Sony and Panasonic
define for AVCHD: pack 0x18 has zone, year and month, pack 0x19 day, hour, minute and second, all in BCD.
"""

from datetime import datetime, timedelta, timezone
from itertools import islice

from common.dates.byte_view import ByteView
from common.dates.findings import ORIGINAL, Findings
from common.dates.model import Candidate, Clock, Source

_SEARCHED_BYTES = 1 << 20
_SYNC = 0x47
_MDPM = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
_MOST_PACKS = 60
_MOST_MDPM = 8
_ZONE_AND_MONTH, _DAY_AND_TIME = 0x18, 0x19


def is_transport_stream(head: bytes) -> bool:
    """Whether several packets start with a sync byte: a text may start with one, which is ``G``."""
    return _packet_size(head) is not None


def _packet_size(head: bytes) -> tuple[int, int] | None:
    """The size of a packet, and the position of the sync byte in it; None if the file is no transport stream."""
    for size, start in ((188, 0), (192, 4)):
        positions = range(start, min(len(head), start + 5 * size), size)
        if len(positions) >= 3 and all(head[position] == _SYNC for position in positions):
            return size, start
    return None


def read(view: ByteView, findings: Findings) -> None:
    """Find the first MDPM with a date in the first MiB of the stream."""
    data = view.read(0, _SEARCHED_BYTES)
    shape = _packet_size(data[:2048])
    if shape is None:
        return
    for stream in _payloads(data, *shape).values():
        plain = bytes(stream).replace(b"\0\0\3", b"\0\0")
        for packs in islice(plain.split(_MDPM), 1, 1 + _MOST_MDPM):
            if _read_packs(packs[: 1 + 5 * _MOST_PACKS], findings):
                return


def _payloads(data: bytes, size: int, start: int) -> dict[int, bytearray]:
    """The payload of each stream, by its packet identifier (PID)."""
    streams: dict[int, bytearray] = {}
    for offset in range(start, len(data) - 188 + 1, size):
        if data[offset] != _SYNC:
            continue
        stream = (data[offset + 1] & 0x1F) << 8 | data[offset + 2]
        adaptation = data[offset + 3] >> 4 & 3
        payload = offset + 4
        if adaptation & 2:
            payload += 1 + data[offset + 4]
        if adaptation & 1 and payload < offset + 188:
            streams.setdefault(stream, bytearray()).extend(data[payload : offset + 188])
    return streams


def _read_packs(packs: bytes, findings: Findings) -> bool:
    """Read a count, then packs with a one-byte name and a four-byte value. Returns whether they had a valid date."""
    values: dict[int, bytes] = {}
    for number in range(min(packs[0] if packs else 0, _MOST_PACKS)):
        pack = packs[1 + number * 5 : 6 + number * 5]
        if len(pack) == 5:
            values.setdefault(pack[0], pack[1:])
    if _ZONE_AND_MONTH not in values or _DAY_AND_TIME not in values:
        return False
    zone, *month = values[_ZONE_AND_MONTH]
    digits = bytes(month).hex() + values[_DAY_AND_TIME].hex()
    text = f"{digits[:4]}:{digits[4:6]}:{digits[6:8]} {digits[8:10]}:{digits[10:12]}:{digits[12:14]}"
    clock = Clock.LOCAL
    moment: datetime | None
    try:
        moment = datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:
        moment = None
    if moment and zone != 0xFF:  # all ones: the camera has no zone
        minutes = (zone >> 1 & 0x0F) * 60 + (30 if zone & 1 else 0) + (60 if zone & 0x40 else 0)
        offset = timedelta(minutes=-minutes if zone & 0x20 else minutes)
        if abs(offset) <= timedelta(hours=14):
            moment, clock = moment.replace(tzinfo=timezone(offset)), Clock.OFFSET
    findings.candidates.append(Candidate(Source.METADATA, "avchd:MDPM", text, moment, clock, ORIGINAL))
    return moment is not None

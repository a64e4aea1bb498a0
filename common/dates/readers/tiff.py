"""TIFF, Exif, and the camera RAWs that are TIFF inside: DNG, NEF, NRW, CR2, ARW, SR2, PEF, SRW, ORF, RW2, GPR, 3FR, …

Sources: TIFF 6.0 section 2 (header, IFD), BigTIFF (Aware Systems), TIFF/EP ISO 12234-2 (dates in IFD0),
Exif 3.0 CIPA DC-008 sections 4.6.3 to 4.6.6 (Exif and GPS IFDs, date, SubSec and Offset tags), XMP part 3
section 3.3.3 (tag 700), IPTC-NAA (tag 33723), Photoshop image resources (tag 34377). Olympus and Panasonic
replace the 42 of the header by numbers of their own; Panasonic keeps the whole EXIF in an embedded JPEG (0x2E).
"""

from __future__ import annotations

import struct
from functools import lru_cache

from common.dates.found import DIGITIZED, EDITED, ORIGINAL, SATELLITE, Findings
from common.dates.readers import iptc, xmp
from common.dates.source import StopReading, View

# TIFF, BigTIFF, Panasonic, Olympus (two), Leica's RWL is Panasonic's; JPEG XR differs only in its image tags.
_MAGIC_NUMBERS = frozenset({42, 43, 0x55, 0x4F52, 0x5352, 0x01BC})
_MOST_ENTRIES = 1_000
_MOST_TEXT = 64
_MOST_PACKET = 1 << 20

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

_DATE_TIME = 0x0132
_XMP = 0x02BC
_PANASONIC_JPEG = 0x002E
_IPTC = 0x83BB
_PHOTOSHOP = 0x8649
_EXIF_IFD = 0x8769
_GPS_IFD = 0x8825
_ORIGINAL = 0x9003
_DIGITIZED = 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
_SUBSEC, _SUBSEC_ORIGINAL, _SUBSEC_DIGITIZED = 0x9290, 0x9291, 0x9292
_GPS_TIME, _GPS_DATE = 0x0007, 0x001D

_TEXTS = frozenset(
    {
        _DATE_TIME,
        _ORIGINAL,
        _DIGITIZED,
        _OFFSET,
        _OFFSET_ORIGINAL,
        _OFFSET_DIGITIZED,
        _SUBSEC,
        _SUBSEC_ORIGINAL,
        _SUBSEC_DIGITIZED,
    }
)
_WANTED = _TEXTS | {_XMP, _PANASONIC_JPEG, _IPTC, _PHOTOSHOP, _EXIF_IFD, _GPS_IFD}
_GPS_WANTED = frozenset({_GPS_TIME, _GPS_DATE})

# Tag -> (offset of its value, length of its value in bytes)
Entries = dict[int, tuple[int, int]]


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes are a TIFF header, or one of the makers' variations of it."""
    return _header(head) is not None


def read(view: View, found: Findings) -> None:
    """Find the dates of a TIFF file, or of an Exif block, whose header starts the view."""
    head = view.read(0, 16)
    header = _header(head)
    if header is None:
        raise StopReading("its EXIF block has no TIFF header")
    order, big = header
    first = struct.unpack_from(order + "Q", head, 8)[0] if big else struct.unpack_from(order + "I", head, 4)[0]
    entries = _entries(view, first, order, big, _WANTED)
    _read_exif(view, entries, order, big, found)
    _read_packets(view, entries, found)
    if _PANASONIC_JPEG in entries and not any(candidate.rank == ORIGINAL for candidate in found.candidates):
        from common.dates.readers import jpeg  # noqa: PLC0415 - JPEG holds TIFF and Panasonic's TIFF holds JPEG

        jpeg.read(view.part(*entries[_PANASONIC_JPEG]), found)


def read_gps(view: View, found: Findings) -> None:
    """Find the date in a TIFF block whose first IFD is a GPS IFD (box CMT4 of Canon's CR3)."""
    header = _header(view.read(0, 16))
    if header is not None:
        order, big = header
        first = struct.unpack_from(order + "I", view.need(4, 4))[0]
        _read_gps_ifd(view, first, order, big, found)


def _header(head: bytes) -> tuple[str, bool] | None:
    """Byte order for ``struct`` and whether offsets have 8 bytes."""
    if len(head) < 8:
        return None
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return None
    magic = struct.unpack_from(order + "H", head, 2)[0]
    if magic not in _MAGIC_NUMBERS:
        return None
    big = magic == 43
    return None if big and len(head) < 16 else (order, big)


def _entries(view: View, offset: int, order: str, big: bool, wanted: frozenset[int]) -> Entries:
    """Where the wanted values of one IFD stand. Entries outside of the view are left out."""
    count_format, count_size, entry_size, inline = ("Q", 8, 20, 8) if big else ("H", 2, 12, 4)
    raw = view.read(offset, count_size)
    if len(raw) < count_size:
        return {}
    count = min(struct.unpack(order + count_format, raw)[0], _MOST_ENTRIES)
    view.step(count + 1)
    start = offset + count_size
    table = view.read(start, count * entry_size)
    tags, entry = _layouts(order, big, len(table) // entry_size)
    entries: Entries = {}
    # Of some fifty entries in a camera's file ten are wanted: only these are looked at further.
    for index, tag in enumerate(tags.unpack_from(table)):
        if tag in wanted and tag not in entries:
            at = index * entry_size
            kind, values, where = entry.unpack_from(table, at + 2)
            length = _SIZES.get(kind, 1) * values
            if length <= inline:
                entries[tag] = (start + at + entry_size - inline, length)
            elif where < view.size:
                entries[tag] = (where, length)
    return entries


# The struct module forgets what it compiled after a hundred formats, and one this long takes as long as all the rest.
@lru_cache(maxsize=512)
def _layouts(order: str, big: bool, count: int) -> tuple[struct.Struct, struct.Struct]:
    """The tags of an IFD alone, and what stands behind the tag of one entry: its type, count, and value or offset."""
    return struct.Struct(order + ("H18x" if big else "H10x") * count), struct.Struct(order + ("HQQ" if big else "HII"))


def _text(view: View, where: tuple[int, int]) -> str:
    offset, length = where
    return view.read(offset, min(length, _MOST_TEXT)).decode("latin-1")


def _pointer(view: View, entries: Entries, tag: int, order: str, big: bool) -> int | None:
    """The offset of another IFD. None when there is none."""
    if tag not in entries:
        return None
    offset, length = entries[tag]
    size, code = (8, "Q") if big and length >= 8 else (4, "I")
    raw = view.read(offset, size)
    return struct.unpack(order + code, raw)[0] if len(raw) == size else None


def _read_exif(view: View, entries: Entries, order: str, big: bool, found: Findings) -> None:
    """Dates of IFD0 and of its Exif IFD. The tags of both are looked up in both: TIFF/EP has all in IFD0."""
    exif_at = _pointer(view, entries, _EXIF_IFD, order, big)
    exif = _entries(view, exif_at, order, big, _WANTED) if exif_at else {}
    every = entries | exif
    if _DATE_TIME in entries:
        every[_DATE_TIME] = entries[_DATE_TIME]

    texts = {tag: _text(view, where) for tag, where in every.items() if tag in _TEXTS}
    edited, zone = texts.get(_DATE_TIME, ""), texts.get(_OFFSET, "")
    for tag, name, rank, subsec, offset in (
        (_ORIGINAL, "exif:DateTimeOriginal", ORIGINAL, _SUBSEC_ORIGINAL, _OFFSET_ORIGINAL),
        (_DIGITIZED, "exif:DateTimeDigitized", DIGITIZED, _SUBSEC_DIGITIZED, _OFFSET_DIGITIZED),
    ):
        text = texts.get(tag)
        if text:
            # A camera that writes only OffsetTime means it for the same reading of its clock.
            away = texts.get(offset) or (zone if text == edited else "")
            found.text(name, text, rank, view.start + every[tag][0], subsec=texts.get(subsec, ""), zone=away)
    if edited:
        where = view.start + every[_DATE_TIME][0]
        found.text("exif:DateTime", edited, EDITED, where, subsec=texts.get(_SUBSEC, ""), zone=zone)
    gps_at = _pointer(view, entries, _GPS_IFD, order, big) or _pointer(view, exif, _GPS_IFD, order, big)
    if gps_at:
        _read_gps_ifd(view, gps_at, order, big, found)


def _read_gps_ifd(view: View, offset: int, order: str, big: bool, found: Findings) -> None:
    entries = _entries(view, offset, order, big, _GPS_WANTED)
    if _GPS_DATE not in entries:
        return
    date = _text(view, entries[_GPS_DATE]).split("\0", 1)[0].strip()
    clock = ""
    if _GPS_TIME in entries:
        raw = view.read(entries[_GPS_TIME][0], 24)
        if len(raw) == 24:
            hour, minute, second = (
                top // bottom if bottom else 0 for top, bottom in struct.iter_unpack(order + "II", raw)
            )
            if hour < 24 and minute < 60 and second < 60:
                clock = f" {hour:02}:{minute:02}:{second:02}Z"
    found.text("gps:GPSDateTime", date + clock if date else "", SATELLITE, view.start + entries[_GPS_DATE][0])


def _read_packets(view: View, entries: Entries, found: Findings) -> None:
    """XMP, IPTC and Photoshop blocks that stand in tags of IFD0."""
    for tag, reader in ((_XMP, xmp.read), (_IPTC, iptc.read), (_PHOTOSHOP, iptc.read_resources)):
        if tag in entries:
            offset, length = entries[tag]
            reader(view.part(offset, min(length, _MOST_PACKET)), found)

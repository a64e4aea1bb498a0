"""TIFF, Exif, and the camera RAWs that are TIFF inside: DNG, NEF, NRW, CR2, ARW, SR2, PEF, SRW, ORF, RW2, GPR, 3FR, …

Sources: TIFF 6.0 section 2 (header, IFD), BigTIFF (Aware Systems), TIFF/EP ISO 12234-2 (dates in IFD0),
Exif 3.0 CIPA DC-008 sections 4.6.3 to 4.6.6 (Exif and GPS IFDs, date, SubSec and Offset tags), XMP part 3
section 3.3.3 (tag 700), IPTC-NAA (tag 33723), Photoshop image resources (tag 34377). Olympus and Panasonic
replace the 42 of the header by numbers of their own; Panasonic keeps the whole EXIF in an embedded JPEG (0x2E).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Literal

from common.dates.found import DIGITIZED, EDITED, ORIGINAL, SATELLITE, Findings
from common.dates.readers import iptc, xmp
from common.dates.source import StopReading, View

# TIFF, BigTIFF, Panasonic, Olympus (two), Leica's RWL is Panasonic's; JPEG XR differs only in its image tags.
_BIG_TIFF = 43
_MAGIC_NUMBERS = frozenset({42, _BIG_TIFF, 0x55, 0x4F52, 0x5352, 0x01BC})
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


class _Form:
    """How numbers and IFDs are laid out: by the byte order, and by whether offsets have 8 bytes (BigTIFF) or 4."""

    __slots__ = ("count", "entry", "entry_size", "first", "inline", "is_big", "offset", "order", "rational")

    def __init__(self, order: Literal["little", "big"], is_big: bool) -> None:
        mark = "<" if order == "little" else ">"
        self.order = order
        self.is_big = is_big
        self.first = 8 if is_big else 4  # where the header tells the first IFD
        self.inline = 8 if is_big else 4  # a value of up to so many bytes stands in its entry
        self.entry_size = 20 if is_big else 12
        self.count = struct.Struct(mark + ("Q" if is_big else "H"))
        self.offset = struct.Struct(mark + ("Q" if is_big else "I"))
        self.entry = struct.Struct(mark + ("HQQ" if is_big else "HII"))  # behind the tag: type, count, value or offset
        self.rational = struct.Struct(mark + "II")


def _forms() -> dict[bytes, _Form]:
    """The form by the first four bytes: byte order, and one of the magic numbers."""
    forms = {}
    orders: tuple[tuple[bytes, Literal["little", "big"]], ...] = ((b"II", "little"), (b"MM", "big"))
    for mark, order in orders:
        classic, big = _Form(order, is_big=False), _Form(order, is_big=True)
        for magic in _MAGIC_NUMBERS:
            forms[mark + magic.to_bytes(2, order)] = big if magic == _BIG_TIFF else classic
    return forms


_FORMS = _forms()


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes are a TIFF header, or one of the makers' variations of it."""
    return _form_of(head) is not None


def read(view: View, found: Findings) -> None:
    """Find the dates of a TIFF file, or of an Exif block, whose header starts the view."""
    head = view.read(0, 16)
    form = _form_of(head)
    if form is None:
        raise StopReading("its EXIF block has no TIFF header")
    entries = _entries(view, form.offset.unpack_from(head, form.first)[0], form, _WANTED)
    _read_exif(view, entries, form, found)
    _read_packets(view, entries, found)
    if _PANASONIC_JPEG in entries and not any(candidate.rank == ORIGINAL for candidate in found.candidates):
        from common.dates.readers import jpeg  # noqa: PLC0415 - JPEG holds TIFF and Panasonic's TIFF holds JPEG

        jpeg.read(view.part(*entries[_PANASONIC_JPEG]), found)


def read_gps(view: View, found: Findings) -> None:
    """Find the date in a TIFF block whose first IFD is a GPS IFD (box CMT4 of Canon's CR3)."""
    head = view.read(0, 16)
    form = _form_of(head)
    if form is not None:
        _read_gps_ifd(view, form.offset.unpack_from(head, form.first)[0], form, found)


def _form_of(head: bytes) -> _Form | None:
    form = _FORMS.get(head[:4])
    return None if form is None or len(head) < (16 if form.is_big else 8) else form


def _entries(view: View, offset: int, form: _Form, wanted: frozenset[int]) -> Entries:
    """Where the wanted values of one IFD stand. Entries outside of the view are left out."""
    start = offset + form.count.size
    raw = view.read(offset, form.count.size)
    if len(raw) < form.count.size:
        return {}
    count = min(form.count.unpack(raw)[0], _MOST_ENTRIES)
    view.step(count + 1)
    size, inline, unpack = form.entry_size, form.inline, form.entry.unpack_from
    table = view.read(start, count * size)
    entries: Entries = {}
    # The tags are the first two bytes of each entry.
    for tag, entry, value in _places(table[0::size], table[1::size], form, len(table) // size, wanted):
        if tag in entries:
            continue
        kind, values, where = unpack(table, entry)
        length = _SIZES.get(kind, 1) * values
        if length <= inline:
            entries[tag] = (start + value, length)
        elif where < view.size:
            entries[tag] = (where, length)
    return entries


# One camera's photos have the same tags in the same order, and of some fifty ten are wanted.
@lru_cache(maxsize=128)
def _places(
    first: bytes, second: bytes, form: _Form, count: int, wanted: frozenset[int]
) -> tuple[tuple[int, int, int], ...]:
    """The entries of an IFD that hold wanted tags, given the two bytes of each tag: the tag, where its entry goes on
    behind it, and where a short value stands in it, in bytes from the first entry. Pure."""
    places = []
    for number, pair in zip(range(count), zip(first, second, strict=False), strict=False):
        tag = int.from_bytes(pair, form.order)
        if tag in wanted:
            start = number * form.entry_size
            places.append((tag, start + 2, start + form.entry_size - form.inline))
    return tuple(places)


def _pointer(view: View, entries: Entries, tag: int, form: _Form) -> int | None:
    """The offset of another IFD. None when there is none."""
    if tag not in entries:
        return None
    offset, length = entries[tag]
    size = form.inline if length >= form.inline else 4
    raw = view.read(offset, size)
    return int.from_bytes(raw, form.order) if len(raw) == size else None


def _read_exif(view: View, entries: Entries, form: _Form, found: Findings) -> None:
    """Dates of IFD0 and of its Exif IFD. The tags of both are looked up in both: TIFF/EP has all in IFD0."""
    exif_at = _pointer(view, entries, _EXIF_IFD, form)
    exif = _entries(view, exif_at, form, _WANTED) if exif_at else {}
    every = entries | exif
    if _DATE_TIME in entries:
        every[_DATE_TIME] = entries[_DATE_TIME]

    texts = {
        tag: view.read(where, min(length, _MOST_TEXT)).decode("latin-1")
        for tag, (where, length) in every.items()
        if tag in _TEXTS
    }
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
    gps_at = _pointer(view, entries, _GPS_IFD, form) or _pointer(view, exif, _GPS_IFD, form)
    if gps_at:
        _read_gps_ifd(view, gps_at, form, found)


def _read_gps_ifd(view: View, offset: int, form: _Form, found: Findings) -> None:
    entries = _entries(view, offset, form, _GPS_WANTED)
    if _GPS_DATE not in entries:
        return
    where, length = entries[_GPS_DATE]
    date = view.read(where, min(length, _MOST_TEXT)).decode("latin-1").split("\0", 1)[0].strip()
    clock = ""
    if _GPS_TIME in entries:
        raw = view.read(entries[_GPS_TIME][0], 24)
        if len(raw) == 24:
            hour, minute, second = (top // bottom if bottom else 0 for top, bottom in form.rational.iter_unpack(raw))
            if hour < 24 and minute < 60 and second < 60:
                clock = f" {hour:02}:{minute:02}:{second:02}Z"
    found.text("gps:GPSDateTime", date + clock if date else "", SATELLITE, view.start + where)


def _read_packets(view: View, entries: Entries, found: Findings) -> None:
    """XMP, IPTC and Photoshop blocks that stand in tags of IFD0."""
    for tag, reader in ((_XMP, xmp.read), (_IPTC, iptc.read), (_PHOTOSHOP, iptc.read_resources)):
        if tag in entries:
            offset, length = entries[tag]
            reader(view.part(offset, min(length, _MOST_PACKET)), found)

"""TIFF, Exif, and the camera RAWs that are TIFF inside: DNG, NEF, NRW, CR2, ARW, SR2, PEF, SRW, ORF, RW2, GPR, 3FR, …

Sources: TIFF 6.0 section 2 (header, IFD), BigTIFF (Aware Systems), TIFF/EP ISO 12234-2 (dates in IFD0),
Exif 3.0 CIPA DC-008 sections 4.6.3 to 4.6.6 (Exif and GPS IFDs, date, SubSec and Offset tags), XMP part 3
section 3.3.3 (tag 700), IPTC-NAA (tag 33723), Photoshop image resources (tag 34377). Olympus and Panasonic
replace the 42 of the header by numbers of their own (see ``raw.py`` for Panasonic's RW2).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Literal, NamedTuple

from common.dates.byte_view import ByteView, Data, StopReading
from common.dates.findings import DIGITIZED, EDITED, ORIGINAL, SATELLITE, Findings
from common.dates.readers import iptc, xmp

# TIFF, BigTIFF, Panasonic, Olympus (two), Leica's RWL is Panasonic's; JPEG XR differs only in its image tags.
_BIG_TIFF = 43
_MAGIC_NUMBERS = frozenset({42, _BIG_TIFF, 0x55, 0x4F52, 0x5352, 0x01BC})
_MOST_ENTRIES = 1_000
_MOST_TEXT = 64
_MOST_PACKET = 1 << 20

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

_DATE_TIME = 0x0132
_XMP = 0x02BC
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
_WANTED = _TEXTS | {_XMP, _IPTC, _PHOTOSHOP, _EXIF_IFD, _GPS_IFD}
_GPS_WANTED = frozenset({_GPS_TIME, _GPS_DATE})

# Tag -> (offset of its value, length of its value in bytes)
Entries = dict[int, tuple[int, int]]


class _Form:
    """How numbers and IFDs are laid out: by the byte order, and by whether offsets have 8 bytes (BigTIFF) or 4."""

    __slots__ = ("clock", "count", "entry", "entry_size", "first", "inline", "is_big", "offset", "order")

    def __init__(self, order: Literal["little", "big"], is_big: bool) -> None:
        mark = "<" if order == "little" else ">"
        self.order = order
        self.is_big = is_big
        self.first = 8 if is_big else 4  # where the header tells the first IFD
        self.inline = 8 if is_big else 4  # a value of up to so many bytes stands in its entry
        self.count = struct.Struct(mark + ("Q" if is_big else "H"))
        self.offset = struct.Struct(mark + ("Q" if is_big else "I"))
        self.entry_size = 20 if is_big else 12
        self.entry = struct.Struct(mark + ("HQQ" if is_big else "HII"))  # behind the tag: type, count, value or offset
        self.clock = struct.Struct(mark + "6I")  # hour, minute and second as rationals


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


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates of a TIFF file, or of an Exif block, whose header starts the view."""
    block = _block(view)
    if block is None:
        raise StopReading("its EXIF block has no TIFF header")
    entries = _entries(block, block.first_ifd(), _WANTED)
    _read_dates(block, entries, findings)
    _read_packets(view, entries, findings)


def read_exif(view: ByteView, findings: Findings) -> None:
    """Find the dates of an Exif block that starts the view; a block without a TIFF header has none."""
    if is_tiff(view.read(0, 16)):
        read(view, findings)


def find_value(view: ByteView, tag: int) -> ByteView | None:
    """The value of one tag of the first IFD, as a view of its own. None where there is none."""
    block = _block(view)
    entries = _entries(block, block.first_ifd(), frozenset({tag})) if block else {}
    return view.part(*entries[tag]) if tag in entries else None


def read_gps(view: ByteView, findings: Findings) -> None:
    """Find the date in a TIFF block whose first IFD is a GPS IFD (box CMT4 of Canon's CR3)."""
    block = _block(view)
    if block is not None:
        _read_gps_ifd(block, block.first_ifd(), findings)


class _Block(NamedTuple):
    """A TIFF file or Exif block: its view, the same to be cut like bytes, and how its numbers are laid out."""

    view: ByteView
    data: Data
    form: _Form

    def first_ifd(self) -> int:
        """The offset that the header tells."""
        form = self.form
        offset: int = form.offset.unpack(self.data[form.first : form.first + form.offset.size])[0]
        return offset


def _block(view: ByteView) -> _Block | None:
    """The block that starts the view. None when it has no TIFF header."""
    data = view.data()
    form = _form_of(data[0:16])
    return None if form is None else _Block(view, data, form)


def _form_of(head: bytes) -> _Form | None:
    form = _FORMS.get(head[:4])
    return None if form is None or len(head) < (16 if form.is_big else 8) else form


def _entries(block: _Block, offset: int, wanted: frozenset[int]) -> Entries:
    """Where the wanted values of one IFD stand. Entries outside of the view are left out."""
    view, data, form = block
    start = offset + form.count.size
    raw = data[offset:start]
    if len(raw) < form.count.size:
        return {}
    count = min(form.count.unpack(raw)[0], _MOST_ENTRIES)
    view.step(count + 1)
    size, inline, unpack = form.entry_size, form.inline, form.entry.unpack_from
    table = data[start : start + count * size]
    if len(table) < count * size:
        table = table[: len(table) // size * size]
    entries: Entries = {}
    # The tags are the first two bytes of each entry.
    for tag, entry, value in _places(table[0::size], table[1::size], form, wanted):
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
def _places(first: bytes, second: bytes, form: _Form, wanted: frozenset[int]) -> tuple[tuple[int, int, int], ...]:
    """The entries of an IFD that hold wanted tags, given the two bytes of each tag: the tag, where its entry goes on
    behind it, and where a short value stands in it, in bytes from the first entry. Pure."""
    places = []
    for number, pair in enumerate(zip(first, second, strict=True)):
        tag = int.from_bytes(pair, form.order)
        if tag in wanted:
            start = number * form.entry_size
            places.append((tag, start + 2, start + form.entry_size - form.inline))
    return tuple(places)


def _pointer(block: _Block, entries: Entries, tag: int) -> int | None:
    """The offset of another IFD. None when there is none."""
    if tag not in entries:
        return None
    offset, length = entries[tag]
    form = block.form
    size = form.inline if length >= form.inline else 4
    raw = block.data[offset : offset + size]
    return int.from_bytes(raw, form.order) if len(raw) == size else None


def _read_dates(block: _Block, entries: Entries, findings: Findings) -> None:
    """Dates of IFD0 and of its Exif IFD. The tags of both are looked up in both: TIFF/EP has all in IFD0."""
    exif_at = _pointer(block, entries, _EXIF_IFD)
    exif = _entries(block, exif_at, _WANTED) if exif_at else {}
    every = entries | exif
    if _DATE_TIME in entries:
        every[_DATE_TIME] = entries[_DATE_TIME]

    data = block.data
    texts = {
        tag: data[where : where + (length if length < _MOST_TEXT else _MOST_TEXT)].decode("latin-1")
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
            findings.add_text(name, text, rank, subsec=texts.get(subsec, ""), zone=away)
    if edited:
        findings.add_text("exif:DateTime", edited, EDITED, subsec=texts.get(_SUBSEC, ""), zone=zone)
    gps_at = _pointer(block, entries, _GPS_IFD) or _pointer(block, exif, _GPS_IFD)
    if gps_at:
        _read_gps_ifd(block, gps_at, findings)


def _read_gps_ifd(block: _Block, offset: int, findings: Findings) -> None:
    entries = _entries(block, offset, _GPS_WANTED)
    if _GPS_DATE not in entries:
        return
    where, length = entries[_GPS_DATE]
    date = block.data[where : where + min(length, _MOST_TEXT)].decode("latin-1").split("\0", 1)[0].strip()
    clock = ""
    if _GPS_TIME in entries:
        at = entries[_GPS_TIME][0]
        raw = block.data[at : at + block.form.clock.size]
        if len(raw) == block.form.clock.size:
            hour, hours, minute, minutes, second, seconds = block.form.clock.unpack(raw)
            hour = hour // hours if hours else 0
            minute = minute // minutes if minutes else 0
            second = second // seconds if seconds else 0
            if hour < 24 and minute < 60 and second < 60:
                clock = f" {hour:02}:{minute:02}:{second:02}Z"
    findings.add_text("gps:GPSDateTime", date + clock if date else "", SATELLITE)


def _read_packets(view: ByteView, entries: Entries, findings: Findings) -> None:
    """XMP, IPTC and Photoshop blocks that stand in tags of IFD0."""
    for tag, reader in ((_XMP, xmp.read), (_IPTC, iptc.read), (_PHOTOSHOP, _read_resources)):
        if tag in entries:
            offset, length = entries[tag]
            reader(view.part(offset, min(length, _MOST_PACKET)), findings)


def _read_resources(view: ByteView, findings: Findings) -> None:
    iptc.read_resources(view, findings, read_exif)

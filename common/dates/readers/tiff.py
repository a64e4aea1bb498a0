"""TIFF, Exif, and the camera RAWs that are TIFF inside: DNG, NEF, NRW, CR2, ARW, SR2, PEF, SRW, ORF, RW2, GPR, 3FR, …

Sources: TIFF 6.0 section 2 (header, IFD), BigTIFF (Aware Systems), TIFF/EP ISO 12234-2 (dates in IFD0), Exif 3.0 CIPA
DC-008 sections 4.6.3 to 4.6.6 (Exif and GPS IFDs, date, SubSec and Offset tags), XMP part 3 section 3.3.3 (tag 700),
IPTC-NAA (tag 33723), Photoshop image resources (tag 34377). Olympus and Panasonic replace the 42 in the header with
numbers of their own (see ``raw.py`` for Panasonic's RW2).
"""

import struct
from collections.abc import Iterable
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

_TEXTS = frozenset({_DATE_TIME, _OFFSET, _SUBSEC})
_TEXTS |= {_ORIGINAL, _OFFSET_ORIGINAL, _SUBSEC_ORIGINAL, _DIGITIZED, _OFFSET_DIGITIZED, _SUBSEC_DIGITIZED}
_WANTED = _TEXTS | {_XMP, _IPTC, _PHOTOSHOP, _EXIF_IFD, _GPS_IFD}
_GPS_WANTED = frozenset({_GPS_TIME, _GPS_DATE})

Entries = dict[int, tuple[int, int]]
"""Offset and length in bytes of the value of each tag."""


class _Layout:
    """The layout of numbers and IFDs, by the byte order, and by whether offsets have 8 bytes (BigTIFF) or 4."""

    __slots__ = ("clock", "count", "entry", "entry_size", "header_size", "offset", "offset_size", "order")

    def __init__(self, order: Literal["little", "big"], is_big: bool) -> None:
        mark = "<" if order == "little" else ">"
        self.order = order
        self.header_size = 16 if is_big else 8  # its second half is the offset of the first IFD
        self.offset_size = 8 if is_big else 4  # a value of up to this many bytes is in its entry
        self.offset = struct.Struct(mark + ("Q" if is_big else "I"))
        self.count = struct.Struct(mark + ("Q" if is_big else "H"))
        self.entry_size = 20 if is_big else 12
        self.entry = struct.Struct(mark + ("HQQ" if is_big else "HII"))  # after the tag: type, count, value or offset
        self.clock = struct.Struct(mark + "6I")  # hour, minute and second as rationals


def _make_layouts() -> dict[bytes, _Layout]:
    """The layouts by the first four bytes of a file: the byte order and a magic number."""
    layouts = {}
    orders: tuple[tuple[bytes, Literal["little", "big"]], ...] = ((b"II", "little"), (b"MM", "big"))
    for mark, order in orders:
        classic, big = _Layout(order, is_big=False), _Layout(order, is_big=True)
        for magic in _MAGIC_NUMBERS:
            layouts[mark + magic.to_bytes(2, order)] = big if magic == _BIG_TIFF else classic
    return layouts


_LAYOUTS = _make_layouts()


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes are a TIFF header, or a maker's variant of it."""
    return _layout_of(head) is not None


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates of a TIFF file or Exif block at the start of the view. Raises ``StopReading`` if there is none."""
    block = _block(view)
    if block is None:
        raise StopReading("its EXIF block has no TIFF header")
    entries = _entries(block, block.first_ifd(), _WANTED)
    _read_dates(block, entries, findings)
    _read_packets(view, entries, findings)


def read_exif(view: ByteView, findings: Findings) -> None:
    """Find the dates of an Exif block at the start of the view, if it has a TIFF header."""
    if is_tiff(view.read(0, 16)):
        read(view, findings)


def read_resources(view: ByteView, findings: Findings) -> None:
    """Find the dates in a sequence of Photoshop image resources at the start of the view."""
    iptc.read_resources(view, findings, read_exif)


def read_embedded(view: ByteView, starts: Iterable[int], findings: Findings) -> bool:
    """Find the dates of an Exif block at the first of some offsets with a TIFF header. Returns whether there is one."""
    head = view.read(0, 64)
    for start in starts:
        if is_tiff(head[start : start + 16]):
            read(view.part(start), findings)
            return True
    return False


def find_value(view: ByteView, tag: int) -> ByteView | None:
    """A view of the value of one tag in the first IFD, None if the tag is missing."""
    block = _block(view)
    entries = _entries(block, block.first_ifd(), frozenset({tag})) if block else {}
    return view.part(*entries[tag]) if tag in entries else None


def read_gps(view: ByteView, findings: Findings) -> None:
    """Find the date in a TIFF block whose first IFD is a GPS IFD (box CMT4 of Canon's CR3)."""
    block = _block(view)
    if block is not None:
        _read_gps_ifd(block, block.first_ifd(), findings)


class _Block(NamedTuple):
    """A TIFF file or Exif block: its view, the same data for fast slicing, and its layout."""

    view: ByteView
    data: Data
    layout: _Layout

    def first_ifd(self) -> int:
        """The offset of the first IFD, from the header."""
        layout = self.layout
        offset: int = layout.offset.unpack(self.data[layout.offset_size : layout.header_size])[0]
        return offset


def _block(view: ByteView) -> _Block | None:
    """The block at the start of the view, None if it has no TIFF header."""
    data = view.data()
    layout = _layout_of(data[0:16])
    return None if layout is None else _Block(view, data, layout)


def _layout_of(head: bytes) -> _Layout | None:
    layout = _LAYOUTS.get(head[:4])
    return None if layout is None or len(head) < layout.header_size else layout


def _entries(block: _Block, offset: int, wanted: frozenset[int]) -> Entries:
    """The wanted values of one IFD. Those outside of the view are left out."""
    view, data, layout = block
    start = offset + layout.count.size
    raw = data[offset:start]
    if len(raw) < layout.count.size:
        return {}
    count = min(layout.count.unpack(raw)[0], _MOST_ENTRIES)
    view.step(count + 1)
    size, inline, unpack = layout.entry_size, layout.offset_size, layout.entry.unpack_from
    table = data[start : start + count * size]
    if len(table) < count * size:
        table = table[: len(table) // size * size]
    entries: Entries = {}
    # The tags are the first two bytes of each entry.
    for tag, entry, value in _wanted_entries(table[0::size], table[1::size], layout, wanted):
        if tag in entries:
            continue
        kind, values, value_offset = unpack(table, entry)
        length = _SIZES.get(kind, 1) * values
        if length <= inline:
            entries[tag] = (start + value, length)
        elif value_offset < view.size:
            entries[tag] = (value_offset, length)
    return entries


# Cached, since one camera's photos have the same tags in the same order, and ten of some fifty are wanted.
@lru_cache(maxsize=128)
def _wanted_entries(
    first: bytes, second: bytes, layout: _Layout, wanted: frozenset[int]
) -> tuple[tuple[int, int, int], ...]:
    """The wanted entries of an IFD, by the first and second bytes of all tags.

    For each: its tag, the position after the tag, and that of a short value, in bytes from the first entry.
    """
    entries = []
    for number, pair in enumerate(zip(first, second, strict=True)):
        tag = int.from_bytes(pair, layout.order)
        if tag in wanted:
            start = number * layout.entry_size
            entries.append((tag, start + 2, start + layout.entry_size - layout.offset_size))
    return tuple(entries)


def _pointer(block: _Block, entries: Entries, tag: int) -> int | None:
    """The offset of another IFD, which a tag holds; None if the tag is missing."""
    if tag not in entries:
        return None
    offset, length = entries[tag]
    layout = block.layout
    size = layout.offset_size if length >= layout.offset_size else 4
    raw = block.data[offset : offset + size]
    return int.from_bytes(raw, layout.order) if len(raw) == size else None


def _read_dates(block: _Block, entries: Entries, findings: Findings) -> None:
    """Read the dates of IFD0, its Exif IFD and its GPS IFD. TIFF/EP has Exif tags in IFD0, so both are searched."""
    exif_offset = _pointer(block, entries, _EXIF_IFD)
    exif = _entries(block, exif_offset, _WANTED) if exif_offset else {}
    merged = entries | exif
    if _DATE_TIME in entries:
        merged[_DATE_TIME] = entries[_DATE_TIME]

    data = block.data
    texts = {
        tag: data[start : start + (length if length < _MOST_TEXT else _MOST_TEXT)].decode("latin-1")
        for tag, (start, length) in merged.items()
        if tag in _TEXTS
    }
    edited, zone = texts.get(_DATE_TIME, ""), texts.get(_OFFSET, "")
    for tag, name, rank, subsec, offset in (
        (_ORIGINAL, "exif:DateTimeOriginal", ORIGINAL, _SUBSEC_ORIGINAL, _OFFSET_ORIGINAL),
        (_DIGITIZED, "exif:DateTimeDigitized", DIGITIZED, _SUBSEC_DIGITIZED, _OFFSET_DIGITIZED),
    ):
        text = texts.get(tag)
        if text:
            # The OffsetTime of DateTime applies to other tags with the same time as well.
            zone_of_tag = texts.get(offset) or (zone if text == edited else "")
            findings.add_text(name, text, rank, subsec=texts.get(subsec, ""), zone=zone_of_tag)
    if edited:
        findings.add_text("exif:DateTime", edited, EDITED, subsec=texts.get(_SUBSEC, ""), zone=zone)
    gps_offset = _pointer(block, entries, _GPS_IFD) or _pointer(block, exif, _GPS_IFD)
    if gps_offset:
        _read_gps_ifd(block, gps_offset, findings)


def _read_gps_ifd(block: _Block, offset: int, findings: Findings) -> None:
    entries = _entries(block, offset, _GPS_WANTED)
    if _GPS_DATE not in entries:
        return
    start, length = entries[_GPS_DATE]
    date = block.data[start : start + min(length, _MOST_TEXT)].decode("latin-1").split("\0", 1)[0].strip()
    clock = ""
    if _GPS_TIME in entries:
        start = entries[_GPS_TIME][0]
        raw = block.data[start : start + block.layout.clock.size]
        if len(raw) == block.layout.clock.size:
            hour, hours, minute, minutes, second, seconds = block.layout.clock.unpack(raw)
            hour = hour // hours if hours else 0
            minute = minute // minutes if minutes else 0
            second = second // seconds if seconds else 0
            if hour < 24 and minute < 60 and second < 60:
                clock = f" {hour:02}:{minute:02}:{second:02}Z"
    findings.add_text("gps:GPSDateTime", date + clock if date else "", SATELLITE)


def _read_packets(view: ByteView, entries: Entries, findings: Findings) -> None:
    """Read the XMP, IPTC and Photoshop blocks in tags of IFD0."""
    for tag, reader in ((_XMP, xmp.read), (_IPTC, iptc.read), (_PHOTOSHOP, read_resources)):
        if tag in entries:
            offset, length = entries[tag]
            reader(view.part(offset, min(length, _MOST_PACKET)), findings)

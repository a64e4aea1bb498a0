"""The family of box files: MP4, MOV, M4V, 3GP, INSV, HEIC, HEIF, AVIF, CR3, JPEG 2000, JPEG XL.

Sources: ISO/IEC 14496-12 (boxes, mvhd, tkhd, udta, meta, iinf, iloc, idat, iref), ISO/IEC 23008-12 (Exif and XMP items
of HEIF), Apple "QuickTime File Format" (keys and ilst, user data, seconds since 1904), XMP part 3 sections 1.1.4 and
1.2.6 (uuid box, XMP_ item), ISO/IEC 15444-1 annex I (JP2 boxes), ISO/IEC 18181-2 (JPEG XL), Sony's "nrtmd" XML
(non-real-time metadata), lclevy's description of Canon's CR3 (uuid box with CMT1 to CMT4).

QuickTime and ISO define ``mvhd`` as UTC. Nikon and GoPro cameras have no notion of a zone and write their wall
clock there (their own tags repeat the same reading; no file of a GoPro was at hand to check it): a local time.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from common.dates.byte_view import ByteView
from common.dates.findings import CONTAINER, CREATED, ORIGINAL, RELEASED, TEXT_CREATE, Findings
from common.dates.parsing import parse_moment
from common.dates.readers import iptc, maker, tiff, xmp

_MOST_BOXES = 2_000
_MOST_ITEMS = 4_000
_MOST_PACKET = 1 << 20
_MOST_TABLE = 256 << 10
# Seconds from 1904-01-01, where QuickTime starts to count, to 1970-01-01.
_EPOCH_1904 = 2_082_844_800
# QuickTime appeared in 1991. A clock that says less has just been started: 1904, 1970 or a few hours later.
_OLDEST_FILM = 631_152_000  # 1990-01-01

_FIRST_BOXES = frozenset(
    {
        b"ftyp",
        b"moov",
        b"mdat",
        b"wide",
        b"free",
        b"skip",
        b"pnot",
        b"moof",
        b"styp",
        b"meta",
        b"uuid",
        b"junk",
        b"PICT",
        b"pict",
    }
)
_JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n"
_JPEG_XL = b"\0\0\0\x0cJXL \r\n\x87\n"

_UUID_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_EXIF = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
_UUID_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")

_MAKER_BOXES = frozenset(
    {b"CNTH", b"QVMI", b"MVTG", b"FFMV", b"PANA", b"LEIC", b"TAGS", b"PENT", b"SDLN", b"CNDB", b"PXMN"}
)
_KEYS = {
    "com.apple.quicktime.creationdate": ("quicktime:creationdate", ORIGINAL),
    "com.apple.proapps.shootdate": ("quicktime:shootdate", ORIGINAL),
    "com.apple.proapps.clipdate": ("quicktime:clipdate", ORIGINAL),
    "com.android.creationdate": ("quicktime:creationdate", ORIGINAL),
    "creation_time": ("quicktime:creation_time", TEXT_CREATE),
    "date": ("quicktime:date", TEXT_CREATE),
}
_SONY_CREATED = re.compile(rb"<CreationDate\s{1,8}value=\"([^\"<>]{10,40})\"")

# A box: its type and its content.
Box = tuple[bytes, ByteView]


class _Film:
    """What must be known of the whole film before its clock can be named."""

    __slots__ = ("is_local", "movie_time", "track_time")

    def __init__(self) -> None:
        self.is_local = False
        self.movie_time = 0
        self.track_time = 0


def is_box_file(head: bytes) -> bool:
    """A first box of a known type, of a length that a first box can have."""
    if head.startswith((_JPEG_2000, _JPEG_XL)):
        return True
    if len(head) < 8 or head[4:8] not in _FIRST_BOXES:
        return False
    size = int.from_bytes(head[:4], "big")
    return size in {0, 1} or size >= 8


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the boxes of a file. Media data is skipped, not read."""
    film = _Film()
    try:
        _read_boxes(view, findings, film)
    finally:
        _conclude(film, findings)


def _boxes(view: ByteView, start: int = 0) -> Iterator[Box]:
    """The boxes of a view, one after the other. Each begins behind the one before, so this ends."""
    offset = start
    for _ in range(_MOST_BOXES):
        head = view.read(offset, 16, ahead=512)
        if len(head) < 8:
            return
        view.step()
        size, kind = struct.unpack_from(">I4s", head)
        header = 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack_from(">Q", head, 8)[0], 16
        elif size == 0:
            size = view.size - offset  # the last box reaches to the end
        if size < header:
            return
        yield kind, view.part(offset + header, size - header)
        offset += size


def _read_boxes(view: ByteView, findings: Findings, film: _Film) -> None:
    for kind, box in _boxes(view):
        if kind == b"cmov":
            _read_packed_movie(box, findings, film)
        elif kind in {b"moov", b"trak", b"skip"} and (kind != b"skip" or box.read(4, 4) == b"udta"):
            _read_boxes(box, findings, film)
        elif kind == b"ftyp":
            film.is_local = box.read(0, 4) in {b"niko", b"GPRO"}
        elif kind == b"mvhd":
            film.movie_time = film.movie_time or _header_time(box)
        elif kind == b"tkhd":
            film.track_time = film.track_time or _header_time(box)
        elif kind == b"udta":
            _read_user_data(box, findings, film)
        elif kind == b"meta":
            _read_meta(box, findings)
        elif kind == b"uuid":
            _read_uuid(box, findings)
        elif kind == b"xml ":
            _read_xml(box, findings)
        elif kind == b"Exif":
            _read_exif(box, 4, findings)
        elif kind in _MAKER_BOXES:
            maker.read(box, "quicktime:camera", findings)


def _read_packed_movie(view: ByteView, findings: Findings, film: _Film) -> None:
    """A moov that QuickTime packed with zlib: dcom names the method, cmvd holds a length and the packed moov."""
    for kind, box in _boxes(view):
        if kind == b"cmvd":
            packed = box.read(4, _MOST_PACKET)
            try:
                movie = zlib.decompressobj().decompress(packed, _MOST_PACKET)
            except zlib.error:
                return
            box.search(len(movie))
            _read_boxes(box.unpacked(movie), findings, film)


def _header_time(box: ByteView) -> int:
    """Seconds since 1904 of an mvhd or tkhd; 0 where no time was written."""
    head = box.read(0, 12)
    if len(head) < 12:
        return 0
    seconds: int = struct.unpack_from(">Q" if head[0] == 1 else ">I", head, 4)[0]
    return seconds


def _conclude(film: _Film, findings: Findings) -> None:
    """Name the clock of the container's time, now that the maker is known."""
    for tag, seconds in (("quicktime:mvhd", film.movie_time), ("quicktime:tkhd", film.track_time)):
        if seconds:
            # A film of before 1970 can't be: the writer counted from 1970.
            since_1970 = seconds - _EPOCH_1904 if seconds >= _EPOCH_1904 else seconds
            if since_1970 < _OLDEST_FILM:
                findings.add_unreadable(tag, f"{seconds} seconds", CONTAINER)
            else:
                findings.add_seconds(tag, since_1970, CONTAINER, local=film.is_local)
            return


def _read_user_data(view: ByteView, findings: Findings, film: _Film) -> None:
    for kind, box in _boxes(view):
        if kind == b"\xa9day":
            _add_day(box.read(4, 64), findings)  # behind a length and a language
        elif kind in {b"date", b"IDIT"}:
            findings.add_text(f"quicktime:{kind.decode()}", box.read(0, 64).lstrip(b"\0"), CREATED)
        elif kind == b"meta":
            _read_meta(box, findings)
        elif kind == b"XMP_":
            xmp.read(box, findings)
        elif kind == b"NCDT":
            film.is_local = True
            for inner_kind, inner in _boxes(box):
                if inner_kind == b"NCTG":
                    maker.read_nikon(inner, findings, ">", original=0x12, digitized=0x11)
        elif kind == b"GPMF":
            film.is_local = True
        elif kind in _MAKER_BOXES:
            maker.read(box, "quicktime:camera", findings)


def _add_day(raw: bytes, findings: Findings) -> None:
    """``©day``: cameras write a full date with its offset here, shops and editors a year or a day."""
    text = raw.decode("utf-8", "replace").strip("\0 ")
    moment = parse_moment(text)
    rank = RELEASED if moment is None or moment.date_only else CREATED
    findings.add_text("quicktime:day", text, rank)


def _read_meta(view: ByteView, findings: Findings) -> None:
    """A meta box: keys with their values, or the items of a HEIF picture.

    In ISO files it is a full box with four bytes of version and flags, in QuickTime files a plain one.
    """
    start = 0 if view.read(4, 4) in {b"hdlr", b"mhdr", b"keys", b"ilst"} else 4
    keys: list[str] = []
    parts: dict[bytes, ByteView] = {}
    for kind, box in _boxes(view, start):
        if kind == b"keys":
            keys = _read_keys(box)
        elif kind == b"ilst":
            _read_item_list(box, keys, findings)
        elif kind == b"xml ":
            _read_xml(box, findings)
        elif kind in {b"iinf", b"iloc", b"idat"}:
            parts[kind] = box
    if b"iinf" in parts and b"iloc" in parts:
        _read_items(parts[b"iinf"], parts[b"iloc"], parts.get(b"idat"), findings)


def _read_keys(box: ByteView) -> list[str]:
    names: list[str] = []
    offset = 8
    for _ in range(min(int.from_bytes(box.read(4, 4), "big"), _MOST_ITEMS)):
        size = int.from_bytes(box.read(offset, 4), "big")
        if size < 8:
            break
        box.step()
        names.append(box.read(offset + 8, min(size - 8, 128)).decode("utf-8", "replace"))
        offset += size
    return names


def _read_item_list(view: ByteView, keys: list[str], findings: Findings) -> None:
    for kind, box in _boxes(view):
        number = int.from_bytes(kind, "big")
        value = box.read(16, 64) if box.read(4, 4) == b"data" else b""
        if kind == b"\xa9day":
            _add_day(value, findings)
        elif 1 <= number <= len(keys):
            name = keys[number - 1].lower().removeprefix("mdta")
            if name in _KEYS:
                tag, rank = _KEYS[name]
                length = int.from_bytes(box.read(0, 4), "big") - 16
                findings.add_text(tag, value[: max(length, 0)].decode("utf-8", "replace"), rank)


def _read_xml(box: ByteView, findings: Findings) -> None:
    packet = box.read(0, _MOST_PACKET)
    box.search(len(packet))
    sony = _SONY_CREATED.search(packet)
    if sony is not None:
        findings.add_text("sony:CreationDate", sony.group(1), ORIGINAL)
    else:
        xmp.scan(packet, findings)


def _read_uuid(box: ByteView, findings: Findings) -> None:
    name, content = box.read(0, 16), box.part(16)
    if name == _UUID_XMP:
        xmp.read(content, findings)
    elif name == _UUID_CANON:
        _read_canon(content, findings)
    elif name in _UUID_EXIF:
        _read_exif(content, 0, findings)
    elif name == _UUID_IPTC:
        iptc.read(content, findings)


def _read_canon(view: ByteView, findings: Findings) -> None:
    """CR3: CMT1 is IFD0, CMT2 the Exif IFD, CMT4 the GPS IFD, each a TIFF block of its own."""
    for kind, box in _boxes(view):
        if kind in {b"CMT1", b"CMT2"} and tiff.is_tiff(box.read(0, 16)):
            tiff.read(box, findings)
        elif kind == b"CMT4":
            tiff.read_gps(box, findings)
        elif kind == b"CNTH":
            maker.read(box, "quicktime:camera", findings)


def _read_exif(box: ByteView, start: int, findings: Findings) -> None:
    """An Exif block behind ``start`` bytes, with or without its ``Exif\\0\\0``."""
    head = box.read(0, 64)
    for skip in (start, start + 6, 0, 4, 6, 10):
        if tiff.is_tiff(head[skip:]):
            tiff.read(box.part(skip), findings)
            return


def _read_items(infos: ByteView, locations: ByteView, data: ByteView | None, findings: Findings) -> None:
    """Read the Exif and XMP items of a HEIF file, wherever its iloc says that they stand."""
    wanted = _metadata_items(infos)
    if not wanted:
        return
    for item, inside_data, offset, length in _extents(locations, wanted):
        where = data if inside_data else infos.whole()
        if where is None:
            continue
        content = where.part(offset, length or None)
        if wanted[item] == b"Exif":
            _read_exif_item(content, findings)
        else:
            xmp.read(content, findings)


def _read_exif_item(content: ByteView, findings: Findings) -> None:
    """ISO/IEC 23008-12 A.2.1: four bytes say how far behind them the TIFF header stands."""
    skip = 4 + int.from_bytes(content.read(0, 4), "big")
    if tiff.is_tiff(content.read(skip, 16)):
        tiff.read(content.part(skip), findings)
    else:
        _read_exif(content, 4, findings)


def _metadata_items(infos: ByteView) -> dict[int, bytes]:
    """Number -> kind of the items that may hold a date.

    A photo of a phone has some fifty items, tiles of the picture most of them, so this walks plain bytes.
    """
    wanted: dict[int, bytes] = {}
    table = infos.read(0, _MOST_TABLE)
    if b"Exif" not in table and b"rdf+xml" not in table:
        return wanted
    offset = 6 if table[0] == 0 else 8
    for _ in range(_MOST_ITEMS):
        entry = table[offset : offset + 96]
        if len(entry) < 16:
            break
        size = int.from_bytes(entry[:4], "big")
        if size < 16:
            break
        wide = entry[8] >= 3
        if entry[4:8] == b"infe" and entry[8] >= 2:
            number = int.from_bytes(entry[12:16] if wide else entry[12:14], "big")
            item = entry[18:22] if wide else entry[16:20]
            if item == b"Exif" or (item == b"mime" and b"rdf+xml" in entry[:size]):
                wanted[number] = item
        offset += size
    infos.step(len(wanted))
    return wanted


def _extents(box: ByteView, wanted: dict[int, bytes]) -> Iterator[tuple[int, bool, int, int]]:
    """Item, whether it stands in idat, offset and length of the first extent of each wanted item."""
    table = box.read(0, _MOST_TABLE)
    if len(table) < 8:
        return
    version = table[0]
    offset_size, length_size = table[4] >> 4, table[4] & 15
    base_size, index_size = table[5] >> 4, table[5] & 15 if version else 0
    wide, method_size = 4 if version == 2 else 2, 2 if version else 0
    fixed = wide + method_size + 2 + base_size + 2
    extent_size = index_size + offset_size + length_size

    def number(at: int, length: int) -> int:
        return int.from_bytes(table[at : at + length], "big")

    position = 6 + wide
    for _ in range(min(number(6, wide), _MOST_ITEMS)):
        if position + fixed > len(table):
            return
        extents = number(position + fixed - 2, 2)
        item = number(position, wide)
        method = number(position + wide, method_size) & 15
        if item in wanted and method in {0, 1} and extents:
            base = number(position + fixed - 2 - base_size, base_size)
            first = position + fixed + index_size
            start, length = number(first, offset_size), number(first + offset_size, length_size)
            yield item, method == 1, base + start, length
        position += fixed + extents * extent_size

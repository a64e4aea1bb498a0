"""The family of box files: MP4, MOV, M4V, 3GP, INSV, HEIC, HEIF, AVIF, CR3, JPEG 2000, JPEG XL.

Sources: ISO/IEC 14496-12 (boxes, mvhd, tkhd, udta, meta, iinf, iloc, idat, iref), ISO/IEC 23008-12 (Exif and XMP items
of HEIF), Apple "QuickTime File Format" (keys and ilst, user data, seconds since 1904), XMP part 3 sections 1.1.4 and
1.2.6 (uuid box, XMP_ item), ISO/IEC 15444-1 annex I (JP2 boxes), ISO/IEC 18181-2 (JPEG XL), Sony's "nrtmd" XML
(non-real-time metadata), lclevy's description of Canon's CR3 (uuid box with CMT1 to CMT4).

QuickTime and ISO define ``mvhd`` as UTC. Nikon and GoPro cameras know no zone and write their wall clock there, a local
time. (Their own tags repeat the same time. No file of a GoPro was at hand to check it.)
"""

import struct
from collections.abc import Iterator

from common.dates.byte_view import ByteView, inflate
from common.dates.findings import CONTAINER, CREATED, ORIGINAL, RELEASED, TEXT_CREATE, Findings
from common.dates.parsing import parse_moment
from common.dates.readers import iptc, maker, tiff, xmp

_MOST_BOXES = 2_000
_MOST_ITEMS = 4_000
_MOST_PACKET = 1 << 20
_MOST_TABLE = 256 << 10
# Seconds from 1904-01-01, where QuickTime starts to count, to 1970-01-01.
_EPOCH_1904 = 2_082_844_800
# QuickTime appeared in 1991. Earlier times come from clocks that were never set: 1904 or 1970, or some hours later.
_OLDEST_FILM = 631_152_000  # 1990-01-01

_FIRST_BOXES = frozenset(b"ftyp moov mdat wide free skip pnot moof styp meta uuid junk PICT pict".split())
_JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n"
_JPEG_XL = b"\0\0\0\x0cJXL \r\n\x87\n"

_UUID_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_EXIF = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
_UUID_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")

# With or without a length in front, and with or without Exif\0\0.
_EXIF_STARTS = (4, 10, 0, 6)
_MAKER_BOXES = frozenset(b"CNTH QVMI MVTG FFMV PANA LEIC TAGS PENT SDLN CNDB PXMN".split())
_KEYS = {
    "com.apple.quicktime.creationdate": ("quicktime:creationdate", ORIGINAL),
    "com.apple.proapps.shootdate": ("quicktime:shootdate", ORIGINAL),
    "com.apple.proapps.clipdate": ("quicktime:clipdate", ORIGINAL),
    "com.android.creationdate": ("quicktime:creationdate", ORIGINAL),
    "creation_time": ("quicktime:creation_time", TEXT_CREATE),
    "date": ("quicktime:date", TEXT_CREATE),
}


class _Film:
    """What the boxes of a film say about its container time and its clock."""

    __slots__ = ("is_local", "movie_time", "track_time")

    def __init__(self) -> None:
        self.is_local = False
        self.movie_time = 0
        self.track_time = 0


def is_box_file(head: bytes) -> bool:
    """Whether a file starts with a box of a known type and a possible length, or is JPEG 2000 or JPEG XL."""
    if head.startswith((_JPEG_2000, _JPEG_XL)):
        return True
    if len(head) < 8 or head[4:8] not in _FIRST_BOXES:
        return False
    size = int.from_bytes(head[:4], "big")
    return size in {0, 1} or size >= 8


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the boxes of a file. Media data is skipped."""
    film = _Film()
    try:
        _read_boxes(view, findings, film)
    finally:
        _add_container_time(film, findings)


def _boxes(view: ByteView, start: int = 0) -> Iterator[tuple[bytes, ByteView]]:
    """The types and contents of the boxes in a view. Each starts after the previous one, so the loop ends."""
    offset = start
    for _ in range(_MOST_BOXES):
        head = view.read(offset, 16, read_bytes=512)
        if len(head) < 8:
            return
        view.step()
        size, kind = struct.unpack_from(">I4s", head)
        header = 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack_from(">Q", head, 8)[0], 16
        elif size == 0:
            size = view.size - offset  # the last box, up to the end
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
            tiff.read_embedded(box, _EXIF_STARTS, findings)
        elif kind in _MAKER_BOXES:
            maker.read(box, "quicktime:camera", findings)


def _read_packed_movie(view: ByteView, findings: Findings, film: _Film) -> None:
    """Read a moov that QuickTime packed with zlib: dcom has the method, cmvd a length and the packed moov."""
    for kind, box in _boxes(view):
        if kind == b"cmvd":
            movie = inflate(box.read(4, _MOST_PACKET))
            box.search(len(movie))
            _read_boxes(box.unpacked(movie), findings, film)


def _header_time(box: ByteView) -> int:
    """The seconds since 1904 in an mvhd or tkhd, 0 if there is no time."""
    head = box.read(0, 12)
    return int.from_bytes(head[4 : 12 if head[0] == 1 else 8], "big") if len(head) == 12 else 0


def _add_container_time(film: _Film, findings: Findings) -> None:
    """Add the time of the container. Only after all boxes is it known whether its clock is local."""
    for tag, seconds in (("quicktime:mvhd", film.movie_time), ("quicktime:tkhd", film.track_time)):
        if seconds:
            # No such film is from before 1970: a smaller number was counted from 1970.
            since_1970 = seconds - _EPOCH_1904 if seconds >= _EPOCH_1904 else seconds
            if since_1970 < _OLDEST_FILM:
                findings.add_unreadable(tag, f"{seconds} seconds", CONTAINER)
            else:
                findings.add_seconds(tag, since_1970, CONTAINER, local=film.is_local)
            return


def _read_user_data(view: ByteView, findings: Findings, film: _Film) -> None:
    for kind, box in _boxes(view):
        if kind == b"\xa9day":
            _add_day(box.read(4, 64), findings)  # after a length and a language
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
    """Add a ``©day``: cameras write a full date with its offset, shops and editors a year or a day."""
    text = raw.decode("utf-8", "replace").strip("\0 ")
    parsed = parse_moment(text)
    rank = CREATED if parsed and not parsed.date_only else RELEASED
    findings.add_text("quicktime:day", text, rank)


def _read_meta(view: ByteView, findings: Findings) -> None:
    """Read a meta box: keys with their values, or the items of a HEIF picture.

    In ISO files it starts with four bytes of version and flags, in QuickTime files with its first box.
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
    if not maker.read_sony(packet, findings):
        xmp.scan(packet, findings)


def _read_uuid(box: ByteView, findings: Findings) -> None:
    name, content = box.read(0, 16), box.part(16)
    if name == _UUID_XMP:
        xmp.read(content, findings)
    elif name == _UUID_CANON:
        _read_canon(content, findings)
    elif name in _UUID_EXIF:
        tiff.read_embedded(content, (0, 6, 4, 10), findings)
    elif name == _UUID_IPTC:
        iptc.read(content, findings)


def _read_canon(view: ByteView, findings: Findings) -> None:
    """Read the TIFF blocks of a CR3: CMT1 is IFD0, CMT2 the Exif IFD, CMT4 the GPS IFD."""
    for kind, box in _boxes(view):
        if kind in {b"CMT1", b"CMT2"} and tiff.is_tiff(box.read(0, 16)):
            tiff.read(box, findings)
        elif kind == b"CMT4":
            tiff.read_gps(box, findings)
        elif kind == b"CNTH":
            maker.read(box, "quicktime:camera", findings)


def _read_items(infos: ByteView, locations: ByteView, data: ByteView | None, findings: Findings) -> None:
    """Read the Exif and XMP items of a HEIF file, at the places given by its iloc."""
    wanted = _metadata_items(infos)
    if not wanted:
        return
    for item, inside_data, offset, length in _extents(locations, wanted):
        container = data if inside_data else infos.whole()
        if container is None:
            continue
        content = container.part(offset, length or None)
        if wanted[item] == b"Exif":
            _read_exif_item(content, findings)
        else:
            xmp.read(content, findings)


def _read_exif_item(content: ByteView, findings: Findings) -> None:
    """Read an Exif item, whose first four bytes are the distance to the TIFF header (ISO/IEC 23008-12 A.2.1)."""
    skip = 4 + int.from_bytes(content.read(0, 4), "big")
    if tiff.is_tiff(content.read(skip, 16)):
        tiff.read(content.part(skip), findings)
    else:
        tiff.read_embedded(content, _EXIF_STARTS, findings)


def _metadata_items(infos: ByteView) -> dict[int, bytes]:
    """The numbers and types of the items that may hold a date.

    A phone's photo has some fifty items, mostly tiles of the picture, so the raw bytes are searched for speed.
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
    """For each wanted item: its number, whether it is in idat, and the offset and length of its first extent."""
    table = box.read(0, _MOST_TABLE)
    if len(table) < 8:
        return
    version = table[0]
    offset_size, length_size = table[4] >> 4, table[4] & 15
    base_size, index_size = table[5] >> 4, table[5] & 15 if version else 0
    wide, method_size = 4 if version == 2 else 2, 2 if version else 0
    fixed = wide + method_size + 2 + base_size + 2
    extent_size = index_size + offset_size + length_size

    def number(start: int, length: int) -> int:
        return int.from_bytes(table[start : start + length], "big")

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

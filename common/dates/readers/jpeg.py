"""JPEG files: the EXIF, XMP, IPTC and old makers' blocks in their application segments.

Sources: ITU-T T.81 annex B (markers and segments), Exif 3.0 section 4.5 (APP1), XMP part 3 section 1.1.3 (APP1 with
XMP, extended XMP and its GUID), Photoshop (APP13). Segments come in any order.
"""

import re
import struct

from common.dates.byte_view import ByteView
from common.dates.findings import CREATED, Findings
from common.dates.readers import tiff, xmp

_MOST_SEGMENTS = 400
# Most markers are in the part of the file that has been read already.
_NEAR_BYTES = 32 << 10
_EXTENDED_XMP_PARTS = 16

_SEGMENT = struct.Struct(">HH")  # marker, length
_FIRST_MARKER, _LAST_MARKER = 0xFF01, 0xFFFE  # 0xFF and any byte but 0 and 0xFF
_STAND_ALONE = frozenset({0xFF01, *range(0xFFD0, 0xFFD9)})
_ENDS = frozenset({0xFFD9, 0xFFDA})  # end of image, start of scan
_WITH_LENGTH = frozenset(range(_FIRST_MARKER, _LAST_MARKER + 1)) - _STAND_ALONE - _ENDS
_APP1, _APP12, _APP13 = 0xFFE1, 0xFFEC, 0xFFED
_WITH_DATES = frozenset({_APP1, _APP12, _APP13})

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_XMP_EXTENSION_HEADER = len(_XMP_EXTENSION) + 32 + 4 + 4
_PHOTOSHOP = (b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:")
_APPLICATION_START = re.compile(rb"\xff\xd8\xff(?:\xe0..JFIF\0|\xe1..Exif\0)", re.DOTALL)
# Agfa and Olympus of the 1990s: a text with the camera's clock as seconds since 1970.
_PICTURE_INFO = re.compile(rb"TimeDate=(\d{9,10})\b")


def is_behind_a_header(head: bytes) -> bool:
    """Whether a JPEG starts after the header of another system, such as MacBinary or a mail."""
    return _APPLICATION_START.search(head) is not None


def read_behind_a_header(view: ByteView, findings: Findings) -> None:
    """Find the dates of a JPEG stream that starts near the start of the view."""
    if start := _APPLICATION_START.search(view.read(0, 1024)):
        read(view.part(start.start()), findings)


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates of a JPEG stream at the start of the view. The image itself is not read."""
    near = view.read(0, _NEAR_BYTES)
    last_near = len(near) - _SEGMENT.size
    offset = 7 if near.startswith(b"\xff\x01Exiv2") else 2
    extended: list[bytes] = []
    visited = 0
    while visited < _MOST_SEGMENTS:
        visited += 1
        marker, length = _SEGMENT.unpack_from(near, offset) if offset <= last_near else _segment(view, offset)
        if marker not in _WITH_LENGTH:
            if not _FIRST_MARKER <= marker <= _LAST_MARKER:
                offset = _next_marker(view, offset)
                marker, length = _segment(view, offset)
            if marker in _STAND_ALONE:
                offset += 2
                continue
            if marker in _ENDS or marker < 0xFF00:
                break
        if length < 2:
            break
        if marker in _WITH_DATES:
            part = _read_segment(marker, view, offset + 4, length - 2, findings)
            if part and len(extended) < _EXTENDED_XMP_PARTS:
                extended.append(part)
        offset += 2 + length
    view.step(visited)
    if extended:
        # All parts at once: a name may be split between two segments.
        xmp.scan(b"".join(extended), findings)


def _segment(view: ByteView, offset: int) -> tuple[int, int]:
    """A marker and the length after it; zeros where the view ends."""
    head = view.read(offset, _SEGMENT.size)
    return _SEGMENT.unpack(head) if len(head) == _SEGMENT.size else (0, 0)


def _next_marker(view: ByteView, offset: int) -> int:
    """The offset of the next marker, after fill bytes or up to 256 stray bytes that follow a wrong length."""
    data = view.read(offset, 256)
    for index in range(len(data) - 1):
        if data[index] == 0xFF and data[index + 1] not in {0x00, 0xFF}:
            return offset + index
    return offset


def _read_segment(marker: int, view: ByteView, start: int, size: int, findings: Findings) -> bytes:
    """Find the dates in the content of a segment. Returns the content if it is a part of extended XMP."""
    head = view.read(start, min(size, 80))
    if marker == _APP1:
        if head[:4].lower() == b"exif":
            # The prefix Exif\0\0 has six bytes, but some writers use more or fewer.
            tiff.read_embedded(view.part(start, size), (6, 4, 5, 7, 8, 10, 12), findings)
        elif head.startswith(_XMP):
            xmp.read(view.part(start + len(_XMP), size - len(_XMP)), findings)
        elif head.startswith(_XMP_EXTENSION):
            return view.read(start + _XMP_EXTENSION_HEADER, size - _XMP_EXTENSION_HEADER)
        elif b"<x:xmpmeta" in head or b"<?xpacket" in head:
            xmp.read(view.part(start, size), findings)  # without the usual prefix
    elif marker == _APP13:
        for name in _PHOTOSHOP:
            if head.startswith(name):
                # Version 2.5 has a length and a name before its first resource.
                skip = len(name) if name is _PHOTOSHOP[0] else max(head[:64].find(b"8BIM"), 0)
                tiff.read_resources(view.part(start + skip, size - skip), findings)
    elif info := _PICTURE_INFO.search(view.read(start, min(size, 1024))):
        findings.add_seconds("app12:TimeDate", int(info[1]), CREATED, local=True)
    return b""

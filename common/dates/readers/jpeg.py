"""JPEG files: the EXIF, XMP, IPTC and old makers' blocks in their application segments.

Sources: ITU-T T.81 annex B (markers and segments), Exif 3.0 section 4.5 (APP1), XMP part 3 section 1.1.3
(APP1 with XMP, extended XMP and its GUID), Photoshop (APP13). Segments come in any order: XMP, and extended XMP,
may stand before EXIF.
"""

from __future__ import annotations

import re
import struct

from common.dates.byte_view import ByteView
from common.dates.findings import CREATED, Findings
from common.dates.readers import iptc, tiff, xmp

_MOST_SEGMENTS = 400
# Most markers stand in the part of the file that is in memory already.
_NEAR = 32 << 10
_EXTENDED_XMP_PARTS = 16

_SEGMENT = struct.Struct(">HH")  # marker, length
_FIRST_MARKER, _LAST_MARKER = 0xFF01, 0xFFFE  # a marker is 0xFF and anything but 0 and 0xFF
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
# Agfa and Olympus of the 1990s: a text block with the camera's clock as seconds since 1970.
_PICTURE_INFO = re.compile(rb"TimeDate=(\d{9,10})\b")


def is_behind_a_header(head: bytes) -> bool:
    """A JPEG behind some hundred bytes of another system's, such as MacBinary's or a mail's."""
    return _APPLICATION_START.search(head) is not None


def read_behind_a_header(view: ByteView, findings: Findings) -> None:
    """Find the dates of the JPEG stream that starts near the beginning of the view."""
    start = _APPLICATION_START.search(view.read(0, 1024))
    if start is not None:
        read(view.part(start.start()), findings)


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates of a JPEG stream that starts the view. The image itself is not looked at."""
    near = view.read(0, _NEAR)
    last_near = len(near) - _SEGMENT.size
    offset = 7 if near.startswith(b"\xff\x01Exiv2") else 2
    extended: list[bytes] = []
    looked_at = 0
    while looked_at < _MOST_SEGMENTS:
        looked_at += 1
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
    view.step(looked_at)
    if extended:
        # The parts are searched together: a name may be cut by the end of a segment.
        xmp.scan(b"".join(extended), findings)


def _segment(view: ByteView, offset: int) -> tuple[int, int]:
    """A marker and the length behind it; zeros where the view ends."""
    head = view.read(offset, _SEGMENT.size)
    return _SEGMENT.unpack(head) if len(head) == _SEGMENT.size else (0, 0)


def _next_marker(view: ByteView, offset: int) -> int:
    """Skip the fill bytes that may stand before a marker, and up to a few stray ones after a wrong length."""
    data = view.read(offset, 256)
    for index in range(len(data) - 1):
        if data[index] == 0xFF and data[index + 1] not in {0x00, 0xFF}:
            return offset + index
    return offset


def _read_segment(marker: int, view: ByteView, start: int, size: int, findings: Findings) -> bytes:
    """Find the dates in the content of a segment. Returns a part of extended XMP, which is none by itself."""
    head = view.read(start, min(size, 80))
    if marker == _APP1:
        if head[:4].lower() == b"exif":
            _read_exif(view, start, size, head, findings)
        elif head.startswith(_XMP):
            xmp.read(view.part(start + len(_XMP), size - len(_XMP)), findings)
        elif head.startswith(_XMP_EXTENSION):
            return view.read(start + _XMP_EXTENSION_HEADER, size - _XMP_EXTENSION_HEADER)
        elif b"<x:xmpmeta" in head or b"<?xpacket" in head:
            xmp.read(view.part(start, size), findings)  # written without its name
    elif marker == _APP13:
        for name in _PHOTOSHOP:
            if head.startswith(name):
                # Version 2.5 has a length and a name before its first resource.
                skip = len(name) if name is _PHOTOSHOP[0] else max(head[:64].find(b"8BIM"), 0)
                iptc.read_resources(view.part(start + skip, size - skip), findings, tiff.read_exif)
    else:
        info = _PICTURE_INFO.search(view.read(start, min(size, 1024)))
        if info is not None:
            findings.add_seconds("app12:TimeDate", int(info.group(1)), CREATED, local=True)
    return b""


def _read_exif(view: ByteView, start: int, size: int, head: bytes, findings: Findings) -> None:
    """Behind ``Exif\\0\\0``: six bytes, but some writers make it more or fewer."""
    for skip in (6, 4, 5, 7, 8, 10, 12):
        if tiff.is_tiff(head[skip : skip + 16]):
            tiff.read(view.part(start + skip, size - skip), findings)
            return

"""ASF files: WMV and its relatives.

Source: Microsoft "Advanced Systems Format (ASF) Specification" 1.20.05, sections 2.1 (objects), 3.1 (header),
3.2 (file properties: creation date), 3.11 (extended content description). Times are FILETIME: 100 ns since 1601.
"""

import struct

from common.dates.byte_view import ByteView
from common.dates.findings import CONTAINER, CREATED, ORIGINAL, TEXT_CREATE, Findings
from common.dates.readers import xmp

_MOST_OBJECTS = 300
_MOST_DESCRIPTIONS = 500

_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EXTENDED_CONTENT = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")

# Seconds from 1601-01-01 to 1970-01-01.
_EPOCH_1601 = 11_644_473_600
_TEXT, _NUMBER_64 = 0, 4
_NAMES = {
    "datetimeoriginal": ("asf:DateTimeOriginal", ORIGINAL),
    "wm/originalreleasetime": ("asf:OriginalReleaseTime", CONTAINER + 5),
    "wm/encodingtime": ("asf:EncodingTime", TEXT_CREATE),
    "creation_time": ("asf:creation_time", TEXT_CREATE),
    "icrd": ("asf:ICRD", CREATED),
}


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the header object. The media data after it is not read."""
    length = min(struct.unpack("<Q", view.need(16, 8))[0], view.size)
    offset = 30
    for _ in range(_MOST_OBJECTS):
        head = view.read(offset, 24)
        if len(head) < 24 or offset >= length:
            return
        view.step()
        size = struct.unpack_from("<Q", head, 16)[0]
        if size < 24:
            return
        content = view.part(offset + 24, size - 24)
        if head[:16] == _FILE_PROPERTIES:
            _add_filetime("asf:CreationTime", content.read(24, 8), CONTAINER, findings)
        elif head[:16] == _EXTENDED_CONTENT:
            _read_descriptions(content, findings)
        elif head[:16] == _XMP:
            xmp.read(content, findings)
        offset += size


def _add_filetime(tag: str, raw: bytes, rank: int, findings: Findings) -> None:
    if len(raw) == 8:
        ticks = struct.unpack("<Q", raw)[0]
        if ticks:
            findings.add_seconds(tag, ticks // 10**7 - _EPOCH_1601, rank)


def _read_descriptions(content: ByteView, findings: Findings) -> None:
    offset = 2
    for _ in range(min(int.from_bytes(content.read(0, 2), "little"), _MOST_DESCRIPTIONS)):
        content.step()
        length = int.from_bytes(content.read(offset, 2), "little")
        name = content.read(offset + 2, min(length, 128)).decode("utf-16-le", "replace").rstrip("\0").lower()
        offset += 2 + length
        kind, length = struct.unpack("<HH", content.need(offset, 4))
        if name in _NAMES:
            tag, rank = _NAMES[name]
            value = content.read(offset + 4, min(length, 128))
            if kind == _NUMBER_64:
                _add_filetime(tag, value, rank, findings)
            elif kind == _TEXT:
                findings.add_text(tag, value.decode("utf-16-le", "replace"), rank)
        offset += 4 + length

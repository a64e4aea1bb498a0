"""MXF files of broadcast and cinema cameras.

Source: SMPTE ST 377-1, sections 6 (KLV coding, BER lengths), 9.3 (local sets), annex A and B (tags): 0x4405 is the
creation date of a package, 0x3C06 the modification date of an identification; a time stamp has eight bytes (4.3). Some
cameras write Sony's "NonRealTimeMeta" XML, whose CreationDate has an offset.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime

from common.dates.byte_view import ByteView
from common.dates.findings import CONTAINER, ORIGINAL, Findings

_KEY = bytes.fromhex("060e2b34")
_LOCAL_SET = bytes.fromhex("060e2b34025301")
_PACKAGE_CREATED = 0x4405
_MOST_SETS = 2_000
_MOST_TAGS = 200
_LOOKED_AT = 256 << 10
_SONY_CREATED = re.compile(rb"<CreationDate\s{1,8}value=\"([^\"<>]{10,40})\"")


def read(view: ByteView, findings: Findings) -> None:
    """Find the creation date of the packages in the header's local sets."""
    offset = 0
    for _ in range(_MOST_SETS):
        head = view.read(offset, 25)
        if len(head) < 25 or head[:4] != _KEY or offset > _LOOKED_AT:
            break
        view.step()
        length, header = _ber_length(head[16:25])
        if head[:7] == _LOCAL_SET and _read_set(view.part(offset + 16 + header, length), findings):
            break
        offset += 16 + header + length
    sony = _SONY_CREATED.search(view.read(0, _LOOKED_AT))
    if sony is not None:
        findings.add_text("sony:CreationDate", sony.group(1), ORIGINAL)


def _ber_length(raw: bytes) -> tuple[int, int]:
    """Length, and how many bytes tell it."""
    if raw[0] < 0x80:
        return raw[0], 1
    size = min(raw[0] & 0x7F, 8)
    return int.from_bytes(raw[1 : 1 + size], "big"), 1 + size


def _read_set(content: ByteView, findings: Findings) -> bool:
    """Whether the set had a creation date."""
    offset = 0
    for _ in range(_MOST_TAGS):
        head = content.read(offset, 4)
        if len(head) < 4:
            return False
        content.step()
        tag, length = struct.unpack(">HH", head)
        if tag == _PACKAGE_CREATED and length == 8:
            year, month, day, hour, minute, second, quarter = struct.unpack(">HBBBBBB", content.need(offset + 4, 8))
            try:
                moment = datetime(year, month, day, hour, minute, second, quarter % 250 * 4_000, tzinfo=UTC)
            except ValueError:
                return False
            findings.add_moment("mxf:PackageCreationDate", moment, CONTAINER)
            return True
        offset += 4 + length
    return False

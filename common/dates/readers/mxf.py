"""MXF files of broadcast and cinema cameras.

Source: SMPTE ST 377-1, sections 6 (KLV coding, BER lengths), 9.3 (local sets), annex A and B (tags): 0x4405 is the
creation date of a package; a time stamp has eight bytes (4.3). Some cameras write Sony's XML.
"""

import struct
from datetime import UTC, datetime

from common.dates.byte_view import ByteView
from common.dates.findings import CONTAINER, Findings
from common.dates.readers import maker

_KEY = bytes.fromhex("060e2b34")
_LOCAL_SET = bytes.fromhex("060e2b34025301")
_PACKAGE_CREATED = 0x4405
_MOST_SETS = 2_000
_MOST_TAGS = 200
_SEARCHED_BYTES = 256 << 10


def read(view: ByteView, findings: Findings) -> None:
    """Find the creation date of the packages in the header's local sets."""
    offset = 0
    for _ in range(_MOST_SETS):
        head = view.read(offset, 25)
        if len(head) < 25 or head[:4] != _KEY or offset > _SEARCHED_BYTES:
            break
        view.step()
        length, header = _ber_length(head[16:25])
        if head[:7] == _LOCAL_SET and _read_set(view.part(offset + 16 + header, length), findings):
            break
        offset += 16 + header + length
    maker.read_sony(view.read(0, _SEARCHED_BYTES), findings)


def _ber_length(raw: bytes) -> tuple[int, int]:
    """A length, and the number of bytes that encode it."""
    if raw[0] < 0x80:
        return raw[0], 1
    size = min(raw[0] & 0x7F, 8)
    return int.from_bytes(raw[1 : 1 + size], "big"), 1 + size


def _read_set(content: ByteView, findings: Findings) -> bool:
    """Read a local set. Returns whether it had a valid creation date."""
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

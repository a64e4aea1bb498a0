"""Camera RAW files that are neither plain TIFF nor box files: RW2, RAF, CRW, MRW, X3F.

Sources: the layouts as LibRaw, dcraw and Phil Harvey's "The Canon RAW (CRW) File Format" document them. RW2 (Panasonic)
is TIFF with its own magic number in the header, and keeps the whole EXIF in an embedded JPEG (tag 0x2E). RAF (Fujifilm)
embeds a whole JPEG with EXIF. MRW (Minolta) embeds a TIFF block named TTW. CRW (Canon) is a tree of directories with a
time stamp of the camera's clock, record 0x180E. X3F (Sigma) has a text property TIME and an embedded JPEG.
"""

import struct

from common.dates.byte_view import ByteView
from common.dates.findings import ORIGINAL, Findings
from common.dates.readers import jpeg, tiff

_MOST_BLOCKS = 200
_CRW_TIME = 0x180E
_PANASONIC_JPEG = 0x002E


def read_rw2(view: ByteView, findings: Findings) -> None:
    """Find the dates of a Panasonic RW2, and of its embedded JPEG if the RW2 itself has no date of capture."""
    tiff.read(view, findings)
    picture = tiff.find_value(view, _PANASONIC_JPEG)
    if picture and not any(candidate.rank == ORIGINAL for candidate in findings.candidates):
        jpeg.read(picture, findings)


def read_raf(view: ByteView, findings: Findings) -> None:
    """Find the dates in the embedded JPEG of a Fujifilm RAF."""
    offset, length = struct.unpack(">II", view.need(84, 8))
    jpeg.read(view.part(offset, length), findings)


def read_mrw(view: ByteView, findings: Findings) -> None:
    """Find the dates in the TTW block of a Minolta MRW."""
    end = 8 + int.from_bytes(view.need(4, 4), "big")
    offset = 8
    for _ in range(_MOST_BLOCKS):
        head = view.read(offset, 8)
        if len(head) < 8 or offset >= end:
            return
        view.step()
        length = int.from_bytes(head[4:8], "big")
        if head[:4] == b"\0TTW":
            tiff.read(view.part(offset + 8, length), findings)
            return
        offset += 8 + length


def is_crw(head: bytes) -> bool:
    """Whether a file starts with the header of Canon's CIFF."""
    return head[:2] in {b"II", b"MM"} and head[6:14] == b"HEAPCCDR"


def read_crw(view: ByteView, findings: Findings) -> None:
    """Find the time stamp in the directories of a Canon CRW."""
    order = "<" if view.read(0, 2) == b"II" else ">"
    start = struct.unpack(order + "I", view.need(2, 4))[0]
    _read_heap(view.part(start), order, findings)


def _read_heap(heap: ByteView, order: str, findings: Findings) -> None:
    """Read a heap and the heaps in it. Its last four bytes are the offset of its directory."""
    if heap.size < 6:
        return
    directory = struct.unpack(order + "I", heap.need(heap.size - 4, 4))[0]
    count = struct.unpack(order + "H", heap.need(directory, 2))[0]
    for number in range(min(count, _MOST_BLOCKS)):
        entry = directory + 2 + number * 10
        kind, length, offset = struct.unpack(order + "HII", heap.need(entry, 10))
        heap.step()
        if kind & 0x3FFF == _CRW_TIME:
            # Values of up to eight bytes (storage 0x4000) are in the entry itself.
            start = entry + 2 if kind & 0xC000 == 0x4000 else offset
            seconds = struct.unpack(order + "I", heap.need(start, 4))[0]
            if seconds:
                findings.add_seconds("crw:TimeStamp", seconds, ORIGINAL, local=True)
        elif kind & 0xC000 == 0 and kind & 0x3800 in {0x2800, 0x3000}:
            _read_heap(heap.part(offset, length), order, findings)


def read_x3f(view: ByteView, findings: Findings) -> None:
    """Find the dates in the properties and the embedded JPEG of a Sigma X3F."""
    directory = struct.unpack("<I", view.need(view.size - 4, 4))[0]
    head = view.need(directory, 12)
    if head[:4] != b"SECd":
        return
    count = struct.unpack_from("<I", head, 8)[0]
    for number in range(min(count, _MOST_BLOCKS)):
        offset, length, kind = struct.unpack("<II4s", view.need(directory + 12 + number * 12, 12))
        view.step()
        section = view.part(offset, length)
        if kind == b"PROP":
            _read_properties(section, findings)
        elif kind in {b"IMA2", b"IMAG"} and section.read(28, 2) == b"\xff\xd8":
            jpeg.read(section.part(28), findings)


def _read_properties(section: ByteView, findings: Findings) -> None:
    """Find the time in a table of offsets, in characters, to the UTF-16 names and values after it."""
    head = section.read(0, 24)
    if len(head) < 24:
        return
    count = struct.unpack_from("<I", head, 8)[0]
    texts = 24 + 8 * count
    for number in range(min(count, _MOST_BLOCKS)):
        name_at, value_at = struct.unpack("<II", section.need(24 + number * 8, 8))
        name = section.read(texts + 2 * name_at, 10)
        if name == "TIME\0".encode("utf-16-le"):
            value = section.read(texts + 2 * value_at, 32).decode("utf-16-le", "replace").split("\0", 1)[0]
            if value.isascii() and value.isdigit():
                findings.add_seconds("x3f:TIME", int(value), ORIGINAL, local=True)
            return

"""Dates in the blocks that camera makers put into films for their own use.

They have no specification. Makers write EXIF blocks without a header, thumbnails with EXIF, or fixed fields (Canon
CNTH, Casio QVMI, Fuji MVTG, Olympus and Pentax TAGS, Panasonic PANA, Leica LEIC, Samsung, Pentax hydt). All of them
hold the camera's clock as an Exif date of 19 characters, for which they are searched. Nikon's NCTG records, as seen in
real files, have a tag, a format and a count, as in an IFD, then the value.
"""

import re
import struct

from common.dates.byte_view import ByteView
from common.dates.findings import CREATED, DIGITIZED, ORIGINAL, Findings
from common.dates.readers import tiff

_SEARCHED_BYTES = 64 << 10
_MOST_RECORDS = 300
_EXIF_DATE = re.compile(rb"(?<!\d)(?:19|20)\d\d[:/]\d\d[:/]\d\d \d\d:\d\d:\d\d(?!\d)")
_SONY_CREATED = re.compile(rb"<CreationDate\s{1,8}value=\"([^\"<>]{10,40})\"")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def read(block: ByteView, tag: str, findings: Findings) -> None:
    """Find the dates of an embedded Exif block, else the first Exif date, a time of the camera's wall clock."""
    data = block.read(0, _SEARCHED_BYTES)
    block.search(len(data))
    embedded = data.find(b"Exif\0\0") + 6
    if embedded >= 6 and tiff.is_tiff(data[embedded : embedded + 16]):
        tiff.read(block.part(embedded), findings)
        return
    if match := _EXIF_DATE.search(data):
        findings.add_text(tag, match.group(), CREATED)


def read_nikon(block: ByteView, findings: Findings, order: str, original: int, digitized: int) -> None:
    """Find the dates in Nikon's records: NCTG in MOV (32-bit tags, big-endian), nctg in AVI (16-bit, little)."""
    header, size = (order + "IHH", 8) if order == ">" else (order + "HH", 4)
    offset = 0
    for _ in range(_MOST_RECORDS):
        head = block.read(offset, size)
        if len(head) < size:
            return
        block.step()
        if order == ">":
            tag, kind, count = struct.unpack(header, head)
            length = _SIZES.get(kind, 0) * count
            if not length:
                return
        else:
            tag, length = struct.unpack(header, head)
        if tag == original:
            findings.add_text("nikon:DateTimeOriginal", block.read(offset + size, min(length, 32)), ORIGINAL)
        elif tag == digitized:
            findings.add_text("nikon:CreateDate", block.read(offset + size, min(length, 32)), DIGITIZED)
        offset += size + length


def read_sony(packet: bytes, findings: Findings) -> bool:
    """Find the creation date, with its offset, in Sony's XML (NonRealTimeMeta). Returns whether there is one."""
    match = _SONY_CREATED.search(packet)
    if match is not None:
        findings.add_text("sony:CreationDate", match.group(1), ORIGINAL)
    return match is not None

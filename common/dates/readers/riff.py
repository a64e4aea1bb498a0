"""RIFF files: WebP pictures and AVI films.

Sources: Microsoft "Multimedia Programming Interface and Data Specifications 1.0" (RIFF, LIST, INFO, ICRD, IDIT),
Google "WebP container specification" (EXIF and XMP chunks), Exif 3.0 section 5 (LIST ``exif``), and cameras: the
``strd`` chunk of several makers holds an EXIF block, Nikon's LIST ``ncdt`` holds its own tags.
"""

import struct

from common.dates.byte_view import ByteView
from common.dates.findings import CREATED, RELEASED, TEXT_CREATE, Findings
from common.dates.readers import maker, tiff, xmp

_MOST_CHUNKS = 2_000
_LISTS = {b"hdrl", b"strl", b"INFO", b"exif", b"ncdt", b"hydt", b"pntx"}
# Olympus, Casio, Ricoh and Pentax keep their tags in padding chunks.
_MAKERS_JUNK = frozenset({b"OLYM", b"QVMI", b"ucmt", b"PENT", b"IIII"})


def is_riff(head: bytes) -> bool:
    """Whether a file starts with the header of WebP or AVI."""
    return head[:4] == b"RIFF" and head[8:12] in {b"WEBP", b"AVI ", b"AVIX"}


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the chunks of the file and of its lists."""
    _read_chunks(view, 12, findings)


def _read_chunks(view: ByteView, start: int, findings: Findings) -> None:
    offset = start
    for _ in range(_MOST_CHUNKS):
        head = view.read(offset, 12, read_bytes=256)
        if len(head) < 8 or offset + 8 > view.size:
            return
        view.step()
        name, length = struct.unpack_from("<4sI", head)
        if name in {b"LIST", b"RIFF"} and len(head) == 12:
            if head[8:12] in _LISTS:
                _read_chunks(view.part(offset + 12, length - 4), 0, findings)
        else:
            _read_chunk(name, view.part(offset + 8, length), findings)
        offset += 8 + length + length % 2


def _read_chunk(name: bytes, chunk: ByteView, findings: Findings) -> None:
    if name in {b"EXIF", b"strd"}:
        # The Exif block may have a prefix, or no header at all.
        if not tiff.read_embedded(chunk, (0, 6, 8, 4, 16), findings):
            maker.read(chunk, "riff:camera", findings)
    elif name in {b"XMP ", b"_PMX"}:
        xmp.read(chunk, findings)
    elif name == b"IDIT":
        findings.add_text("riff:IDIT", chunk.read(0, 64), CREATED)
    elif name in {b"ICRD", b"DTIM"}:
        # Microsoft's own DTIM is a FILETIME in two decimal numbers; only the text form is common.
        text = chunk.read(0, 64)
        findings.add_text(f"riff:{name.decode()}", text, TEXT_CREATE if b":" in text else RELEASED)
    elif name == b"nctg":
        maker.read_nikon(chunk, findings, "<", original=0x13, digitized=0x14)
    elif name in {b"hymn", b"mknt", b"ucmt"} or (name == b"JUNK" and chunk.read(0, 4) in _MAKERS_JUNK):
        maker.read(chunk, "riff:camera", findings)

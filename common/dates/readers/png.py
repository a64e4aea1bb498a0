"""PNG, MNG and JNG files: EXIF, XMP and dates in text chunks, before or after the picture.

Sources: PNG third edition (W3C), sections 5.3 (chunks), 11.3.2.5 (eXIf), 11.3.3 (tEXt, zTXt, iTXt; Creation Time);
XMP part 3 section 1.1.5 (XML:com.adobe.xmp); ImageMagick's "Raw profile type" text chunks (length, then hex).
tIME is the time of the last change and is ignored.
"""

import struct

from common.dates.byte_view import ByteView, inflate
from common.dates.findings import DIGITIZED, ORIGINAL, TEXT_CREATE, XMP_CREATE, Findings
from common.dates.readers import iptc, tiff, xmp

_EXIF_STARTS = (6, 0)  # with and without Exif\0\0 in front
_MOST_CHUNKS = 3_000
_MOST_TEXT = 1 << 20
_KEYWORDS = {
    "creation time": ("png:Creation Time", TEXT_CREATE),
    "creationtime": ("png:Creation Time", TEXT_CREATE),
    "create-date": ("png:create-date", TEXT_CREATE),
    "date taken": ("png:Date Taken", TEXT_CREATE),
    "exif:datetimeoriginal": ("png:exif:DateTimeOriginal", ORIGINAL + 5),
    "exif:datetimedigitized": ("png:exif:DateTimeDigitized", DIGITIZED + 5),
    "xmp:createdate": ("png:xmp:CreateDate", XMP_CREATE + 2),
}


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the chunks of a PNG file."""
    offset = 8
    for _ in range(_MOST_CHUNKS):
        head = view.read(offset, 8, read_bytes=64)
        if len(head) < 8:
            return
        view.step()
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        if kind == b"eXIf":
            tiff.read_embedded(view.part(offset + 8, length), _EXIF_STARTS, findings)
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            _read_text(kind, view.part(offset + 8, length), findings)
        offset += 12 + length


def _read_text(kind: bytes, chunk: ByteView, findings: Findings) -> None:
    keyword = chunk.read(0, 80).split(b"\0", 1)[0].decode("latin-1")
    name = keyword.lower()
    known = _KEYWORDS.get(name)
    profile = name.removeprefix("raw profile type ") if name.startswith("raw profile") else ""
    is_xmp = keyword in {"XML:com.adobe.xmp", "XMP"}
    if known is None and not profile and not is_xmp:
        return
    text = _content(kind, chunk, len(keyword) + 1)
    if known is not None:
        findings.add_text(known[0], text[:64].decode("utf-8", "replace"), known[1])
    elif is_xmp:
        xmp.scan(text, findings)
    else:
        _read_profile(profile, chunk, text, findings)


def _content(kind: bytes, chunk: ByteView, start: int) -> bytes:
    raw = text = chunk.read(start, _MOST_TEXT)
    if kind == b"zTXt":
        text = inflate(raw[1:])
    elif kind == b"iTXt":
        text = raw[2:].split(b"\0", 2)[-1]  # after the language and the translated keyword
        text = inflate(text) if raw[:1] == b"\1" else text
    chunk.search(len(text))
    return text


def _read_profile(kind: str, chunk: ByteView, text: bytes, findings: Findings) -> None:
    r"""Read ``\nIPTC profile\n    1234\n3842…``: lines of a name, a length and hexadecimal digits."""
    lines = text.lstrip(b"\n").split(b"\n", 2)
    if len(lines) < 3:
        return
    digits = b"".join(lines[2].split())
    try:
        data = bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii", "replace"))
    except ValueError:
        return
    if data.startswith(b"http://ns.adobe.com/xap/1.0/\0") or kind == "xmp":
        xmp.scan(data, findings)
    elif kind in {"exif", "app1"}:
        tiff.read_embedded(chunk.unpacked(data), _EXIF_STARTS, findings)
    elif kind in {"iptc", "8bim"}:
        read_records = tiff.read_resources if data.startswith(b"8BIM") else iptc.read
        read_records(chunk.unpacked(data), findings)

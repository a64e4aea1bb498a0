"""IPTC-IIM records, and the Photoshop image resources that carry them.

Sources: IPTC Information Interchange Model 4.2, sections 1.5 (dataset) and 6 (2:55 Date Created, 2:60 Time
Created, 2:62 and 2:63 for the digital creation); Adobe Photoshop file formats, "Image resource blocks"
(0x0404 IPTC, 0x0422 EXIF, 0x0424 XMP).
"""

import struct
from collections.abc import Callable

from common.dates.byte_view import ByteView
from common.dates.findings import CREATED, DAY_CREATED, XMP_CREATE, Findings
from common.dates.readers import xmp

_MOST_DATASETS = 2_000
_MOST_RESOURCES = 500
_DATE_CREATED, _TIME_CREATED, _DIGITAL_DATE, _DIGITAL_TIME = 55, 60, 62, 63


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in a sequence of IIM datasets at the start of the view."""
    texts: dict[int, str] = {}
    offset = 0
    for _ in range(_MOST_DATASETS):
        head = view.read(offset, 5)
        if len(head) < 5 or head[0] != 0x1C:
            break
        record, dataset, length = struct.unpack_from(">BBH", head, 1)
        if length & 0x8000:
            break  # an extended dataset, which holds no date
        view.step()
        if record == 2 and dataset in {_DATE_CREATED, _TIME_CREATED, _DIGITAL_DATE, _DIGITAL_TIME}:
            texts.setdefault(dataset, view.read(offset + 5, min(length, 32)).decode("latin-1").strip("\0 "))
        offset += 5 + length
    for date, time, tag, rank in (
        (_DATE_CREATED, _TIME_CREATED, "iptc:DateCreated", CREATED),
        (_DIGITAL_DATE, _DIGITAL_TIME, "iptc:DigitalCreationDate", XMP_CREATE),
    ):
        if date in texts:
            day, time_text = texts[date], texts.get(time, "")
            findings.add_text(tag, f"{day}T{time_text}" if time_text else day, rank if time_text else DAY_CREATED)


def read_resources(view: ByteView, findings: Findings, read_exif: Callable[[ByteView, Findings], None]) -> None:
    """See ``tiff.read_resources``, which passes ``read_exif``: importing ``tiff`` here would be circular."""
    offset = 0
    for _ in range(_MOST_RESOURCES):
        head = view.read(offset, 7)
        # 8BIM is Photoshop's own signature; the others belong to older programs.
        if len(head) < 7 or head[:4] not in {b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa"}:
            return
        view.step()
        number, name_length = struct.unpack_from(">HB", head, 4)
        offset += 6 + (name_length + 2) // 2 * 2
        raw = view.read(offset, 4)
        if len(raw) < 4:
            return
        size = struct.unpack(">I", raw)[0]
        offset += 4
        if number == 0x0404:
            read(view.part(offset, size), findings)
        elif number == 0x0422:
            read_exif(view.part(offset, size), findings)
        elif number == 0x0424:
            xmp.read(view.part(offset, size), findings)
        offset += size + size % 2

"""GIF files: an XMP packet in an application extension.

Sources: GIF89a section 26 (application extension), XMP part 3 section 1.1.2 ("XMP DataXMP"). GIF has no EXIF. The
packet stands before or behind the pictures, so the head and the tail of the file are searched, not its blocks walked.
"""

from __future__ import annotations

from common.dates.byte_view import ByteView
from common.dates.findings import Findings
from common.dates.readers import xmp

_LOOKED_AT = 128 << 10


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the first packet at either end of the file."""
    for start in {0, max(0, view.size - _LOOKED_AT)}:
        data = view.read(start, _LOOKED_AT)
        where = data.find(b"XMP DataXMP")
        if where >= 0:
            xmp.scan(data[where:], findings)
            return

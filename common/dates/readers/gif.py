"""GIF files: an XMP packet in an application extension.

Sources: GIF89a section 26 (application extension), XMP part 3 section 1.1.2 ("XMP DataXMP"). GIF has no EXIF. The
packet comes before or after the pictures, so both ends of the file are searched.
"""

from common.dates.byte_view import ByteView
from common.dates.findings import Findings
from common.dates.readers import xmp

_SEARCHED_BYTES = 128 << 10


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the first packet at either end of the file."""
    for start in {0, max(0, view.size - _SEARCHED_BYTES)}:
        data = view.read(start, _SEARCHED_BYTES)
        position = data.find(b"XMP DataXMP")
        if position >= 0:
            xmp.scan(data[position:], findings)
            return

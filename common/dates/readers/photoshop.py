"""Photoshop documents, PSD and PSB.

Source: Adobe Photoshop File Formats Specification, "File header section", "Color mode data section" and
"Image resources section": the resources hold EXIF, IPTC and XMP.
"""

from common.dates.byte_view import ByteView
from common.dates.findings import Findings
from common.dates.readers import tiff


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the image resources."""
    start = 26 + 4 + int.from_bytes(view.need(26, 4), "big")
    tiff.read_resources(view.part(start + 4, int.from_bytes(view.need(start, 4), "big")), findings)

"""Flash video.

Source: Adobe "Video File Format Specification" 10.1, annexes E.2 to E.4 (FLV header, tags, script data) and AMF 0:
the first script tag, ``onMetaData``, may hold a text named creationdate or createdate.
"""

import re

from common.dates.byte_view import ByteView
from common.dates.findings import TEXT_CREATE, Findings

_SEARCHED_BYTES = 16 << 10
# A name in the object, the type marker of a string (2), its length, the string.
_CREATED = re.compile(rb"(?i:creation_?date|createdate|creation_time)\x02\0([\x08-\x40])")


def read(view: ByteView, findings: Findings) -> None:
    """Find the creation date in the script data at the start of the file."""
    data = view.read(0, _SEARCHED_BYTES)
    if match := _CREATED.search(data):
        findings.add_text("flv:creationdate", data[match.end() : match.end() + match.group(1)[0]], TEXT_CREATE)

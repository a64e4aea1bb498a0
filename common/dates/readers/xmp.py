"""XMP packets, wherever they are embedded.

Sources: XMP specification part 1 (ISO 16684-1) sections 7 (RDF, attribute and element form) and 8.2.1.1 (dates), part 2
for the names. The packet is searched, not parsed: real packets may be cut off, split over segments, wrongly encoded or
malformed, and their dates are still readable. Entities are not expanded.
"""

import re
from itertools import islice

from common.dates.byte_view import ByteView
from common.dates.findings import CREATED, DAY_CREATED, TEXT_CREATE, XMP_CREATE, XMP_DIGITIZED, XMP_ORIGINAL, Findings

_MOST_PACKET = 1 << 20
_MOST_DATES = 64

_SCHEMAS = {
    b"http://ns.adobe.com/exif/1.0/": "exif",
    b"http://ns.adobe.com/xap/1.0/": "xmp",
    b"http://ns.adobe.com/photoshop/1.0/": "photoshop",
    b"http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
}
_PREFIXES = {b"exif": "exif", b"xmp": "xmp", b"xap": "xmp", b"photoshop": "photoshop", b"xmpDM": "xmpDM"}
# Schema and name -> tag and rank. Dates of editing are left out.
_DATES = {
    ("exif", b"DateTimeOriginal"): ("xmp:DateTimeOriginal", XMP_ORIGINAL),
    ("exif", b"DateTimeDigitized"): ("xmp:DateTimeDigitized", XMP_DIGITIZED),
    ("photoshop", b"DateCreated"): ("photoshop:DateCreated", CREATED),
    ("xmp", b"CreateDate"): ("xmp:CreateDate", XMP_CREATE),
    ("xmpDM", b"shotDate"): ("xmpDM:shotDate", TEXT_CREATE),
}
_DECLARED = re.compile(rb"xmlns:([\w.-]{1,32})\s{0,8}=\s{0,8}[\"']([^\"'<>]{1,100})[\"']")
_NAME = re.compile(rb":(DateTimeOriginal|DateTimeDigitized|DateCreated|CreateDate|shotDate)")
_PREFIX_BACKWARDS = re.compile(rb"[\w.-]{1,32}")
# As an attribute, name="…"; as an element, <name>…; or as an element that wraps its text in a list.
_VALUE = re.compile(
    rb"\s{0,8}=\s{0,8}[\"']([^\"'<>]{4,64})"
    rb"|[^<>=]{0,64}>\s{0,64}(?:<rdf:\w{2,3}[^<>]{0,64}>\s{0,64}){0,2}([^<>]{4,64})<"
)
# The Pantry holds whole packets of other files that were pasted into this one.
_PANTRY = re.compile(
    rb"<xmpMM:(?:Pantry|Ingredients)\b.*?</xmpMM:(?:Pantry|Ingredients)>|<xmpMM:(?:Pantry|Ingredients)\b.*", re.DOTALL
)


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in a packet at the start of the view. Only its first MiB is read."""
    packet = view.read(0, _MOST_PACKET)
    view.search(len(packet))
    scan(packet, findings)


def scan(packet: bytes, findings: Findings) -> None:
    """Find the dates in the bytes of a packet. Pure."""
    if packet.find(b"\0", 0, 512) >= 0 and packet.count(b"\0", 0, 512) > min(len(packet), 512) // 4:
        packet = packet.replace(b"\0", b"")  # UTF-16 or UTF-32, in which names and dates are ASCII
    if b"<xmpMM:" in packet:
        packet = _PANTRY.sub(b"", packet)
    declared: dict[bytes, bytes] | None = None
    seen: set[str] = set()
    for match in islice(_NAME.finditer(packet), _MOST_DATES):
        before = _PREFIX_BACKWARDS.match(packet[max(0, match.start() - 32) : match.start()][::-1])
        value = _VALUE.match(packet, match.end())
        if before is None or value is None:
            continue
        prefix = before.group()[::-1]
        schema = _PREFIXES.get(prefix)
        if schema is None:
            if declared is None:
                declared = dict(_DECLARED.findall(packet))
            schema = _SCHEMAS.get(declared.get(prefix, b""), "")
        known = _DATES.get((schema, match.group(1)))
        if known is None or known[0] in seen:
            continue
        tag, rank = known
        seen.add(tag)
        text = (value.group(1) or value.group(2)).decode("utf-8", "replace").strip()
        findings.add_text(tag, text, rank, rank_of_day=DAY_CREATED if rank == CREATED else None)

"""Matroska and WebM films.

Sources: RFC 8794 (EBML: element ids and sizes of variable length), RFC 9559 (Segment, SeekHead, Info with DateUTC in
nanoseconds since 2001-01-01, Tags with SimpleTag).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from common.dates.byte_view import ByteView
from common.dates.findings import CONTAINER, ORIGINAL, TEXT_CREATE, Findings

_MOST_ELEMENTS = 2_000
_MOST_TAGS = 500

_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_INFO, _DATE_UTC = 0x1549A966, 0x4461
_TAGS, _TAG, _SIMPLE_TAG, _TAG_NAME, _TAG_STRING = 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487
_CLUSTER = 0x1F43B675

_EPOCH_2001 = int(datetime(2001, 1, 1, tzinfo=UTC).timestamp())
_NAMES = {
    "COM.APPLE.QUICKTIME.CREATIONDATE": ("matroska:creationdate", ORIGINAL),
    "DATE_RECORDED": ("matroska:DATE_RECORDED", ORIGINAL),
    "CREATION_TIME": ("matroska:creation_time", TEXT_CREATE),
    "DATE_DIGITIZED": ("matroska:DATE_DIGITIZED", TEXT_CREATE),
}


def read(view: ByteView, findings: Findings) -> None:
    """Find the dates in the segment's Info and Tags. The SeekHead leads to Tags after the film."""
    for kind, segment in _elements(view):
        if kind == _SEGMENT:
            _read_segment(segment, findings)
            return


def _elements(view: ByteView, start: int = 0) -> Iterator[tuple[int, ByteView]]:
    """The ids and contents of the elements in a view. Each starts after the previous one, so the loop ends."""
    offset = start
    for _ in range(_MOST_ELEMENTS):
        head = view.read(offset, 12, read_bytes=512)
        if len(head) < 2 or head[0] < 0x10:
            return
        view.step()
        id_length = 9 - head[0].bit_length()
        if len(head) <= id_length or head[id_length] == 0:
            return
        kind = int.from_bytes(head[:id_length], "big")
        size_length = 9 - head[id_length].bit_length()
        raw = head[id_length : id_length + size_length]
        size = int.from_bytes(raw, "big") & ((1 << (7 * size_length)) - 1)
        offset += id_length + size_length
        if size == (1 << (7 * size_length)) - 1:
            size = max(view.size - offset, 0)  # unknown: a live stream
        yield kind, view.part(offset, size)
        offset += size


def _read_segment(segment: ByteView, findings: Findings) -> None:
    seen: set[int] = set()
    positions: list[int] = []
    for kind, element in _elements(segment):
        if kind == _CLUSTER:
            break
        if kind == _SEEK_HEAD:
            positions = list(_seek_positions(element))
        elif kind in {_INFO, _TAGS}:
            seen.add(kind)
            _read_element(kind, element, findings)
    for position in positions:
        for kind, element in _elements(segment, position):
            if kind in {_INFO, _TAGS} and kind not in seen:
                seen.add(kind)
                _read_element(kind, element, findings)
            break


def _seek_positions(head: ByteView) -> Iterator[int]:
    """The positions of Info and Tags in the segment, from its SeekHead."""
    for kind, seek in _elements(head):
        if kind == _SEEK:
            fields = {inner: int.from_bytes(value.read(0, 8), "big") for inner, value in _elements(seek)}
            if fields.get(_SEEK_ID) in {_INFO, _TAGS}:
                yield fields.get(_SEEK_POSITION, 0)


def _read_element(kind: int, element: ByteView, findings: Findings) -> None:
    if kind == _TAGS:
        _read_tags(element, findings)
        return
    for inner, value in _elements(element):
        if inner == _DATE_UTC and value.size == 8:
            nanoseconds = int.from_bytes(value.read(0, 8), "big", signed=True)
            if nanoseconds:
                findings.add_seconds("matroska:DateUTC", _EPOCH_2001 + nanoseconds // 10**9, CONTAINER)


def _read_tags(tags: ByteView, findings: Findings) -> None:
    number = 0
    for kind, tag in _elements(tags):
        if kind != _TAG:
            continue
        for inner, simple in _elements(tag):
            number += 1
            if number > _MOST_TAGS:
                return
            if inner == _SIMPLE_TAG:
                _read_simple_tag(simple, findings)


def _read_simple_tag(simple: ByteView, findings: Findings) -> None:
    fields = {kind: value for kind, value in _elements(simple) if kind in {_TAG_NAME, _TAG_STRING}}
    if len(fields) == 2:
        name = fields[_TAG_NAME].read(0, 64).decode("utf-8", "replace").upper()
        if name in _NAMES:
            tag, rank = _NAMES[name]
            value = fields[_TAG_STRING]
            findings.add_text(tag, value.read(0, 64).decode("utf-8", "replace"), rank)

"""What a hostile file claims of itself costs neither time nor memory: loops, huge counts and offsets, deep nests."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from common.dates.byte_view import MOST_BYTES, MOST_DEPTH, MOST_READS, MOST_STEPS, ByteView, MemoryBytes, StopReading
from common.dates.formats import read_bytes, read_guarded
from common.dates.model import Reading
from tests.dates import sample_files as make

_MOST_SECONDS = 1.0
_MOST_MEMORY = 64 << 20


class CountingBytes(MemoryBytes):
    """Memory that counts what is read of it."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        super().__init__(data)
        self.size = size or len(data)
        self.reads = 0
        self.bytes_read = 0

    def pread(self, length: int, offset: int) -> bytes:
        self.reads += 1
        data = super().pread(length, offset)
        self.bytes_read += len(data)
        return data


def read_within_bounds(data: bytes, size: int | None = None) -> Reading:
    """Read, and fail when it takes more than a second of the processor, 64 MiB, or the source's own limits."""
    source = CountingBytes(data, size)
    tracemalloc.start()
    start = time.process_time()
    try:
        found = read_bytes(source)
        seconds = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # tracemalloc makes everything several times slower: the limit holds all the same.
    assert seconds < _MOST_SECONDS
    assert peak < _MOST_MEMORY
    assert source.reads <= MOST_READS
    assert source.bytes_read <= MOST_BYTES
    return found


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def one_ifd(*entries: bytes) -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"


def boxes_in_boxes() -> bytes:
    data = b""
    for _ in range(2_000):
        data = make.box(b"moov", data)
    return make.box(b"ftyp", b"isom") + data


def panasonic_in_panasonic() -> bytes:
    data = b""
    for _ in range(40):
        data = make.jpeg(make.exif_segment(make.tiff({0x2E: data[:60_000] or b"\xff\xd8\xff\xd9"}, magic=0x55)))
    return data


def same_packet_many_times() -> bytes:
    number = 3_000
    infos = b"".join(
        make.box(b"infe", struct.pack(">IHH", 2 << 24, item, 0), b"mime", b"\0application/rdf+xml\0")
        for item in range(number)
    )
    places = b"".join(struct.pack(">HHHII", item, 0, 1, 0, 0) for item in range(number))
    return (
        make.box(b"ftyp", b"heic")
        + make.box(
            b"meta",
            b"\0" * 4,
            make.box(b"iinf", struct.pack(">IH", 0, number), infos),
            make.box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, number), places),
        )
        + make.box(b"mdat", b"xmp:CreateDate<Date " * 60_000)
    )


HOSTILE: dict[str, Callable[[], bytes]] = {
    "an Exif IFD that points to its own IFD0": lambda: one_ifd(entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8)),
    "an IFD of 65,535 entries that is not there": lambda: b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 100,
    "an IFD of 65,535 entries that is there": lambda: b"II*\0\x08\0\0\0\xff\xff" + entry(0x9003, 2, 20, 8) * 65_535,
    "a date of four billion characters": lambda: one_ifd(entry(0x9003, 2, 0xFFFFFFFF, 8)),
    "XMP of four billion bytes": lambda: one_ifd(entry(0x02BC, 1, 0xFFFFFFFF, 8)) + b"xmp:CreateDate" * 400_000,
    "an offset behind the end": lambda: one_ifd(entry(0x9003, 2, 20, 0xFFFFFFF0), entry(0x8769, 4, 1, 0xFFFFFFF0)),
    "a BigTIFF of 2**64 entries": lambda: b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + b"\xff" * 3_000,
    "a Panasonic JPEG that is its own TIFF": lambda: b"IIU\0\x08\0\0\0\x01\0" + entry(0x2E, 7, 0xFFFFFF, 0) + b"\0" * 4,
    "Panasonic JPEGs in each other": panasonic_in_panasonic,
    "2,000 boxes in each other": boxes_in_boxes,
    "a million empty boxes": lambda: make.box(b"ftyp", b"isom") + make.box(b"moov", make.box(b"trak") * 1_000_000),
    "trak boxes in a fan": lambda: make.box(b"moov", *[make.box(b"trak", make.box(b"trak") * 300)] * 300),
    "a box of 2**64 bytes": lambda: make.box(b"ftyp", b"isom") + b"\0\0\0\x01moov" + b"\xff" * 8 + b"\0" * 500,
    "keys by the billion": lambda: make.mp4(make.box(b"meta", make.box(b"keys", b"\0" * 4 + b"\xff" * 60_000))),
    "items by the billion": lambda: (
        make.box(b"ftyp", b"heic")
        + make.box(b"meta", b"\0" * 4, make.box(b"iinf", b"\1" + b"\0" * 3 + b"\xff" * 4 + b"Exif" * 9_000))
    ),
    "a JPEG of empty segments": lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 500_000,
    "a JPEG of fill bytes": lambda: b"\xff\xd8" + b"\xff" * 5_000_000,
    "Photoshop resources without end": lambda: make.jpeg(
        *[(0xED, b"Photoshop 3.0\0" + make.image_resource(1, b"") * 5_000)] * 60
    ),
    "IPTC without end": lambda: make.jpeg(
        *[(0xED, b"Photoshop 3.0\0" + make.image_resource(0x404, make.iptc_records("20110817") * 4_000))] * 60
    ),
    "PNG chunks without end": lambda: b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IDAT\0\0\0\0" * 500_000,
    "PNG texts that unpack to a thousand times their size": lambda: make.png(
        *[(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\0" * (1 << 20), 9))] * 3_000
    ),
    "a PNG text that unpacks to 128 MiB": lambda: make.png(
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\0" * (128 << 20), 1))
    ),
    "a packed moov that unpacks to 128 MiB": lambda: make.mp4(
        make.box(b"cmov", make.box(b"cmvd", b"\0\0\0\0", zlib.compress(b"\0" * (128 << 20), 1)))
    ),
    "HEIF items that are all the same packet": same_packet_many_times,
    "maker's blocks without end": lambda: make.mp4(
        make.box(b"udta", make.box(b"PANA", b"2011:08:17 16:39:3 " * 3_000) * 1_000)
    ),
    "RIFF lists in each other": lambda: b"RIFF\xff\xff\xff\xffAVI " + b"LIST\xff\xff\xff\x7fhdrl" * 20_000,
    "RIFF chunks without end": lambda: b"RIFF\xff\xff\xff\xffAVI " + b"IDIT\0\0\0\0" * 500_000,
    "Matroska elements in each other": lambda: b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\xff" * 100_000,
    "Matroska tags without end": lambda: make.ebml(
        0x18538067, make.ebml(0x1254C367, make.ebml(0x7373, make.ebml(0x67C8, b"") * 200_000))
    ),
    "Matroska sought at its own SeekHead": lambda: (
        make.ebml(0x1A45DFA3, b"")
        + make.ebml(
            0x18538067,
            make.ebml(
                0x114D9B74,
                make.ebml(0x4DBB, make.ebml(0x53AB, bytes.fromhex("1254c367")) + make.ebml(0x53AC, b"\0")) * 5_000,
            ),
        )
    ),
    "ASF descriptions without end": lambda: make.asf(datetime(2011, 1, 1, tzinfo=UTC), {"x": "y"}).replace(
        struct.pack("<H", 1), b"\xff\xff"
    ),
    "CRW directories in themselves": lambda: (
        b"II"
        + struct.pack("<I", 26)
        + b"HEAPCCDR"
        + b"\0" * 12
        + (struct.pack("<H", 200) + struct.pack("<HII", 0x300A, 0xFFFFFF, 0) * 200 + struct.pack("<I", 0))
    ),
    "X3F properties without end": lambda: make.x3f(1).replace(struct.pack("<II", 0, 1), b"\0\0\0\0\xff\xff\xff\x7f"),
    "an XMP packet of open pantries": lambda: make.jpeg(
        *[make.xmp_segment((b"<xmpMM:Pantry>" * 4_000)[:60_000] + b"Date")] * 30
    ),
    "an XMP packet of names without values": lambda: (
        one_ifd(entry(0x02BC, 1, 1 << 20, 30)) + b"xmp:CreateDate" * 80_000
    ),
    "an XMP packet of one long name": lambda: one_ifd(entry(0x02BC, 1, 1 << 20, 30)) + b"a" * (1 << 20) + b"Date",
    "an XMP packet of declarations": lambda: (
        one_ifd(entry(0x02BC, 1, 1 << 20, 30)) + b'xmlns:q="' * 100_000 + b"q:CreateDate"
    ),
    "a GIF of headers": lambda: b"GIF89a" + b"XMP DataXMP" * 100_000,
    "a transport stream without a date": lambda: (b"\x47\x10\x11\x10" + b"\0" * 184) * 20_000,
    "MXF sets without end": lambda: (
        bytes.fromhex("060e2b34020501010d01020101020400")
        + b"\0"
        + (bytes.fromhex("060e2b34025301010d01010101013600") + b"\0") * 100_000
    ),
    "DV of dates": lambda: make.dv("110817163937")[:240] + (b"\x50\x07\x00" + b"\x62" * 77) * 100,
    "a film of script data": lambda: b"FLV\x01" + b"creationdate\x02\0\x40" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_stays_within_the_limits(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    read_within_bounds(HOSTILE[name]())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["plain.mp4", "date.mkv", "idit.avi", "exif.png", "little.tif", "plain.crw"])
def test_a_file_said_to_be_of_many_gigabytes_is_not_read_to_its_end(name: str) -> None:
    read_within_bounds(make.every_format()[name], size=1 << 45)


@pytest.mark.parametrize("name", make.every_format())
def test_a_file_that_ends_at_any_byte_raises_nothing(name: str) -> None:
    data = make.every_format()[name]
    for length in range(len(data)):
        read_bytes(MemoryBytes(data[:length]))


def test_every_sample_costs_only_a_few_reads() -> None:
    for name, data in make.every_format().items():
        source = CountingBytes(data)
        read_bytes(source)
        assert source.reads <= 3, name


def test_dates_before_a_damaged_place_are_kept() -> None:
    data = make.transport_stream("20110817163937")
    assert read_bytes(MemoryBytes(data[: len(data) // 2])).candidates
    film = make.mp4(make.movie_header(make.EPOCH_1904 + 10**9), boxes_in_boxes())
    assert read_bytes(MemoryBytes(film)).candidates[0].tag == "quicktime:mvhd"


def test_a_view_never_shows_bytes_outside_of_itself() -> None:
    view = ByteView.over(MemoryBytes(bytes(range(100)))).part(10, 20)
    assert view.read(0, 5) == bytes(range(10, 15))
    assert view.read(15, 50) == bytes(range(25, 30))
    assert view.read(20, 1) == view.read(-1, 1) == view.read(0, -5) == b""
    assert view.part(5, 1000).size == 15
    assert view.part(-5, 3).read(0, 3) == bytes(range(10, 13))
    with pytest.raises(StopReading, match="middle of a structure"):
        view.need(18, 3)


def test_each_limit_of_the_source_ends_the_reading() -> None:
    view = ByteView.over(MemoryBytes(b"x" * 100))
    with pytest.raises(StopReading, match="more entries"):
        view.step(MOST_STEPS + 1)
    far = ByteView.over(CountingBytes(b"", size=1 << 50))
    for number in range(MOST_READS - 1):
        far.read((number + 1) << 20, 1, read_bytes=0)
    with pytest.raises(StopReading, match="more would have to be read"):
        far.read(1 << 40, 1, read_bytes=0)
    with pytest.raises(StopReading, match="more would have to be read"):
        ByteView.over(CountingBytes(b"", size=1 << 50)).read(1 << 20, MOST_BYTES + 1)
    nested = view
    for _ in range(MOST_DEPTH):
        nested = nested.part(0)
    with pytest.raises(StopReading, match="nested too deep"):
        nested.part(0)
    with pytest.raises(StopReading, match="nested too deep"):
        nested.unpacked(b"")


def test_a_fault_of_a_reader_costs_one_file_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from common.dates import formats

    def broken(view: object, found: object) -> None:
        raise IndexError

    monkeypatch.setattr(formats, "FORMATS", (formats.Format("JPEG", lambda _: True, broken),))
    assert "IndexError" in read_guarded(MemoryBytes(b"x")).problem


def test_where_a_value_lies_outside_of_the_file_the_next_one_of_its_tag_is_taken() -> None:
    two = one_ifd(entry(0x9003, 2, 20, 0xFFFFFFF0), entry(0x9003, 2, 20, 38)) + b"2012:05:06 07:08:09\0"
    assert [candidate.text for candidate in read_bytes(MemoryBytes(two)).candidates] == ["2012:05:06 07:08:09"]

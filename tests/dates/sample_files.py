"""Small whole media files, built from nothing, for the tests of the readers and the mutation campaign."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

EPOCH_1904 = 2_082_844_800

DATE_TIME, EXIF_IFD, GPS_IFD, XMP_TAG = 0x0132, 0x8769, 0x8825, 0x02BC
ORIGINAL, DIGITIZED, OFFSET, OFFSET_ORIGINAL, SUBSEC_ORIGINAL = 0x9003, 0x9004, 0x9010, 0x9011, 0x9291
GPS_TIME, GPS_DATE = 0x0007, 0x001D

# Text, number of an IFD, or raw bytes of a rational
Value = str | bytes | int


def ifd(values: Mapping[int, Value], start: int, order: str, following: int = 0) -> bytes:
    """One image file directory that stands at ``start``, with its long values behind it."""
    entries, tail = b"", b""
    behind = start + 2 + 12 * len(values) + 4
    for tag, value in sorted(values.items()):
        if isinstance(value, int):
            entries += struct.pack(order + "HHII", tag, 4, 1, value)
            continue
        raw = value.encode() + b"\0" if isinstance(value, str) else value
        kind, count = (2, len(raw)) if isinstance(value, str) else (7, len(raw))
        if tag == GPS_TIME:
            kind, count = 5, 3
        if len(raw) <= 4:
            entries += struct.pack(order + "HHI4s", tag, kind, count, raw)
        else:
            entries += struct.pack(order + "HHII", tag, kind, count, behind + len(tail))
            tail += raw + b"\0" * (len(raw) % 2)
    return struct.pack(order + "H", len(values)) + entries + struct.pack(order + "I", following) + tail


def tiff(
    main: Mapping[int, Value] | None = None,
    exif: Mapping[int, Value] | None = None,
    gps: Mapping[int, Value] | None = None,
    order: str = "<",
    magic: int = 42,
) -> bytes:
    """A TIFF block: header, IFD0, Exif IFD, GPS IFD."""
    first = dict(main or {})
    parts, at = b"", 8
    # The size of IFD0 does not depend on where the others stand, so it is made twice.
    for tag, values in ((EXIF_IFD, exif), (GPS_IFD, gps)):
        if values is not None:
            first[tag] = 0
    at += len(ifd(first, 8, order))
    for tag, values in ((EXIF_IFD, exif), (GPS_IFD, gps)):
        if values is not None:
            first[tag] = at
            part = ifd(values, at, order)
            parts += part
            at += len(part)
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, 8)
    return header + ifd(first, 8, order) + parts


def exif_block(original: str = "2011:08:17 16:39:37") -> bytes:
    """What a camera writes: three dates and a make."""
    return tiff({DATE_TIME: "2012:02:03 04:05:06", 0x010F: "Maker"}, {ORIGINAL: original, DIGITIZED: original})


def xmp_packet(body: str) -> bytes:
    """An XMP packet around ``body``, which is attributes of one description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xap="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        f" {body}/></rdf:RDF></x:xmpmeta>"
    ).encode()


def iptc_records(date: str, time: str = "") -> bytes:
    """The IIM datasets of Date Created and Time Created."""
    records = b""
    for number, text in ((55, date), (60, time)):
        if text:
            records += struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text.encode()
    return records


def image_resource(number: int, data: bytes) -> bytes:
    """One Photoshop image resource without a name."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG stream of these segments and a scan of one byte."""
    data = b"\xff\xd8"
    for marker, content in segments:
        data += struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
    return data + b"\xff\xda\x00\x02\x00\xff\xd9"


def exif_segment(block: bytes) -> tuple[int, bytes]:
    """APP1 with EXIF."""
    return 0xE1, b"Exif\0\0" + block


def xmp_segment(packet: bytes) -> tuple[int, bytes]:
    """APP1 with XMP."""
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of one pixel with these chunks behind its picture."""
    every = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0")),
        *chunks,
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in every:
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data


def riff(form: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A RIFF file of these chunks."""
    body = form + b"".join(chunk(name, content) for name, content in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, content: bytes) -> bytes:
    """One RIFF chunk, padded."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def box(kind: bytes, *contents: bytes) -> bytes:
    """One ISO box."""
    content = b"".join(contents)
    return struct.pack(">I", len(content) + 8) + kind + content


def seconds_1904(moment: datetime) -> int:
    """The number that mvhd has for an aware moment."""
    return int(moment.timestamp()) + EPOCH_1904


def movie_header(seconds: int, kind: bytes = b"mvhd") -> bytes:
    """mvhd or tkhd, version 0."""
    return box(kind, struct.pack(">III", 0, seconds, seconds), b"\0" * 88)


def apple_keys(values: dict[str, str]) -> bytes:
    """A meta box with Apple's keys and their values."""
    names = b"".join(struct.pack(">I", len(key) + 8) + b"mdta" + key.encode() for key in values)
    items = b"".join(
        box(struct.pack(">I", number), box(b"data", struct.pack(">II", 1, 0), value.encode()))
        for number, value in enumerate(values.values(), 1)
    )
    return box(
        b"meta",
        box(b"hdlr", b"\0" * 8, b"mdta", b"\0" * 13),
        box(b"keys", struct.pack(">II", 0, len(values)), names),
        box(b"ilst", items),
    )


def mp4(*in_movie: bytes, brand: bytes = b"isom") -> bytes:
    """A film whose moov has these boxes and stands behind the media data."""
    return box(b"ftyp", brand, b"\0\0\0\0", brand) + box(b"mdat", b"\0" * 64) + box(b"moov", *in_movie)


def heif(items: dict[bytes, bytes], brand: bytes = b"heic") -> bytes:
    """A HEIF file with an Exif item and an XMP item, as present, in mdat."""
    infos, numbers = b"", {}
    for number, kind in enumerate(items, 1):
        numbers[kind] = number
        extra = b"\0application/rdf+xml\0" if kind == b"mime" else b"\0"
        infos += box(b"infe", struct.pack(">IHH", 2 << 24, number, 0), kind, extra)
    iinf = box(b"iinf", struct.pack(">IH", 0, len(items)), infos)
    iloc_size = 8 + 4 + 4 + 14 * len(items)
    head = box(b"ftyp", brand, b"\0\0\0\0", brand)
    at = len(head) + 8 + 4 + len(iinf) + iloc_size + 8
    locations = b""
    for kind, content in items.items():
        locations += struct.pack(">HHHII", numbers[kind], 0, 1, at, len(content))
        at += len(content)
    iloc = box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(items)), locations)
    iloc += b"\0" * (iloc_size - len(iloc)) if len(iloc) < iloc_size else b""
    return head + box(b"meta", b"\0\0\0\0", iinf, iloc) + box(b"mdat", *items.values())


def ebml(kind: int, content: bytes) -> bytes:
    """One Matroska element with a size of eight bytes."""
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + (len(content) | 1 << 56).to_bytes(8, "big") + content


def matroska(date: datetime | None, tags: dict[str, str]) -> bytes:
    """A segment with Info, a cluster, and Tags behind it, found by the SeekHead."""
    info = b""
    if date is not None:
        nanoseconds = int((date - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()) * 10**9
        info = ebml(0x4461, nanoseconds.to_bytes(8, "big", signed=True))
    simple = b"".join(
        ebml(0x67C8, ebml(0x45A3, name.encode()) + ebml(0x4487, value.encode())) for name, value in tags.items()
    )
    all_tags = ebml(0x1254C367, ebml(0x7373, simple))
    cluster = ebml(0x1F43B675, b"\0" * 50)
    body = ebml(0x1549A966, info)
    seek_size = len(ebml(0x114D9B74, ebml(0x4DBB, ebml(0x53AB, b"1234") + ebml(0x53AC, b"12345678"))))
    position = seek_size + len(body) + len(cluster)
    seek = ebml(0x53AB, bytes.fromhex("1254c367")) + ebml(0x53AC, position.to_bytes(8, "big"))
    head = ebml(0x114D9B74, ebml(0x4DBB, seek))
    return ebml(0x1A45DFA3, b"") + ebml(0x18538067, head + body + cluster + all_tags)


def filetime(moment: datetime) -> int:
    """Hundred nanoseconds since 1601."""
    return (int(moment.timestamp()) + 11_644_473_600) * 10**7


def asf(created: datetime, texts: dict[str, str] | None = None) -> bytes:
    """An ASF header with file properties and extended content."""
    properties = b"\0" * 24 + struct.pack("<Q", filetime(created)) + b"\0" * 48
    objects = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365") + struct.pack("<Q", len(properties) + 24) + properties
    descriptions = struct.pack("<H", len(texts or {}))
    for name, value in (texts or {}).items():
        raw_name, raw = (name + "\0").encode("utf-16-le"), (value + "\0").encode("utf-16-le")
        descriptions += struct.pack("<H", len(raw_name)) + raw_name + struct.pack("<HH", 0, len(raw)) + raw
    objects += bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
    objects += struct.pack("<Q", len(descriptions) + 24) + descriptions
    head = struct.pack("<QIBB", 30 + len(objects), 2, 1, 2)
    return bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + head + objects


def transport_stream(digits: str, zone: int = 0xFF, size: int = 192) -> bytes:
    """AVCHD packets whose video has an MDPM with the date ``YYYYMMDDHHMMSS``."""
    packs = b"\x02\x18" + bytes([zone]) + bytes.fromhex(digits[:6]) + b"\x19" + bytes.fromhex(digits[6:])
    packs = packs.replace(b"\0\0\1", b"\0\0\3\1")  # H.264 has no start code inside a unit
    video = b"\0\0\0\1\x06\x05\xff" + bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM" + packs
    video = b"\0" * 150 + video + b"\xff" * 600
    data = b""
    for number in range(0, len(video), 184):
        payload = video[number : number + 184].ljust(184, b"\xff")
        data += b"\0" * (size - 188) + b"\x47\x10\x11" + bytes([0x10 | number // 184 & 15]) + payload
    return data


def crw(seconds: int) -> bytes:
    """A Canon CRW: a heap with a directory that holds the time stamp."""
    record = struct.pack("<III", seconds, 0, 0)
    inner = record + struct.pack("<H", 1) + struct.pack("<HII", 0x180E, 12, 0) + struct.pack("<I", len(record))
    heap = inner + struct.pack("<H", 1) + struct.pack("<HII", 0x300A, len(inner), 0) + struct.pack("<I", len(inner))
    return b"II" + struct.pack("<I", 26) + b"HEAPCCDR" + b"\0" * 12 + heap


def x3f(seconds: int) -> bytes:
    """A Sigma X3F with one property."""
    texts = "TIME\0".encode("utf-16-le") + f"{seconds}\0".encode("utf-16-le")
    section = b"SECp" + struct.pack("<IIIII", 0, 1, 0, 0, len(texts) // 2) + struct.pack("<II", 0, 5) + texts
    head = b"FOVb" + b"\0" * 36
    where = len(head) + len(section)
    directory = b"SECd" + struct.pack("<II", 0, 1) + struct.pack("<II4s", len(head), len(section), b"PROP")
    return head + section + directory + struct.pack("<I", where)


def dv(digits: str) -> bytes:
    """The first blocks of a DV frame with the date ``YYMMDDHHMMSS``."""
    year, month, day, hour, minute, second = (int(digits[i : i + 2], 16) for i in range(0, 12, 2))
    vaux = b"\x50\x07\x00\x62\xff" + bytes([day, month, year]) + b"\x63\xff" + bytes([second, minute, hour])
    blocks = [b"\x1f\x07\x00\x3f", b"\x3f\x07\x00", b"\x3f\x07\x01", vaux, b"\x50\x07\x01", b"\x50\x07\x02"]
    return b"".join(block.ljust(80, b"\xff") for block in blocks) + b"\xff" * 1000


def mxf(moment: datetime) -> bytes:
    """A header partition and a package with its creation date."""
    stamp = struct.pack(">HBBBBBB", moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, 0)
    package = struct.pack(">HH", 0x4401, 4) + b"abcd" + struct.pack(">HH", 0x4405, 8) + stamp
    partition = bytes.fromhex("060e2b34020501010d01020101020400") + b"\x83\0\0\x04" + b"\0" * 4
    return partition + bytes.fromhex("060e2b34025301010d01010101013600") + bytes([len(package)]) + package


def every_format() -> dict[str, bytes]:
    """One file of each kind, each made at 2011-08-17 16:39:37 of its own clock."""
    block = exif_block()
    moment = datetime(2011, 8, 17, 16, 39, 37, tzinfo=UTC)
    seconds = int(moment.timestamp())
    picture = jpeg(exif_segment(block))
    packet = xmp_packet('exif:DateTimeOriginal="2011-08-17T16:39:37"')
    film = movie_header(seconds_1904(moment))
    return {
        "exif.jpg": picture,
        "xmp.jpg": jpeg(xmp_segment(packet)),
        "iptc.jpg": jpeg((0xED, b"Photoshop 3.0\0" + image_resource(0x0404, iptc_records("20110817", "163937")))),
        "little.tif": block,
        "big.nef": tiff({}, {ORIGINAL: "2011:08:17 16:39:37"}, order=">"),
        "olympus.orf": tiff({}, {ORIGINAL: "2011:08:17 16:39:37"}, magic=0x4F52),
        "panasonic.rw2": tiff({0x2E: picture}, magic=0x55),
        "exif.png": png((b"eXIf", block)),
        "text.png": png((b"tEXt", b"Creation Time\x002011:08:17 16:39:37")),
        "iptc.png": png(
            (b"tEXt", b"Raw profile type iptc\0" + _profile(iptc_records("20110817", "163937"), "IPTC profile"))
        ),
        "profile.png": png((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(_profile(b"Exif\0\0" + block)))),
        "xmp.png": png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)),
        "exif.webp": riff(b"WEBP", (b"VP8 ", b"\0" * 9), (b"EXIF", block)),
        "idit.avi": riff(b"AVI ", (b"LIST", b"hdrl" + chunk(b"IDIT", b"WED AUG 17 16:39:37 2011\n\0"))),
        "exif.heic": heif({b"Exif": b"\0\0\0\6Exif\0\0" + block, b"mime": packet}),
        "xmp.avif": heif({b"mime": packet}, brand=b"avif"),
        "canon.cr3": mp4(
            box(
                b"uuid",
                bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"),
                box(b"CMT1", tiff({DATE_TIME: "2012:01:01 00:00:00"})),
                box(b"CMT2", tiff({ORIGINAL: "2011:08:17 16:39:37"})),
            ),
            brand=b"crx ",
        ),
        "plain.mp4": mp4(film),
        "apple.mov": mp4(
            film, apple_keys({"com.apple.quicktime.creationdate": "2011-08-17T16:39:37+0000"}), brand=b"qt  "
        ),
        "camera.3gp": mp4(box(b"udta", box(b"CNTH", b"\0" * 8, picture))),
        "plain.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"uuid", b"JpgTiffExif->JP2", block),
        "plain.jxl": b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"Exif", b"\0\0\0\0", block),
        "date.mkv": matroska(moment, {}),
        "tag.webm": matroska(None, {"CREATION_TIME": "2011-08-17T16:39:37.000000Z"}),
        "plain.wmv": asf(moment),
        "camera.mts": transport_stream("20110817163937"),
        "plain.gif": b"GIF89a" + b"\0" * 7 + b"!\xff\x0bXMP DataXMP" + packet + b"\0;",
        "plain.psd": b"8BPS" + b"\0" * 26 + struct.pack(">I", len(_resources(block))) + _resources(block),
        "plain.raf": b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 92, len(picture)) + picture,
        "plain.mrw": b"\0MRM" + struct.pack(">I", len(block) + 8) + b"\0TTW" + struct.pack(">I", len(block)) + block,
        "plain.crw": crw(seconds),
        "plain.x3f": x3f(seconds),
        "plain.dv": dv("110817163937"),
        "plain.mxf": mxf(moment),
        "mac-binary.jpg": b"\0\x08PICT0001".ljust(128, b"\0") + picture,
        "packed.mov": mp4(box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", b"\0\0\1\0", zlib.compress(film)))),
        "plain.flv": b"FLV\x01\x01\0\0\0\x09" + b"onMetaData\0\x0ccreationdate\x02\0\x132011-08-17 16:39:37",
    }


def _profile(data: bytes, name: str = "exif") -> bytes:
    return b"\n%s\n%8d\n" % (name.encode(), len(data)) + data.hex().encode() + b"\n"


def _resources(block: bytes) -> bytes:
    return image_resource(0x0422, block)

"""Tiny media files that differ in nothing but what a test asks for."""

from __future__ import annotations

import functools
import io
import struct
from datetime import UTC, datetime

import piexif
from PIL import Image

DATE = datetime(2019, 7, 14, 10, 30, 0)


@functools.cache
def jpeg(date: datetime | None = DATE, seed: int = 0, size: int = 0) -> bytes:
    """A JPEG of 8 x 8 pixels, taken at ``date`` (EXIF DateTimeOriginal), or undated.

    Two seeds give two contents of one size; ``size`` pads it to that many bytes.
    """
    exif = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: date.strftime("%Y:%m:%d %H:%M:%S")}}) if date else b""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(buffer, "JPEG", exif=exif, comment=f"seed {seed:012d}".encode())
    return buffer.getvalue().ljust(size, b"\0")


def mp4(date: datetime = DATE, seed: int = 0) -> bytes:
    """An MP4 without a picture whose ``mvhd`` says ``date`` in UTC (ISO/IEC 14496-12: seconds since 1904)."""
    seconds = int((date.replace(tzinfo=UTC) - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())
    mvhd = struct.pack(">4x5I", seconds, seconds, 1000, 0, 0x0001_0000) + struct.pack(">H10x", 0x0100)
    mvhd += struct.pack(">9I", 0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000) + bytes(24)
    mvhd += struct.pack(">I", 1)
    return (
        _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
        + _box(b"moov", _box(b"mvhd", mvhd))
        + _box(b"mdat", f"seed {seed:012d}".encode())
    )


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body

"""Make a small photo library with what real ones hold: phone, camera, messenger, a duplicate, a broken file.

    python demo/make_sample_library.py FOLDER

Changes the disk: creates FOLDER, which must not exist yet. The same versions of Pillow and pillow-heif
always make the same bytes, names and times. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import io
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

try:
    from PIL import Image
    from pillow_heif import register_heif_opener
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"error: the package {missing.name} is missing in {sys.executable}: activate .venv first (make demo makes it)"
    ) from None

# Exif 2.32, section 4.6: the tags that the sample pictures carry.
MAKE = 0x010F
EXIF_IFD = 0x8769
DATE_TIME_ORIGINAL = 0x9003
OFFSET_TIME_ORIGINAL = 0x9011

QUICKTIME_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)

HOSTILE_NAME = 'the "happy" couple, \nbefore lunch.jpg'
# Windows allows neither quotes nor line breaks in a name.
HOSTILE_NAME_ON_WINDOWS = "the 'happy' couple, before lunch.jpg"


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file of the library: where it lies, how its bytes are made, and its modification time (ISO 8601)."""

    path: str
    content: Callable[[], bytes]
    modified: str


def hostile_name() -> str:
    """A name that breaks careless scripts, as far as this system allows."""
    return HOSTILE_NAME_ON_WINDOWS if sys.platform == "win32" else HOSTILE_NAME


def sample_files() -> list[SampleFile]:
    """What the library holds. Pure: nothing is made yet."""
    beach = _picture("JPEG", 10, "2019:07:14 18:03:12", "+02:00")
    wedding = _picture("JPEG", 40, "2016:05:21 14:20:00")
    return [
        SampleFile("phone/IMG_0001.jpg", beach, "2019-07-14T16:03:12Z"),
        SampleFile("phone/IMG_0002.heic", _picture("HEIF", 80, "2022:08:05 18:20:00"), "2023-01-08T10:00:00Z"),
        SampleFile("phone/MOV_0003.mp4", _video("2022-08-05T16:21:00Z"), "2022-08-05T16:22:00Z"),
        SampleFile("phone/IMG-20230318-WA0006.jpg", _picture("JPEG", 110), "2024-02-01T08:30:00Z"),
        SampleFile("phone/Screenshot_20240229-101500.png", _picture("PNG", 140), "2024-02-29T10:15:00Z"),
        SampleFile("phone/Thumbs.db", _text("a cache of the operating system\n"), "2024-03-01T12:00:00Z"),
        # The camera counts from 1 as well, and in the same year: another picture under the same name.
        SampleFile("camera/IMG_0001.jpg", _picture("JPEG", 170, "2019:10:03 09:15:40"), "2019-10-03T09:15:40Z"),
        SampleFile("camera/DSC_0100.jpg", wedding, "2016-05-21T14:20:00Z"),
        SampleFile("camera/" + hostile_name(), _picture("JPEG", 200, "2016:05:21 12:05:00"), "2016-05-21T12:05:00Z"),
        # The card was pulled out too early: the file ends before its date.
        SampleFile("camera/DSC_0101.jpg", lambda: wedding()[:40], "2016-05-22T11:00:00Z"),
        SampleFile("old backup/DSC_0100 copy.jpg", wedding, "2018-11-30T19:45:00Z"),
        SampleFile("old backup/read me.txt", _text("Pictures from the old laptop.\n"), "2018-11-30T19:46:00Z"),
    ]


def make_library(folder: Path) -> list[Path]:
    """Create the folder and the library in it, and return the files. Changes the disk.

    Raises ``FileExistsError`` when the folder exists: nothing is ever written into a user's folder.
    """
    register_heif_opener()
    folder.mkdir(parents=True)
    made = []
    for sample in sample_files():
        path = folder / sample.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sample.content())
        modified = datetime.fromisoformat(sample.modified).timestamp()
        os.utime(path, (modified, modified))
        made.append(path)
    return made


def _picture(kind: str, hue: int, taken: str = "", offset: str = "") -> Callable[[], bytes]:
    """The bytes of a small picture of one hue (0 to 255), dated by EXIF when ``taken`` is given."""

    def encode() -> bytes:
        gradient = Image.linear_gradient("L").resize((96, 64))
        full = Image.new("L", gradient.size, 255)
        picture = Image.merge("HSV", (Image.new("L", gradient.size, hue), full, gradient)).convert("RGB")
        exif = Image.Exif()
        if taken:
            exif[MAKE] = "Sample camera"
            details = exif.get_ifd(EXIF_IFD)
            details[DATE_TIME_ORIGINAL] = taken
            if offset:
                details[OFFSET_TIME_ORIGINAL] = offset
        stream = io.BytesIO()
        picture.save(stream, kind, exif=exif)
        return stream.getvalue()

    return encode


def _video(created: str) -> Callable[[], bytes]:
    """The bytes of a film without a picture, but with a creation time (ISO/IEC 14496-12: ftyp, moov/mvhd, mdat)."""

    def encode() -> bytes:
        seconds = int((datetime.fromisoformat(created) - QUICKTIME_EPOCH).total_seconds())
        milliseconds_a_second = 1000
        movie_header = (
            struct.pack(">IIIII", 0, seconds, seconds, milliseconds_a_second, milliseconds_a_second)
            + struct.pack(">IH10x", 0x00010000, 0x0100)  # plays at its own speed and full volume
            + struct.pack(">9I", 0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000)  # not turned
            + bytes(24)
            + struct.pack(">I", 2)  # the next free track
        )
        return (
            _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isommp42")
            + _box(b"moov", _box(b"mvhd", movie_header))
            + _box(b"mdat", bytes(range(256)) * 16)
        )

    return encode


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _text(content: str) -> Callable[[], bytes]:
    return content.encode


def main(argv: list[str] | None = None) -> int:
    """Make the library in the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Make a small sample photo library in a new folder.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(argv).folder
    try:
        made = make_library(folder)
    except FileExistsError:
        print(f"{folder} exists: name a folder that does not.", file=sys.stderr)
        return 2
    print(f"{len(made)} files made in {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The data that the benchmarks work on: made here, always the same for the same numbers. Changes the disk.

Photos are whole JPEG files as far as any reader of metadata can see: EXIF with the tags that cameras write, tables, a
picture in noise, cut at a length of its own. Each has a content of its own, and sizes are spread as those of photos
are, so that few files share one.
"""

from __future__ import annotations

import io
import os
import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import piexif
from piexif import GPSIFD, ExifIFD, ImageIFD, InteropIFD
from PIL import Image, ImageCms

_FOLDER_FILES = 1_000
_TEMPLATE_MOMENT = datetime(2019, 7, 31, 12)
_DATE_FORMS = ("%Y:%m:%d %H:%M:%S", "%Y:%m:%d", "%Y-%m-%dT%H:%M:%S")  # of EXIF, of its GPS block, of XMP
_DATE = b"2019:07:31 12:00:00"
_FIRST_MOMENT = datetime(2004, 1, 1, 8)
_XMP_PACKET = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Benchmark 1.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmp:CreateDate="2019-07-31T12:00:00" xmp:ModifyDate="2019-07-31T12:00:00"
    xmp:CreatorTool="1.0" photoshop:DateCreated="2019-07-31T12:00:00"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def make_photos(folder: Path, count: int, sizes: tuple[int, int]) -> None:
    """Write ``count`` photos of between ``sizes`` bytes into subfolders of a thousand."""
    largest = sizes[1]
    template = _template(largest)
    scan = template.rindex(b"\xff\xda") + 14
    mark = template.index(b"number:") + len(b"number:")
    places = _date_places(template)
    chance = random.Random(f"photos {count} {sizes}")
    for number in range(count):
        if number % _FOLDER_FILES == 0:
            where = folder / f"{number // _FOLDER_FILES:04d}"
            where.mkdir(parents=True)
        photo = bytearray(template[: max(scan, chance.randint(*sizes) - 2)] + b"\xff\xd9")
        taken = _FIRST_MOMENT + timedelta(minutes=61 * number % (60 * 24 * 365 * 20))
        _write_date(photo, places, taken)
        photo[mark : mark + 8] = b"%08d" % number
        (where / f"DSC{number:06d}.JPG").write_bytes(photo)


def make_tiny_photos(folder: Path, count: int, largest_hole: int = 7_000_003) -> None:
    """Write ``count`` photos of some 500 bytes, header and dates alone, and a hole behind; no two are alike.

    The hole, below ``largest_hole`` bytes, gives most of them a size of their own, as photos have; it takes no room on
    the disk, but its time where contents are read.
    """
    template = _tiny_template()
    mark = template.index(b"number:") + len(b"number:")
    places = _date_places(template)
    for number in range(count):
        if number % _FOLDER_FILES == 0:
            where = folder / f"{number // _FOLDER_FILES:04d}"
            where.mkdir(parents=True)
        taken = _FIRST_MOMENT + timedelta(minutes=61 * number % (60 * 24 * 365 * 20))
        photo = bytearray(template)
        _write_date(photo, places, taken)
        photo[mark : mark + 8] = b"%08d" % number
        with open(where / f"DSC{number:06d}.JPG", "wb") as file:
            file.write(photo)
            file.truncate(len(photo) + number * 7919 % largest_hole)


def make_films(folder: Path, count: int, size: int) -> None:
    """Write ``count`` large files that are named like photos, of bytes that no file system can pack."""
    folder.mkdir(parents=True)
    chance = random.Random(f"films {count} {size}")
    for number in range(count):
        with open(folder / f"IMG_20190731_{number:06d}.JPG", "wb") as file:
            left = size
            while left > 0:
                file.write(chance.randbytes(min(left, 1 << 22)))
                left -= 1 << 22


def _template(noise_bytes: int) -> bytes:
    """A JPEG with EXIF and a comment, whose picture has at least so many bytes.

    Its metadata is what a phone of 2020 writes: some ninety values, a thumbnail, a block of the maker's, a colour
    profile and an XMP packet. ``bench/README.md`` compares what it costs exiftool with real photos.
    """

    side = max(8, int(noise_bytes**0.5) + 64)
    noise = random.Random(side).randbytes(side * side)
    picture = io.BytesIO()
    Image.frombytes("L", (side, side), noise).save(
        picture,
        "JPEG",
        quality=95,
        exif=_phone_exif(),
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        xmp=_XMP_PACKET,
        comment=b"number:00000000",
    )
    return picture.getvalue()


def _tiny_template() -> bytes:
    """A JPEG of some 400 bytes: the dates, a comment, and no picture."""

    dates = {piexif.ExifIFD.DateTimeOriginal: _DATE, piexif.ExifIFD.DateTimeDigitized: _DATE}
    exif = piexif.dump({"0th": {piexif.ImageIFD.DateTime: _DATE}, "Exif": dates})
    picture = io.BytesIO()
    Image.new("L", (8, 8)).save(picture, "JPEG", exif=exif, comment=b"number:00000000")
    data = picture.getvalue()
    return data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"


def _phone_exif() -> bytes:
    """EXIF of the tags that phones write, in all of its directories."""

    thumbnail = io.BytesIO()
    Image.frombytes("L", (160, 120), random.Random(7).randbytes(160 * 120)).save(thumbnail, "JPEG", quality=20)
    resolution = {
        ImageIFD.XResolution: (72, 1),
        ImageIFD.YResolution: (72, 1),
        ImageIFD.ResolutionUnit: 2,
    }
    exif: bytes = piexif.dump(
        {
            "0th": resolution
            | {
                ImageIFD.Make: b"Benchmark",
                ImageIFD.Model: b"Model 1",
                ImageIFD.Orientation: 1,
                ImageIFD.Software: b"1.0",
                ImageIFD.DateTime: _DATE,
                ImageIFD.YCbCrPositioning: 1,
            },
            "Exif": {
                ExifIFD.ExposureTime: (1, 250),
                ExifIFD.FNumber: (18, 10),
                ExifIFD.ExposureProgram: 2,
                ExifIFD.ISOSpeedRatings: 200,
                ExifIFD.ExifVersion: b"0232",
                ExifIFD.DateTimeOriginal: _DATE,
                ExifIFD.DateTimeDigitized: _DATE,
                ExifIFD.OffsetTime: b"+02:00",
                ExifIFD.OffsetTimeOriginal: b"+02:00",
                ExifIFD.OffsetTimeDigitized: b"+02:00",
                ExifIFD.ComponentsConfiguration: b"\1\2\3\0",
                ExifIFD.ShutterSpeedValue: (7965, 1000),
                ExifIFD.ApertureValue: (1696, 1000),
                ExifIFD.BrightnessValue: (5123, 1000),
                ExifIFD.ExposureBiasValue: (0, 1),
                ExifIFD.MaxApertureValue: (1696, 1000),
                ExifIFD.MeteringMode: 5,
                ExifIFD.Flash: 16,
                ExifIFD.FocalLength: (425, 100),
                ExifIFD.SubjectArea: (2013, 1511, 2116, 1270),
                ExifIFD.MakerNote: random.Random(8).randbytes(1_200),
                ExifIFD.UserComment: b"ASCII\0\0\0",
                ExifIFD.SubSecTime: b"123",
                ExifIFD.SubSecTimeOriginal: b"123",
                ExifIFD.SubSecTimeDigitized: b"123",
                ExifIFD.FlashpixVersion: b"0100",
                ExifIFD.ColorSpace: 1,
                ExifIFD.PixelXDimension: 4032,
                ExifIFD.PixelYDimension: 3024,
                ExifIFD.SensingMethod: 2,
                ExifIFD.SceneType: b"\1",
                ExifIFD.CustomRendered: 0,
                ExifIFD.ExposureMode: 0,
                ExifIFD.WhiteBalance: 0,
                ExifIFD.DigitalZoomRatio: (1, 1),
                ExifIFD.FocalLengthIn35mmFilm: 26,
                ExifIFD.SceneCaptureType: 0,
                ExifIFD.LensSpecification: ((425, 100), (425, 100), (18, 10), (18, 10)),
                ExifIFD.LensMake: b"Benchmark",
                ExifIFD.LensModel: b"Model 1 back camera 4.25mm f/1.8",
            },
            "GPS": {
                GPSIFD.GPSVersionID: (2, 3, 0, 0),
                GPSIFD.GPSLatitudeRef: b"N",
                GPSIFD.GPSLatitude: ((52, 1), (31, 1), (1234, 100)),
                GPSIFD.GPSLongitudeRef: b"E",
                GPSIFD.GPSLongitude: ((13, 1), (24, 1), (1234, 100)),
                GPSIFD.GPSAltitudeRef: 0,
                GPSIFD.GPSAltitude: (3456, 100),
                GPSIFD.GPSTimeStamp: ((10, 1), (0, 1), (0, 1)),
                GPSIFD.GPSSpeedRef: b"K",
                GPSIFD.GPSSpeed: (0, 1),
                GPSIFD.GPSImgDirectionRef: b"T",
                GPSIFD.GPSImgDirection: (12345, 100),
                GPSIFD.GPSDateStamp: _DATE[:10],
                GPSIFD.GPSHPositioningError: (5, 1),
            },
            "Interop": {InteropIFD.InteroperabilityIndex: b"R98"},
            "1st": resolution | {ImageIFD.Compression: 6},
            "thumbnail": thumbnail.getvalue(),
        }
    )
    return exif


def _date_places(template: bytes) -> list[tuple[int, str]]:
    """Where a date stands in the template, and how it is written there."""
    return [
        (found.start(), form)
        for form in _DATE_FORMS
        for found in re.finditer(re.escape(_TEMPLATE_MOMENT.strftime(form).encode("ascii")), template)
    ]


def _write_date(photo: bytearray, places: list[tuple[int, str]], taken: datetime) -> None:
    """Put another date into a copy of the template."""
    for place, form in places:
        text = taken.strftime(form).encode("ascii")
        photo[place : place + len(text)] = text


def count_and_size(folder: Path) -> tuple[int, int]:
    """Files and bytes below a folder."""
    files = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    return len(files), sum(os.path.getsize(file) for file in files)

"""The data that the benchmarks work on: made here, always the same for the same numbers. Changes the disk.

Photos are whole JPEG files as far as any reader of metadata can see: EXIF with the tags that cameras write, tables, a
picture in noise, cut at a length of its own. Each has a content of its own, and sizes are spread as those of photos
are, so that few files share one.
"""

from __future__ import annotations

import io
import os
import random
from datetime import datetime, timedelta
from pathlib import Path

_FOLDER_FILES = 1_000
_DATE = b"2019:07:31 12:00:00"
_FIRST_MOMENT = datetime(2004, 1, 1, 8)


def make_photos(folder: Path, count: int, sizes: tuple[int, int]) -> None:
    """Write ``count`` photos of between ``sizes`` bytes into subfolders of a thousand."""
    largest = sizes[1]
    template = _template(largest)
    scan = template.rindex(b"\xff\xda") + 14
    mark = template.index(b"number:") + len(b"number:")
    places = _all_places(template, _DATE)
    chance = random.Random(f"photos {count} {sizes}")
    for number in range(count):
        if number % _FOLDER_FILES == 0:
            where = folder / f"{number // _FOLDER_FILES:04d}"
            where.mkdir(parents=True)
        photo = bytearray(template[: max(scan, chance.randint(*sizes) - 2)] + b"\xff\xd9")
        taken = _FIRST_MOMENT + timedelta(minutes=61 * number % (60 * 24 * 365 * 20))
        for place in places:
            photo[place : place + len(_DATE)] = taken.strftime("%Y:%m:%d %H:%M:%S").encode("ascii")
        photo[mark : mark + 8] = b"%08d" % number
        (where / f"DSC{number:06d}.JPG").write_bytes(photo)


def make_tiny_photos(folder: Path, count: int) -> None:
    """Write ``count`` photos of some 700 bytes, header and EXIF alone, and a hole behind; no two are alike."""
    template = _template(0)
    mark = template.index(b"number:") + len(b"number:")
    places = _all_places(template, _DATE)
    for number in range(count):
        if number % _FOLDER_FILES == 0:
            where = folder / f"{number // _FOLDER_FILES:04d}"
            where.mkdir(parents=True)
        taken = (_FIRST_MOMENT + timedelta(minutes=61 * number % (60 * 24 * 365 * 20))).strftime("%Y:%m:%d %H:%M:%S")
        photo = bytearray(template)
        for place in places:
            photo[place : place + len(_DATE)] = taken.encode("ascii")
        photo[mark : mark + 8] = b"%08d" % number
        with open(where / f"DSC{number:06d}.JPG", "wb") as file:
            file.write(photo)
            # A size of its own for most, as photos have; the hole behind the picture takes no room on the disk.
            file.truncate(len(photo) + number * 7919 % 100_003)


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
    """A JPEG with EXIF and a comment, whose picture has at least so many bytes; without a picture for 0."""
    import piexif  # noqa: PLC0415 - development only
    from PIL import Image  # noqa: PLC0415

    exif = piexif.dump(
        {
            "0th": {
                piexif.ImageIFD.Make: b"Benchmark",
                piexif.ImageIFD.Model: b"Model 1",
                piexif.ImageIFD.Orientation: 1,
                piexif.ImageIFD.XResolution: (72, 1),
                piexif.ImageIFD.YResolution: (72, 1),
                piexif.ImageIFD.Software: b"1.0",
                piexif.ImageIFD.DateTime: _DATE,
            },
            "Exif": {
                piexif.ExifIFD.ExposureTime: (1, 250),
                piexif.ExifIFD.FNumber: (28, 10),
                piexif.ExifIFD.ISOSpeedRatings: 200,
                piexif.ExifIFD.DateTimeOriginal: _DATE,
                piexif.ExifIFD.DateTimeDigitized: _DATE,
                piexif.ExifIFD.OffsetTimeOriginal: b"+02:00",
                piexif.ExifIFD.FocalLength: (50, 1),
            },
        }
    )
    side = max(8, int(noise_bytes**0.5) + 64)
    noise = random.Random(side).randbytes(side * side)
    picture = io.BytesIO()
    Image.frombytes("L", (side, side), noise).save(picture, "JPEG", quality=95, exif=exif, comment=b"number:00000000")
    data = picture.getvalue()
    return data if noise_bytes else data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"


def _all_places(data: bytes, wanted: bytes) -> list[int]:
    places = []
    place = data.find(wanted)
    while place >= 0:
        places.append(place)
        place = data.find(wanted, place + 1)
    return places


def count_and_size(folder: Path) -> tuple[int, int]:
    """Files and bytes below a folder."""
    files = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    return len(files), sum(os.path.getsize(file) for file in files)

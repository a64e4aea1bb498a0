"""The worker process of ``Thumbnailer``: makes small WebP pictures of untrusted files, in a sandbox.

A request is one line of ASCII JSON, so names may hold any bytes and newlines; its answer is a line of base64, empty if
there is no picture. Besides time and memory, the number of pixels is limited. Changes nothing on disk.

The cheapest picture is taken: the preview that the camera put into the file (Exif 3.0 CIPA DC-008 section 4.5.8 for
JPEG, the ``thmb`` item of ISO/IEC 23008-12 for HEIC with pillow-heif's ``draft``, any JPEG inside a RAW), else the
picture itself.
"""

from __future__ import annotations

import base64
import io
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

from common.media_types import RAW_EXTENSIONS, extension_of
from common.sandbox import serve

if TYPE_CHECKING:
    from PIL import Image

EDGE = 160
_QUALITY = 55
_MOST_PIXELS = 100_000_000
# pillow-heif reads a file as a whole.
_MOST_FILE_BYTES = 256 << 20
_MOST_PREVIEW_BYTES = 8 << 20
_MOST_PREVIEWS_TRIED = 12
_SMALLEST_PREVIEW = 96
# A preview with another shape shows the picture before it was cropped or rotated.
_SAME_SHAPE = 0.2

# Pillow reads other formats too, such as EPS, for which it starts another program.
_FORMATS = frozenset({"JPEG", "HEIF", "AVIF", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000"})
_ORIENTATION = 0x0112
_TRANSPOSITIONS = dict(
    enumerate("FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_270 TRANSVERSE ROTATE_90".split(), 2)
)
_JPEG_OFFSET, _JPEG_LENGTH = 0x0201, 0x0202
_EXIF_PREFIX = b"Exif\0\0"
_JPEG_START = b"\xff\xd8\xff"


def main() -> int:
    """Answer requests until the input ends. Reads the files that they name."""
    return serve(_answer, _load_libraries)


def _load_libraries() -> None:
    from PIL import Image  # noqa: PLC0415 - this process alone needs it

    Image.init()
    try:
        import pillow_heif  # noqa: PLC0415 - may not be installed
    except ImportError:
        return  # HEIC then has no preview
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener()


def _answer(request: dict[str, Any]) -> bytes:
    try:
        return base64.b64encode(_thumbnail(request["path"]))
    except Exception:  # noqa: BLE001 - the boundary around foreign libraries, which raise anything
        return b""


def _thumbnail(path: str) -> bytes:
    """The picture in a file as a WebP of at most ``EDGE`` pixels on each side; empty when there is none."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_FILE_BYTES:
            return b""
        picture = _picture(file, is_raw=extension_of(path) in RAW_EXTENSIONS)
        return _small(*picture) if picture else b""


def _picture(file: BinaryIO, is_raw: bool) -> tuple[Image.Image, int] | None:
    """An image that is cheap to decode, and its orientation (1 to 8 as in Exif); None if there is none."""
    from PIL import Image  # noqa: PLC0415 - this process alone needs it

    try:
        image = Image.open(file, formats=sorted(_FORMATS.intersection(Image.OPEN)))
    except (OSError, SyntaxError):
        preview = _jpeg_inside(file)
        return (preview, _orientation(preview)) if preview else None
    orientation = _orientation(image)
    if is_raw and (preview := _jpeg_inside(file)):
        return preview, _orientation(preview) if orientation == 1 else orientation
    if image.format in ("JPEG", "MPO") and (preview := _exif_thumbnail(image)):
        return preview, orientation
    if image.width * image.height > _MOST_PIXELS:
        return None
    return image, orientation


def _orientation(image: Image.Image) -> int:
    # getexif() of a PNG without an eXIf chunk in front would decode the whole picture; pillow-heif rotates by itself.
    if image.format not in ("JPEG", "MPO", "TIFF", "WEBP"):
        return 1
    value = image.getexif().get(_ORIENTATION)
    return value if isinstance(value, int) else 1


def _exif_thumbnail(image: Image.Image) -> Image.Image | None:
    """The JPEG in IFD1 of a picture's Exif block, if it has the picture's shape."""
    from PIL import ExifTags, Image  # noqa: PLC0415 - this process alone needs it

    block = image.info.get("exif")
    if not isinstance(block, bytes) or not block.startswith(_EXIF_PREFIX):
        return None
    tags = image.getexif().get_ifd(ExifTags.IFD.IFD1)
    start, length = tags.get(_JPEG_OFFSET), tags.get(_JPEG_LENGTH)
    if not isinstance(start, int) or not isinstance(length, int):
        return None
    start += len(_EXIF_PREFIX)
    try:
        preview = Image.open(io.BytesIO(block[start : start + length]), formats=("JPEG",))
        preview.load()
    except (OSError, SyntaxError):
        return None
    shapes = preview.width * image.height, image.width * preview.height
    same_shape = abs(shapes[0] - shapes[1]) <= _SAME_SHAPE * max(shapes)
    return preview if same_shape and max(preview.size) >= _SMALLEST_PREVIEW else None


def _jpeg_inside(file: BinaryIO) -> Image.Image | None:
    """The first JPEG near the start of a file that can be decoded: cameras put a preview into every RAW."""
    from PIL import Image  # noqa: PLC0415 - this process alone needs it

    file.seek(0)
    head = file.read(_MOST_PREVIEW_BYTES)
    position = -1
    for _ in range(_MOST_PREVIEWS_TRIED):
        position = head.find(_JPEG_START, position + 1)
        if position < 0:
            return None
        file.seek(position)
        try:
            preview = Image.open(io.BytesIO(file.read(_MOST_PREVIEW_BYTES)), formats=("JPEG",))
            if max(preview.size) < _SMALLEST_PREVIEW or preview.width * preview.height > _MOST_PIXELS:
                continue
            preview.draft("RGB", (EDGE, EDGE))
            preview.load()
        except (OSError, SyntaxError):
            continue
        return preview
    return None


def _small(image: Image.Image, orientation: int) -> bytes:
    from PIL import Image  # noqa: PLC0415 - this process alone needs it

    image.draft("RGB", (EDGE, EDGE))
    if image.mode.startswith("I;16"):
        image = image.point(lambda level: level / 256).convert("L")  # Pillow can't resize 16-bit images
    image.thumbnail((EDGE, EDGE))
    small = image.convert("RGBA") if image.has_transparency_data else image.convert("RGB")
    if name := _TRANSPOSITIONS.get(orientation):
        small = small.transpose(Image.Transpose[name])
    data = io.BytesIO()
    small.save(data, "WEBP", quality=_QUALITY, method=2, icc_profile=b"", exif=b"", xmp=b"")
    return data.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())

"""Thumbnails: which picture is taken, and that no file can stop the others from having theirs."""

from __future__ import annotations

import base64
import io
import os
import sys
from pathlib import Path

import piexif
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from common.review.thumbnails import Limits, Thumbnailer
from tests.support.trees import make_pipe

RED, BLUE = (200, 30, 30), (30, 30, 200)


def encoded(
    color: tuple[int, int, int], size: tuple[int, int] = (640, 480), form: str = "JPEG", **more: object
) -> bytes:
    register_heif_opener()
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, form, **more)
    return data.getvalue()


def with_preview(size: tuple[int, int], orientation: int = 1) -> bytes:
    """A red JPEG of 640 x 480 pixels whose Exif block holds a blue preview."""
    preview = encoded(BLUE, size)
    ifds = {"0th": {piexif.ImageIFD.Orientation: orientation}, "1st": {}, "thumbnail": preview}
    return encoded(RED, exif=piexif.dump(ifds))


def picture(path: Path, limits: Limits | None = None) -> Image.Image | None:
    with Thumbnailer(limits) as thumbnailer:
        return decoded(thumbnailer.data_uri(str(path)))


def decoded(uri: str) -> Image.Image | None:
    if not uri:
        return None
    assert uri.startswith("data:image/webp;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2], validate=True)))
    image.load()
    return image


def is_like(image: Image.Image | None, color: tuple[int, int, int]) -> bool:
    assert image is not None
    middle = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(middle, tuple)
    return all(abs(one - other) < 30 for one, other in zip(middle, color, strict=True))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "HEIF", "AVIF"])
def test_pictures_of_every_kind_are_made_small(form: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(RED, form=form))
    image = picture(path)
    assert is_like(image, RED)
    assert image is not None
    assert image.size == (160, 120)


def test_the_preview_that_the_camera_put_into_a_jpeg_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(with_preview((160, 120)))
    assert is_like(picture(path), BLUE)


@pytest.mark.parametrize("size", [(120, 160), (160, 60), (40, 30)])
def test_a_preview_of_another_shape_or_too_small_is_not_taken(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "cropped.jpg"
    path.write_bytes(with_preview(size))
    assert is_like(picture(path), RED)


def test_a_preview_is_turned_as_its_picture_is(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(with_preview((160, 120), orientation=6))
    image = picture(path)
    assert image is not None
    assert image.size == (120, 160)


def test_a_raw_shows_the_first_jpeg_inside_it_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.CR3"
    path.write_bytes(b"\0\0\0\x18ftypcrx " + bytes(5000) + b"\xff\xd8\xff broken " + encoded(BLUE) + bytes(5000))
    assert is_like(picture(path), BLUE)


def test_sixteen_bits_and_transparency_have_a_picture(tmp_path: Path) -> None:
    Image.new("I;16", (300, 200), 40_000).save(tmp_path / "scan.tif")
    Image.new("RGBA", (300, 200), (*RED, 128)).save(tmp_path / "logo.png")
    gray = picture(tmp_path / "scan.tif")
    assert gray is not None
    assert is_like(gray, (156, 156, 156))
    assert is_like(picture(tmp_path / "logo.png"), RED)


def test_nothing_but_regular_files_is_opened_and_none_is_waited_for(tmp_path: Path) -> None:
    good = tmp_path / "a.jpg"
    good.write_bytes(encoded(RED))
    (tmp_path / "link.jpg").symlink_to(good)
    make_pipe(tmp_path / "pipe.jpg")
    with Thumbnailer(Limits(seconds=10.0, seconds_each=30.0)) as thumbnailer:
        for name in ("link.jpg", "pipe.jpg", ".", "missing.jpg", "nul\0.jpg"):
            assert thumbnailer.data_uri(f"{tmp_path}/{name}") == "", name
        assert thumbnailer.data_uri(str(good)), "there is time left"


def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    name = 'new\nline "quoted" ü.jpg' if sys.platform == "win32" else os.fsdecode(b'new\nline "\xff\xfe".jpg')
    path = os.path.join(tmp_path, name)
    with open(path, "wb") as file:
        file.write(encoded(RED))
    with Thumbnailer() as thumbnailer:
        assert is_like(decoded(thumbnailer.data_uri(path)), RED)


def test_hostile_files_cost_their_own_picture_alone(tmp_path: Path) -> None:
    """Too slow, cut short, and no picture at all; after each a good one is made."""
    hostile = {
        "slow.png": encoded(RED, (9_900, 9_900), "PNG", compress_level=1),
        "cut.heic": encoded(RED, form="HEIF")[:-200],
        "cut.jpg": encoded(RED)[:300],
        "empty.jpg": b"",
        "text.jpg": b"<html>",
    }
    (tmp_path / "good.jpg").write_bytes(encoded(BLUE))
    with Thumbnailer(Limits(seconds_each=0.4)) as thumbnailer:
        for name, data in hostile.items():
            (tmp_path / name).write_bytes(data)
            assert thumbnailer.data_uri(str(tmp_path / name)) == "", name
            assert is_like(decoded(thumbnailer.data_uri(str(tmp_path / "good.jpg"))), BLUE), f"after {name}"


def test_a_small_file_of_very_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "large.png", compress_level=1)
    assert (tmp_path / "large.png").stat().st_size < 1_000_000
    assert picture(tmp_path / "large.png", Limits(seconds_each=50.0)) is None


def test_pictures_stop_at_their_number_their_bytes_and_their_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(RED))
    with Thumbnailer() as thumbnailer:
        length = len(thumbnailer.data_uri(str(path)))
    for limits, made in (
        (Limits(most=2), 2),
        (Limits(most_bytes=3 * length), 3),
        (Limits(most_bytes=length - 1), 0),
        (Limits(most=0), 0),
        (Limits(seconds=0.0), 1),
    ):
        with Thumbnailer(limits) as thumbnailer:
            assert sum(bool(thumbnailer.data_uri(str(path))) for _ in range(5)) == made, limits
            assert thumbnailer.exhausted or limits.most_bytes < length

"""Rot: bytes that change on the medium of a mounted file system, behind the back of the kernel.

The medium is the image file of a loop device. What the kernel has in its page cache stays as it was, so that only a
read from the medium itself shows the damage.
"""

from __future__ import annotations

import mmap
import random
from pathlib import Path

from tests.campaign.loop_images import Disk
from tests.support.media import jpeg

_SEARCHED = 64


def photo(seed: int, size: int = 24_000) -> bytes:
    """A dated JPEG with noise behind it: no 64 bytes of the noise stand anywhere else, and it fills whole blocks."""
    head = jpeg(seed=seed)
    return head + random.Random(seed).randbytes(size - len(head))


def flip_a_byte(disk: Disk, content: bytes, at: int = 10_000) -> int:
    """Change one byte of a content wherever it stands on the medium; returns at how many places that was.

    The disk must have written it already. Nothing goes through the mounted file system.
    """
    return sum(_flip(disk.image, place) for place in _places(disk.image, content[at : at + _SEARCHED]))


def stands_on(disk: Disk, content: bytes, at: int = 10_000) -> bool:
    """Whether a content has reached the medium."""
    return bool(_places(disk.image, content[at : at + _SEARCHED]))


def _places(image: Path, wanted: bytes) -> list[int]:
    with open(image, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        places = []
        place = data.find(wanted)
        while place >= 0:
            places.append(place)
            place = data.find(wanted, place + 1)
        return places


def _flip(image: Path, place: int) -> bool:
    with open(image, "r+b", buffering=0) as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 0x40]))
    return True


def warm(*folders: Path) -> None:
    """Read everything, so that the page cache holds it as it was before the damage."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                path.read_bytes()

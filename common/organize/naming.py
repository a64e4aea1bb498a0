"""Names in the archive: which are taken, and the name for a file whose own name is taken."""

import os
from collections.abc import Iterator
from itertools import count

from common.paths import casefold_name

MAX_NAME_BYTES = 255


def with_suffix(name: str, suffix: str, spare: int = 0) -> str:
    """Put ``~suffix`` before the extension, and shorten a stem that gets too long. Pure.

    ``spare`` bytes stay free for a companion with the same stem and a longer name. File systems limit a name to 255
    bytes (ext4, btrfs, APFS) or 255 UTF-16 units (NTFS, exFAT).
    """
    stem, extension = os.path.splitext(name)
    room = MAX_NAME_BYTES - spare - len(os.fsencode(extension)) - len(suffix) - 1
    while stem and len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f"{stem}~{suffix}{extension}"


def suffix_between(name: str, new_name: str) -> str:
    """The suffix that turned ``name`` into ``new_name``, or an empty string. Pure."""
    new_stem = os.path.splitext(new_name)[0]
    return new_stem.rpartition("~")[2] if new_name != name and "~" in new_stem else ""


def collision_suffixes(sha256: str) -> Iterator[str]:
    """The suffixes to try, in order, for content whose plain name is taken: digits of its digest, then numbers.

    Digits don't depend on the order of work; numbers are for equal content that is kept more than once.
    """
    for length in (8, 16, 64):
        yield sha256[:length]
    yield from (f"{sha256[:8]}-{number}" for number in count(2))


def companion_name(companion: str, primary: str, new_primary: str, suffix: str) -> str:
    """The name of a companion after its primary was renamed: the beginning that they share changes. Pure.

    >>> companion_name("IMG_1.xmp", "IMG_1.jpg", "IMG_1~0a1b2c3d.jpg", "0a1b2c3d")
    'IMG_1~0a1b2c3d.xmp'
    >>> companion_name("IMG_1.jpg.xmp", "IMG_1.jpg", "IMG_1~0a1b2c3d.jpg", "0a1b2c3d")
    'IMG_1~0a1b2c3d.jpg.xmp'
    """
    if new_primary == primary:
        return companion
    stem, new_stem = os.path.splitext(primary)[0], os.path.splitext(new_primary)[0]
    for old, new in ((primary, new_primary), (stem, new_stem)):
        if companion[: len(old)].casefold() == old.casefold():
            return new + companion[len(old) :]
    return with_suffix(companion, suffix) if suffix else companion


class NameRegistry:
    """The names in the archive that are taken. Those that differ only by case or Unicode form count as the same.

    They are kept as 64-bit hashes; a collision of hashes can only cause an unneeded suffix.
    """

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}

    def add_existing(self, folder: str, name: str) -> None:
        """Register the name of a file that was there before the run."""
        self._owners[self._key(folder, name)] = "archive"

    def claim(self, folder: str, name: str) -> None:
        """Reserve a name for a file of this run."""
        self._owners[self._key(folder, name)] = "run"

    def owner_of(self, folder: str, name: str) -> str:
        """The owner of a name: ``run``, ``archive`` (a file that was there before), or empty if it is free."""
        return self._owners.get(self._key(folder, name), "")

    @staticmethod
    def _key(folder: str, name: str) -> int:
        return hash((folder, casefold_name(name)))

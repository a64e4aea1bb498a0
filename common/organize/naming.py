"""Names in the archive: which are taken, and the name for a file whose own name is taken."""

import os
import re
from collections.abc import Iterator
from itertools import count

from common.filesystems import is_on_same_disk
from common.media_types import is_in_year_folder, unsafe_folder_in
from common.paths import casefold_name, printable, relative_to

MAX_NAME_BYTES = 255
_DIGITS = "YymdHIMSUWwjGf"  # the strftime codes that stand for digits


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


class CountedPlaces:
    """Where in an archive a copy counts as archived: in the folders of a layout, in year folders, and without a date.

    Never on another disk that is mounted inside the archive, and never in hidden folders.
    """

    def __init__(self, archive_root: str, layout: str, mount_points: frozenset[str]) -> None:
        self._root = archive_root
        self._mount_points = mount_points
        self._layout = re.compile(_layout_pattern(layout) + r"(?:/.*)?", re.DOTALL)
        self._reasons: dict[str, str] = {}

    def reason_against(self, folder: str) -> str:
        """Why copies in a folder of the archive do not count, or an empty string. Reads the disk."""
        if folder not in self._reasons:
            self._reasons[folder] = self._find_reason(folder)
        return self._reasons[folder]

    def _find_reason(self, folder: str) -> str:
        relative = relative_to(os.path.join(folder, "any"), self._root)
        if unsafe := unsafe_folder_in(relative):
            return f"{printable(unsafe)} is a hidden folder or a bin, or one of older versions"
        path = os.path.dirname(relative).replace(os.sep, "/")
        if not (is_in_year_folder(relative) or self._layout.fullmatch(path)):
            return "it lies in no year folder"
        if not is_on_same_disk(folder, self._root, self._mount_points):
            return "another disk is mounted there"
        return ""


def _layout_pattern(layout: str) -> str:
    """A regular expression for the folders that a strftime pattern makes."""
    parts = re.split(r"%(.)", layout)
    return "".join(
        re.escape(part) if not index % 2 else r"[0-9]+" if part in _DIGITS else "%" if part == "%" else r"[^/]+"
        for index, part in enumerate(parts)
    )

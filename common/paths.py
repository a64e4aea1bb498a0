"""Names and places: what lies inside what, which names collide, how a path is shown. Changes nothing."""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterator

MAX_NAME_BYTES = 255
NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""What says, of a path, that there is nothing under it."""
# Python loads this codec at its first use, which may be when the disk with Python on it has just failed.
codecs.lookup("unicode_escape")
_OCTAL = re.compile(rb"\\([0-7]{3})")


def is_inside(path: str, root: str) -> bool:
    """Whether an absolute path without ``..`` stands below a root (by its letters, links not followed)."""
    return path.startswith(root.rstrip(os.sep) + os.sep)


def joined(folder: str, name: str) -> str:
    """The path of a name in a folder: ``os.path.join`` in a fifth of its time, where the name is no path of its own."""
    return folder + name if folder.endswith(os.sep) else f"{folder}{os.sep}{name}"


def below(path: str, root: str) -> str:
    """A path inside a root (see ``is_inside``), relative to it."""
    return path[len(root.rstrip(os.sep)) + 1 :]


def is_plain_absolute(path: str) -> bool:
    """Whether a path is absolute and says directly where it leads: no ``..``, no ``.``, no NUL."""
    return os.path.isabs(path) and os.path.normpath(path) == path and "\0" not in path


class RealRoots:
    """The real paths of the roots of a run, each asked once: one that leads elsewhere later is a link on the way."""

    def __init__(self) -> None:
        self._real: dict[str, tuple[str, tuple[int, int] | None]] = {}

    def leads_through_link(self, path: str, root: str) -> bool:
        """Whether a symbolic link stands between a root and a path inside it (the last component not counted).

        The root itself may be reached through links: that is the user's own choice.
        """
        if root not in self._real:
            self._real[root] = (os.path.realpath(root), _place_of(root))
        real, place = self._real[root]
        parent = os.path.dirname(path)
        # Of every file this is asked, and takes a fifth of what ``realpath`` takes, to which any doubt is left.
        if place and place == _place_of(root) and _has_plain_folders_only(parent, root):
            return False
        expected = real.rstrip(os.sep) + parent[len(root.rstrip(os.sep)) :]
        return os.path.realpath(parent) != (expected or os.sep)


def _place_of(folder: str) -> tuple[int, int] | None:
    """Device and inode of a folder; None of a link to one, and where they can't tell: Windows has other links."""
    if sys.platform == "win32":
        return None
    try:
        status = os.lstat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _has_plain_folders_only(folder: str, root: str) -> bool:
    """Whether each component from a root down to a folder below it is a folder, and no link."""
    if folder != root and not is_inside(folder, root):
        return False
    place = root.rstrip(os.sep)
    try:
        for name in folder[len(place) :].split(os.sep)[1:]:
            place = f"{place}{os.sep}{name}"
            if name in ("", ".", "..") or not stat.S_ISDIR(os.lstat(place).st_mode):
                return False
    except OSError:
        return False
    return True


def is_present(path: str) -> bool:
    """Whether there is anything under a path. An error in looking is an error, never a "no": raises ``OSError``.

    Nothing can be where the system says that the path is too long.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in NOTHING_THERE:
            return False
        raise
    return True


def beginning_of(path: str, length: int) -> bytes | None:
    """The first bytes of a regular file; None for what is none, or is not there: a pipe would be waited for.

    Reads the disk, follows no link. Raises ``OSError`` when it can't be read.
    """
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read(length)


def is_folder(path: str) -> bool:
    """Whether a path leads to a folder. Raises ``OSError`` when that can't be told."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def mount_points() -> frozenset[str]:
    """The paths on which something is mounted, as far as the system tells: a file among them is a view of another.

    Linux, ``proc_pid_mountinfo(5)``: the fifth field, with octal escapes. Empty elsewhere.
    """
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            fields = [line.split(b" ")[4] for line in file]
    except (OSError, IndexError):
        return frozenset()
    return frozenset(os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field)) for field in fields)


def fold(name: str) -> str:
    """The form in which two names are the same to some file system: without case, in one Unicode form."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def with_suffix(name: str, suffix: str, spare: int = 0) -> str:
    """Put ``~suffix`` before the extension, and shorten the stem where the name would become too long.

    ``spare`` is how many bytes longer the name of a companion is, which is to have the same stem.
    File systems limit a name to 255 bytes (ext4, btrfs, APFS) or 255 UTF-16 units (NTFS, exFAT);
    bytes are the narrower measure.
    """
    stem, extension = os.path.splitext(name)
    room = MAX_NAME_BYTES - spare - len(os.fsencode(extension)) - len(suffix) - 1
    while stem and len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f"{stem}~{suffix}{extension}"


def collision_suffixes(sha256: str) -> Iterator[str]:
    """The suffixes to try, in order, for content whose plain name is taken.

    The first is eight digits of the digest, so that a name does not depend on the order of work;
    longer ones serve when even that is taken by other content, and numbers when the very same
    content is to be kept more than once.
    """
    for length in (8, 16, 64):
        yield sha256[:length]
    number = 2
    while True:
        yield f"{sha256[:8]}-{number}"
        number += 1


def shown(path: str) -> str:
    """A path as it may be printed: control characters and undecodable bytes as ``\\xNN`` escapes."""
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in path)

"""Names and places: what lies inside what, which names collide, how a path is shown. Changes nothing."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import sys
import unicodedata

NOT_FOUND_ERRORS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""What says, of a path, that there is nothing under it."""
# Python loads this codec at its first use, which may be when the disk with Python on it has just failed.
codecs.lookup("unicode_escape")


def is_inside(path: str, root: str) -> bool:
    """Whether an absolute path without ``..`` stands below a root (by its letters, links not followed)."""
    return path.startswith(root.rstrip(os.sep) + os.sep)


def join_path(folder: str, name: str) -> str:
    """The path of a name in a folder: ``os.path.join`` in a fifth of its time, where the name is no path of its own."""
    return folder + name if folder.endswith(os.sep) else f"{folder}{os.sep}{name}"


def relative_to(path: str, root: str) -> str:
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


def path_exists(path: str) -> bool:
    """Whether there is anything under a path. An error in looking is an error, never a "no": raises ``OSError``.

    Nothing can be where the system says that the path is too long.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in NOT_FOUND_ERRORS:
            return False
        raise
    return True


def read_prefix(path: str, length: int) -> bytes | None:
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


def casefold_name(name: str) -> str:
    """The form in which two names are the same to some file system: without case, in one Unicode form."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def printable(path: str) -> str:
    """A path as it may be printed: control characters and undecodable bytes as ``\\xNN`` escapes."""
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in path)

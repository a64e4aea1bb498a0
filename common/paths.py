"""Paths and names: containment, symbolic links, comparison of names, and printing. Never changes the disk."""

import codecs
import errno
import os
import stat
import sys
import unicodedata
from io import BufferedReader

_NOT_FOUND_ERRORS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
"""The error numbers that mean that nothing exists at a path."""
# Load the codec of ``printable`` now: when it is first used, the disk with Python on it may already have failed.
codecs.lookup("unicode_escape")


def is_inside(path: str, root: str) -> bool:
    """Whether an absolute path without ``..`` is below a root. Compares the strings only, and follows no links."""
    return path.startswith(root.rstrip(os.sep) + os.sep)


def join_path(folder: str, name: str) -> str:
    """``os.path.join`` for a bare name, five times as fast."""
    return folder + name if folder.endswith(os.sep) else f"{folder}{os.sep}{name}"


def relative_to(path: str, root: str) -> str:
    """The part of a path after its root. The path must be below the root."""
    return path[len(root.rstrip(os.sep)) + 1 :]


def is_plain_absolute(path: str) -> bool:
    """Whether a path is absolute and normalized: no ``..``, no ``.``, no NUL."""
    return os.path.isabs(path) and os.path.normpath(path) == path and "\0" not in path


class RealRoots:
    """The real paths of the roots of a run, resolved once: a root that is redirected later counts as a link."""

    def __init__(self) -> None:
        self._resolved: dict[str, tuple[str, tuple[int, int] | None]] = {}

    def leads_through_link(self, path: str, root: str) -> bool:
        """Whether a folder between a root and a path below it is a symbolic link. Reads the disk.

        Links above the root are the user's choice. The last component of the path is not examined.
        """
        if root not in self._resolved:
            self._resolved[root] = (os.path.realpath(root), _folder_key(root))
        real, key = self._resolved[root]
        parent = os.path.dirname(path)
        # The common case, in a fifth of the time that ``realpath`` takes, which decides all others.
        if key and key == _folder_key(root) and _has_plain_folders_only(parent, root):
            return False
        expected = real.rstrip(os.sep) + parent[len(root.rstrip(os.sep)) :]
        return os.path.realpath(parent) != (expected or os.sep)


def _folder_key(folder: str) -> tuple[int, int] | None:
    """Device and inode of a folder; None for anything else, and on Windows, where ``lstat`` misses some links."""
    if sys.platform == "win32":
        return None
    try:
        status = os.lstat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _has_plain_folders_only(folder: str, root: str) -> bool:
    """Whether each component from a root down to a folder is a folder and not a link."""
    if folder != root and not is_inside(folder, root):
        return False
    path = root.rstrip(os.sep)
    try:
        for name in folder[len(path) :].split(os.sep)[1:]:
            path = f"{path}{os.sep}{name}"
            if name in ("", ".", "..") or not stat.S_ISDIR(os.lstat(path).st_mode):
                return False
    except OSError:
        return False
    return True


def lstat_if_exists(path: str) -> os.stat_result | None:
    """The ``lstat`` of a path; None if nothing exists there, or nothing can (the path is too long).

    Raises any other ``OSError``.
    """
    try:
        return os.lstat(path)
    except OSError as error:
        if error.errno in _NOT_FOUND_ERRORS:
            return None
        raise


def path_exists(path: str) -> bool:
    """Whether anything exists at a path; False if the path is too long. Raises any other ``OSError``."""
    return lstat_if_exists(path) is not None


def open_regular_file(path: str) -> BufferedReader:
    """Open a regular file for reading, without waiting for a writer as a pipe would. Links are followed.

    Raises ``OSError`` if it can't be opened or is anything else.
    """
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return os.fdopen(fd, "rb")


def read_small_file(path: str, limit: int) -> bytes:
    """Read a whole file of at most ``limit`` bytes. Raises ``OSError`` if it is larger or no regular file."""
    with open_regular_file(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", path)
    return data


def read_prefix(path: str, length: int) -> bytes | None:
    """Read the first bytes of a regular file; return None for anything else, such as a link or a pipe.

    Reads the disk. Raises ``OSError`` when the file can't be read.
    """
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open_regular_file(path) as file:
        return file.read(length)


def is_folder(path: str) -> bool:
    """Whether a path leads to a folder. Raises ``OSError`` when that can't be determined."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def casefold_name(name: str) -> str:
    """Fold case and Unicode form of a name: file systems that ignore these treat two names as one."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def printable(path: str) -> str:
    """A path for printing, with unprintable characters and undecodable bytes escaped, such as ``\\x1b``."""
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in path)

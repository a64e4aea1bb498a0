"""Extended attributes of files, in which people's tags, ratings and comments stand."""

import os
import sys

from common.paths import printable

# xattr(7): what users and their programs set; the other classes belong to the system.
_OF_USERS = "user."


def missing_attributes(original: int | str, copy: int | str) -> list[str]:
    """The extended attributes of a file that its copy lacks or holds with another value, for a message. Reads the disk.

    Each file is a path or a descriptor. Empty where the system or the file system has no such attributes.
    """
    if sys.platform != "linux":
        return []
    names = [name for name in _names(original) if name.startswith(_OF_USERS)]
    return [f"extended attribute {printable(name)}" for name in names if _value(copy, name) != _value(original, name)]


def _names(file: int | str) -> list[str]:
    if sys.platform != "linux":
        return []
    try:
        return os.listxattr(file)
    except OSError:  # the file system has none; rclone 1.60 answers EIO then, like a bad disk, which reading shows
        return []


def _value(file: int | str, name: str) -> bytes | None:
    if sys.platform != "linux":
        return None
    try:
        return os.getxattr(file, name)
    except OSError:
        return None

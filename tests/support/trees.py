"""Folders as dictionaries: ``{"2019/a.jpg": b"..."}`` in, the same out.

Names are text with ``surrogateescape``, so ``os.fsdecode(b"caf\\xe9.jpg")`` is a name like any other.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

MTIME = datetime(2015, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)
"""What ``write_tree`` gives every file: in the middle of a year, so that no zone moves it to another."""

Tree = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything about one file or folder that a user would miss if it changed."""

    kind: str
    mode: int
    content: bytes
    mtime_ns: int


def write_tree(root: Path, tree: Tree, mtime: datetime = MTIME) -> None:
    """Make the files (and their folders) below ``root``. A name that ends in ``/`` makes an empty folder."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = os.path.join(root, name)
        if name.endswith("/"):
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        set_mtime(Path(path), mtime)


def set_mtime(path: Path, mtime: datetime) -> None:
    """Set modification (and access) time, exact to the microsecond."""
    nanoseconds = int(mtime.timestamp()) * 1_000_000_000 + mtime.microsecond * 1000
    os.utime(path, ns=(nanoseconds, nanoseconds))


def read_tree(root: Path) -> dict[str, bytes]:
    """Every regular file below ``root`` with its bytes; empty when the folder is not there."""
    return {name: Path(path).read_bytes() for name, path in _walk(root) if stat.S_ISREG(os.lstat(path).st_mode)}


def archived(archive: Path) -> dict[str, bytes]:
    """The photos in an archive: its tree without the project's own files (marker, locks)."""
    return {name: data for name, data in read_tree(archive).items() if not name.startswith(".media-")}


def contents(tree: Tree) -> Counter[bytes]:
    """How often each content is there, whatever the files are called."""
    return Counter(tree.values())


def snapshot(root: Path) -> dict[str, Entry]:
    """Everything below ``root``: files, folders, links, with bytes, permissions and file times.

    Lock files are left out: they are meant to stay, empty, so that two runs always meet at the same file.
    Folder times are left out: they change when a lock or a probe has come and gone.
    """
    return {name: _entry(path) for name, path in _walk(root) if not name.endswith(".lock")}


def make_pipe(path: Path) -> None:
    """Make a named pipe: opening it for reading would wait for ever."""
    if sys.platform == "win32":
        pytest.skip("Windows has no named pipes in folders: run the tests on Linux or macOS")
    os.mkfifo(path)


def may_read_everything() -> bool:
    """Whether this user (root) is not kept from reading by permissions."""
    return sys.platform == "win32" or os.geteuid() == 0


def _entry(path: str) -> Entry:
    status = os.lstat(path)
    if stat.S_ISDIR(status.st_mode):
        return Entry("folder", stat.S_IMODE(status.st_mode), b"", 0)
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", 0, os.fsencode(os.readlink(path)), status.st_mtime_ns)
    if stat.S_ISREG(status.st_mode):
        return Entry("file", stat.S_IMODE(status.st_mode), Path(path).read_bytes(), status.st_mtime_ns)
    return Entry("other", stat.S_IMODE(status.st_mode), b"", status.st_mtime_ns)


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    for folder, folder_names, file_names in os.walk(root):
        for name in sorted(folder_names) + sorted(file_names):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, root), path


def swap(path: Path, content: bytes) -> None:
    """Change a file's bytes in place, behind an unchanged size and modification time."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

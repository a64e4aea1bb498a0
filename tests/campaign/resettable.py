"""A small tree that is put back to how it was in a millisecond, with the same inodes and times.

A manifest names inodes and times, so a fresh copy of the tree would not fit it any more. Every media file therefore
has a second hard link in a hidden store: what a run renames or removes is linked back. Tables (CSV, JSON, checksums)
are kept as bytes and written anew, since runs append to them in place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Look = tuple[int, int, int]
"""Inode, size and modification time of a file."""

TABLE_ENDINGS = (".csv", ".json", "SHA256SUMS")


def is_table(path: str) -> bool:
    """Whether a path is a manifest, a journal, a state file, a marker or a list of checksums."""
    return path.endswith(TABLE_ENDINGS)


def is_lock(path: str) -> bool:
    """Whether a path is one of the lock files, which are made by any run and mean nothing."""
    return path.endswith(".lock") or os.path.basename(path) == "lock"


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands below a root: files by path with their looks, and folders."""

    files: dict[str, Look]
    folders: frozenset[str]

    @property
    def media(self) -> dict[str, Look]:
        return {path: look for path, look in self.files.items() if not is_table(path) and not is_lock(path)}


def see(root: Path) -> Seen:
    """Look at every entry below a root, without reading any content. Links count as files."""
    files: dict[str, Look] = {}
    folders: set[str] = set()
    stack = [str(root)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.add(entry.path)
                    stack.append(entry.path)
                else:
                    status = entry.stat(follow_symlinks=False)
                    files[entry.path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return Seen(files, frozenset(folders))


class Resettable:
    """The tree below ``root`` as it is when this object is made, and the way back to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._store = root.with_name(root.name + ".store")
        self._store.mkdir()
        self._before = see(root)
        self._tables = {path: Path(path).read_bytes() for path in self._before.files if is_table(path)}
        self._kept: dict[str, Path] = {}
        self._content: dict[Look, bytes] = {}
        for number, (path, look) in enumerate(self._before.media.items()):
            self._kept[path] = self._store / str(number)
            os.link(path, self._kept[path], follow_symlinks=False)
            self._content[look] = Path(path).read_bytes()

    @property
    def media(self) -> Mapping[str, bytes]:
        """Each media file of the beginning with its content, by path."""
        return {path: self._content[look] for path, look in self._before.media.items()}

    @property
    def tables(self) -> Mapping[str, bytes]:
        """Each table of the beginning with its bytes, by path."""
        return self._tables

    def media_now(self) -> dict[str, bytes]:
        """Each media file that there is now with its content, by path. A known inode with known times is not read."""
        return {
            path: self._content[look] if look in self._content else Path(path).read_bytes()
            for path, look in see(self.root).media.items()
        }

    def tables_now(self) -> dict[str, bytes]:
        """Each table that there is now with its bytes."""
        return {path: Path(path).read_bytes() for path in see(self.root).files if is_table(path)}

    def reset(self) -> bool:
        """Put everything back, and tell whether no file had been written to in place. Changes only what differs."""
        now = see(self.root)
        for path, look in now.files.items():
            if self._before.files.get(path) != look or path not in self._kept:
                os.unlink(path)
        for folder in sorted(now.folders - self._before.folders, key=len, reverse=True):
            os.rmdir(folder)
        for folder in sorted(self._before.folders - now.folders, key=len):
            os.mkdir(folder)
        untouched = True
        for path, kept in self._kept.items():
            untouched &= not self._mend(kept, self._before.files[path])
            if now.files.get(path) != self._before.files[path]:
                os.link(kept, path)
        for path, data in self._tables.items():
            Path(path).write_bytes(data)
        return untouched

    def _mend(self, kept: Path, look: Look) -> bool:
        """Give a file that was written to in place its content and times back, and tell whether there was need."""
        if kept.stat().st_mtime_ns == look[2] and kept.read_bytes() == self._content[look]:
            return False
        kept.write_bytes(self._content[look])
        os.utime(kept, ns=(look[2], look[2]))
        return True

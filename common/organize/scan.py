"""Walks a tree and accounts for every entry, including those that are left out. Reads the disk."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from common.errors import explain_os_error
from common.media_types import QUARANTINE_FOLDER, is_system_file, is_system_folder
from common.paths import join_path
from common.run_id import is_run_id


class FoundFile(NamedTuple):
    """A regular file as the scan saw it: its size in bytes, its modification time in nanoseconds since 1970 UTC."""

    folder: str
    name: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> str:
        return join_path(self.folder, self.name)


@dataclass(frozen=True, slots=True)
class NotScanned:
    """An entry that is no regular file, is excluded or could not be examined, or a folder that could not be read."""

    path: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class FolderScan:
    """One folder: its files in the order of their names, what was not scanned, and the names that get no row.

    Among these, names of folders end with a separator.
    """

    path: str
    files: tuple[FoundFile, ...]
    not_scanned: tuple[NotScanned, ...]
    system_entries: tuple[str, ...] = ()
    excluded_folders: tuple[str, ...] = ()


def scan_tree(root: str, skip_folders: Collection[str] = (), exclude: Sequence[str] = ()) -> Iterator[FolderScan]:
    """Visit a folder and all below it in the order of their names, never following links.

    ``skip_folders`` (real paths) are left out, and entries whose name or path relative to the root matches a glob of
    ``exclude``. A folder that can't be read or contains itself through a mount becomes a ``NotScanned``.
    """

    def exclusion(path: str) -> str:
        if not exclude:
            return ""
        name, relative = os.path.basename(path), os.path.relpath(path, root).replace(os.sep, "/")
        matching = (glob for glob in exclude if fnmatchcase(name, glob) or fnmatchcase(relative, glob.rstrip("/")))
        return next(matching, "")

    stack: list[tuple[str, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while stack:
        folder, ancestors = stack.pop()
        scan, subfolders, inode = _scan_folder(folder, ancestors, skip_folders, exclusion)
        yield scan
        stack.extend((subfolder, ancestors | {inode}) for subfolder in reversed(subfolders))


def _scan_folder(
    folder: str, ancestors: frozenset[tuple[int, int]], skip_folders: Collection[str], exclusion: Callable[[str], str]
) -> tuple[FolderScan, list[str], tuple[int, int]]:
    """Scan one folder; return the scan, the subfolders to visit, and the folder's device and inode."""
    files: list[FoundFile] = []
    not_scanned: list[NotScanned] = []
    subfolders: list[str] = []
    system_entries: list[str] = []
    excluded_folders: list[str] = []
    inode = (0, 0)
    try:
        status = os.stat(folder)
        inode = (status.st_dev, status.st_ino)
        if inode in ancestors:
            raise OSError(0, "this folder contains itself through a mount")
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        failure = NotScanned(folder, f"cannot read folder: {explain_os_error(error)}", failed=True)
        return FolderScan(folder, (), (failure,)), [], inode

    # The mark says which folders are left out, and nothing of other files: somebody may have put photos beside them.
    is_quarantine = any(entry.name == QUARANTINE_FOLDER and entry.is_file(follow_symlinks=False) for entry in entries)
    for entry in entries:
        try:
            if entry.is_symlink():
                not_scanned.append(NotScanned(entry.path, "symbolic link, not followed", failed=False))
            elif entry.is_dir(follow_symlinks=False):
                is_of_run = is_quarantine and is_run_id(entry.name)
                if is_of_run or is_system_folder(entry.name) or entry.path in skip_folders:
                    if entry.name != QUARANTINE_FOLDER:  # apply's own
                        system_entries.append(entry.name + os.sep)
                elif exclusion(entry.path):
                    excluded_folders.append(entry.name + os.sep)
                else:
                    subfolders.append(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                not_scanned.append(NotScanned(entry.path, "not a regular file", failed=False))
            elif is_system_file(entry.name) or entry.name == QUARANTINE_FOLDER:
                system_entries.append(entry.name)
            elif pattern := exclusion(entry.path):
                not_scanned.append(NotScanned(entry.path, f"left out by --exclude {pattern}", failed=False))
            else:
                status = entry.stat(follow_symlinks=False)
                files.append(FoundFile(folder, entry.name, status.st_size, status.st_mtime_ns))
        except OSError as error:
            not_scanned.append(NotScanned(entry.path, f"cannot look at it: {explain_os_error(error)}", failed=True))
    left_out = (tuple(system_entries), tuple(excluded_folders))
    return FolderScan(folder, tuple(files), tuple(not_scanned), *left_out), subfolders, inode

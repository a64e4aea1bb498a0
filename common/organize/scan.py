"""Walking a source tree: every entry is a file, a folder to enter, or something with a reason. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from common.errors import explain_os_error
from common.media_types import QUARANTINE_FOLDER, is_system_file, is_system_folder
from common.organize.model import FolderScan, FoundFile, NotScanned


@dataclass(frozen=True, slots=True)
class ScanRules:
    """What a scan leaves out: folders by their real path, and folders and files by glob patterns.

    A pattern is matched against the name and against the path relative to the root.
    """

    skip_folders: Collection[str] = ()
    exclude: Sequence[str] = ()

    def excludes(self, path: str, root: str) -> str:
        """The first pattern that matches a path below a root, or an empty string."""
        if not self.exclude:
            return ""
        relative = os.path.relpath(path, root)
        name = os.path.basename(relative)
        portable = relative.replace(os.sep, "/")
        for pattern in self.exclude:
            if fnmatchcase(name, pattern) or fnmatchcase(portable, pattern.rstrip("/")):
                return pattern
        return ""


def scan_tree(root: str, rules: ScanRules) -> Iterator[FolderScan]:
    """Visit a folder and all below it in the order of their names, never following links.

    The order does not depend on the file system. A folder that can't be read becomes a
    ``NotScanned`` with the reason; so does a folder that contains itself through a mount.
    """
    stack: list[tuple[str, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while stack:
        folder, ancestors = stack.pop()
        scanned, subfolders, place = _scan_folder(folder, root, ancestors, rules)
        yield scanned
        stack.extend((subfolder, ancestors | {place}) for subfolder in reversed(subfolders))


def _scan_folder(
    folder: str, root: str, ancestors: frozenset[tuple[int, int]], rules: ScanRules
) -> tuple[FolderScan, list[str], tuple[int, int]]:
    files: list[FoundFile] = []
    not_scanned: list[NotScanned] = []
    subfolders: list[str] = []
    system_entries: list[str] = []
    excluded_folders: list[str] = []
    place = (0, 0)
    try:
        status = os.stat(folder)
        place = (status.st_dev, status.st_ino)
        if place in ancestors:
            raise OSError(0, "this folder contains itself through a mount")
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        failure = NotScanned(folder, f"cannot read folder: {explain_os_error(error)}", failed=True)
        return FolderScan(folder, (), (failure,)), [], place

    if any(entry.name == QUARANTINE_FOLDER and entry.is_file(follow_symlinks=False) for entry in entries):
        return FolderScan(folder, (), (), (QUARANTINE_FOLDER,)), [], place
    for entry in entries:
        try:
            if entry.is_symlink():
                not_scanned.append(NotScanned(entry.path, "symbolic link, not followed", failed=False))
            elif entry.is_dir(follow_symlinks=False):
                if is_system_folder(entry.name) or entry.path in rules.skip_folders:
                    if entry.name != QUARANTINE_FOLDER:  # which is ours
                        system_entries.append(entry.name + os.sep)
                elif rules.excludes(entry.path, root):
                    excluded_folders.append(entry.name + os.sep)
                else:
                    subfolders.append(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                not_scanned.append(NotScanned(entry.path, "not a regular file", failed=False))
            elif is_system_file(entry.name):
                system_entries.append(entry.name)
            elif pattern := rules.excludes(entry.path, root):
                not_scanned.append(NotScanned(entry.path, f"left out by --exclude {pattern}", failed=False))
            else:
                found = entry.stat(follow_symlinks=False)
                files.append(FoundFile(folder, entry.name, found.st_size, found.st_mtime_ns))
        except OSError as error:
            not_scanned.append(NotScanned(entry.path, f"cannot look at it: {explain_os_error(error)}", failed=True))
    left_out = (tuple(system_entries), tuple(excluded_folders))
    scanned = FolderScan(folder, tuple(files), tuple(not_scanned), *left_out)
    return scanned, subfolders, place

"""What the work of one run shares when it reads and changes files: one object in place of many arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from common.fileops.hard_links import HardLinkLock
from common.fileops.mounts import SameDirectoryCheck, mount_points
from common.paths import RealRoots


class Progress(Protocol):
    """Counts the work that is done, from any thread."""

    def add_bytes(self, count: int) -> None: ...
    def add_file(self) -> None: ...


class DiskAccess:
    """The shared state of all threads that work on the files of one run. It is a ``ReadMonitor`` as well.

    ``progress``: counts bytes and files.
    ``stop_requested``: whether the run is to end at the next checkpoint.
    ``synced_folders``: the folders of the archive whose names are durable.
    ``directories``: whether two folders are one, seen through a mount.
    ``mount_points``: paths on which something is mounted; a file among them is a view of another.
    ``real_roots``: whether a symbolic link stands between a root and a file.
    ``hard_links``: lets only one thread at a time work on a file with several names.
    ``unsupported_attributes``: what file systems could not hold of the files that were copied, in words.
    """

    def __init__(self, progress: Progress, stop_requested: Callable[[], bool]) -> None:
        self.progress = progress
        self.stop_requested = stop_requested
        self.synced_folders: set[str] = set()
        self.directories = SameDirectoryCheck()
        self.mount_points = mount_points()
        self.real_roots = RealRoots()
        self.hard_links = HardLinkLock()
        self.unsupported_attributes: set[str] = set()

    def add_bytes(self, count: int) -> None:
        """So many more bytes of media have been read."""
        self.progress.add_bytes(count)

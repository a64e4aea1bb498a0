"""What all threads of a run share when they read and change files."""

from collections.abc import Callable
from typing import Protocol

from common.fileops.locking import HardLinkLock, PathLocks
from common.fileops.mounts import SameDirectoryCheck
from common.filesystems import mount_points
from common.paths import RealRoots


class Progress(Protocol):
    """Counts finished work; any thread may call its methods."""

    def add_bytes(self, count: int) -> None: ...
    def add_file(self) -> None: ...


class DiskAccess:
    """What all threads of a run share. It is also a ``ReadMonitor``.

    ``synced_folders``: folders of the archive that were synced. ``unsupported_attributes``: names of the attributes of
    copied files that the new file system could not hold, as the summary prints them.
    """

    def __init__(
        self, progress: Progress, stop_requested: Callable[[], bool], directories: SameDirectoryCheck | None = None
    ) -> None:
        self.progress = progress
        self.stop_requested = stop_requested
        self.synced_folders: set[str] = set()
        self.directories = directories or SameDirectoryCheck()
        self.mount_points = mount_points()
        self.real_roots = RealRoots()
        self.hard_links = HardLinkLock()
        self.copies = PathLocks()
        self.unsupported_attributes: set[str] = set()

    def add_bytes(self, count: int) -> None:
        """Count bytes of media that were read."""
        self.progress.add_bytes(count)

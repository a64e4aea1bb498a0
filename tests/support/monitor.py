"""A monitor of reads that does what a test asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from common.fileops.context import DiskAccess


@dataclass
class Monitor:
    """Follows the reading of files: counts, acts in the middle of it, asks for a stop."""

    on_bytes: Callable[[int], object] = lambda _count: None
    stop: Callable[[], bool] = lambda: False
    files: int = field(default=0, init=False)

    def add_bytes(self, count: int) -> None:
        self.on_bytes(count)

    def add_file(self) -> None:
        self.files += 1

    def stop_requested(self) -> bool:
        return self.stop()


def disk_access(monitor: Monitor | None = None) -> DiskAccess:
    """What executors share in one run, followed by a monitor."""
    monitor = monitor or Monitor()
    return DiskAccess(monitor, monitor.stop_requested)

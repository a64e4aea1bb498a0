"""The interface between the reading of files and whoever shows its progress or stops it."""

from __future__ import annotations

from typing import Protocol


class ReadMonitor(Protocol):
    """Called for each chunk that is read, from any thread."""

    def add_bytes(self, count: int) -> None:
        """Count bytes that have been read."""

    def stop_requested(self) -> bool:
        """Whether to stop reading, with ``Interrupted``."""


class Unmonitored:
    """A monitor for short reads that are neither counted nor interrupted."""

    def add_bytes(self, count: int) -> None:
        """Nothing is counted."""

    def stop_requested(self) -> bool:
        return False


UNMONITORED = Unmonitored()

"""Who follows a file while it is read: told of each piece, and asked whether to go on."""

from __future__ import annotations

from typing import Protocol


class ReadMonitor(Protocol):
    """Follows the reading of files, from any thread."""

    def add_bytes(self, count: int) -> None:
        """So many more bytes have been read."""

    def stop_requested(self) -> bool:
        """Whether reading is to end early, with ``Interrupted``."""


class Unmonitored:
    """A monitor for short reads that nobody follows and nobody interrupts."""

    def add_bytes(self, count: int) -> None:
        """Nothing is counted."""

    def stop_requested(self) -> bool:
        return False


UNMONITORED = Unmonitored()

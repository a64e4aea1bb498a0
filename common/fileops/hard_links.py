"""Files with several names (hard links) are worked on one at a time. Reads the disk."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext, suppress


class HardLinkLock:
    """Lets threads work on files in parallel, but on those with several names one after the other.

    Renaming or removing one name of a file moves its change time, by which an edit is noticed: a thread that compares
    the file under another of its names would take it for changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def hold(self, path: str) -> AbstractContextManager[object]:
        """A context to hold while a file is worked on. A file that can't be looked at may have several names."""
        with suppress(OSError):
            if os.lstat(path).st_nlink == 1:
                return nullcontext()
        return self._lock

"""Files that have several names (hard links), worked on one at a time. Looks at them, changes nothing."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext, suppress


class HardLinkLock:
    """Lets threads work on files side by side, but on those with several names one after the other.

    To rename or remove one name of a file moves its change time, and that is what tells of an edit: whoever compares
    the file under another of its names at that moment would take it for changed.
    """

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    def hold(self, path: str) -> AbstractContextManager[object]:
        """What to hold while the file is worked on. A file that can't be looked at may be one of many names."""
        with suppress(OSError):
            if os.lstat(path).st_nlink == 1:
                return nullcontext()
        return self._one_at_a_time

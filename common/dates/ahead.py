"""Media files that are opened before their turn, so that a disk which can do much at once has much to do.

Reads the disk, changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from types import TracebackType

from common.dates.model import Reading
from common.dates.read import open_media, read_media, read_opened
from common.dates.source import HEAD

# A flash disk or a server answers so many questions in hardly more time than one; a spinning disk sorts them by
# place. Not more: each is an open file, of which a process may have some hundreds.
FILES_AHEAD = 32


class ReadAhead:
    """Reads media files whose order is known beforehand; others are read as they come.

    While one is looked at, the system fetches the first bytes of those that follow (``posix_fadvise(2)``,
    POSIX_FADV_WILLNEED); where it takes no such advice, nothing is opened ahead.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._coming = iter(paths)
        self._opened: dict[str, int] = {}

    def read(self, path: str) -> Reading:
        """What one file says of its time of capture: see ``read_media``."""
        self._open_the_next()
        if path not in self._opened:
            return read_media(path)
        while (opened := next(iter(self._opened))) != path:
            os.close(self._opened.pop(opened))  # it was passed by
        return read_opened(self._opened.pop(path))

    def _open_the_next(self) -> None:
        if sys.platform != "linux":
            return
        for path in islice(self._coming, FILES_AHEAD + 1 - len(self._opened)):
            if path not in self._opened:
                with suppress(OSError):  # its own turn will tell what is wrong with it
                    descriptor = self._opened[path] = open_media(path)
                    os.posix_fadvise(descriptor, 0, HEAD, os.POSIX_FADV_WILLNEED)

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened and not read."""
        while self._opened:
            os.close(self._opened.popitem()[1])

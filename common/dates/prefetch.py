"""Opens media files in advance, so that the disk serves many reads at once. Changes nothing.

A flash disk or a server answers many requests in little more time than one, and a spinning disk sorts them by position.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Self

from common.dates.byte_view import HEAD
from common.dates.formats import open_media, read_media, read_opened
from common.dates.model import Reading

_MOST_FILES = 32
# Descriptors for everything else: tools, the archive, the report and its lock.
_OTHER_DESCRIPTORS = 128


def prefetch_limit(readers: int) -> int:
    """How many files each of the readers in one process may open in advance.

    0 on systems other than Linux, and if a process may open only few files.
    """
    if sys.platform != "linux":
        return 0
    import resource  # noqa: PLC0415 - Windows has none

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return _MOST_FILES
    return min(_MOST_FILES, max(0, limit - _OTHER_DESCRIPTORS) // (2 * readers))


class Prefetcher:
    """Reads media files, and lets the system fetch the first bytes of up to ``most`` of the ``paths`` that follow.

    It opens them and calls ``posix_fadvise(2)`` with POSIX_FADV_WILLNEED. They stay open, since FUSE file systems drop
    what they fetched when a file is opened again. A file that was replaced in the meantime is opened again.
    """

    def __init__(self, paths: Iterable[str], most: int) -> None:
        self._paths = iter(paths if most else ())
        self._most = most
        self._opened: dict[str, int] = {}

    def read(self, path: str) -> Reading:
        """Find the dates in one file: see ``read_media``."""
        self._open_next()
        descriptor = self._take(path)
        return read_media(path) if descriptor is None else read_opened(descriptor)

    def _open_next(self) -> None:
        if sys.platform != "linux":
            return
        for path in islice(self._paths, self._most + 1 - len(self._opened)):
            if path not in self._opened:
                with suppress(OSError):  # ``read`` reports what is wrong with it
                    descriptor = self._opened[path] = open_media(path)
                    os.posix_fadvise(descriptor, 0, HEAD, os.POSIX_FADV_WILLNEED)

    def _take(self, path: str) -> int | None:
        """The descriptor of a file that was opened in advance and still has this path, for the caller to close."""
        if path not in self._opened:
            return None
        while (unread := next(iter(self._opened))) != path:
            _close(self._opened.pop(unread))
        descriptor = self._opened.pop(path)
        with suppress(OSError):
            if os.path.samestat(os.lstat(path), os.fstat(descriptor)):
                return descriptor
        _close(descriptor)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files that were not read."""
        while self._opened:
            _close(self._opened.popitem()[1])


def _close(descriptor: int) -> None:
    with suppress(OSError):  # nothing was written
        os.close(descriptor)

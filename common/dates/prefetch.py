"""Media files that are opened before their turn, so that a disk which can do much at once has much to do.

A flash disk or a server answers many questions in hardly more time than one, and a spinning disk sorts them by place.
Reads the disk, changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from types import TracebackType

from common.dates.byte_view import HEAD
from common.dates.formats import open_media, read_media, read_opened
from common.dates.model import Reading

_MOST_AHEAD = 32
# What a process may open at a time is shared: with the tools that are asked, the archive, the report and its lock.
_LEFT_TO_OTHERS = 128


def prefetch_limit(readers: int) -> int:
    """How many files each of so many readers in one process may have open before their turn. Changes nothing.

    None where the system does not fetch what it is told of, or where few files can be open at a time.
    """
    if sys.platform != "linux":
        return 0
    import resource  # noqa: PLC0415 - Windows has none

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return _MOST_AHEAD
    return min(_MOST_AHEAD, max(0, limit - _LEFT_TO_OTHERS) // (2 * readers))


class Prefetcher:
    """Reads media files whose order is known beforehand; others are read as they come.

    While one is looked at, the system fetches the first bytes of up to ``most`` that follow (``posix_fadvise(2)``,
    POSIX_FADV_WILLNEED). They are kept open, since file systems such as FUSE's forget what they fetched when a file is
    opened again. What has come under its name meanwhile is noticed, and read instead.
    """

    def __init__(self, paths: Iterable[str], most: int) -> None:
        self._coming = iter(paths if most else ())
        self._most = most
        self._opened: dict[str, int] = {}

    def read(self, path: str) -> Reading:
        """What one file says of its time of capture: see ``read_media``."""
        self._open_the_next()
        descriptor = self._take(path)
        return read_media(path) if descriptor is None else read_opened(descriptor)

    def _open_the_next(self) -> None:
        if sys.platform != "linux":
            return
        for path in islice(self._coming, self._most + 1 - len(self._opened)):
            if path not in self._opened:
                with suppress(OSError):  # its own turn will tell what is wrong with it
                    descriptor = self._opened[path] = open_media(path)
                    os.posix_fadvise(descriptor, 0, HEAD, os.POSIX_FADV_WILLNEED)

    def _take(self, path: str) -> int | None:
        """The descriptor of a file that was opened ahead and still bears this name, now the caller's to close."""
        if path not in self._opened:
            return None
        while (passed_by := next(iter(self._opened))) != path:
            _close(self._opened.pop(passed_by))
        descriptor = self._opened.pop(path)
        with suppress(OSError):
            if os.path.samestat(os.lstat(path), os.fstat(descriptor)):
                return descriptor
        _close(descriptor)
        return None

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened and not read."""
        while self._opened:
            _close(self._opened.popitem()[1])


def _close(descriptor: int) -> None:
    with suppress(OSError):  # nothing was written
        os.close(descriptor)

"""Whether two folders are one folder seen twice, asked once for each pair. Probes the disk through ``fileops``."""

from __future__ import annotations

import threading

from common.fileops.mounts import remove_stale_probes, sees_the_same_folder

_REMEMBERED = 100_000


class Aliases:
    """Remembers which pairs of folders were told apart. One probe at a time, from any thread:

    a probe gives its folder the time back, which two at once would spoil for each other. Before a folder is probed
    for the first time, it is cleared of probes that killed runs left there.
    """

    def __init__(self) -> None:
        self._told_apart: set[tuple[str, str]] = set()
        self._cleared: set[str] = set()
        self._guard = threading.Lock()

    def are_one(self, folder: str, other: str) -> bool:
        """Whether both paths show one folder. Makes and removes a file in each that can be written."""
        pair = (folder, other)
        with self._guard:
            if pair in self._told_apart:
                return False
            for each in pair:
                self._clear(each)
            if sees_the_same_folder(other, folder):
                return True
            if len(self._told_apart) >= _REMEMBERED:
                self._told_apart.clear()
            self._told_apart.add(pair)
            return False

    def clear_of_probes(self, folder: str) -> None:
        """Remove the probes that killed runs left in a folder, if that was not done yet. Changes the disk."""
        with self._guard:
            self._clear(folder)

    def _clear(self, folder: str) -> None:
        if folder in self._cleared:
            return
        remove_stale_probes(folder)
        if len(self._cleared) >= _REMEMBERED:
            self._cleared.clear()
        self._cleared.add(folder)

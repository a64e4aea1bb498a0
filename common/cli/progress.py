"""A progress bar on a terminal, over bytes or files."""

from __future__ import annotations

import sys
import threading
from typing import Protocol

from common.cli.options import CommonOptions


class _Bar(Protocol):
    """The part of a tqdm bar that is used here."""

    def update(self, n: float = 1) -> bool | None: ...
    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None: ...
    def close(self) -> None: ...


class Progress:
    """A bar over bytes that also counts files, with the time left. Appears on a terminal only, and without colours.

    May be fed from any thread. Where no contents are read, ``total_bytes`` is None and the bar is over files.
    ``done_files`` and ``done_bytes`` are an earlier call's: they count, but tell nothing of the speed.
    """

    def __init__(
        self,
        title: str,
        files: int,
        total_bytes: int | None,
        options: CommonOptions,
        *,
        done_files: int = 0,
        done_bytes: int = 0,
    ) -> None:
        self._bar: _Bar | None = None
        self._of_bytes = total_bytes
        self._bytes = done_bytes
        self._files = done_files
        self._of_files = files
        self._guard = threading.Lock()
        if options.quiet or options.json or not (sys.stderr and sys.stderr.isatty()):
            return
        try:
            from tqdm import tqdm  # noqa: PLC0415 - not needed to show --help
        except ModuleNotFoundError:
            return  # a bar is comfort: nothing depends on it

        if total_bytes is None:
            self._bar = tqdm(total=files, initial=done_files, desc=title, unit=" files", leave=False)
        else:
            self._bar = tqdm(
                total=total_bytes,
                initial=done_bytes,
                desc=title,
                unit="B",
                unit_scale=True,
                unit_divisor=1000,
                leave=False,
            )

    def add_bytes(self, count: int) -> None:
        """Bytes of media have been read."""
        if self._bar:
            with self._guard:
                self._show(self._files, self._bytes + count)

    def add_file(self) -> None:
        """A file has been handled."""
        if self._bar:
            with self._guard:
                self._show(self._files + 1, self._bytes)

    def reach(self, files: int, size: int) -> None:
        """So many files with so many bytes are done with, also those of which nothing had to be read."""
        if self._bar:
            with self._guard:
                most = size if self._of_bytes is None else min(size, self._of_bytes)
                self._show(max(files, self._files), max(most, self._bytes))

    def _show(self, files: int, size: int) -> None:
        if self._bar is None:
            return
        by_bytes = self._of_bytes is not None
        further = size - self._bytes if by_bytes else files - self._files
        if by_bytes and files != self._files:
            self._bar.set_postfix_str(f"{files:,} of {self._of_files:,} files", refresh=False)
        self._files, self._bytes = files, size
        self._bar.update(further)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.close()

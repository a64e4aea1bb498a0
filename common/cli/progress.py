"""A progress bar on a terminal, over bytes or files."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, NoReturn, Self

from common.cli.options import CommonOptions

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress:
    """A bar over bytes that also counts files, with the time left. Shown on a terminal only, and without colours.

    Any thread may call its methods. If ``total_bytes`` is None, because no contents are read, the bar is over files.
    ``done_files`` and ``done_bytes`` were handled by earlier calls: they don't count for the speed.
    """

    _bar: tqdm[NoReturn] | None = None

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
        self._total_files, self._total_bytes = files, total_bytes
        self._files, self._bytes = done_files, done_bytes
        self._guard = threading.Lock()
        if options.quiet or options.json or not (sys.stderr and sys.stderr.isatty()):
            return
        try:
            from tqdm import tqdm  # noqa: PLC0415 - not needed to show --help
        except ModuleNotFoundError:
            return  # the bar is optional

        if total_bytes is None:
            self._bar = tqdm(total=files, initial=done_files, desc=title, unit=" files", leave=False)
        else:
            self._bar = tqdm(total=total_bytes, initial=done_bytes, desc=title, unit="B", unit_scale=True, leave=False)

    def add_bytes(self, count: int) -> None:
        """Count bytes of media that were read."""
        with self._guard:
            self._show(self._files, self._bytes + count)

    def add_file(self) -> None:
        """Count a finished file."""
        with self._guard:
            self._show(self._files + 1, self._bytes)

    def reach(self, files: int, size: int) -> None:
        """Raise the counts to this many files and bytes: not all finished files had to be read."""
        with self._guard:
            size = size if self._total_bytes is None else min(size, self._total_bytes)
            self._show(max(files, self._files), max(size, self._bytes))

    def _show(self, files: int, size: int) -> None:
        if self._bar is None:
            return
        is_over_bytes = self._total_bytes is not None
        step = size - self._bytes if is_over_bytes else files - self._files
        if is_over_bytes and files != self._files:
            self._bar.set_postfix_str(f"{files:,} of {self._total_files:,} files", refresh=False)
        self._files, self._bytes = files, size
        self._bar.update(step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.close()

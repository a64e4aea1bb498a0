"""Renaming and removing files that another program holds open for a moment, as scanners and indexers do on Windows."""

import sys
import time
from collections.abc import Callable
from typing import ParamSpec

Arguments = ParamSpec("Arguments")

# System error codes of Windows: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION.
_BUSY = frozenset({5, 32, 33})
_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.05


def retry_while_busy(act: Callable[Arguments, None], *args: Arguments.args, **options: Arguments.kwargs) -> None:
    """Call a function of ``os`` that renames or removes, for up to two seconds while another program holds the file.

    Changes the disk as the function does. Raises its ``OSError``. Elsewhere than on Windows an open file can be renamed
    and removed, so the function is called once.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return act(*args, **options)
        except PermissionError as error:
            is_busy = sys.platform == "win32" and error.winerror in _BUSY
            if not is_busy or time.monotonic() >= end:
                raise
        time.sleep(_PAUSE_SECONDS)

"""Calls of the C library that Python has no name for. It is loaded at the first one. Changes nothing by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


@cache
def libc_function(name: str) -> Callable[..., int] | None:
    """A function of the C library, None where it has none of that name. Looking it up takes longer than the call.

    What it leaves in ``errno`` is told by ``ctypes.get_errno``.
    """
    import ctypes  # noqa: PLC0415 - not needed to show --help

    return getattr(ctypes.CDLL(None, use_errno=True), name, None)

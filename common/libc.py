"""Access to functions of the C library that Python does not wrap. Pure."""

from collections.abc import Callable
from functools import cache


@cache
def libc_function(name: str) -> Callable[..., int] | None:
    """Look up a function of the C library; return None if it does not exist.

    After a call, ``ctypes.get_errno`` returns its ``errno``. Cached, since a lookup takes longer than a call.
    """
    import ctypes  # noqa: PLC0415 - not needed to show --help

    return getattr(ctypes.CDLL(None, use_errno=True), name, None)

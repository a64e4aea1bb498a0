"""Functions of the C library that Python does not offer. Loading them changes nothing."""

from collections.abc import Callable
from functools import cache


@cache
def libc_function(name: str) -> Callable[..., int] | None:
    """A function of the C library by its name, None where there is no such function.

    ``ctypes.get_errno`` returns its ``errno``. Cached, since a look-up takes longer than a call.
    """
    import ctypes  # noqa: PLC0415 - not needed to show --help

    return getattr(ctypes.CDLL(None, use_errno=True), name, None)

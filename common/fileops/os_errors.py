"""What a failed write means: the run stops for errors of the surroundings, else one row fails. Changes nothing."""

from __future__ import annotations

import errno
import sys

from common.errors import RowFailed, StoppedEarly, explain_os_error
from common.paths import printable

# Errors of the surroundings: the next file would meet them as well, so the run stops.
_SURROUNDINGS = frozenset(
    {
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENODEV,
        errno.ENOSPC,
        errno.ENOTCONN,
        errno.ENXIO,
        errno.EROFS,
        errno.ESTALE,
    }
    if sys.platform != "win32"
    else {errno.EIO, errno.ENOSPC, errno.EROFS}
)


# What says "this file system can't do that", so that the next way is tried.
UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, getattr(errno, "EOPNOTSUPP", 95), errno.EMLINK})


def write_error(path: str, error: OSError) -> Exception:
    """The exception for a failed write: the run stops for errors of the surroundings, else one row fails."""
    if error.errno in _SURROUNDINGS:
        return StoppedEarly(
            f"{printable(path)}: cannot write: {explain_os_error(error)}; mend that and run the same command again"
        )
    return RowFailed(f"cannot write {printable(path)}: {explain_os_error(error)}")

"""What a failed write means: errors of the disk or the system stop the run, others fail only a row. Pure."""

import errno
import sys

from common.errors import RowFailed, StoppedEarly, explain_os_error
from common.paths import printable

# The next file would fail with these errors as well.
_STOPS_RUN = {errno.EIO, errno.ENOSPC, errno.EROFS}
if sys.platform != "win32":
    _STOPS_RUN |= {errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENOTCONN, errno.ENXIO, errno.ESTALE}
FINAL_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("EEXIST", "ENOENT", "ENOTDIR", "ENAMETOOLONG", "EROFS", "ENOSPC", "EDQUOT")
    if hasattr(errno, name)
)
"""The errors of an optional operation for which no other way is tried: it would fail for the same reason."""
UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, getattr(errno, "EOPNOTSUPP", 95), errno.EMLINK})
"""The errors of an operation that a file system does not support: callers try another way, or do without."""


def write_error(path: str, error: OSError) -> Exception:
    """The exception for a failed write: ``StoppedEarly`` if the next file would fail as well, else ``RowFailed``."""
    if error.errno in _STOPS_RUN:
        return StoppedEarly(
            f"{printable(path)}: cannot write: {explain_os_error(error)}; mend that and run the same command again"
        )
    return RowFailed(f"cannot write {printable(path)}: {explain_os_error(error)}")

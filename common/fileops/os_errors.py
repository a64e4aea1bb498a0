"""What a failed write means: errors of the disk or the system stop the run, others fail only a row. Pure."""

import errno
import os
import sys

from common.counts import size_text
from common.errors import NoRoom, RowFailed, StoppedEarly, explain_os_error
from common.filesystems import free_bytes, is_dos_name, is_gone_error
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
_NAME_ERRORS = frozenset({errno.ENOENT, errno.EINVAL, errno.EILSEQ, errno.EIO, getattr(errno, "EPROTO", errno.EINVAL)})
FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""The errors of a full disk, or of a quota that is used up."""
UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, getattr(errno, "EOPNOTSUPP", 95), errno.EMLINK})
"""The errors of an operation that a file system does not support: callers try another way, or do without."""
NOT_EXTENDABLE = UNSUPPORTED | {errno.ESPIPE, errno.EBADF}
"""The errors of a cloud mount without a write cache, when a file is opened again and extended."""


def is_refused_name(path: str, error: OSError) -> bool:
    """Whether nothing can be made at a path since its file system can't hold the name. Reads the disk.

    exFAT answers that there is no such file, NTFS that the argument is invalid.
    """
    folder, name = os.path.split(path)
    return error.errno in _NAME_ERRORS and not is_dos_name(name) and os.path.isdir(folder)


def no_room(source: str, size: int, folder: str) -> NoRoom:
    """The exception for a file of ``size`` bytes that does not fit into a folder. Reads the disk."""
    free = free_bytes(folder)
    # With a quota, more is free than this user may have.
    room = f"only {size_text(free)} is free" if 0 <= free < size else "the disk or the quota is full"
    amounts = f"it has {size_text(size)}, and {room}"
    return NoRoom(
        f"{printable(source)} does not fit into {printable(folder)}: {amounts}; free some space, then run the same "
        "command again",
        size,
        free,
        amounts,
    )


def read_error(error: OSError, what: str = "cannot read") -> Exception:
    """The exception for a failed read: ``StoppedEarly`` if the disk or the server is gone, else ``RowFailed``."""
    cause = f"{what}: {explain_os_error(error)}"
    if is_gone_error(error):
        where = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        return StoppedEarly(f"{where}{cause}; mount its disk again, then run the same command again")
    return RowFailed(cause)


def unreadable_copy(path: str, error: OSError) -> StoppedEarly:
    """The exception for an archive copy that can't be read: on a failing disk, nothing more may be removed. Pure."""
    return StoppedEarly(
        f"{printable(path)}: cannot read this archive copy: {explain_os_error(error)}; its original was kept; check "
        "the disk, then run again; if this copy alone can't be read, move it out of the archive, then run again"
    )


def write_error(path: str, error: OSError) -> Exception:
    """The exception for a failed write: ``StoppedEarly`` if the next file would fail as well, else ``RowFailed``."""
    if is_refused_name(path, error):
        return RowFailed(f"the file system of {printable(os.path.dirname(path))} refuses this name")
    if error.errno == errno.EFBIG:
        return RowFailed(f"it is larger than the file system of {printable(path)} can hold (FAT: 4 GB)")
    if error.errno in _STOPS_RUN:
        return StoppedEarly(
            f"{printable(path)}: cannot write: {explain_os_error(error)}; mend that and run the same command again"
        )
    return RowFailed(f"cannot write {printable(path)}: {explain_os_error(error)}")

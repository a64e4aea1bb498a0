"""The temporary names of files, and the removal of files that a killed run left under them."""

import os
import re
import stat

from common.fileops.busy import retry_while_busy
from common.hashing.identity import is_regular
from common.paths import path_exists

TEMPORARY_PREFIX = ".media-tmp-"
PROBE_PREFIX = ".media-probe-"
SET_ASIDE_PREFIX = ".media-removing-"
# Exactly the names that this project makes: a user's file may have a similar one.
_OWN_NAME = re.compile(r"\.media-tmp-[0-9a-f]{16}|\.media-probe-[0-9a-f]{8}-[0-9]{1,9}-[0-9a-f]{16}")


def is_temporary_name(name: str) -> bool:
    """Whether a name is one that this package gives to unfinished copies and probes. Pure."""
    return _OWN_NAME.fullmatch(name) is not None


def set_aside_name(path: str, run_id: str, row_id: int) -> str:
    """The name in the same folder to which ``destroy`` renames the file of a row. Pure."""
    return os.path.join(os.path.dirname(path), f"{SET_ASIDE_PREFIX}{run_id[:8]}-{row_id}")


def remove_temporary(path: str) -> None:
    """Remove a regular file or an empty folder with a temporary name, if it exists. Changes the disk.

    Raises ``OSError``.
    """
    if not is_temporary_name(os.path.basename(path)):
        raise ValueError(f"not a temporary name: {path}")
    try:
        status = os.lstat(path)
        if is_regular(status):
            retry_while_busy(os.unlink, path)
        elif stat.S_ISDIR(status.st_mode):
            retry_while_busy(os.rmdir, path)
    except FileNotFoundError:
        return


def remove_temporaries(folder: str) -> None:
    """Remove the unfinished copies that a killed run left in a folder. No other run may be working there.

    Changes the disk. Raises ``OSError``.
    """
    for name in os.listdir(folder) if path_exists(folder) else []:
        if is_temporary_name(name) and name.startswith(TEMPORARY_PREFIX):
            remove_temporary(os.path.join(folder, name))

"""Whether two paths lead to the same folder: does a file made in one appear in the other?"""

import errno
import os
import sys
import threading
from contextlib import suppress

from common.errors import StoppedEarly, explain_os_error
from common.fileops.folders import set_folder_time, sync_folder
from common.fileops.temporary import PROBE_PREFIX, is_temporary_name, remove_temporary
from common.paths import printable

# Nothing can be made or removed in the folder, or it does not exist.
_UNCHANGEABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR})
_MAX_REMEMBERED = 100_000


def is_same_directory(first: str, second: str) -> bool:
    """Whether two paths lead to the same folder: a file with a random name made in one appears in the other.

    Device and inode numbers can't show it: overlay and FUSE views have their own. Both directions are tried: a new file
    in an overlay does not appear in the folder below it. If neither is writable, nothing can be removed from it either.

    Changes the disk: makes and removes an empty file in each folder, and restores the folder's time. Raises
    ``StoppedEarly`` if no file can be made although files could be removed, as on a full disk.
    """
    return any(_probe_appears_in(view, folder) for folder, view in ((first, second), (second, first)))


def _probe_appears_in(view: str, folder: str) -> bool:
    """Whether a new file in a folder appears in a possible view of it."""
    name = f"{PROBE_PREFIX}{_host_id()}-{os.getpid()}-{os.urandom(8).hex()}"
    probe = os.path.join(folder, name)
    try:
        time_before = os.stat(folder).st_mtime_ns
        fd = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        if error.errno in _UNCHANGEABLE:
            return False
        raise StoppedEarly(
            f"{printable(folder)}: cannot make sure that it is no second view of {printable(view)}: "
            f"{explain_os_error(error)}; mend that (free some space, for instance), then run again"
        ) from None
    try:
        return os.path.lexists(os.path.join(view, name))
    finally:
        with suppress(OSError):  # it is empty, so nothing can be lost
            os.close(fd)
        try:
            remove_temporary(probe)
        except OSError as error:
            if error.errno != errno.EPERM:  # if nothing can be removed here, no photo can
                raise
        set_folder_time(folder, time_before)
        with suppress(OSError):  # a probe that reappears after a power cut does no harm
            sync_folder(folder)


def remove_stale_probes(folder: str) -> None:
    """Remove probes that killed runs on this machine left in a folder, and restore its time. Changes the disk."""
    if sys.platform == "win32":
        return  # os.kill would interrupt the process
    try:
        time_before = os.stat(folder).st_mtime_ns
        stale = [name for name in os.listdir(folder) if _is_stale_probe(name)]
    except OSError:
        return  # the next function to read this folder will report it
    for name in stale:
        with suppress(OSError):
            remove_temporary(os.path.join(folder, name))
    if stale:
        set_folder_time(folder, time_before)


def _is_stale_probe(name: str) -> bool:
    is_ours = is_temporary_name(name) and name.startswith(f"{PROBE_PREFIX}{_host_id()}-")
    return is_ours and not _is_alive(int(name.split("-")[3]))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b") ")[2][:1]
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's process, or no /proc: a later run tries again
    return state != b"Z"  # a zombie: killed, but its parent has not waited for it yet


def _host_id() -> str:
    """Eight hex digits for this machine, so that runs on several machines leave each other's probes alone."""
    import hashlib  # noqa: PLC0415 - needed for a probe only
    import platform  # noqa: PLC0415 - see above

    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape")).hexdigest()[:8]


class SameDirectoryCheck:
    """Remembers which pairs of folders are distinct. Any thread may call it; only one probe is made at a time.

    Two at once would each restore a wrong time to the folder.
    """

    def __init__(self) -> None:
        self._distinct: set[tuple[str, str]] = set()
        self._cleared: set[str] = set()
        self._guard = threading.RLock()

    def same_directory(self, first: str, second: str) -> bool:
        """Whether two paths lead to the same folder. Changes the disk and raises as ``is_same_directory`` does."""
        with self._guard:
            if (first, second) in self._distinct:
                return False
            self.remove_stale_probes(first)
            self.remove_stale_probes(second)
            if is_same_directory(second, first):
                return True
            if len(self._distinct) >= _MAX_REMEMBERED:
                self._distinct.clear()
            self._distinct.add((first, second))
            return False

    def remove_stale_probes(self, folder: str) -> None:
        """Remove the probes that killed runs left in a folder, once per run. Changes the disk."""
        with self._guard:
            if folder in self._cleared:
                return
            remove_stale_probes(folder)
            if len(self._cleared) >= _MAX_REMEMBERED:
                self._cleared.clear()
            self._cleared.add(folder)

"""Whether two paths show one folder, asked by a file that is made in one and looked for in the other."""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
from contextlib import suppress

from common.errors import StoppedEarly, explain_os_error
from common.fileops.folders import set_folder_time, sync_folder
from common.fileops.temporary import PROBE_PREFIX, is_temporary_name, remove_temporary
from common.paths import printable

# What says that nothing can be made or removed in a folder, or that there is none.
_NO_CHANGES_HERE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR})


def shows_same_directory(one: str, other: str) -> bool:
    """Whether two paths show one folder: a random name made in one appears in the other.

    Device and inode numbers can't tell: overlay and FUSE views have their own. Both directions are
    asked, since a new file in an overlay does not appear in the folder below it. Makes and removes
    an empty file in each folder that can be written, and gives the folder its time back; where
    neither can be written, nothing can be removed either, and the answer is no. Raises ``StoppedEarly`` where
    it can't be told, as on a full disk: files can be removed there.
    """
    return any(_appears_in(here, there) for here, there in ((one, other), (other, one)))


def _appears_in(here: str, there: str) -> bool:
    name = f"{PROBE_PREFIX}{_host_mark()}-{os.getpid()}-{os.urandom(8).hex()}"
    probe = os.path.join(here, name)
    try:
        time_before = os.stat(here).st_mtime_ns
        fd = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        if error.errno in _NO_CHANGES_HERE:
            return False
        raise StoppedEarly(
            f"{printable(here)}: cannot make sure that it is no second view of {printable(there)}: "
            f"{explain_os_error(error)}; mend that (free some space, for instance), then run again"
        ) from None
    try:
        return os.path.lexists(os.path.join(there, name))
    finally:
        with suppress(OSError):  # it is empty: closing it can lose nothing
            os.close(fd)
        try:
            remove_temporary(probe)
        except OSError as error:
            if error.errno != errno.EPERM:  # from a folder that can only be added to, nothing else can go either
                raise
        set_folder_time(here, time_before)
        with suppress(OSError):  # so that no power cut brings the probe back; it would be litter, not loss
            sync_folder(here)


def remove_stale_probes(folder: str) -> None:
    """Remove probes that runs on this machine left in a folder when they were killed. Others' are not touched, and
    the folder keeps its time.
    """
    if sys.platform == "win32":
        return  # there is no harmless way to ask whether a process lives
    try:
        time_before = os.stat(folder).st_mtime_ns
        names = [name for name in os.listdir(folder) if is_temporary_name(name)]
    except OSError:
        return  # whoever reads this folder next will say what is wrong with it
    stale = [name for name in names if _is_probe_of_the_dead(name)]
    for name in stale:
        with suppress(OSError):
            remove_temporary(os.path.join(folder, name))
    if stale:
        set_folder_time(folder, time_before)


def _is_probe_of_the_dead(name: str) -> bool:
    """Whether a temporary name is that of a probe made by a process of this machine that is gone."""
    if not name.startswith(f"{PROBE_PREFIX}{_host_mark()}-"):
        return False
    return not _is_alive(int(name.split("-")[3]))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b") ")[2][:1]
    except OSError:
        return True  # no such table here, or the process has just ended: it is asked again next time
    return state != b"Z"  # a killed process whose parent has not taken notice yet


def _host_mark() -> str:
    """Eight letters that stand for this machine, so that runs on several machines leave each other's probes alone."""
    import hashlib  # noqa: PLC0415 - needed for a probe only
    import platform  # noqa: PLC0415 - see above

    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape")).hexdigest()[:8]


_REMEMBERED = 100_000


class SameDirectoryCheck:
    """Remembers which pairs of folders were told apart. One probe at a time, from any thread:

    a probe gives its folder the time back, which two at once would spoil for each other. Before a folder is probed
    for the first time, it is cleared of probes that killed runs left there.
    """

    def __init__(self) -> None:
        self._told_apart: set[tuple[str, str]] = set()
        self._cleared: set[str] = set()
        self._guard = threading.Lock()

    def same_directory(self, folder: str, other: str) -> bool:
        """Whether both paths show one folder. Makes and removes a file in each that can be written."""
        pair = (folder, other)
        with self._guard:
            if pair in self._told_apart:
                return False
            for each in pair:
                self._clear(each)
            if shows_same_directory(other, folder):
                return True
            if len(self._told_apart) >= _REMEMBERED:
                self._told_apart.clear()
            self._told_apart.add(pair)
            return False

    def remove_stale_probes(self, folder: str) -> None:
        """Remove the probes that killed runs left in a folder, if that was not done yet. Changes the disk."""
        with self._guard:
            self._clear(folder)

    def _clear(self, folder: str) -> None:
        if folder in self._cleared:
            return
        remove_stale_probes(folder)
        if len(self._cleared) >= _REMEMBERED:
            self._cleared.clear()
        self._cleared.add(folder)


_OCTAL = re.compile(rb"\\([0-7]{3})")


def mount_points() -> frozenset[str]:
    """The paths on which something is mounted, as far as the system tells: a file among them is a view of another.

    Linux, ``proc_pid_mountinfo(5)``: the fifth field, with octal escapes. Empty elsewhere.
    """
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            fields = [line.split(b" ")[4] for line in file]
    except (OSError, IndexError):
        return frozenset()
    return frozenset(os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field)) for field in fields)

"""Whether two paths lead to the same folder: does a file made in one appear in the other?"""

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from common.errors import RowFailed, StoppedEarly, explain_os_error
from common.fileops.folders import set_folder_time, sync_folder
from common.fileops.os_errors import FULL
from common.fileops.temporary import PROBE_PREFIX, is_temporary_name, remove_temporary
from common.filesystems import FileSystem, file_system_of
from common.paths import printable

# Nothing can be made or removed in the folder, or it does not exist.
_UNCHANGEABLE = frozenset(
    {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ENOSYS, errno.EOPNOTSUPP}
)
_MAX_REMEMBERED = 100_000
# davfs2 uploads a file 10 seconds after it was closed (delay_upload), rclone 5 (--vfs-write-back).
_UPLOAD_SECONDS = 12.0
_FOLDER_SECONDS = 1.0


def is_same_directory(first: str, second: str, patience: float | None = None) -> bool:
    """Whether two paths lead to the same folder: what is made in one, under a random name, appears in the other.

    Device and inode numbers can't show it: overlay and FUSE views have their own. Both directions are tried: a new file
    in an overlay does not appear in the folder below it. If neither is writable, nothing can be removed from it either.
    With ``patience``, in seconds, a file that was written, synced and closed and a folder are made, and are waited for:
    cloud mounts upload a file after a while, and make a folder at once.

    Changes the disk: makes and removes what it looks for, and restores the folder's time. Raises ``StoppedEarly`` if
    nothing can be made although files could be removed, as on a full disk.
    """
    with ExitStack() as probes:
        wanted = [
            os.path.join(view, name)
            for folder, view in ((first, second), (second, first))
            for name in probes.enter_context(_probes_in(folder, view, with_folder=patience is not None))
        ]
        return _wait_for(wanted, patience or 0)


@contextmanager
def _probes_in(folder: str, view: str, *, with_folder: bool) -> Iterator[list[str]]:
    """Make a file, and maybe a folder, in a folder, and remove them in the end; yields their names.

    Yields none where nothing can be made. Changes the disk. Raises ``StoppedEarly``.
    """
    names: list[str] = []
    time_before = 0
    try:
        time_before = os.stat(folder).st_mtime_ns
        names.append(probe_name())
        _make_probe(os.path.join(folder, names[0]), uploaded=with_folder)
        if with_folder:
            names.append(probe_name())
            os.mkdir(os.path.join(folder, names[1]), 0o700)
    except OSError as error:
        if error.errno not in _UNCHANGEABLE:
            with suppress(OSError):
                _remove_probes(folder, names, time_before)
            advice = "free some space, then run again" if error.errno in FULL else "run again when that is put right"
            raise StoppedEarly(
                f"{printable(folder)}: cannot make sure that it is no second view of {printable(view)}: "
                f"{explain_os_error(error)}; {advice}"
            ) from None
    try:
        yield names
    except BaseException:
        with suppress(OSError):
            _remove_probes(folder, names, time_before)
        raise
    _remove_probes(folder, names, time_before)


def probe_name() -> str:
    """A random name for a probe, by which a later run knows whose it was and removes it."""
    return f"{PROBE_PREFIX}{_host_id()}-{os.getpid()}-{os.urandom(8).hex()}"


def _make_probe(path: str, *, uploaded: bool) -> None:
    """Make an empty file; to be ``uploaded`` by a write-back cache, it has some content and is synced.

    Changes the disk. Raises ``OSError``.
    """
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if uploaded:
            os.write(fd, b"probe\n")
            with suppress(OSError):  # what can't be synced may appear all the same
                os.fsync(fd)
    finally:
        with suppress(OSError):  # it holds nothing that could be lost
            os.close(fd)


def _wait_for(paths: Sequence[str], patience: float) -> bool:
    """Whether something appears at one of the paths within ``patience`` seconds. Reads the disk."""
    end = time.monotonic() + patience
    while True:
        if any(map(os.path.lexists, paths)):
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)


def _remove_probes(folder: str, names: Sequence[str], time_before: int) -> None:
    for name in names:
        try:
            remove_temporary(os.path.join(folder, name))
        except OSError as error:
            if error.errno != errno.EPERM:  # if nothing can be removed here, no photo can
                raise
    if names:
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
        self._systems: dict[int, FileSystem] = {}
        self._waited_for: set[tuple[FileSystem, FileSystem]] = set()
        self._guard = threading.RLock()

    def same_directory(self, source: str, archive: str) -> bool:
        """Whether a folder of the source and one of the archive are the same folder.

        Changes the disk and raises as ``is_same_directory`` does. Raises ``RowFailed`` if it stays in doubt.
        """
        with self._guard:
            if (source, archive) in self._distinct:
                return False
            self.remove_stale_probes(source)
            self.remove_stale_probes(archive)
            systems = self._system(source), self._system(archive)
            if is_same_directory(archive, source, self._patience(*systems)):
                return True
            if systems[0] != systems[1]:
                _require_no_doubt(source, archive, *systems)
            self._waited_for.add(systems)
            if len(self._distinct) >= _MAX_REMEMBERED:
                self._distinct.clear()
            self._distinct.add((source, archive))
            return False

    def _system(self, folder: str) -> FileSystem:
        device = os.stat(folder).st_dev
        if device not in self._systems:
            self._systems[device] = file_system_of(folder)
        return self._systems[device]

    def _patience(self, source: FileSystem, archive: FileSystem) -> float | None:
        """How many seconds to wait for a probe: long once for a pair of file systems, since new folders show at once.

        For the same reason a moment is enough where a cloud mount may only be hidden. None where nothing shows late.
        """
        if source == archive or not any(each.is_served or each.may_hide_cached_view for each in (source, archive)):
            return None
        if (source, archive) in self._waited_for:
            return 0
        return _UPLOAD_SECONDS if source.is_cached_view or archive.is_cached_view else _FOLDER_SECONDS

    def remove_stale_probes(self, folder: str) -> None:
        """Remove the probes that killed runs left in a folder, once per run. Changes the disk."""
        with self._guard:
            if folder in self._cleared:
                return
            remove_stale_probes(folder)
            if len(self._cleared) >= _MAX_REMEMBERED:
                self._cleared.clear()
            self._cleared.add(folder)


def _require_no_doubt(source: str, archive: str, source_system: FileSystem, archive_system: FileSystem) -> None:
    """Raise ``RowFailed`` if a probe can't show whether the archive is a view of the source.

    Both show changes late if one of them is a cloud mount, and the other one as well, or a view that may hide one.
    """
    first, second = source_system, archive_system
    if (first.is_cached_view and second.may_hide_cached_view) or (first.may_hide_cached_view and second.is_cached_view):
        raise RowFailed(
            f"{printable(source)} and {printable(archive)} may be one folder of a remote, since both mounts may show "
            "changes late; organize into an archive on a local disk, then run again"
        )
    if not archive_system.is_cached_view:
        return
    if archive_system.is_read_only or not os.access(archive, os.W_OK | os.X_OK):
        raise RowFailed(
            f"{printable(archive)} may be a view of {printable(source)}: it can't be written, so that can't be tried; "
            "mount it writable, then run again"
        )

"""The only module that changes the disk.

Every function says what it changes. New content always goes to a temporary name in its target
folder, is synced, and is put in place without replacing anything. Nothing here decides: callers
have decided, and these functions refuse when the disk is no longer what the decision was based on.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from common.clib import c_function
from common.errors import BadInput, ChangedWhileReading, Interrupted, RowFailed, StoppedEarly, explain_os_error
from common.hashing import (
    Comparison,
    Identity,
    chunks,
    close_file,
    compare,
    identity_of,
    is_regular,
    never_stop,
    open_regular,
    same_file_state,
)
from common.media_types import QUARANTINE_FOLDER
from common.paths import beginning_of, is_folder, is_inside, is_present, shown

TEMPORARY_PREFIX = ".media-tmp-"
PROBE_PREFIX = ".media-probe-"
PARKED_PREFIX = ".media-removing-"
# Exactly the names that are made here: what a person calls alike is a person's file.
_OWN_NAME = re.compile(r"\.media-tmp-[0-9a-f]{16}|\.media-probe-[0-9a-f]{8}-[0-9]+-[0-9a-f]{16}")

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
# What says that nothing can be made or removed in a folder, or that there is none.
_NO_CHANGES_HERE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR})
# What says "this file system can't do that", so that the next way is tried.
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, getattr(errno, "EOPNOTSUPP", 95), errno.EMLINK})


def writing_failed(path: str, error: OSError) -> Exception:
    """The exception for a failed write: the run stops for errors of the surroundings, else one row fails."""
    if error.errno in _SURROUNDINGS:
        return StoppedEarly(
            f"{shown(path)}: cannot write: {explain_os_error(error)}; mend that and run the same command again"
        )
    return RowFailed(f"cannot write {shown(path)}: {explain_os_error(error)}")


# --- folders -----------------------------------------------------------------------------------


def sync_folder(path: str) -> None:
    """Make the names in a folder durable. Changes nothing else. Windows has no such call: a no-op there."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise OSError(error.errno, error.strerror, path) from error
    finally:
        close_file(fd, path)


def sync_folders_up_to(folder: str, root: str, done: set[str]) -> None:
    """Make a folder's names durable, and those of the folders above it up to a root; ``done`` saves doing it twice.

    Raises ``StoppedEarly`` when that fails.
    """
    while folder not in done:
        sync_folders([folder])
        done.add(folder)
        if folder == root or not is_inside(folder, root):
            return
        folder = os.path.dirname(folder)


def make_folders(path: str, mode: int = 0o777) -> None:
    """Create a folder and the missing ones above it, durably. Raises ``OSError``."""
    missing: list[str] = []
    folder = path
    while not is_folder(folder):
        if folder == os.path.dirname(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, mode)
        except FileExistsError:
            if not is_folder(folder):
                raise
        sync_folder(os.path.dirname(folder))


def mark_quarantine(path: str) -> None:
    """Put the mark into a quarantine that keeps every later scan out of it, whatever the folder is called."""
    with suppress(FileExistsError):
        os.close(os.open(os.path.join(path, QUARANTINE_FOLDER), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def remove_empty_folder(path: str) -> bool:
    """Remove a folder if it is empty, and tell whether it is gone. The folder above is not synced.

    Raises ``OSError`` when an empty one can't be removed.
    """
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        with os.scandir(path) as entries:
            if next(entries, None):
                return False
        raise
    return True


def remove_empty_folders_up_to(folder: str, root: str) -> None:
    """Remove a folder and those above it as long as they are empty and lie below a root. Raises ``OSError``."""
    while is_inside(folder, root) and remove_empty_folder(folder):
        folder = os.path.dirname(folder)


def restore_folder(path: str, mode: int, mtime_ns: int) -> None:
    """Make a folder that had been pruned if it is missing, and give it its permissions and time. Raises ``OSError``."""
    make_folders(path)
    os.chmod(path, mode)
    set_folder_time(path, mtime_ns)


def set_folder_time(path: str, mtime_ns: int) -> None:
    """Give a folder the modification time that it had before files in it were renamed. A refusal is no failure:
    the time of a folder proves nothing and may be out of reach (another's folder)."""
    with suppress(OSError):
        os.utime(path, ns=(os.stat(path).st_atime_ns, mtime_ns))


# --- small files -------------------------------------------------------------------------------


def write_atomically(path: str, data: bytes) -> None:
    """Put a small file in place of what was there: after a crash either the old or the new one is whole.

    One writer at a time (callers hold a lock). ``fsync`` can promise no more than the drive does. Raises ``BadInput``
    when the temporary name beside it holds somebody else's file.
    """
    temporary = path + ".tmp"
    _require_own_beginning(temporary, data)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        _write_all(fd, data)
        os.fsync(fd)
    finally:
        close_file(fd, temporary)
    os.replace(temporary, path)
    sync_folder(os.path.dirname(path) or ".")


def _require_own_beginning(temporary: str, data: bytes) -> None:
    """A file under a temporary name must be what a killed run began to write there, and not a person's."""
    if not is_present(temporary):
        return
    begins = beginning_of(temporary, _TELLING_BYTES)
    if begins is None or (begins.strip(b"\0") and not data.startswith(begins)):
        raise BadInput(f"{shown(temporary)} is in the way and none of ours; move it away, then run again")


def _write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


_TELLING_BYTES = 16
# ext4 delays at most so much of a file that was just begun; anything longer is somebody's.
_LONGEST_LOST_BEGINNING = 1 << 20


class Appender:
    """A file that only grows, made durable when ``sync`` is called. Changes the disk.

    ``length`` is what has been written. Without a length the file must not exist yet. With the
    length of a checkpoint, the file is first cut back to it: what stood behind was never believed.
    With 0 the file may be missing, or hold a part of ``start`` from a run killed at its beginning;
    only a file that is known to be ``ours`` may hold more. ``lines``: what stands before the length
    must end in a whole line, as in all files but a log. Raises ``BadInput`` when the file is not
    as it must be, and leaves it as it is.
    """

    def __init__(
        self, path: str, length: int | None = None, start: bytes = b"", *, ours: bool = False, lines: bool = True
    ) -> None:
        self.path = path
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        if not lines:
            flags |= os.O_APPEND  # several runs may share a log
        if length is None:
            flags |= os.O_CREAT | os.O_EXCL
        elif length == 0:
            flags |= os.O_CREAT
        try:
            self._fd = os.open(path, flags, 0o666)
        except FileExistsError:
            raise BadInput(f"{shown(path)} exists already; choose another name or move it away") from None
        except OSError as error:
            raise BadInput(f"{shown(path)}: cannot open it for writing: {explain_os_error(error)}") from None
        self.length = length or 0
        try:
            if fault := self._fault(start, ours, lines):
                raise BadInput(f"{shown(path)} {fault}")
            if lines:
                os.ftruncate(self._fd, self.length)
            os.lseek(self._fd, self.length, os.SEEK_SET)
        except OSError as error:
            os.close(self._fd)
            raise StoppedEarly(f"{shown(path)}: cannot go on with it: {explain_os_error(error)}; run again") from None
        except BadInput:
            os.close(self._fd)
            raise
        if not length:
            sync_folder(os.path.dirname(path) or ".")

    def _fault(self, start: bytes, ours: bool, lines: bool) -> str:
        """What is wrong with the file that was opened, or an empty string."""
        if os.fstat(self._fd).st_size < self.length:
            return "is shorter than its state file says; restore it, or start with new outputs"
        begins = os.read(self._fd, len(start) + 1)
        if self.length == 0:
            # Nothing but zeros is a beginning that a power cut kept from reaching the disk.
            taken = not ours and not start.startswith(begins) and not self._holds_zeros_alone()
            return "exists already; choose another name or move it away" if taken else ""
        if not lines:
            return ""
        os.lseek(self._fd, self.length - 1, os.SEEK_SET)
        whole_lines = self.length >= len(start) and begins.startswith(start) and os.read(self._fd, 1) == b"\n"
        return "" if whole_lines else "is not as its state file says; restore it, or start with new outputs"

    def _holds_zeros_alone(self) -> bool:
        if os.fstat(self._fd).st_size > _LONGEST_LOST_BEGINNING:
            return False
        os.lseek(self._fd, 0, os.SEEK_SET)
        while piece := os.read(self._fd, 1 << 16):
            if piece.strip(b"\0"):
                return False
        return True

    def append(self, data: bytes) -> None:
        """Write at the end; not durable before ``sync``."""
        try:
            _write_all(self._fd, data)
        except OSError as error:
            raise StoppedEarly(
                f"{shown(self.path)}: cannot write: {explain_os_error(error)}; mend that and run again"
            ) from None
        self.length += len(data)

    def sync(self) -> None:
        """Return only once everything appended is on the storage medium."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise StoppedEarly(
                f"{shown(self.path)}: cannot sync: {explain_os_error(error)}; mend that and run again"
            ) from None

    def close(self) -> None:
        """Raises ``StoppedEarly`` when the system tells only now that something was not written."""
        try:
            os.close(self._fd)
        except OSError as error:
            raise StoppedEarly(
                f"{shown(self.path)}: cannot close: {explain_os_error(error)}; mend that and run again"
            ) from None

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_lock_file(path: str) -> int:
    """Open, and create if needed, the file that a lock is taken on. It is never replaced or removed."""
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o666)


# --- placing without replacing -------------------------------------------------------------------


def rename_no_replace(source: str, destination: str) -> None:
    """Rename, and raise ``FileExistsError`` when the new name is taken: never replaces anything.

    ``renameat2(2)`` with RENAME_NOREPLACE on Linux, ``renamex_np`` with RENAME_EXCL on macOS,
    ``os.rename`` on Windows (which never replaces). Where a file system has none of these: a hard
    link and an unlink; where it has no hard links either: a rename over a placeholder that was
    made exclusively. Raises ``OSError`` with EXDEV across file systems.
    """
    for rename in (_rename_exclusive, _link_then_unlink):
        try:
            return rename(source, destination)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    return _rename_over_placeholder(source, destination)


if sys.platform == "win32":

    def _rename_exclusive(source: str, destination: str) -> None:
        os.rename(source, destination)

else:

    def _rename_exclusive(source: str, destination: str) -> None:
        import ctypes  # noqa: PLC0415 - not needed to show --help

        old, new = os.fsencode(source), os.fsencode(destination)
        if sys.platform == "darwin":
            rename, arguments = c_function("renamex_np"), (old, new, 0x4)
        else:
            at_cwd, no_replace = -100, 1
            rename, arguments = c_function("renameat2"), (at_cwd, old, at_cwd, new, no_replace)
        if rename is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if rename(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), source, None, destination)


def _link_then_unlink(source: str, destination: str) -> None:
    os.link(source, destination, follow_symlinks=False)
    try:
        os.unlink(source)
    except OSError:
        os.unlink(destination)
        raise


def _rename_over_placeholder(source: str, destination: str) -> None:
    fd = os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(fd)
    try:
        os.rename(source, destination)
    except OSError:
        os.unlink(destination)
        raise


def remove_placeholder(path: str, original: str) -> bool:
    """Remove the empty file that a killed run may have left to hold a name for ``original``, and tell whether it did.

    Where the original is empty as well, the younger of the two is the placeholder: copies bear the original's time.
    """
    try:
        status, kept = os.lstat(path), os.lstat(original)
        if not is_regular(status) or status.st_size != 0 or os.path.samestat(status, kept):
            return False
        if kept.st_size == 0 and status.st_mtime_ns <= kept.st_mtime_ns:
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


# --- copying -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Staged:
    """A copy under its temporary name, still open, not yet durable.

    ``identity`` is the source's while it was read, ``lost`` names attributes that the target's
    file system could not hold.
    """

    path: str
    fd: int
    sha256: str
    identity: Identity
    lost: tuple[str, ...]

    def sync(self) -> None:
        """Return only once the content is on the storage medium. Raises ``OSError``."""
        os.fsync(self.fd)

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1  # it is closed even when that fails
            close_file(fd, self.path)

    def discard(self) -> None:
        """Remove the temporary file."""
        try:
            self.close()
        finally:
            remove_temporary(self.path)


def is_temporary_name(name: str) -> bool:
    """Whether a name is one that this module gives to files which are not finished, or to probes. Pure."""
    return _OWN_NAME.fullmatch(name) is not None


def remove_temporary(path: str) -> None:
    """Remove a regular file under one of this module's temporary names; a missing one is fine."""
    if not is_temporary_name(os.path.basename(path)):
        raise ValueError(f"not a temporary name: {path}")
    try:
        if is_regular(os.lstat(path)):
            os.unlink(path)
    except FileNotFoundError:
        return


def remove_temporaries(folder: str) -> None:
    """Remove what a killed run left under temporary names in a folder where nobody else is at work."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if is_temporary_name(name) and name.startswith(TEMPORARY_PREFIX):
            remove_temporary(os.path.join(folder, name))


def copy_to_temporary(
    source: str,
    folder: str,
    on_bytes: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] = never_stop,
) -> Staged:
    """Copy a regular file to a temporary name in a folder, hashing what is read. The source is not changed.

    Modification time, permissions and extended attributes travel. Raises ``RowFailed`` when the
    source can't be read or changes meanwhile, ``StoppedEarly`` or ``RowFailed`` when the copy
    can't be written; nothing is left behind then.
    """
    import hashlib  # noqa: PLC0415 - copying alone needs it

    digest = hashlib.sha256()
    temporary = os.path.join(folder, TEMPORARY_PREFIX + os.urandom(8).hex())
    try:
        with open_regular(source) as (source_fd, identity):
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
                target_fd = os.open(temporary, flags, 0o600)
            except OSError as error:
                raise writing_failed(folder, error) from None
            staged = Staged(temporary, target_fd, "", identity, ())
            try:
                copied = 0
                for chunk in chunks(source, source_fd):
                    copied += len(chunk)
                    if copied > identity.size:
                        raise ChangedWhileReading  # a file that grows all the while must not fill the archive
                    digest.update(chunk)
                    try:
                        _write_all(target_fd, chunk)
                    except OSError as error:
                        raise writing_failed(folder, error) from None
                    if on_bytes:
                        on_bytes(len(chunk))
                    if should_stop():
                        raise Interrupted
                if identity_of(os.fstat(source_fd)) != identity:
                    raise ChangedWhileReading
                staged.lost = _carry_attributes(source_fd, target_fd, temporary, identity)
            except BaseException:
                staged.discard()
                raise
    except OSError as error:
        raise RowFailed(f"cannot read: {explain_os_error(error)}") from None
    staged.sha256 = digest.hexdigest()
    return staged


def _carry_attributes(source_fd: int, target_fd: int, target: str, identity: Identity) -> tuple[str, ...]:
    """Give a copy the permissions, extended attributes and times of its source; return what could not be held."""
    lost: list[str] = []
    if sys.platform == "linux":
        try:
            names = os.listxattr(source_fd)
        except OSError:
            names = []
        for name in names:
            try:
                os.setxattr(target_fd, name, os.getxattr(source_fd, name))
            except OSError:
                lost.append(f"extended attribute {shown(name)}")
    status = os.fstat(source_fd)
    try:
        if sys.platform == "win32":
            os.chmod(target, status.st_mode & 0o777)
        else:
            os.fchmod(target_fd, status.st_mode & 0o777)
    except OSError:
        lost.append("permissions")
    try:
        times = (status.st_atime_ns, identity.mtime_ns)
        os.utime(target_fd if os.utime in os.supports_fd else target, ns=times)
    except OSError:
        lost.append("modification time")
    return tuple(lost)


def place(staged: Staged, destination: str) -> None:
    """Give a synced copy its final name. Raises ``FileExistsError`` when that is taken, ``OSError`` otherwise."""
    staged.close()
    rename_no_replace(staged.path, destination)


# --- moving and removing -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """The order to move one examined file.

    ``expected`` and ``sha256`` are what was found when it was examined, in this run. ``parked`` is a
    name in the source's folder that ``destroy`` may use.
    """

    source: str
    destination: str
    expected: Identity
    sha256: str
    parked: str


@dataclass(frozen=True, slots=True)
class Relocation:
    """How a file came to its new place: ``how`` is ``renamed`` or ``copied`` (across file systems)."""

    how: str
    lost: tuple[str, ...] = ()


def relocate(move: Move, should_stop: Callable[[], bool] = never_stop) -> Relocation:
    """Move an examined file, replacing nothing. Changes both folders; syncs neither.

    On one file system it is a rename, after which the file in the new place is looked at: if it is
    not the expected one, it goes back. Across file systems it is a copy, made durable, and then
    the source is destroyed as ``destroy`` does it.

    Raises ``RowFailed`` when the file is not the expected one, ``FileExistsError`` when the
    destination is taken, ``StoppedEarly`` for errors of the surroundings.
    """
    try:
        with open_regular(move.source) as (fd, identity):
            if not same_file_state(identity, move.expected):
                raise RowFailed("it was replaced since it was examined")
            if sys.platform != "win32":
                # The open file can't be mistaken for another, whatever happens to the names meanwhile.
                folder = identity_of(os.stat(os.path.dirname(move.destination))).place
                rename_no_replace(move.source, move.destination)
                try:
                    arrived = identity_of(os.lstat(move.destination))
                    is_it = identity_of(os.fstat(fd)).place == arrived.place
                except OSError:  # what can't be looked at is not known to be the expected file
                    _take_back(move, folder)
                    raise
                if not is_it or not same_file_state(arrived, move.expected):
                    _take_back(move, folder)
                    raise RowFailed("it was changed or replaced while it was being moved; it is back in its place")
        if sys.platform == "win32":  # an open file can't be renamed there
            rename_no_replace(move.source, move.destination)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise writing_failed(move.destination, error) from None
        return _relocate_across(move, should_stop)
    return Relocation("renamed")


def _take_back(move: Move, folder: tuple[int, int]) -> None:
    """Undo a rename that brought another file than the expected one.

    Where the path leads to another folder by now, what stands there under that name is not what was moved: it is not
    touched, and ``RowFailed`` is raised.
    """
    path = os.path.dirname(move.destination)
    try:
        is_same = identity_of(os.stat(path)).place == folder
    except OSError:
        is_same = False
    if not is_same:
        raise RowFailed(f"{shown(path)} was replaced by another folder meanwhile; look for the file in the one before")
    _put_back(move.destination, move.source)


def _relocate_across(move: Move, should_stop: Callable[[], bool]) -> Relocation:
    staged = copy_to_temporary(move.source, os.path.dirname(move.destination), should_stop=should_stop)
    try:
        if not same_file_state(staged.identity, move.expected) or staged.sha256 != move.sha256:
            raise RowFailed("it was changed since it was examined")
        staged.sync()
        place(staged, move.destination)
    except OSError as error:
        staged.discard()
        if isinstance(error, FileExistsError):
            raise
        raise writing_failed(move.destination, error) from None
    except BaseException:
        staged.discard()
        raise
    finish_relocation(move, should_stop)
    return Relocation("copied", staged.lost)


def finish_relocation(move: Move, should_stop: Callable[[], bool] = never_stop) -> None:
    """Make a copy's name durable, and destroy its source as ``destroy`` does it. Changes both folders."""
    sync_folders([os.path.dirname(move.destination)])
    destroy(move, should_stop=should_stop)


def destroy(
    move: Move, on_bytes: Callable[[int], None] | None = None, should_stop: Callable[[], bool] = never_stop
) -> str:
    """Destroy ``move.source``, if it is the expected file and ``move.destination`` holds the same bytes.

    The only place where content is destroyed. The file is first renamed to ``move.parked``, a name
    in the same folder that nobody else uses, and held open; both files are read from the storage
    medium and compared; the file is looked at once more; only then it is unlinked. In every other
    case it goes back to its name. Returns how the two were read, ``cold`` or ``cached``.

    Raises ``RowFailed`` when it was kept, ``StoppedEarly`` when the copy can't be read, and
    ``Interrupted``. A program that holds the file open for writing can't be kept from writing
    into it in the last microseconds; nothing can.
    """
    try:
        rename_no_replace(move.source, move.parked)
    except OSError as error:
        raise writing_failed(move.source, error) from None
    try:
        with open_regular(move.parked) as (fd, identity):
            if not same_file_state(identity, move.expected):
                raise RowFailed("it was replaced since it was examined; it was kept")
            result = _prove_identical(move, fd, on_bytes, should_stop)
        os.unlink(move.parked)
    except OSError as error:
        _put_back(move.parked, move.source)
        is_gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        if error.filename == move.destination and not is_gone:
            raise StoppedEarly(
                f"{shown(move.destination)}: cannot read it back: {explain_os_error(error)}; the original was kept; "
                "check the disk, then run again"
            ) from None
        raise RowFailed(f"cannot compare or remove it: {explain_os_error(error)}; it was kept") from None
    except BaseException:
        _put_back(move.parked, move.source)
        raise
    return result.read_mode


def _prove_identical(
    move: Move, fd: int, on_bytes: Callable[[int], None] | None, should_stop: Callable[[], bool]
) -> Comparison:
    """Compare the parked file with its copy until nothing, not even its change time, moved meanwhile.

    An edit whose modification time was set back shows in the change time alone. But file systems over
    FUSE tell that of the rename late, so that one difference asks for a second reading.
    """
    before = identity_of(os.fstat(fd))
    for _ in range(2):
        result = compare(move.parked, move.destination, True, on_bytes, should_stop)
        if not result.equal or result.sha256 != move.sha256:
            raise RowFailed(f"{shown(move.destination)} differs from it; it was kept")
        after = identity_of(os.fstat(fd))
        if after == before:
            return result
        if not same_file_state(after, before):
            break
        before = after
    raise ChangedWhileReading


def drop_second_name(move: Move) -> None:
    """Remove ``move.source`` where it is only a second name (a hard link) of ``move.destination``. No content goes.

    Raises ``RowFailed`` when it is not. Changes the source's folder.
    """
    if os.lstat(move.source).st_nlink < 2:
        raise RowFailed(f"it and {shown(move.destination)} are one name of one file; it was kept")
    rename_no_replace(move.source, move.parked)
    try:
        is_second = identity_of(os.lstat(move.parked)).place == identity_of(os.lstat(move.destination)).place
    except OSError:
        is_second = False
    if not is_second:
        _put_back(move.parked, move.source)
        raise RowFailed("it was replaced meanwhile; it was kept")
    os.unlink(move.parked)


def _put_back(here: str, there: str) -> None:
    try:
        rename_no_replace(here, there)
    except OSError as error:
        raise StoppedEarly(
            f"{shown(there)}: an unexpected file was moved to {shown(here)} and can't be moved back: "
            f"{explain_os_error(error)}; move it back by hand"
        ) from None


def parked_name(path: str, run_id: str, row_id: int) -> str:
    """The name under which ``destroy`` holds the file of one row, in the same folder."""
    return os.path.join(os.path.dirname(path), f"{PARKED_PREFIX}{run_id[:8]}-{row_id}")


def unpark(path: str, parked: str) -> bool:
    """Give a file that a killed run had parked its own name back, and tell whether there was one."""
    if not is_present(parked):
        return False
    if is_present(path):
        # Killed in the middle of a rename on a file system that has no exclusive one: the second name of
        # one file can go, and so can the empty file that held a name.
        if os.path.samefile(path, parked):
            os.unlink(parked)
            return False
        if remove_placeholder(parked, path) or not remove_placeholder(path, parked):
            return False
    rename_no_replace(parked, path)
    return True


def sync_folders(folders: Iterable[str]) -> None:
    """Make the names in several folders durable; raises ``StoppedEarly`` when that fails."""
    for folder in sorted(folders):
        try:
            sync_folder(folder)
        except OSError as error:
            raise StoppedEarly(f"{shown(folder)}: cannot sync: {explain_os_error(error)}; run again") from None


# --- one folder under two names ------------------------------------------------------------------


def sees_the_same_folder(one: str, other: str) -> bool:
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
            f"{shown(here)}: cannot make sure that it is no second view of {shown(there)}: {explain_os_error(error)}; "
            "mend that (free some space, for instance), then run again"
        ) from None
    try:
        return os.path.lexists(os.path.join(there, name))
    finally:
        with suppress(OSError):  # it is empty: closing it can lose nothing
            os.close(fd)
        remove_temporary(probe)
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
    import platform  # noqa: PLC0415

    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape")).hexdigest()[:8]

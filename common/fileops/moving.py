"""Moving a file that was examined, and destroying one whose copy was read back: the only place where content goes."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from common.errors import ChangedWhileReading, RowFailed, StoppedEarly, explain_os_error
from common.fileops.copying import commit_copy, copy_to_temporary
from common.fileops.folders import sync_folders
from common.fileops.os_errors import write_error
from common.fileops.renaming import rename_no_replace
from common.hashing.compare import Comparison, compare
from common.hashing.identity import Identity, identity_of, open_regular, same_file_state
from common.hashing.monitor import UNMONITORED, ReadMonitor
from common.paths import printable


@dataclass(frozen=True, slots=True)
class Move:
    """The order to move one examined file.

    ``expected`` and ``sha256`` are what was found when it was examined, in this run. ``set_aside`` is a
    name in the source's folder that ``destroy`` may use.
    """

    source: str
    destination: str
    expected: Identity
    sha256: str
    set_aside: str


def relocate(move: Move, monitor: ReadMonitor = UNMONITORED) -> tuple[str, ...]:
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
                folder = identity_of(os.stat(os.path.dirname(move.destination))).inode_key
                rename_no_replace(move.source, move.destination)
                try:
                    arrived = identity_of(os.lstat(move.destination))
                    is_it = identity_of(os.fstat(fd)).inode_key == arrived.inode_key
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
            _require_writable(os.path.dirname(move.source))
            raise write_error(move.destination, error) from None
        return _relocate_across(move, monitor)
    return ()


def _take_back(move: Move, folder: tuple[int, int]) -> None:
    """Undo a rename that brought another file than the expected one.

    Where the path leads to another folder by now, what stands there under that name is not what was moved: it is not
    touched, and ``RowFailed`` is raised.
    """
    path = os.path.dirname(move.destination)
    try:
        is_same = identity_of(os.stat(path)).inode_key == folder
    except OSError:
        is_same = False
    if not is_same:
        raise RowFailed(
            f"{printable(path)} was replaced by another folder meanwhile; look for the file in the one before"
        )
    _put_back(move.destination, move.source)


def _require_writable(folder: str) -> None:
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise RowFailed(f"nothing can be taken out of {printable(folder)}: it can't be written; it was not touched")


def _relocate_across(move: Move, monitor: ReadMonitor) -> tuple[str, ...]:
    _require_writable(os.path.dirname(move.source))  # else it could be copied, and not be removed then
    staged = copy_to_temporary(move.source, os.path.dirname(move.destination), monitor)
    try:
        if not same_file_state(staged.identity, move.expected) or staged.sha256 != move.sha256:
            raise RowFailed("it was changed since it was examined")
        staged.sync()
        commit_copy(staged, move.destination)
    except OSError as error:
        staged.discard()
        if isinstance(error, FileExistsError):
            raise
        raise write_error(move.destination, error) from None
    except BaseException:
        staged.discard()
        raise
    finish_relocation(move, monitor)
    return staged.unsupported_attributes


def finish_relocation(move: Move, monitor: ReadMonitor = UNMONITORED) -> None:
    """Make a copy's name durable, and destroy its source as ``destroy`` does it. Changes both folders."""
    sync_folders([os.path.dirname(move.destination)])
    destroy(move, monitor)


def destroy(move: Move, monitor: ReadMonitor = UNMONITORED) -> str:
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
        rename_no_replace(move.source, move.set_aside)
    except OSError as error:
        raise write_error(move.source, error) from None
    try:
        with open_regular(move.set_aside) as (fd, identity):
            if not same_file_state(identity, move.expected):
                raise RowFailed("it was replaced since it was examined; it was kept")
            result = _prove_identical(move, fd, monitor)
        os.unlink(move.set_aside)
    except OSError as error:
        _put_back(move.set_aside, move.source)
        is_gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        if error.filename == move.destination and not is_gone:
            raise StoppedEarly(
                f"{printable(move.destination)}: cannot read it back: {explain_os_error(error)}; the original was "
                "kept; check the disk, then run again"
            ) from None
        raise RowFailed(f"cannot compare or remove it: {explain_os_error(error)}; it was kept") from None
    except BaseException:
        _put_back(move.set_aside, move.source)
        raise
    return result.read_mode


def _prove_identical(move: Move, fd: int, monitor: ReadMonitor) -> Comparison:
    """Compare the parked file with its copy until nothing, not even its change time, moved meanwhile.

    An edit whose modification time was set back shows in the change time alone. But file systems over
    FUSE tell that of the rename late, so that one difference asks for a second reading.
    """
    before = identity_of(os.fstat(fd))
    for _ in range(2):
        result = compare(move.set_aside, move.destination, monitor, cold=True)
        if not result.equal or result.sha256 != move.sha256:
            raise RowFailed(f"{printable(move.destination)} differs from it; it was kept")
        after = identity_of(os.fstat(fd))
        if after == before:
            return result
        if not same_file_state(after, before):
            break
        before = after
    raise ChangedWhileReading


def restore_mtime(path: str, mtime_ns: int) -> None:
    """Give a file the modification time that a file system on its way could not hold. A refusal is no failure."""
    with suppress(OSError):
        here = os.utime in os.supports_follow_symlinks
        os.utime(path, ns=(os.lstat(path).st_atime_ns, mtime_ns), follow_symlinks=not here)


def drop_second_name(move: Move) -> None:
    """Remove ``move.source`` where it is only a second name (a hard link) of ``move.destination``. No content goes.

    Raises ``RowFailed`` when it is not. Changes the source's folder.
    """
    if os.lstat(move.source).st_nlink < 2:
        raise RowFailed(f"it and {printable(move.destination)} are one name of one file; it was kept")
    rename_no_replace(move.source, move.set_aside)
    try:
        is_second = identity_of(os.lstat(move.set_aside)).inode_key == identity_of(os.lstat(move.destination)).inode_key
    except OSError:
        is_second = False
    if not is_second:
        _put_back(move.set_aside, move.source)
        raise RowFailed("it was replaced meanwhile; it was kept")
    os.unlink(move.set_aside)


def _put_back(here: str, there: str) -> None:
    try:
        rename_no_replace(here, there)
    except OSError as error:
        raise StoppedEarly(
            f"{printable(there)}: an unexpected file was moved to {printable(here)} and can't be moved back: "
            f"{explain_os_error(error)}; move it back by hand"
        ) from None

"""Moving an examined file, and destroying a file after its copy was read back: only here is content destroyed."""

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
from common.hashing.chunks import UNMONITORED, ReadMonitor
from common.hashing.compare import Comparison, compare
from common.hashing.identity import Identity, identity_of, open_regular, same_file_state
from common.paths import printable


@dataclass(frozen=True, slots=True)
class Move:
    """A file to be moved, with its identity and digest from when this run examined it.

    ``set_aside``: a name in the folder of the source for ``destroy`` to use.
    """

    source: str
    destination: str
    expected: Identity
    sha256: str
    set_aside: str


def relocate(move: Move, monitor: ReadMonitor = UNMONITORED) -> tuple[str, ...]:
    """Move an examined file, replacing nothing; return the attributes that the new file system could not hold.

    Within one file system it is renamed, and renamed back if it is not the expected file after all; the folders are not
    synced. Across file systems it is copied, the copy is made durable, and ``destroy`` destroys the source.

    Raises ``RowFailed`` if it is not the expected file, ``FileExistsError`` if the destination is taken,
    ``StoppedEarly`` if the next file would fail as well, ``Interrupted``. Changes the disk: both folders.
    """
    try:
        with open_regular(move.source) as (fd, identity):
            if not same_file_state(identity, move.expected):
                raise RowFailed("it was replaced since it was examined")
            if sys.platform != "win32":
                # The open file stays the same, whatever happens to names meanwhile.
                folder = identity_of(os.stat(os.path.dirname(move.destination))).inode_key
                rename_no_replace(move.source, move.destination)
                try:
                    arrived = identity_of(os.lstat(move.destination))
                    is_expected = identity_of(os.fstat(fd)).inode_key == arrived.inode_key
                except OSError:  # the moved file can't be examined: it may be another
                    _take_back(move, folder)
                    raise
                if not is_expected or not same_file_state(arrived, move.expected):
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
    """Undo the rename of an unexpected file. Raises ``RowFailed`` if the path now leads to another folder."""
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
    _require_writable(os.path.dirname(move.source))  # or it would be copied but could not be removed
    staged = copy_to_temporary(move.source, os.path.dirname(move.destination), monitor)
    try:
        if not same_file_state(staged.identity, move.expected) or staged.sha256 != move.sha256:
            raise RowFailed("it was changed since it was examined")
        staged.sync()
        commit_copy(staged, move.destination)
    except BaseException as error:
        staged.discard()
        if isinstance(error, OSError) and not isinstance(error, FileExistsError):
            raise write_error(move.destination, error) from None
        raise
    finish_relocation(move, monitor)
    return staged.unsupported_attributes


def finish_relocation(move: Move, monitor: ReadMonitor = UNMONITORED) -> None:
    """Make the name of a copy durable, then ``destroy`` its source. Changes the disk: both folders."""
    sync_folders([os.path.dirname(move.destination)])
    destroy(move, monitor)


def destroy(move: Move, monitor: ReadMonitor = UNMONITORED) -> str:
    """Destroy ``move.source``, if it is the expected file and ``move.destination`` holds the same bytes.

    The only place where content is destroyed. The file is renamed to ``move.set_aside`` and held open; both files are
    read, from the storage medium if possible, and compared; the file is examined once more; only then is it unlinked.
    Otherwise it is renamed back. Returns how the two files were read, ``cold`` or ``cached``.

    Raises ``RowFailed`` if the file was kept, ``StoppedEarly`` if the copy can't be read or the file can't be renamed
    back, ``Interrupted``. A program that has the file open could still write to it in the last microseconds.
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
    """Compare the set-aside file with its copy, and require that nothing changed meanwhile.

    An edit whose modification time was set back shows only in the change time. But FUSE file systems report the change
    time of the rename late, so if it moved, the files are read a second time.
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
    """Set the modification time of a file; errors are ignored. Changes the disk."""
    with suppress(OSError):
        can_stay_on_link = os.utime in os.supports_follow_symlinks
        os.utime(path, ns=(os.lstat(path).st_atime_ns, mtime_ns), follow_symlinks=not can_stay_on_link)


def drop_second_name(move: Move) -> None:
    """Remove ``move.source``, a second name (hard link) of ``move.destination``. Destroys no content.

    Raises ``RowFailed`` if it is another file. Changes the disk: the folder of the source.
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


def _put_back(path: str, original_path: str) -> None:
    try:
        rename_no_replace(path, original_path)
    except OSError as error:
        raise StoppedEarly(
            f"{printable(original_path)}: an unexpected file was moved to {printable(path)} and can't be moved back: "
            f"{explain_os_error(error)}; move it back by hand"
        ) from None

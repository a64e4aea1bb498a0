"""Moving an examined file, and destroying a file after its copy was read back: only here is content destroyed."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from common.errors import ChangedWhileReading, RowFailed, StoppedEarly, explain_os_error
from common.fileops.attributes import missing_attributes
from common.fileops.busy import retry_while_busy
from common.fileops.copying import commit_copy, copy_to_temporary
from common.fileops.folders import sync_folders
from common.fileops.os_errors import unreadable_copy, write_error
from common.fileops.renaming import rename_no_replace
from common.fileops.temporary import SET_ASIDE_PREFIX
from common.filesystems import file_system_of
from common.hashing.chunks import UNMONITORED, ReadMonitor
from common.hashing.compare import Comparison, OpenFile, compare, compare_open
from common.hashing.digest import hash_file
from common.hashing.identity import Identity, identity_of, looks_the_same, open_regular, same_file_state
from common.paths import path_exists, printable

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class Move:
    """A file to be moved, with its identity and digest from when this run examined it.

    ``set_aside``: a name in the folder of the source for ``destroy`` to use. ``archive_copy``: for a quarantine, the
    copy that must be identical before the bytes of the source may leave their file system.
    """

    source: str
    destination: str
    expected: Identity
    sha256: str
    set_aside: str
    archive_copy: str = ""


class Terms(NamedTuple):
    """What the user accepts when a file is destroyed.

    ``cached_reads``: that its copy was read from memory. ``lost_attributes``: that its copy lacks attributes of it.
    ``require_disks`` raises ``StoppedEarly`` if a disk was taken away since the run began: the copy may then lie in the
    folder on which it was mounted. ``how_to_accept``: what messages say of an option, which stands for ``{}``.
    """

    cached_reads: bool = False
    lost_attributes: bool = False
    require_disks: Callable[[], None] = lambda: None
    how_to_accept: str = "to accept that, add {}"


STRICT = Terms()
"""Nothing is accepted."""


class Relocation(NamedTuple):
    """How a file was moved: ``crossed`` to another file system, which could not hold ``unsupported_attributes``."""

    crossed: bool = False
    unsupported_attributes: tuple[str, ...] = ()


def relocate(move: Move, monitor: ReadMonitor = UNMONITORED, terms: Terms = STRICT) -> Relocation:
    """Move an examined file, replacing nothing.

    Within one file system it is renamed, and renamed back if it is not the expected file after all; the folders are not
    synced. Across file systems it is copied, the copy is made durable, and ``destroy`` destroys the source.

    Raises ``RowFailed`` if it is not the expected file, ``FileExistsError`` if the destination is taken,
    ``StoppedEarly`` if the next file would fail as well, ``Interrupted``. Changes the disk: both folders.
    """
    try:
        _rename_expected(move, monitor)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno != errno.EXDEV:
            _require_writable(os.path.dirname(move.source))
            if error.errno == errno.EPERM:
                raise RowFailed(
                    f"cannot move it to {printable(move.destination)}: {explain_os_error(error)} (is it immutable?); "
                    "it was not touched"
                ) from None
            raise write_error(move.destination, error) from None
        return Relocation(True, _relocate_across(move, monitor, terms))
    return Relocation()


def _rename_expected(move: Move, monitor: ReadMonitor) -> None:
    """Rename a file that is the expected one both before and after. Raises ``OSError`` and ``RowFailed``."""
    with open_regular(move.source) as (_, identity):
        if not _is_expected(move, move.source, identity, monitor):
            raise RowFailed("it was replaced since it was examined")
        if sys.platform != "win32":
            # While the file is open, its inode number is not given to another.
            folder = identity_of(os.stat(os.path.dirname(move.destination))).inode_key
            rename_no_replace(move.source, move.destination)
            try:
                arrived = identity_of(os.lstat(move.destination))
                is_expected = _is_expected(move, move.destination, arrived, monitor)
            except BaseException as error:  # the moved file can't be examined: it may be another
                _take_back(move, folder)
                if isinstance(error, OSError):
                    raise RowFailed(f"cannot examine it: {explain_os_error(error)}; it is back in its place") from None
                raise
            if not is_expected:
                _take_back(move, folder)
                raise RowFailed("it was changed or replaced while it was being moved; it is back in its place")
    if sys.platform == "win32":  # an open file can't be renamed there
        rename_no_replace(move.source, move.destination)


def _is_expected(move: Move, path: str, present: Identity, monitor: ReadMonitor) -> bool:
    """Whether a file is the expected one. Where its inode number is another, its contents decide. Reads the disk.

    FUSE file systems and FAT give a file another number when it is renamed. Raises ``OSError``, ``RowFailed``.
    """
    if same_file_state(present, move.expected):
        return True
    if not _may_be_expected(move, path, present) or hash_file(path, monitor).sha256 != move.sha256:
        return False
    # Through a link that appeared on the way, this could be the archive copy itself.
    return not move.archive_copy or path_exists(move.archive_copy)


def _may_be_expected(move: Move, path: str, present: Identity) -> bool:
    """Whether a file is the expected one by its inode number or, where that may change, by device, size and time."""
    if same_file_state(present, move.expected):
        return True
    same_looks = present.device == move.expected.device and looks_the_same(present, move.expected)
    return same_looks and not file_system_of(path).has_stable_inodes


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


def _relocate_across(move: Move, monitor: ReadMonitor, terms: Terms) -> tuple[str, ...]:
    folder = os.path.dirname(move.destination)
    _require_writable(os.path.dirname(move.source))  # or it would be copied but could not be removed
    if move.archive_copy:
        _require_archive_copy(move, monitor, terms)
    elif not terms.cached_reads and not (target := file_system_of(folder)).has_medium:
        raise RowFailed(
            f"it would be destroyed after a copy to {printable(folder)}, {target.describe()}, where the copy can't be "
            f"read back from a storage medium; it was not touched"
        )
    staged = copy_to_temporary(move.source, folder, monitor)
    try:
        if not _may_be_expected(move, move.source, staged.identity) or staged.sha256 != move.sha256:
            raise RowFailed("it was changed since it was examined")
        staged.sync()
        commit_copy(staged, move.destination)
    except BaseException as error:
        staged.discard()
        if isinstance(error, OSError) and not isinstance(error, FileExistsError):
            raise write_error(move.destination, error) from None
        raise
    finish_relocation(move, monitor, terms)
    return staged.unsupported_attributes


def _require_archive_copy(move: Move, monitor: ReadMonitor, terms: Terms) -> None:
    """Raise unless the archive copy of a file is identical: its bytes are about to leave their disk. Reads the disk."""
    try:
        result = compare(move.source, move.archive_copy, monitor, cold=True)
    except OSError as error:
        raise _cannot_compare(move, error) from None
    _require_identical(move, move.archive_copy, result)
    _require_accepted_read(move.archive_copy, result, terms)


def finish_relocation(move: Move, monitor: ReadMonitor = UNMONITORED, terms: Terms = STRICT) -> None:
    """Make the name of a copy durable, then ``destroy`` its source. Changes the disk: both folders."""
    sync_folders([os.path.dirname(move.destination)])
    destroy(move, monitor, terms)


def destroy(move: Move, monitor: ReadMonitor = UNMONITORED, terms: Terms = STRICT) -> str:
    """Destroy ``move.source``, if it is the expected file and ``move.destination`` holds the same bytes.

    The only place where content is destroyed. The file is renamed to ``move.set_aside``; it and its copies are held
    open, read, from the storage medium if possible, and compared; then each name must still lead to the very file that
    was read, unchanged; only then is it unlinked. Otherwise it is renamed back. Returns how the copy was read, ``cold``
    or ``cached``.

    Raises ``RowFailed`` if the file was kept, ``StoppedEarly`` if the copy can't be read or the file can't be renamed
    back, ``Interrupted``. A program that has the file open could still write to it in the last microseconds.
    """
    try:
        rename_no_replace(move.source, move.set_aside)
    except OSError as error:
        raise write_error(move.source, error) from None
    try:
        with ExitStack() as stack:
            file, *copies = (
                OpenFile(path, *stack.enter_context(open_regular(path)))
                for path in (move.set_aside, move.archive_copy, move.destination)
                if path
            )
            if not _may_be_expected(move, move.set_aside, file.identity):
                raise RowFailed("it was replaced since it was examined; it was kept")
            result = _prove_identical(move, file, copies, monitor, terms)
            if sys.platform != "win32":  # nothing, not even a close, comes between the last look and the unlink
                retry_while_busy(os.unlink, move.set_aside)
        if sys.platform == "win32":  # an open file can't be unlinked there
            retry_while_busy(os.unlink, move.set_aside)
    except OSError as error:
        _put_back(move.set_aside, move.source)
        raise _cannot_compare(move, error) from None
    except BaseException:
        _put_back(move.set_aside, move.source)
        raise
    return result.read_mode


def _prove_identical(
    move: Move, file: OpenFile, copies: list[OpenFile], monitor: ReadMonitor, terms: Terms
) -> Comparison:
    """Compare the set-aside file with its copies, and require that nothing changed meanwhile. Returns the first result.

    An edit whose modification time was set back shows only in the change time. But FUSE file systems report the change
    time of the rename late, so if it moved, the files are read a second time.
    """
    files = file, *copies
    before: list[tuple[Identity, ...]] = [(opened.identity,) for opened in files]
    for _ in range(2):
        results = []
        for copy in copies:
            results.append(compare_open(file, copy, monitor, cold=True))
            _require_identical(move, copy.path, results[-1])
            if copy != copies[-1]:
                file.rewind()
        _require_accepted_read(copies[0].path, results[0], terms)
        _require_attributes(file, copies[-1], terms)
        terms.require_disks()
        after: list[tuple[Identity, ...]] = [_states(opened) for opened in files]  # the last look: the unlink follows
        if all(map(_is_untouched, files, before, after)):
            return results[0]
        before = after
        for opened in files:
            opened.rewind()
    raise ChangedWhileReading("it or its copy was changed, replaced or removed while they were compared; it was kept")


def _states(file: OpenFile) -> tuple[Identity, Identity]:
    """The identity of an open file, and of the file to which its name leads now. Raises ``OSError``."""
    return identity_of(os.fstat(file.fd)), identity_of(os.lstat(file.path))


def _is_untouched(file: OpenFile, before: tuple[Identity, ...], after: tuple[Identity, ...]) -> bool:
    """Whether an open file is as before, and its name leads to it, as before.

    FUSE may show one file with several inode numbers, but with the same times.
    """
    states = *before, *after
    if states.count(states[0]) == len(states):
        return True
    return len({replace(state, inode=0) for state in states}) == 1 and file_system_of(file.path).is_fuse


def _require_identical(move: Move, copy: str, result: Comparison) -> None:
    if not result.equal or result.sha256 != move.sha256:
        raise RowFailed(f"{printable(copy)} differs from it; it was kept")


def _require_accepted_read(copy: str, result: Comparison, terms: Terms) -> None:
    if result.read_mode != "cold" and not terms.cached_reads:
        raise RowFailed(
            f"{printable(copy)} was read from memory, not from the storage medium; it was kept: "
            f"{terms.how_to_accept.format('--accept-cached-reads')}"
        )


def _require_attributes(file: OpenFile, copy: OpenFile, terms: Terms) -> None:
    if not terms.lost_attributes and (missing := missing_attributes(file.fd, copy.fd)):
        raise RowFailed(
            f"{printable(copy.path)} lacks its {', '.join(missing)}; it was kept: "
            f"{terms.how_to_accept.format('--accept-lost-attributes')}"
        )


def _cannot_compare(move: Move, error: OSError) -> Exception:
    """The exception for a file that can't be compared or removed: only an I/O error of the copy stops the run."""
    if error.filename in (move.destination, move.archive_copy):
        if error.errno in _GONE:
            return RowFailed(f"its copy {printable(error.filename)} is gone; it was kept")
        if not isinstance(error, PermissionError):
            return unreadable_copy(error.filename, error)
    return RowFailed(f"cannot compare or remove it: {explain_os_error(error)}; it was kept")


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
        is_set_aside = os.path.basename(path).startswith(SET_ASIDE_PREFIX)
        advice = "run the same command again, which moves it back" if is_set_aside else "move it back by hand"
        raise StoppedEarly(
            f"{printable(original_path)}: it was moved to {printable(path)} and can't be moved back: "
            f"{explain_os_error(error)}; {advice}"
        ) from None

"""Small files that are replaced as a whole, and files that only grow."""

import errno
import os
from contextlib import suppress
from typing import Self

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.busy import retry_while_busy
from common.fileops.folders import sync_folder
from common.fileops.mounts import probe_name, remove_stale_probes
from common.fileops.os_errors import NOT_EXTENDABLE
from common.fileops.temporary import remove_temporary
from common.filesystems import file_system_of
from common.hashing.identity import closed_after, is_regular
from common.paths import path_exists, printable, read_prefix

_PREFIX_BYTES = 16
# After a power cut, a new file on ext4 holds at most this many zeros; a longer file is the user's.
_MAX_LOST_BYTES = 1 << 20


def write_atomically(path: str, data: bytes) -> None:
    """Replace a small file: after a crash it has either its old or its new content. Changes the disk.

    Callers hold a lock, so that there is one writer at a time. Raises ``OSError``, and ``BadInput`` if a file that no
    killed run began to write has the temporary name beside it.
    """
    temporary = path + ".tmp"
    prefix = read_prefix(temporary, _PREFIX_BYTES) if path_exists(temporary) else b""
    if prefix is None or (prefix.strip(b"\0") and not data.startswith(prefix)):
        raise BadInput(f"{printable(temporary)} is in the way and none of ours; move it away, then run again")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o644)
    with closed_after(fd, temporary):
        write_all(fd, data)
        os.fsync(fd)
    retry_while_busy(os.replace, temporary, path)
    sync_folder(os.path.dirname(path) or ".")


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all data to an open file, in several calls if needed. Changes the disk. Raises ``OSError``."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def discard_file(path: str) -> None:
    """Remove a file that this run has just written, if that is possible. Changes the disk."""
    with suppress(OSError):
        os.unlink(path)


def require_extendable(folder: str) -> None:
    """Raise ``OSError`` if a file in a folder can't be opened again, extended and cut, as journals are.

    Cloud mounts without a write cache can't do it. Changes the disk: makes and removes a temporary file.
    """
    remove_stale_probes(folder)
    path = os.path.join(folder, probe_name())
    binary = getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o600)
        with closed_after(fd, path):
            write_all(fd, b"first")
        fd = os.open(path, os.O_RDWR | binary)
        with closed_after(fd, path):
            os.lseek(fd, 0, os.SEEK_END)
            write_all(fd, b", second")
            os.fsync(fd)
            os.ftruncate(fd, len(b"first"))
        if read_prefix(path, 100) != b"first":
            raise OSError(errno.EIO, "what was written there is not what is read", path)
    except OSError:
        with suppress(OSError):  # the first error tells more
            remove_temporary(path)
        raise
    remove_temporary(path)


def require_extendable_output(path: str) -> None:
    """Raise ``BadInput`` if an output at a path can't be extended. Only cloud and network mounts are asked.

    Changes the disk: as ``require_extendable``. Other errors are left to who opens the output.
    """
    folder = os.path.dirname(path)
    if not file_system_of(folder).is_cached_view:
        return
    try:
        require_extendable(folder)
    except OSError as error:
        if error.errno in NOT_EXTENDABLE:
            raise BadInput(
                f"{printable(folder)}: files there can't be extended ({explain_os_error(error)}), as a run does with "
                "what it writes; name outputs on another disk, or mount this one with a write cache (rclone: "
                "--vfs-cache-mode writes); nothing was changed"
            ) from None


class Appender:
    """A file that only grows, made durable by ``sync``. Changes the disk.

    ``length`` is that at the last checkpoint: a longer file is cut back to it. Without a ``length`` the file must not
    exist. With length 0 it may be missing, or hold a part of ``start`` from a killed run, or anything if it is known to
    be ``ours``. ``lines`` is False for a log only, which is neither checked nor cut back.

    Raises ``BadInput`` for a file in any other condition, which is left unchanged, and ``StoppedEarly``.
    """

    def __init__(
        self, path: str, length: int | None = None, start: bytes = b"", *, ours: bool = False, lines: bool = True
    ) -> None:
        self.path = path
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        if not lines:
            flags |= os.O_APPEND  # several runs may write to the same log
        if length is None:
            flags |= os.O_CREAT | os.O_EXCL
        elif length == 0:
            flags |= os.O_CREAT
        try:
            self._fd = os.open(path, flags, 0o666)
        except FileExistsError:
            raise BadInput(f"{printable(path)} exists already; choose another name or move it away") from None
        except OSError as error:
            raise BadInput(f"{printable(path)}: cannot open it for writing: {explain_os_error(error)}") from None
        self.length = length or 0
        try:
            if lines and not is_regular(os.fstat(self._fd)):
                raise BadInput(f"{printable(path)} is no regular file; choose another name or move it away")
            if fault := self._find_fault(start, ours, lines):
                raise BadInput(f"{printable(path)} {fault}")
            if lines:
                os.ftruncate(self._fd, self.length)
            os.lseek(self._fd, self.length, os.SEEK_SET)
        except OSError as error:
            os.close(self._fd)
            raise StoppedEarly(
                f"{printable(path)}: cannot go on with it: {explain_os_error(error)}; run again"
            ) from None
        except BadInput:
            os.close(self._fd)
            raise
        if not length:
            sync_folder(os.path.dirname(path) or ".")

    def _find_fault(self, start: bytes, ours: bool, lines: bool) -> str:
        """Describe what is wrong with the opened file; empty if nothing is."""
        if os.fstat(self._fd).st_size < self.length:
            return "is shorter than its state file says; restore it, or start with new outputs"
        prefix = os.read(self._fd, len(start) + 1)
        if self.length == 0:
            # After a power cut, content that did not reach the disk may read as zeros.
            taken = not ours and not start.startswith(prefix) and not self._holds_only_zeros()
            return "exists already; choose another name or move it away" if taken else ""
        if not lines:
            return ""
        os.lseek(self._fd, self.length - 1, os.SEEK_SET)
        whole_lines = self.length >= len(start) and prefix.startswith(start) and os.read(self._fd, 1) == b"\n"
        return "" if whole_lines else "is not as its state file says; restore it, or start with new outputs"

    def _holds_only_zeros(self) -> bool:
        if os.fstat(self._fd).st_size > _MAX_LOST_BYTES:
            return False
        os.lseek(self._fd, 0, os.SEEK_SET)
        return not any(piece.strip(b"\0") for piece in iter(lambda: os.read(self._fd, 1 << 16), b""))

    def append(self, data: bytes) -> None:
        """Write data at the end; it is durable after ``sync``. Raises ``StoppedEarly``."""
        try:
            write_all(self._fd, data)
        except OSError as error:
            raise self._failed("write", error) from None
        self.length += len(data)

    def sync(self) -> None:
        """Make everything that was appended durable. Raises ``StoppedEarly``."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise self._failed("sync", error) from None

    def close(self) -> None:
        """Close the file. Raises ``StoppedEarly``: some systems report a failed write only now."""
        try:
            os.close(self._fd)
        except OSError as error:
            raise self._failed("close", error) from None

    def _failed(self, operation: str, error: OSError) -> StoppedEarly:
        reason = explain_os_error(error)
        return StoppedEarly(f"{printable(self.path)}: cannot {operation}: {reason}; mend that and run again")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

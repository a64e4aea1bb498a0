"""Small files that are replaced whole, and files that only grow."""

from __future__ import annotations

import os
from types import TracebackType

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.folders import sync_folder
from common.hashing.identity import close_file
from common.paths import path_exists, printable, read_prefix

_TELLING_BYTES = 16
# ext4 delays at most so much of a file that was just begun; anything longer is somebody's.
_LONGEST_LOST_BEGINNING = 1 << 20


def write_atomically(path: str, data: bytes) -> None:
    """Put a small file in place of what was there: after a crash either the old or the new one is whole.

    One writer at a time (callers hold a lock). ``fsync`` can promise no more than the drive does. Raises ``BadInput``
    when the temporary name beside it holds somebody else's file.
    """
    temporary = path + ".tmp"
    _require_own_beginning(temporary, data)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        close_file(fd, temporary)
    os.replace(temporary, path)
    sync_folder(os.path.dirname(path) or ".")


def _require_own_beginning(temporary: str, data: bytes) -> None:
    """A file under a temporary name must be what a killed run began to write there, and not a person's."""
    if not path_exists(temporary):
        return
    begins = read_prefix(temporary, _TELLING_BYTES)
    if begins is None or (begins.strip(b"\0") and not data.startswith(begins)):
        raise BadInput(f"{printable(temporary)} is in the way and none of ours; move it away, then run again")


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of it to an open file, which may take several calls. Raises ``OSError``."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


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
            raise BadInput(f"{printable(path)} exists already; choose another name or move it away") from None
        except OSError as error:
            raise BadInput(f"{printable(path)}: cannot open it for writing: {explain_os_error(error)}") from None
        self.length = length or 0
        try:
            if fault := self._fault(start, ours, lines):
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
            write_all(self._fd, data)
        except OSError as error:
            raise StoppedEarly(
                f"{printable(self.path)}: cannot write: {explain_os_error(error)}; mend that and run again"
            ) from None
        self.length += len(data)

    def sync(self) -> None:
        """Return only once everything appended is on the storage medium."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise StoppedEarly(
                f"{printable(self.path)}: cannot sync: {explain_os_error(error)}; mend that and run again"
            ) from None

    def close(self) -> None:
        """Raises ``StoppedEarly`` when the system tells only now that something was not written."""
        try:
            os.close(self._fd)
        except OSError as error:
            raise StoppedEarly(
                f"{printable(self.path)}: cannot close: {explain_os_error(error)}; mend that and run again"
            ) from None

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_lock_file(path: str) -> int:
    """Open, and create if needed, the file that a lock is taken on. It is never replaced or removed.

    One that may only be read, since another user has made it, is opened for that: a lock needs no more.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags)

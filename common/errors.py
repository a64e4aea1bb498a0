"""Exit codes, and the errors that end a run or fail a row."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes, which mean the same in all three scripts."""

    OK = 0  # all rows good (also: this batch good, more remain)
    ATTENTION = 1  # finished, some rows need attention
    BAD_INPUT = 2  # bad usage or input, nothing changed
    STOPPED_EARLY = 3  # stopped early, run again to go on
    LOCKED = 4  # another run holds the lock
    INTERRUPTED = 130


class MediaArchiveError(Exception):
    """Ends the run. Its text is the message that the user sees: path, cause, next step."""

    exit_code = ExitCode.STOPPED_EARLY


class BadInput(MediaArchiveError):
    """An option or an input file can't be used. Raised before any media file is changed."""

    exit_code = ExitCode.BAD_INPUT


class StoppedEarly(MediaArchiveError):
    """The environment failed: disk full, archive gone, I/O error. Running again resumes once it is fixed."""


class NoRoom(StoppedEarly):
    """A file does not fit into what is free. ``size`` and ``free`` are in bytes, ``free`` is -1 if unknown;
    ``amounts`` has both in words."""

    def __init__(self, message: str, size: int, free: int, amounts: str) -> None:
        super().__init__(message)
        self.size = size
        self.free = free
        self.amounts = amounts


class Locked(MediaArchiveError):
    """Another run is working on the same files."""

    exit_code = ExitCode.LOCKED


class Interrupted(MediaArchiveError):
    """SIGINT or SIGTERM was received. Everything up to the last checkpoint is recorded."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted; what is done is recorded: run the same command again to go on")


class RowFailed(Exception):
    """One file could not be handled. The text becomes the ``reason`` of its row, and the run continues."""

    reason = ""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or self.reason)


class NotRegular(RowFailed):
    """The file at a path is not a regular file."""

    reason = "not a regular file"


class ChangedWhileReading(RowFailed):
    """A file was changed or replaced while it was being read."""

    reason = "changed while it was read"


class SameFile(RowFailed):
    """Two paths that should lead to two copies lead to the same file."""

    reason = "both paths lead to the same file"


def explain_os_error(error: OSError) -> str:
    """The cause of an operating system error in plain words, without the path."""
    return error.strerror or type(error).__name__

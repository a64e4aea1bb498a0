"""Messages during a run: to standard error, and with timestamps to the log file."""

import os
import re
import sys

from common.cli.options import CommonOptions
from common.errors import BadInput, explain_os_error
from common.fileops.writing import Appender
from common.paths import printable, read_prefix
from common.timestamps import utc_now_text

_LOG_LINE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z ")


def _open_log(path: str) -> Appender:
    """Open a log for appending. Raises ``BadInput`` for any other file: a photo may have been named by mistake."""
    try:
        prefix = read_prefix(path, 21)
    except OSError as error:
        raise BadInput(f"{printable(path)}: cannot read the log: {explain_os_error(error)}; choose another") from None
    if prefix and not _LOG_LINE.match(prefix):
        raise BadInput(f"{printable(path)} is no log of this project; choose another --log-file")
    return Appender(path, os.path.getsize(path) if os.path.isfile(path) else None, lines=False)


class Console:
    """Prints messages to standard error, and appends all of them to the log file.

    ``--quiet`` prints only warnings and errors, ``--verbose`` also prints debug messages.
    """

    def __init__(self, options: CommonOptions) -> None:
        self._prints_info = not options.quiet
        self._prints_debug = options.verbose and not options.quiet
        self._log = _open_log(os.path.abspath(options.log_file)) if options.log_file else None

    @property
    def debug_enabled(self) -> bool:
        """Whether ``debug`` has any effect: otherwise callers need not format a message for each of a million rows."""
        return self._log is not None or self._prints_debug

    def debug(self, text: str) -> None:
        """Print a message if ``--verbose`` is given."""
        self._write(text, to_terminal=self._prints_debug)

    def info(self, text: str) -> None:
        """Print a message unless ``--quiet`` is given."""
        self._write(text, to_terminal=self._prints_info)

    def warning(self, text: str) -> None:
        """Print a warning."""
        self._write(f"warning: {text}", to_terminal=True)

    def error(self, text: str) -> None:
        """Print the error that ends the run."""
        self._write(f"error: {text}", to_terminal=True)

    def log(self, text: str) -> None:
        """Append a message to the log file only."""
        self._write(text, to_terminal=False)

    def _write(self, text: str, to_terminal: bool) -> None:
        if to_terminal and sys.stderr:  # some services are started without one
            print(text, file=sys.stderr, flush=True)
        if self._log:
            self._log.append(f"{utc_now_text()} {text}\n".encode("utf-8", "backslashreplace"))

"""What is said while a run goes on: on standard error, in the log file, and as a bar on a terminal."""

from __future__ import annotations

import os
import re
import sys

from common.cli.options import CommonOptions
from common.errors import BadInput, explain_os_error
from common.fileops.writing import Appender
from common.paths import printable, read_prefix
from common.timestamps import utc_now_text

_LOG_LINE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z ")


def require_log(path: str) -> None:
    """Raise ``BadInput`` unless a log can be added to there: a photo or a report, named by mistake, can't. Changes
    nothing."""
    try:
        begins = read_prefix(path, 21)  # of what is no file there is none, and Appender refuses it
    except OSError as error:
        raise BadInput(f"{printable(path)}: cannot read the log: {explain_os_error(error)}; choose another") from None
    if begins and not _LOG_LINE.match(begins):
        raise BadInput(f"{printable(path)} is no log of this project; choose another --log-file")


class Console:
    """What is said while work goes on: to standard error, and with times to the log file.

    ``--quiet`` keeps all but warnings away, ``--verbose`` lets ``debug`` through.
    """

    def __init__(self, options: CommonOptions) -> None:
        self._options = options
        self._log: Appender | None = None
        if options.log_file:
            path = os.path.abspath(options.log_file)
            require_log(path)
            self._log = Appender(path, os.path.getsize(path) if os.path.isfile(path) else None, lines=False)

    @property
    def debug_enabled(self) -> bool:
        """Whether anybody hears what ``debug`` says: of a million rows it is not worth writing otherwise."""
        return self._log is not None or (self._options.verbose and not self._options.quiet)

    def debug(self, text: str) -> None:
        """Of interest only to who asked for it."""
        self._say(text, to_terminal=self._options.verbose and not self._options.quiet)

    def info(self, text: str) -> None:
        """Of interest to everybody."""
        self._say(text, to_terminal=not self._options.quiet)

    def warning(self, text: str) -> None:
        """Something that a person should know of."""
        self._say(f"warning: {text}", to_terminal=True)

    def error(self, text: str) -> None:
        """Why the run ends."""
        self._say(f"error: {text}", to_terminal=True)

    def log(self, text: str) -> None:
        """For the log file alone."""
        self._say(text, to_terminal=False)

    def _say(self, text: str, to_terminal: bool) -> None:
        if to_terminal and sys.stderr:  # some services are started without
            print(text, file=sys.stderr, flush=True)
        if self._log:
            self._log.append(f"{utc_now_text()} {text}\n".encode("utf-8", "backslashreplace"))

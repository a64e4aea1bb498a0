"""The frame around a stage: handles signals, prints its summary or error, and chooses the exit code."""

import codecs
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from common.cli.console import Console
from common.cli.options import CommonOptions
from common.cli.signals import StopRequest, stop_on_signals
from common.cli.summary import Summary
from common.errors import BadInput, ExitCode, MediaArchiveError, explain_os_error
from common.paths import printable


def run_stage(tool: str, stage: Callable[[Console, StopRequest], Summary], options: CommonOptions) -> int:
    """Run one stage, print its summary or its error, and return the exit code. Raises nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    console = None
    try:
        console = Console(options)
        require_utf8_names()
        if options.review_html:
            from common.review.page import require_review_path  # noqa: PLC0415 - only with --review-html

            require_review_path(options.review_html)
        with stop_on_signals() as stop:
            summary = stage(console, stop)
        print(summary.as_json() if options.json else summary.as_text(), flush=True)
        console.log(summary.as_text())
        return int(summary.exit_code)
    except BrokenPipeError:  # the reader of our output has gone: nobody would see an error
        _discard_output()
        return int(ExitCode.STOPPED_EARLY)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug of ours must not look like the user's error
        return int(_print_error(error, tool, console, options))


def _print_error(error: Exception, tool: str, console: Console | None, options: CommonOptions) -> ExitCode:
    """Print an error, with ``--json`` also as an object; return its exit code."""
    sentence, exit_code = describe_error(error)
    with suppress(OSError, MediaArchiveError):  # if nothing can be printed, only the exit code is left
        if console and not isinstance(error, (MediaArchiveError, ModuleNotFoundError, OSError)):
            import traceback  # noqa: PLC0415 - needed for faults only

            console.debug("".join(traceback.format_exception(error)))
    with suppress(OSError, MediaArchiveError):
        if console:
            console.error(sentence)
        elif sys.stderr:
            print(f"error: {sentence}", file=sys.stderr)
    if options.json:
        try:
            print(Summary(tool, "", "", exit_code, complete=False, error=sentence).as_json(), flush=True)
        except OSError:  # standard output is what failed
            _discard_output()
    return exit_code


def describe_error(error: Exception) -> tuple[str, ExitCode]:
    """The message for an error, and its exit code. Pure."""
    if isinstance(error, MediaArchiveError):
        return str(error), error.exit_code
    if isinstance(error, ModuleNotFoundError):
        return (
            f"the package {error.name} is missing in {sys.executable}: activate .venv first, or run: "
            f"{os.path.basename(sys.executable)} -m pip install -r requirements.txt"
        ), ExitCode.BAD_INPUT
    if isinstance(error, OSError):
        path = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        sentence = f"{path}{explain_os_error(error)}; mend that and run the same command again"
    elif isinstance(error, RuntimeError) and str(error).startswith("can't start new thread"):
        sentence = (
            "this system lets no more threads start: give --jobs 1, or raise its limit, and run the same command again"
        )
    else:
        sentence = (
            f"a fault in this program ({type(error).__name__}: {error}); nothing unverified was removed; "
            "please report it with the output of --verbose"
        )
    return sentence, ExitCode.STOPPED_EARLY


def _discard_output() -> None:
    """Discard all further output, so that Python does not fail when it flushes at exit."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends


def require_utf8_names() -> None:
    """Raise ``BadInput`` if file names are not encoded in UTF-8: names in CSV files would be wrong elsewhere."""
    encoding = sys.getfilesystemencoding()
    if codecs.lookup(encoding).name != "utf-8":
        raise BadInput(
            f"names of files would be told in {encoding}, and be wrong elsewhere: set PYTHONUTF8=1 in the environment, "
            "then run again"
        )

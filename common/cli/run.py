"""The boundary between a stage and who runs it: signals come in, a summary and an exit code go out."""

from __future__ import annotations

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
    """Run one stage and turn what comes of it into output and an exit code: the boundary to the user.

    No exception passes: an error of ours is its one sentence, an error of the system names its
    path, and a fault in this program is said to be one (with its traceback in the log file).
    """
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
    except MediaArchiveError as error:
        sentence, exit_code = str(error), error.exit_code
    except ModuleNotFoundError as error:
        sentence, exit_code = (
            (
                f"the package {error.name} is missing in {sys.executable}: activate .venv first, or run: "
                f"{os.path.basename(sys.executable)} -m pip install -r requirements.txt"
            ),
            ExitCode.BAD_INPUT,
        )
    except BrokenPipeError:
        # Whoever read our output has gone: nobody is left to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - lives until the process ends
        return int(ExitCode.STOPPED_EARLY)
    except OSError as error:
        place = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        sentence = f"{place}{explain_os_error(error)}; mend that and run the same command again"
        exit_code = ExitCode.STOPPED_EARLY
    except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours must not look like the user's
        import traceback  # noqa: PLC0415 - needed for faults only

        if console:
            console.log(traceback.format_exc())
            if options.verbose:
                console.debug(traceback.format_exc())
        sentence, exit_code = _told_of_fault(error), ExitCode.STOPPED_EARLY
    with suppress(OSError, MediaArchiveError):  # who can't be told of the error is told by the exit code
        if console:
            console.error(sentence)
        elif sys.stderr:
            print(f"error: {sentence}", file=sys.stderr)
    if options.json:
        try:
            print(Summary(tool, "", "", exit_code, complete=False, error=sentence).as_json(), flush=True)
        except OSError:  # standard output is what failed, and standard error has been told
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - lives until the process ends
    return int(exit_code)


def require_utf8_names() -> None:
    """Raise ``BadInput`` where the locale is of an older encoding: the bytes of names would not outlive a CSV file."""
    encoding = sys.getfilesystemencoding()
    if codecs.lookup(encoding).name != "utf-8":
        raise BadInput(
            f"names of files would be told in {encoding}, and be wrong elsewhere: set PYTHONUTF8=1 in the environment, "
            "then run again"
        )


def _told_of_fault(error: Exception) -> str:
    if isinstance(error, RuntimeError) and str(error).startswith("can't start new thread"):
        return (
            "this system lets no more threads start: give --jobs 1, or raise its limit, and run the same command again"
        )
    return (
        f"a fault in this program ({type(error).__name__}: {error}); nothing unverified was removed; "
        "please report it with the output of --verbose"
    )

"""What the three command lines share: options, talk, progress, signals, the summary and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from common.errors import BadInput, ExitCode, MediaArchiveError, explain_os_error
from common.fileops import Appender
from common.paths import shown
from common.pipeline import DEFAULT_JOBS
from common.timestamps import now_for_names, now_text

EXIT_STATUS = """exit status:
  0  all rows good (also: this batch good, more remain)
  1  finished, some rows need attention
  2  bad usage or input, nothing changed
  3  stopped early, run the same command again to go on
  4  another run holds the lock
  130  interrupted
"""


# --- options -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CommonOptions:
    """The options that all three scripts have."""

    jobs: int
    json: bool
    quiet: bool
    verbose: bool
    log_file: str
    review_html: str


def make_parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser in this project's manner: no abbreviations, texts kept as they are written."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f"{epilog.strip()}\n\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all three scripts have."""
    group = parser.add_argument_group("common options")
    group.add_argument(
        "--jobs",
        type=positive,
        default=DEFAULT_JOBS,
        metavar="N",
        help=f"files handled at a time (default here: {DEFAULT_JOBS}; 1 suits a single spinning disk)",
    )
    group.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    group.add_argument("--quiet", action="store_true", help="say nothing but errors and the summary")
    group.add_argument("--verbose", action="store_true", help="say more about what is done and why")
    group.add_argument("--review-html", default="", metavar="PATH", help="write a page to review the run in a browser")
    group.add_argument("--log-file", default="", metavar="PATH", help="append what is said, with times, to a file")


def common_options(parsed: argparse.Namespace) -> CommonOptions:
    """The common options of a parsed command line."""
    review_html = absolute(parsed.review_html) if parsed.review_html else ""
    return CommonOptions(parsed.jobs, parsed.json, parsed.quiet, parsed.verbose, parsed.log_file, review_html)


def free_name(folder: str, what: str, run_id: str) -> str:
    """A path for a default output that nothing has yet: what it is, the time, the start of the run_id."""
    stem = f"{what}-{now_for_names()}-{run_id[:8]}"
    path = os.path.join(folder, f"{stem}.csv")
    number = 2
    while os.path.lexists(path):
        path = os.path.join(folder, f"{stem}-{number}.csv")
        number += 1
    return path


def positive(text: str) -> int:
    """An option's value that is a whole number above 0."""
    number = not_negative(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def not_negative(text: str) -> int:
    """An option's value that is a whole number, 0 or above."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or above")
    return int(text)


def absolute(path: str) -> str:
    """An output or input path, absolute and normalised; links in it are kept."""
    return os.path.abspath(path)


# --- talk ----------------------------------------------------------------------------------------


class Talk:
    """What is said while work goes on: to standard error, and with times to the log file.

    ``--quiet`` keeps all but warnings away, ``--verbose`` lets ``detail`` through.
    """

    def __init__(self, options: CommonOptions) -> None:
        self._options = options
        self._log: Appender | None = None
        if options.log_file:
            path = absolute(options.log_file)
            self._log = Appender(path, os.path.getsize(path) if os.path.isfile(path) else None, lines=False)

    def detail(self, text: str) -> None:
        """Of interest only to who asked for it."""
        self._say(text, to_terminal=self._options.verbose and not self._options.quiet)

    def info(self, text: str) -> None:
        """Of interest to everybody."""
        self._say(text, to_terminal=not self._options.quiet)

    def warn(self, text: str) -> None:
        """Something that a person should know of."""
        self._say(f"warning: {text}", to_terminal=True)

    def error(self, text: str) -> None:
        """Why the run ends."""
        self._say(f"error: {text}", to_terminal=True)

    def log(self, text: str) -> None:
        """For the log file alone."""
        self._say(text, to_terminal=False)

    def _say(self, text: str, to_terminal: bool) -> None:
        if to_terminal:
            print(text, file=sys.stderr, flush=True)
        if self._log:
            self._log.append(f"{now_text()} {text}\n".encode("utf-8", "backslashreplace"))


class _Bar(Protocol):
    """The part of a tqdm bar that is used here."""

    def update(self, n: float = 1) -> bool | None: ...
    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None: ...
    def close(self) -> None: ...


class Progress:
    """A bar over bytes that also counts files. Appears on a terminal only; may be fed from any thread."""

    def __init__(self, title: str, files: int, total_bytes: int, options: CommonOptions) -> None:
        self._bar: _Bar | None = None
        self._files = 0
        self._of_files = files
        self._guard = threading.Lock()
        if options.quiet or options.json or not sys.stderr.isatty():
            return
        try:
            from tqdm import tqdm  # noqa: PLC0415 - not needed to show --help
        except ModuleNotFoundError:
            return  # a bar is comfort: nothing depends on it

        self._bar = tqdm(total=total_bytes, desc=title, unit="B", unit_scale=True, unit_divisor=1000, leave=False)

    def add_bytes(self, count: int) -> None:
        """Bytes of media have been handled."""
        if self._bar:
            with self._guard:
                self._bar.update(count)

    def add_file(self) -> None:
        """A file has been handled."""
        if self._bar:
            with self._guard:
                self._files += 1
                self._bar.set_postfix_str(f"{self._files:,} of {self._of_files:,} files", refresh=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.close()


# --- signals -------------------------------------------------------------------------------------


class StopRequest:
    """Whether SIGINT or SIGTERM asked the run to end at the next checkpoint."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within this block the first SIGINT or SIGTERM asks for a stop; a second one ends the process at once."""
    stop = StopRequest()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- summary -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """What a run did. Printed to standard output, in words or as JSON."""

    tool: str
    headline: str
    run_id: str
    exit_code: ExitCode
    counts: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    complete: bool = True
    next_steps: Sequence[str] = ()

    def as_json(self) -> str:
        """One JSON object on one line, ASCII only."""
        return json.dumps(
            {
                "tool": self.tool,
                "run_id": self.run_id,
                "exit_code": int(self.exit_code),
                "complete": self.complete,
                "counts": dict(self.counts),
                "outputs": dict(self.outputs),
                "notes": list(self.notes),
            }
        )

    def as_text(self) -> str:
        """Plain words, a line each."""
        lines = [self.headline]
        lines += [f"  {number:>12,}  {name.replace('_', ' ')}" for name, number in self.counts.items()]
        lines += [f"{kind}: {shown(path)}" for kind, path in self.outputs.items()]
        lines += list(self.notes)
        lines += self.next_steps
        return "\n".join(lines)


def run_stage(stage: Callable[[Talk, StopRequest], Summary], options: CommonOptions) -> int:
    """Run one stage and turn what comes of it into output and an exit code: the boundary to the user.

    No exception passes: an error of ours is its one sentence, an error of the system names its
    path, and a fault in this program is said to be one (with its traceback in the log file).
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    talk = None
    try:
        talk = Talk(options)
        with stop_on_signals() as stop:
            summary = stage(talk, stop)
        print(summary.as_json() if options.json else summary.as_text(), flush=True)
        talk.log(summary.as_text())
        return int(summary.exit_code)
    except MediaArchiveError as error:
        (talk.error if talk else _print_error)(str(error))
        return int(error.exit_code)
    except ModuleNotFoundError as error:
        (talk.error if talk else _print_error)(
            f"the package {error.name} is missing in {sys.executable}: activate .venv first, or run: "
            f"{os.path.basename(sys.executable)} -m pip install -r requirements.txt"
        )
        return int(ExitCode.BAD_INPUT)
    except BrokenPipeError:
        # Whoever read our output has gone: nobody is left to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - lives until the process ends
        return int(ExitCode.STOPPED_EARLY)
    except OSError as error:
        place = f"{shown(os.fsdecode(error.filename))}: " if error.filename else ""
        (talk.error if talk else _print_error)(
            f"{place}{explain_os_error(error)}; mend that and run the same command again"
        )
        return int(ExitCode.STOPPED_EARLY)
    except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours must not look like the user's
        import traceback  # noqa: PLC0415 - needed for faults only

        if talk:
            talk.log(traceback.format_exc())
            if options.verbose:
                talk.detail(traceback.format_exc())
        (talk.error if talk else _print_error)(
            f"a fault in this program ({type(error).__name__}: {error}); nothing unverified was removed; "
            "please report it with the output of --verbose"
        )
        return int(ExitCode.STOPPED_EARLY)


def _print_error(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)


def require_folder(path: str, option: str) -> str:
    """The real path of a folder that an option names; raises ``BadInput`` when it is none."""
    if not os.path.isdir(path):
        raise BadInput(f"{shown(path)}: {option} must name an existing folder; is the disk mounted?")
    return os.path.realpath(path)


def counted(number: int, thing: str) -> str:
    """A number with its noun: ``1 row``, ``12,345 rows``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def script_command(script: str, *arguments: str) -> str:
    """A command line to paste into a shell of this system."""
    import shlex  # noqa: PLC0415 - needed once, at the end

    python = "python" if sys.platform == "win32" else "python3"
    return " ".join([python, script, *(shlex.quote(argument) for argument in arguments)])

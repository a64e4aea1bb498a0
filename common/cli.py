"""What the three command lines share: options, talk, progress, signals, the summary and the exit code."""

from __future__ import annotations

import argparse
import codecs
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Protocol

from common.amounts import amount_text, amounts_of, rows_of, summed
from common.disks import is_on_spinning_disk, suitable_jobs
from common.errors import BadInput, ExitCode, MediaArchiveError, explain_os_error
from common.fileops.writing import Appender
from common.paths import beginning_of, shown
from common.shell import script_command
from common.timestamps import now_for_names, now_text

ARGUMENTS_FROM_FILE = """@FILE as an argument stands for the arguments in that file, one on each line as it is.
A name that begins with @ itself is given as ./@name, or as --option=@name.
"""
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
    """Files handled at a time; 0 where the disks are to decide."""
    json: bool
    quiet: bool
    verbose: bool
    log_file: str
    review_html: str
    arguments: tuple[str, ...] = ()
    """The whole command line, with what its ``@file`` arguments hold."""


def make_parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser in this project's manner: no abbreviations, no colours, texts kept as they are written."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=f"{epilog.strip()}\n\n{ARGUMENTS_FROM_FILE}\n{EXIT_STATUS}",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    if sys.version_info >= (3, 14):
        parser.color = False
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse would ask ``shutil``, which loads three compression libraries."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns() - 2)


def columns() -> int:
    """How wide the terminal is: by ``COLUMNS``, else as the system says, else 80."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdecimal() and int(wanted):
        return int(wanted)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80 if sys.__stdout__ else 80
    except (OSError, ValueError):  # no terminal, or no such stream
        return 80


def parse_arguments(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line (default: that of this process). ``arguments`` of what is returned is the line itself.

    Ends the process with exit code 2 and one sentence when it can't be used, a missing ``@file`` included.
    """
    arguments: list[str] = []
    for argument in sys.argv[1:] if argv is None else argv:
        if not argument.startswith("@"):
            arguments.append(argument)
            continue
        try:
            arguments += arguments_in_file(argument[1:])
        except OSError as error:
            plain = shown(argument)
            parser.error(
                f"{plain[1:] or '@'}: cannot read arguments from it: {explain_os_error(error)}; "
                f"for a name that begins with @ itself write ./{plain} or --option={plain}"
            )
    parsed = parser.parse_args(arguments)
    parsed.arguments = tuple(arguments)
    return parsed


def arguments_in_file(path: str) -> list[str]:
    """The arguments in a file, one a line as it stands; empty lines are left out. Raises ``OSError``.

    Lines may end as on Windows, and a byte order mark is no part of the first. Names need not be UTF-8.
    """
    with open(path, "rb") as file:
        lines = file.read().removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [os.fsdecode(line) for line in (line.removesuffix(b"\r") for line in lines) if line]


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all three scripts have."""
    group = parser.add_argument_group("common options")
    group.add_argument(
        "--jobs",
        type=positive,
        default=0,
        metavar="N",
        help="files handled at a time (default: 1 on a spinning disk, else by the number of cores)",
    )
    group.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    group.add_argument("--quiet", action="store_true", help="say nothing but errors and the summary")
    group.add_argument("--verbose", action="store_true", help="say more about what is done and why")
    group.add_argument("--review-html", default="", metavar="PATH", help="write a page to review the run in a browser")
    group.add_argument("--log-file", default="", metavar="PATH", help="append what is said, with times, to a file")


def common_options(parsed: argparse.Namespace) -> CommonOptions:
    """The common options of a parsed command line."""
    review_html = absolute(parsed.review_html) if parsed.review_html else ""
    return CommonOptions(
        parsed.jobs, parsed.json, parsed.quiet, parsed.verbose, parsed.log_file, review_html, parsed.arguments
    )


def with_jobs(options: CommonOptions, talk: Talk, paths: Iterable[str]) -> CommonOptions:
    """The options with a number of jobs: what was asked for, else what suits the disks of these paths."""
    if options.jobs:
        return options
    jobs, reason = suitable_jobs(paths, is_on_spinning_disk)
    talk.detail(f"jobs: {jobs}, since {reason}")
    return replace(options, jobs=jobs)


def same_command(script: str, options: CommonOptions, without: str = "", values: int = 0) -> str:
    """The command line of this run, to paste, leaving out one option (with a number of values). Looks at ``PATH``."""
    kept: list[str] = []
    skip = 0
    for argument in options.arguments:
        if skip:
            skip -= 1
        elif without and argument == without:
            skip = values
        elif not (without and argument.startswith(f"{without}=")):
            kept.append(argument)
    return script_command(script, *kept)


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


_LOG_LINE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z ")


def require_log(path: str) -> None:
    """Raise ``BadInput`` unless a log can be added to there: a photo or a report, named by mistake, can't. Changes
    nothing."""
    try:
        begins = beginning_of(path, 21)  # of what is no file there is none, and Appender refuses it
    except OSError as error:
        raise BadInput(f"{shown(path)}: cannot read the log: {explain_os_error(error)}; choose another") from None
    if begins and not _LOG_LINE.match(begins):
        raise BadInput(f"{shown(path)} is no log of this project; choose another --log-file")


class Talk:
    """What is said while work goes on: to standard error, and with times to the log file.

    ``--quiet`` keeps all but warnings away, ``--verbose`` lets ``detail`` through.
    """

    def __init__(self, options: CommonOptions) -> None:
        self._options = options
        self._log: Appender | None = None
        if options.log_file:
            path = absolute(options.log_file)
            require_log(path)
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
    """A bar over bytes that also counts files, with the time left. Appears on a terminal only, and without colours.

    May be fed from any thread. Where no contents are read, ``total_bytes`` is None and the bar is over files.
    ``done_files`` and ``done_bytes`` are an earlier call's: they count, but tell nothing of the speed.
    """

    def __init__(
        self,
        title: str,
        files: int,
        total_bytes: int | None,
        options: CommonOptions,
        *,
        done_files: int = 0,
        done_bytes: int = 0,
    ) -> None:
        self._bar: _Bar | None = None
        self._of_bytes = total_bytes
        self._bytes = done_bytes
        self._files = done_files
        self._of_files = files
        self._guard = threading.Lock()
        if options.quiet or options.json or not sys.stderr.isatty():
            return
        try:
            from tqdm import tqdm  # noqa: PLC0415 - not needed to show --help
        except ModuleNotFoundError:
            return  # a bar is comfort: nothing depends on it

        if total_bytes is None:
            self._bar = tqdm(total=files, initial=done_files, desc=title, unit=" files", leave=False)
        else:
            self._bar = tqdm(
                total=total_bytes,
                initial=done_bytes,
                desc=title,
                unit="B",
                unit_scale=True,
                unit_divisor=1000,
                leave=False,
            )

    def add_bytes(self, count: int) -> None:
        """Bytes of media have been read."""
        if self._bar:
            with self._guard:
                self._show(self._files, self._bytes + count)

    def add_file(self) -> None:
        """A file has been handled."""
        if self._bar:
            with self._guard:
                self._show(self._files + 1, self._bytes)

    def reach(self, files: int, size: int) -> None:
        """So many files with so many bytes are done with, also those of which nothing had to be read."""
        if self._bar:
            with self._guard:
                most = size if self._of_bytes is None else min(size, self._of_bytes)
                self._show(max(files, self._files), max(most, self._bytes))

    def _show(self, files: int, size: int) -> None:
        if self._bar is None:
            return
        by_bytes = self._of_bytes is not None
        further = size - self._bytes if by_bytes else files - self._files
        if by_bytes and files != self._files:
            self._bar.set_postfix_str(f"{files:,} of {self._of_files:,} files", refresh=False)
        self._files, self._bytes = files, size
        self._bar.update(further)

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
    """What a run did. Printed to standard output, in words or as JSON (docs/json.md).

    ``action`` is what was done, such as copy or restore. ``counts`` are rows by status, and ``amounts`` what
    these rows are about, as in ``common.amounts``. ``error`` is the sentence with which a run was refused or stopped.
    """

    tool: str
    headline: str
    run_id: str
    exit_code: ExitCode
    counts: Mapping[str, int] = field(default_factory=dict)
    amounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    complete: bool = True
    next_steps: Sequence[str] = ()
    action: str = ""
    dry_run: bool = False
    error: str = ""

    def as_json(self) -> str:
        """One JSON object on one line, ASCII only."""
        import json  # noqa: PLC0415 - not needed to show --help

        return json.dumps(
            {
                "tool": self.tool,
                "action": self.action,
                "dry_run": self.dry_run,
                "run_id": self.run_id,
                "exit_code": int(self.exit_code),
                "complete": self.complete,
                "counts": dict(self.counts),
                "amounts": {status: dict(amount) for status, amount in self.amounts.items()},
                "outputs": dict(self.outputs),
                "notes": list(self.notes),
                "next_steps": list(self.next_steps),
                "error": self.error,
            }
        )

    def as_text(self) -> str:
        """Plain words, a line each."""
        lines = [self.headline]
        for name, number in self.counts.items():
            amount = f": {amount_text(self.amounts[name])}" if name in self.amounts else ""
            lines.append(f"  {number:>12,}  {name.replace('_', ' ')}{amount}")
        lines += [f"{kind}: {shown(path)}" for kind, path in self.outputs.items()]
        lines += list(self.notes)
        lines += self.next_steps
        return "\n".join(lines)


def figures(
    total: str, counts: Mapping[str, int], names: Mapping[str, str] | None = None
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """``counts`` and ``amounts`` of a summary out of the flat counters of ``common.amounts``. Pure.

    ``total`` is the name of the sum of all rows, which comes first. ``names`` renames statuses, and tells their order.
    """
    names = names or {status: status for status in rows_of(counts)}
    rows, amounts = rows_of(counts), amounts_of(counts)
    shown_counts = {names[status]: rows[status] for status in names if rows.get(status)}
    shown_amounts = {names[status]: amounts[status] for status in names if status in amounts}
    whole = summed(shown_amounts.values())
    return (
        {total: sum(shown_counts.values()), **shown_counts},
        {**({total: whole} if whole else {}), **shown_amounts},
    )


def run_stage(tool: str, stage: Callable[[Talk, StopRequest], Summary], options: CommonOptions) -> int:
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
        if options.review_html:
            from common.review_page import require_review_path  # noqa: PLC0415 - only with --review-html

            require_review_path(options.review_html)
        with stop_on_signals() as stop:
            summary = stage(talk, stop)
        print(summary.as_json() if options.json else summary.as_text(), flush=True)
        talk.log(summary.as_text())
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
        place = f"{shown(os.fsdecode(error.filename))}: " if error.filename else ""
        sentence = f"{place}{explain_os_error(error)}; mend that and run the same command again"
        exit_code = ExitCode.STOPPED_EARLY
    except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours must not look like the user's
        import traceback  # noqa: PLC0415 - needed for faults only

        if talk:
            talk.log(traceback.format_exc())
            if options.verbose:
                talk.detail(traceback.format_exc())
        sentence, exit_code = (
            (
                f"a fault in this program ({type(error).__name__}: {error}); nothing unverified was removed; "
                "please report it with the output of --verbose"
            ),
            ExitCode.STOPPED_EARLY,
        )
    with suppress(OSError, MediaArchiveError):  # who can't be told of the error is told by the exit code
        if talk:
            talk.error(sentence)
        else:
            print(f"error: {sentence}", file=sys.stderr)
    if options.json:
        try:
            print(Summary(tool, "", "", exit_code, complete=False, error=sentence).as_json(), flush=True)
        except OSError:  # standard output is what failed, and standard error has been told
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - lives until the process ends
    return int(exit_code)


def require_folder(path: str, option: str) -> str:
    """The real path of a folder that an option names; raises ``BadInput`` when it is none."""
    if not os.path.isdir(path):
        raise BadInput(f"{shown(path)}: {option} must name an existing folder; is the disk mounted?")
    return os.path.realpath(path)

"""The options that the three scripts share, parsing a command line, and printing it again for pasting."""

import argparse
import codecs
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from common.cli.shell import script_command
from common.concurrency import is_on_spinning_disk, suitable_jobs
from common.errors import BadInput, explain_os_error
from common.manifests.relocation import Relocation, Roots
from common.manifests.state import RowRange
from common.paths import casefold_name, is_inside, printable, read_small_file
from common.stages import Stage

ARGUMENTS_FROM_FILE = """@FILE as an argument stands for the arguments in that file, one on each line as it is.
A name that begins with @ itself is given as ./@name, or as --option=@name.
"""
_CENTURY_DAYS = 36_525
_MOST_BYTES_OF_ARGUMENTS = 16 << 20
EXIT_STATUS = """exit status:
  0  all rows good (also: this batch good, more remain)
  1  finished, some rows need attention
  2  bad usage or input, nothing changed
  3  stopped early, run the same command again to go on
  4  another run holds the lock
  130  interrupted
"""


@dataclass(frozen=True)
class CommonOptions:
    """The options that all three scripts have.

    ``jobs``: files handled in parallel, 0 for the default. ``arguments``: the command line with ``@file`` expanded.
    """

    jobs: int
    json: bool
    quiet: bool
    verbose: bool
    log_file: str
    review_html: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BatchOptions(CommonOptions):
    """The options that verify and apply add to those of all scripts.

    They are added by ``add_batch_options`` and ``add_relocation_options``.
    """

    offset: int | None
    limit: int
    state_file: str
    source_now_at: str
    archive_now_at: str

    @property
    def row_range(self) -> RowRange:
        """The rows that ``--offset`` and ``--limit`` choose."""
        return RowRange(self.offset, self.limit)


def make_parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """Make an argument parser without abbreviations and colours, whose texts keep their line breaks."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=f"{epilog.strip()}\n\n{ARGUMENTS_FROM_FILE}\n{EXIT_STATUS}",
        # Without a width, argparse would import ``shutil``, and with it three compression libraries.
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=terminal_columns() - 2),
        allow_abbrev=False,
    )
    if sys.version_info >= (3, 14):
        parser.color = False
    return parser


def terminal_columns() -> int:
    """The width of the terminal: ``COLUMNS``, else what the system reports, else 80."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdecimal() and int(wanted):
        return int(wanted)
    try:
        return os.get_terminal_size().columns or 80
    except OSError:  # no terminal
        return 80


def parse_arguments(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line (default: that of this process); the result has it as ``arguments``.

    Ends the process with exit code 2 and a one-line message if it is invalid or an ``@file`` can't be read.
    """
    arguments: list[str] = []
    for argument in sys.argv[1:] if argv is None else argv:
        if not argument.startswith("@"):
            arguments.append(argument)
            continue
        try:
            arguments += arguments_in_file(argument[1:])
        except OSError as error:
            plain = printable(argument)
            parser.error(
                f"{plain[1:] or '@'}: cannot read arguments from it: {explain_os_error(error)}; "
                f"for a name that begins with @ itself write ./{plain} or --option={plain}"
            )
        except UnicodeDecodeError:  # on Windows, where names are Unicode
            parser.error(f"{printable(argument)[1:]}: is not UTF-8 text; save it as UTF-8")
    if any("\0" in argument for argument in arguments):
        parser.error("an argument holds a NUL byte, which no path can; was the @file saved as UTF-16?")
    try:
        os.getcwd()
    except OSError as error:
        parser.error(f"the current folder can't be told: {explain_os_error(error)}; change to another one first")
    parsed = parser.parse_args(arguments)
    parsed.arguments = tuple(arguments)
    return parsed


def arguments_in_file(path: str) -> list[str]:
    """Read arguments from a file, one per line; empty lines are ignored. Raises ``OSError``. Reads the disk.

    Windows line ends and a byte order mark are accepted. Names need not be UTF-8.
    """
    lines = read_small_file(path, _MOST_BYTES_OF_ARGUMENTS).removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [os.fsdecode(line) for line in (line.removesuffix(b"\r") for line in lines) if line]


def add_batch_options(parser: argparse.ArgumentParser, state_file: str) -> None:
    """Add the options of verify and apply; ``state_file`` describes the default of ``--state-file``."""
    group = parser.add_argument_group("batches")
    group.add_argument("--limit", type=positive, default=0, metavar="N", help="rows in this call (default: all)")
    group.add_argument("--offset", type=non_negative, metavar="N", help="skip this many rows")
    group.add_argument("--state-file", type=absolute_path, default="", metavar="PATH", help=f"default: {state_file}")


def add_relocation_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of verify and apply for a source or archive that is mounted elsewhere today."""
    group = parser.add_argument_group("drives that are mounted elsewhere today than the manifest says")
    folder = partial(group.add_argument, type=absolute_path, default="", metavar="DIR")
    folder("--source-now-at", help="where the source is today")
    folder("--archive-now-at", help="where the archive is today")


def resolve_relocation(options: BatchOptions, recorded: Roots) -> Relocation:
    """Where the roots that a manifest names are at present, by ``--source-now-at`` and ``--archive-now-at``.

    Raises ``BadInput`` if an option names no folder, or the source would be the archive or in it. Reads the disk.
    """
    source, archive = recorded
    if options.source_now_at:
        source = require_folder(options.source_now_at, "--source-now-at")
    if options.archive_now_at:
        archive = require_folder(options.archive_now_at, "--archive-now-at")
    relocation = Relocation(recorded, Roots(source, archive))
    if relocation.is_relocated and is_inside(os.path.join(os.path.realpath(source), "any"), os.path.realpath(archive)):
        raise BadInput(
            f"{printable(source)} is in the archive {printable(archive)}, which is no place of the originals; "
            "correct --source-now-at or --archive-now-at"
        )
    return relocation


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all three scripts have."""
    group = parser.add_argument_group("common options")
    jobs_help = "files handled at a time (default: 1 on a spinning disk, else by the number of cores)"
    group.add_argument("--jobs", type=positive, default=0, metavar="N", help=jobs_help)
    group.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    group.add_argument("--quiet", action="store_true", help="say nothing but errors and the summary")
    group.add_argument("--verbose", action="store_true", help="say more about what is done and why")
    page = "write a page to review the run in a browser"
    group.add_argument("--review-html", type=absolute_path, default="", metavar="PATH", help=page)
    group.add_argument("--log-file", default="", metavar="PATH", help="append what is said, with times, to a file")


def resolve_jobs(
    options: CommonOptions, log: Callable[[str], None], paths: Iterable[str], in_memory: bool = False
) -> int:
    """How many files to handle in parallel: ``--jobs``, else what suits the disks of these paths, which is logged.

    ``in_memory``: most of what is read is in memory already, so more jobs than cores would only slow the run down.
    Reads the disk.
    """
    if options.jobs:
        return options.jobs
    jobs, reason = suitable_jobs(paths, is_on_spinning_disk)
    if in_memory and jobs > 1:
        jobs, reason = os.cpu_count() or 1, "what is in memory is read as fast as the cores allow"
    log(f"jobs: {jobs}, since {reason}")
    return jobs


def require_distinct_paths(options: CommonOptions, outputs: Iterable[str]) -> None:
    """Raise ``BadInput`` if the review page has the same path as another output. Reads the disk."""
    page = casefold_name(os.path.realpath(options.review_html))
    if options.review_html and page in {casefold_name(os.path.realpath(path)) for path in outputs if path}:
        raise BadInput(
            f"{printable(options.review_html)} is another output's name as well; choose another --review-html"
        )


def rerun_command(stage: Stage, options: CommonOptions, without: str = "", values: int = 0) -> str:
    """The command line of this run for pasting, without one option, which has ``values`` values. Reads ``PATH``.

    A value that begins with ``@`` (it came from an ``@file``) is joined to its option: ``--exclude=@eaDir``.
    """
    arguments: list[str] = []
    skip = 0
    for argument in options.arguments:
        if skip:
            skip -= 1
        elif without and argument == without:
            skip = values
        elif without and argument.startswith(f"{without}="):
            continue
        elif argument.startswith("@") and arguments and re.fullmatch("--[^=]+", arguments[-1]):
            arguments[-1] += f"={argument}"
        else:
            arguments.append(argument)
    return script_command(stage, *arguments)


def absolute_path(text: str) -> str:
    """Parse a path, and make it absolute; an empty one stays empty."""
    return os.path.abspath(text) if text else ""


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    return _parse_count(text, 1)


def non_negative(text: str) -> int:
    """Parse a whole number of at least 0."""
    return _parse_count(text, 0)


def _parse_count(text: str, minimum: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= minimum):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {minimum} or above")
    return int(text)


def days(text: str) -> int:
    """Parse a number of days, from one to a century: subtracting more could leave the range of dates."""
    number = positive(text)
    if number > _CENTURY_DAYS:
        raise argparse.ArgumentTypeError(f"must be {_CENTURY_DAYS:,} or less")
    return number


def require_folder(path: str, option: str) -> str:
    """The real path of a folder given to an option. Raises ``BadInput`` if it does not exist. Reads the disk."""
    if os.path.isfile(path):
        raise BadInput(f"{printable(path)} is a file: {option} must name the folder that holds it")
    if not os.path.isdir(path):
        home = " (only a shell makes your home folder of ~: write it out)" if f"{os.sep}~" in path else ""
        raise BadInput(f"{printable(path)}: {option} must name an existing folder; is the disk mounted?{home}")
    return os.path.realpath(path)

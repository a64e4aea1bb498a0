"""The checked options of organize, and the settings that a later call must repeat. ``parse_…`` are argparse types."""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from common.cli.options import CommonOptions, parse_arguments
from common.errors import BadInput
from common.media_types import IMAGE_EXTENSIONS, SIDECAR_EXTENSIONS, VIDEO_EXTENSIONS, unsafe_folder_in
from common.paths import is_plain_absolute

SOURCES = ("metadata", "sidecar", "filename", "filesystem")
_DIRECTIVES = "aAbBdGHIjmMpSuUVwWxXyYfzZc%"  # of strftime on every system; elsewhere others fail or stay as text
# The options by which a report was made: they can't be given again when it is carried out.
_DECIDED_BY_REPORT = "media_kind types date_from date_to layout date_sources timezone duplicates exclude".split()


class Mode(StrEnum):
    """What ``--mode`` asks for."""

    REPORT = "report"
    COPY = "copy"
    MOVE = "move"


@dataclass(frozen=True, kw_only=True)
class Options(CommonOptions):
    """A checked command line. ``source`` and ``destination_root`` may be empty with ``from_report``, which has them."""

    source: str
    destination_root: str
    mode: Mode
    dry_run: bool
    media_kind: str
    types: tuple[str, ...]
    date_from: date | None
    date_to: date | None
    report_csv: str
    layout: str
    date_sources: tuple[str, ...]
    timezone: str
    duplicates: str
    exclude: tuple[str, ...]
    from_report: str

    @property
    def writes_report(self) -> bool:
        """Whether this run writes a report: a dry run doesn't, nor does a run that only shows an edited report."""
        return not self.dry_run and not (self.from_report and self.mode == Mode.REPORT)

    @property
    def acts(self) -> bool:
        """Whether this run changes the archive."""
        return self.mode != Mode.REPORT and not self.dry_run


def parse_options(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    parsed = parse_arguments(parser, argv)
    if parsed.date_from and parsed.date_to and parsed.date_from > parsed.date_to:
        parser.error("--date-from is later than --date-to")
    if parsed.review_html and parsed.dry_run:
        parser.error("--review-html shows a report, and --dry-run writes none")
    if not parsed.from_report and not (parsed.source and parsed.destination_root):
        parser.error("--source and --destination-root are required (or --from-report, which has them)")
    if parsed.from_report and parsed.mode == Mode.REPORT and parsed.report_csv:
        parser.error("--from-report without --mode copy or move only looks at the plan, and writes no --report-csv")
    for name in _DECIDED_BY_REPORT if parsed.from_report else ():
        if getattr(parsed, name) != parser.get_default(name):
            parser.error(f"--{name.replace('_', '-')} was decided when the report was made; not with --from-report")
    return Options(**vars(parsed) | {"mode": Mode(parsed.mode), "exclude": tuple(parsed.exclude)})


def settings_of(options: Options, source_root: str, archive_root: str, report_sha256: str) -> dict[str, str]:
    """The settings that a later call must repeat to resume a report; ``report_sha256`` is that of ``from_report``."""
    return {
        "mode": str(options.mode),
        "source_root": source_root,
        "archive_root": archive_root,
        "media_kind": options.media_kind,
        "types": ",".join(options.types),
        "date_from": str(options.date_from or ""),
        "date_to": str(options.date_to or ""),
        "layout": options.layout,
        "date_sources": ",".join(options.date_sources),
        "timezone": options.timezone,
        "duplicates": options.duplicates,
        "exclude": "\n".join(options.exclude),
        "from_report": report_sha256,
    }


def parse_types(text: str) -> tuple[str, ...]:
    """Known extensions such as ``.jpg,.mov``, in lower case and sorted."""
    types = tuple(sorted({part.strip().lower() for part in text.split(",") if part.strip()}))
    known = IMAGE_EXTENSIONS | VIDEO_EXTENSIONS | SIDECAR_EXTENSIONS
    for extension in types:
        if not extension.startswith(".") or extension == ".":
            raise argparse.ArgumentTypeError(f"{extension!r} is no extension; one begins with a dot, as .jpg does")
        if extension not in known:
            raise argparse.ArgumentTypeError(f"{extension} is no media type known here")
    if not types:
        raise argparse.ArgumentTypeError("names no extension; write it as .jpg,.mov")
    return types


def parse_day(text: str) -> date:
    """A day such as ``2019-07-31``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2019-07-31") from None


def parse_layout(text: str) -> str:
    """A pattern for folders below the archive, with only those ``strftime`` directives that every system supports."""
    try:
        example = datetime(2019, 7, 31, 12, 0, 0).strftime(text)
    except ValueError:
        example = ""
    is_known = all(letter in _DIRECTIVES for letter in re.findall(r"%(.)", text)) and "\0" not in example
    is_below = example and not os.path.isabs(example) and is_plain_absolute(os.path.join(os.sep, example))
    if unsafe := unsafe_folder_in(os.path.join(example, "any")):
        raise argparse.ArgumentTypeError(f"{text!r}: in a folder {unsafe} no copy counts as archived; try %Y or %Y/%m")
    if not (is_known and is_below):
        raise argparse.ArgumentTypeError(f"{text!r} is no pattern for folders below the archive; try %Y or %Y/%m")
    return text


def parse_timezone(text: str) -> str:
    """The name of a time zone that this system has. Reads the disk."""
    from common.dates.timezones import resolve_timezone  # noqa: PLC0415 - only with --timezone

    try:
        resolve_timezone(text or None)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def parse_date_sources(text: str) -> tuple[str, ...]:
    """Sources of dates, each once, the most trusted first."""
    sources = tuple(part.strip() for part in text.split(","))
    for source in sources:
        if source not in SOURCES:
            raise argparse.ArgumentTypeError(f"{source!r} is none of {', '.join(SOURCES)}")
    if len(set(sources)) != len(sources):
        raise argparse.ArgumentTypeError("names a source twice")
    return sources

"""The options of organize: parsed, checked, and which of them a later call must repeat."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from common.cli.options import CommonOptions, common_options, parse_arguments
from common.organize.model import Mode

# What the report was made by: it can't be decided once more when the report is carried out.
_DECIDED_BY_REPORT = "media_kind types date_from date_to layout date_sources timezone duplicates exclude".split()


@dataclass(frozen=True)
class Options:
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
    common: CommonOptions

    @property
    def writes_report(self) -> bool:
        """Whether this run makes a report: not where it only looks at one."""
        return not self.dry_run and not (self.from_report and self.mode == Mode.REPORT)

    @property
    def acts(self) -> bool:
        """Whether this run changes the archive."""
        return self.mode != Mode.REPORT and not self.dry_run


def parse_options(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence where it can't be used."""
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
    return Options(
        source=parsed.source,
        destination_root=parsed.destination_root,
        mode=Mode(parsed.mode),
        dry_run=parsed.dry_run,
        media_kind=parsed.media_kind,
        types=parsed.types,
        date_from=parsed.date_from,
        date_to=parsed.date_to,
        report_csv=parsed.report_csv,
        layout=parsed.layout,
        date_sources=parsed.date_sources,
        timezone=parsed.timezone,
        duplicates=parsed.duplicates,
        exclude=tuple(parsed.exclude),
        from_report=os.path.abspath(parsed.from_report) if parsed.from_report else "",
        common=common_options(parsed),
    )


def settings_of(options: Options, source_root: str, archive_root: str, report_sha256: str) -> dict[str, str]:
    """What a later call must repeat to resume an unfinished report; ``report_sha256`` is that of ``from_report``."""
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

#!/usr/bin/env python3
"""Stage 1: find when each photo and video was taken, and report, copy or move it into an archive by year."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
import gc
from collections.abc import Iterator, Sequence

from common.cli.console import Console
from common.cli.options import absolute_path, add_common_options, make_parser
from common.cli.run import run_stage
from common.cli.signals import StopRequest
from common.cli.summary import Summary, with_review_page
from common.errors import Interrupted
from common.fileops.context import DiskAccess
from common.manifests.rows import ReportRow, RowIds
from common.organize import config
from common.organize.run import OrganizeRun, row_batches
from common.organize.summary import summarize
from common.organize.totals import ScanTotals
from common.review.organize_page import OrganizeCollector
from common.stages import Stage

EXAMPLES = """
what it changes: report and --dry-run change nothing but the report; copy adds files to the archive;
move also takes them out of the source. Nothing is ever overwritten, duplicates stay in the source.

examples:
  python3 organize_media_by_date.py --source /media/old-disk --destination-root /mnt/archive
  python3 organize_media_by_date.py --source /media/old-disk --destination-root /mnt/archive --mode copy

next: python3 verify_media_archive.py --input-csv report.csv
"""


def command_line() -> argparse.ArgumentParser:
    """The parser of this script's options."""
    parser = make_parser(
        "Find when each photo and video was taken, and report, copy or move it into an archive by year.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    main.add_argument("--source", default="", metavar="DIR", help="folder to organize, with all below it")
    main.add_argument("--destination-root", default="", metavar="DIR", help="root of the archive")
    main.add_argument("--mode", choices=("report", "copy", "move"), default="report", help="default: report")
    main.add_argument("--dry-run", action="store_true", help="print the plan and write nothing at all")
    main.add_argument("--report-csv", default="", metavar="PATH", help="default: ./report-<time>-<run>.csv")
    report = "carry out a report that you have reviewed"
    main.add_argument("--from-report", type=absolute_path, default="", metavar="PATH", help=report)
    which = parser.add_argument_group("which files")
    which.add_argument("--media-kind", choices=("images", "videos", "both"), default="both", help="default: both")
    types = "these instead of all known types"
    which.add_argument("--types", type=config.parse_types, default=(), metavar=".jpg,.mov", help=types)
    which.add_argument("--date-from", type=config.parse_day, metavar="YYYY-MM-DD", help="taken on this day or later")
    which.add_argument("--date-to", type=config.parse_day, metavar="YYYY-MM-DD", help="taken on this day or earlier")
    which.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="leave out; may be repeated")
    how = parser.add_argument_group("how to file them")
    layout = "folders, by strftime (default: %%Y)"
    how.add_argument("--layout", type=config.parse_layout, default="%Y", metavar="PATTERN", help=layout)
    equal = "store equal files once (default: skip)"
    how.add_argument("--duplicates", choices=("skip", "keep"), default="skip", help=equal)
    order = f"evidence to believe, best first; leave one out to ignore it (default: {','.join(config.SOURCES)})"
    sources = config.SOURCES
    how.add_argument("--date-sources", type=config.parse_date_sources, default=sources, metavar="LIST", help=order)
    zone = "where videos with UTC times were taken (IANA name)"
    how.add_argument("--timezone", type=config.parse_timezone, default="", metavar="ZONE", help=zone)
    add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> config.Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    return config.parse_options(command_line(), argv)


def organize(options: config.Options, console: Console, stop: StopRequest) -> Summary:
    """Plan where each file goes, carry the plan out as far as the mode says, record it, and sum up."""
    # Millions of objects are kept, hardly any of them in cycles: collecting less often saves a tenth of the time.
    gc.set_threshold(100_000)
    with OrganizeRun(options, console, stop) as run:
        run.finish_pending_batch()
        scanned, groups = plan(run)
        with run.progress(scanned) as progress:
            disk = DiskAccess(progress, stop)
            executor = run.executor(disk)
            for batch in row_batches(groups, acts=options.acts):
                if stop():
                    raise Interrupted
                run.show_plan(batch)
                rows = run.carry_out(batch, executor)
                run.record(rows)
                progress.reach(run.totals.rows, run.totals.bytes)
        run.complete()
        summary = summarize(run, scanned, disk.unsupported_attributes)
        return with_review_page(summary, options.review_html, OrganizeCollector, run.review_rows())


def plan(run: OrganizeRun) -> tuple[ScanTotals, Iterator[list[ReportRow]]]:
    """Plan the rows that no earlier call has recorded, by group, from an edited report or from a scan of the source."""
    if run.edited:
        done = RowIds()
        for row in run.recorded_rows():
            done.add(row.row_id)
            run.totals.add([row])
        manifest = run.edited.survey.manifest
        return ScanTotals(manifest.rows, manifest.media_bytes), run.edited.groups(run.archive_id, done)
    from common.organize.planner import plan_source  # noqa: PLC0415 - it loads all readers of dates; not for --help

    return plan_source(run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return run_stage(Stage.ORGANIZE, lambda console, stop: organize(options, console, stop), options)


if __name__ == "__main__":
    raise SystemExit(main())

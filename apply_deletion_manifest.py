#!/usr/bin/env python3
"""Stage 3: quarantine or permanently delete verified originals, and restore them from the quarantine."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from common.apply.batch import carry_out, preview, read_batches
from common.apply.executor import TaskExecutor
from common.apply.manifest import IDENTIFYING_COLUMNS, Options, require_kind
from common.apply.run import ApplySession, open_run
from common.apply.summary import summarize, summarize_empty
from common.cli.console import Console
from common.cli.options import (
    absolute_path,
    add_batch_options,
    add_common_options,
    add_relocation_options,
    days,
    make_parser,
    parse_arguments,
)
from common.cli.run import run_stage
from common.cli.signals import StopRequest
from common.cli.summary import Summary
from common.counts import Counts
from common.manifests.survey import AUTO, ManifestInput
from common.media_types import QUARANTINE_FOLDER
from common.run_id import is_run_id
from common.stages import Stage
from common.timestamps import utc_text

EXAMPLES = """
what it changes: by default originals are renamed into the quarantine, from where --restore brings
them back. Only --delete-permanently with --yes-really-delete destroys, and only files whose archive
copy was read back from the disk and found identical in the same run. --dry-run changes nothing.

examples:
  python3 apply_deletion_manifest.py --manifest verified.csv --expected-run-id auto --dry-run
  python3 apply_deletion_manifest.py --manifest verified.csv --expected-run-id auto
  python3 apply_deletion_manifest.py --manifest <quarantine>/<run_id>/journal.csv --expected-run-id auto --restore

next: look around for some weeks; to free the space, give journal.csv as --manifest with both delete options
"""


def command_line() -> argparse.ArgumentParser:
    """Make the argument parser of this script."""
    parser = make_parser(
        "Take verified originals out of the source: into a quarantine, or for good when that is said twice.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    required = partial(main.add_argument, required=True)
    manifest = "verified.csv, or journal.csv to --restore or purge"
    required("--manifest", type=os.path.abspath, metavar="PATH", help=manifest)
    required("--expected-run-id", metavar="UUID|auto", help="the run_id of the manifest; auto: as it says")
    quarantine = f"default: <source_root>/{QUARANTINE_FOLDER}"
    main.add_argument("--quarantine-root", type=absolute_path, default="", metavar="DIR", help=quarantine)
    switch = partial(main.add_argument, action="store_true")
    switch("--dry-run", help="print the plan and change nothing")
    switch("--restore", help="bring back what a journal, or the report of a move, names")
    switch("--prune-empty-dirs", help="remove folders that this run emptied")
    main.add_argument("--max-age", type=days, default=0, metavar="DAYS", help="refuse rows verified longer ago")
    danger = parser.add_argument_group("permanent deletion: both are needed")
    danger.add_argument("--delete-permanently", action="store_true", help="destroy the originals")
    danger.add_argument("--yes-really-delete", action="store_true", help="yes, really")
    accepted = parser.add_argument_group("what may be accepted when bytes are destroyed")
    cached = "archive copies that can't be read from the storage medium itself, as on network and cloud mounts"
    accepted.add_argument("--accept-cached-reads", action="store_true", help=cached)
    attributes = "copies that lack tags or other extended attributes of the original"
    accepted.add_argument("--accept-lost-attributes", action="store_true", help=attributes)
    add_relocation_options(parser)
    add_batch_options(parser, "in the folder of the journal")
    add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> Options:
    """Parse a command line. Ends the process with exit code 2 and a one-line message if it is invalid."""
    parser = command_line()
    parsed = parse_arguments(parser, argv)
    if parsed.delete_permanently != parsed.yes_really_delete:
        parser.error("permanent deletion needs both --delete-permanently and --yes-really-delete; nothing was changed")
    if parsed.review_html and parsed.dry_run:
        parser.error("--review-html shows what was done, and --dry-run does nothing")
    if parsed.prune_empty_dirs and parsed.restore:
        parser.error("--prune-empty-dirs goes with taking files out, not with --restore")
    if parsed.restore and parsed.delete_permanently:
        parser.error("--restore and --delete-permanently exclude each other")
    if parsed.expected_run_id != AUTO and not is_run_id(parsed.expected_run_id):
        parser.error(
            f"--expected-run-id {parsed.expected_run_id!r} is no run_id; give the one in the manifest, or auto"
        )
    parsed.oldest_allowed = utc_text(datetime.now(UTC) - timedelta(days=parsed.max_age)) if parsed.max_age else ""
    return Options(**vars(parsed))


def apply(options: Options, console: Console, stop: StopRequest) -> Summary:
    """Apply the remaining rows in batches: record the intentions, act, record the outcomes. Changes the disk."""
    with ManifestInput(options.manifest, IDENTIFYING_COLUMNS) as manifest:
        kind = require_kind(manifest, options)
        if manifest.is_empty():
            return summarize_empty(options, kind)
        with open_run(options, kind, manifest, console, stop) as run:
            if run.state.complete:  # by earlier calls
                return summarize(run, run.state, Counts.from_flat(run.state.counts))
            executor = TaskExecutor(
                run.disk, oldest_allowed=options.oldest_allowed, was_purged=run.was_purged, terms=run.terms
            )
            if options.dry_run:
                return summarize(run, run.state, preview(run, executor))
            with ApplySession(run) as session:
                for batch in read_batches(run):
                    session.begin(batch)
                    session.checkpoint(batch, carry_out(batch, session, executor))
                return summarize(run, session.state, session.counts)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return run_stage(Stage.APPLY, lambda console, stop: apply(options, console, stop), options)


if __name__ == "__main__":
    raise SystemExit(main())

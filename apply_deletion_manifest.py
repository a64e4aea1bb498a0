#!/usr/bin/env python3
"""Stage 3: take verified originals out of the source, into a quarantine or for good, and bring them back."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
from collections.abc import Sequence

from common.apply.batch import carry_out, preview, read_batches
from common.apply.config import Options, parse_options
from common.apply.executor import TaskExecutor
from common.apply.manifest import IDENTIFYING_COLUMNS, require_kind
from common.apply.run import ApplySession, open_run
from common.apply.summary import summarize, summarize_empty
from common.cli.console import Console
from common.cli.options import absolute_path, add_batch_options, add_common_options, days, make_parser
from common.cli.run import run_stage
from common.cli.signals import StopRequest
from common.cli.summary import Summary
from common.counts import Counts
from common.manifests.survey import ManifestInput
from common.media_types import QUARANTINE_FOLDER
from common.stages import Stage

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
    """The options of this script."""
    parser = make_parser(
        "Take verified originals out of the source: into a quarantine, or for good when that is said twice.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    manifest = "verified.csv, or journal.csv to --restore or purge"
    main.add_argument("--manifest", type=absolute_path, required=True, metavar="PATH", help=manifest)
    run_id = "the run_id of the manifest; auto: as it says"
    main.add_argument("--expected-run-id", required=True, metavar="UUID|auto", help=run_id)
    root = f"default: <source_root>/{QUARANTINE_FOLDER}"
    main.add_argument("--quarantine-root", type=absolute_path, default="", metavar="DIR", help=root)
    main.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    restore = "bring back what a journal, or the report of a move, names"
    main.add_argument("--restore", action="store_true", help=restore)
    main.add_argument("--prune-empty-dirs", action="store_true", help="remove folders that this run emptied")
    main.add_argument("--max-age", type=days, default=0, metavar="DAYS", help="refuse rows verified longer ago")
    danger = parser.add_argument_group("permanent deletion: both are needed")
    danger.add_argument("--delete-permanently", action="store_true", help="destroy the originals")
    danger.add_argument("--yes-really-delete", action="store_true", help="yes, really")
    add_batch_options(parser, "in the folder of the journal")
    add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    return parse_options(command_line(), argv)


def apply(options: Options, console: Console, stop: StopRequest) -> Summary:
    """Read the rows that are left; batch by batch write down what is intended, act, and record; then sum up."""
    with ManifestInput(options.manifest, IDENTIFYING_COLUMNS) as manifest:
        kind = require_kind(manifest, options)
        if manifest.is_empty():
            return summarize_empty(options, kind)
        with open_run(options, kind, manifest, console, stop) as run:
            if run.state.complete:  # by earlier calls
                return summarize(run, run.state, Counts.from_flat(run.state.counts))
            executor = TaskExecutor(run.disk, oldest_allowed=options.oldest_allowed, was_purged=run.was_purged)
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

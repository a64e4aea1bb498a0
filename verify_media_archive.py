#!/usr/bin/env python3
"""Stage 2: prove by content that each source file has a byte-identical copy in the archive."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
import os
from collections.abc import Sequence
from functools import partial

from common.cli.console import Console
from common.cli.options import (
    absolute_path,
    add_batch_options,
    add_common_options,
    add_relocation_options,
    make_parser,
    parse_arguments,
    require_distinct_paths,
    resolve_jobs,
)
from common.cli.progress import Progress
from common.cli.run import run_stage
from common.cli.signals import StopRequest
from common.cli.summary import Summary
from common.concurrency import ordered_map
from common.fileops.context import DiskAccess
from common.manifests.batching import checkpoints
from common.manifests.outputs import require_finished
from common.manifests.rows import VERIFY_INPUT_COLUMNS
from common.manifests.statuses import ReadMode
from common.manifests.survey import ManifestInput
from common.paths import printable
from common.stages import Stage
from common.verify.manifest import Options
from common.verify.missing_disk import stop_at_missing_disk
from common.verify.session import VerifySession, open_verification
from common.verify.summary import summarize, summarize_empty, summarize_finished, warn_of_shared_disk
from common.verify.verifier import PairVerifier

CHECKPOINT_ROWS = 256
CHECKPOINT_SECONDS = 5.0

EXAMPLES = """
what it changes: nothing in source and archive. It writes verified.csv (the only rows that apply may
act on), unverified.csv (all others, with the reason), SHA256SUMS and a state file.

examples:
  python3 verify_media_archive.py --input-csv report.csv
  python3 verify_media_archive.py --input-csv report.csv --verified-out verified.csv \\
      --unverified-out unverified.csv --limit 5000    (again and again; when all is done, it says so)
  python3 verify_media_archive.py --input-csv verified.csv --archive-only    (a year later, without the originals)

next: python3 apply_deletion_manifest.py --manifest verified.csv --expected-run-id auto --dry-run
"""


def command_line() -> argparse.ArgumentParser:
    """Make the argument parser of this script."""
    parser = make_parser(
        "Prove, reading every byte of both, that each source file has an identical copy in the archive.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    given = "a report.csv, or an unverified.csv fed back"
    main.add_argument("--input-csv", type=os.path.abspath, required=True, metavar="PATH", help=given)
    output = partial(main.add_argument, type=absolute_path, default="", metavar="PATH")
    output("--verified-out", help="default: verified-<time>-<run>.csv beside the input")
    output("--unverified-out", help="default: unverified-<time>-<run>.csv beside it")
    main.add_argument("--hash", choices=("sha256",), default="sha256", help="default: sha256")
    cold = "cold (default) drops the cache, so that the storage medium itself is read"
    main.add_argument("--read-mode", choices=("cold", "cached"), default="cold", help=cold)
    scrub = "check the archive alone against recorded hashes: a yearly scrub"
    main.add_argument("--archive-only", action="store_true", help=scrub)
    add_relocation_options(parser)
    add_batch_options(parser, "<verified-out>.state.json")
    add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> Options:
    """Parse a command line. Ends the process with exit code 2 and a one-line message if it is invalid."""
    return Options(**vars(parse_arguments(command_line(), argv)))


def verify(options: Options, console: Console, stop: StopRequest) -> Summary:
    """Begin or resume a run, verify the rows of this call, and summarize. Changes the disk: the outputs."""
    require_finished(options.input_csv)
    sums = os.path.join(os.path.dirname(options.verified_out), "SHA256SUMS")
    require_distinct_paths(options, (options.verified_out, options.unverified_out, options.state_file, sums))
    with ManifestInput(options.input_csv, VERIFY_INPUT_COLUMNS) as manifest:
        if manifest.is_empty():
            return summarize_empty(options)
        with open_verification(options, manifest, console) as run:
            if run.was_complete:
                return summarize_finished(run)
            verify_rows(run, console, stop)
            return summarize(run)


def verify_rows(run: VerifySession, console: Console, stop: StopRequest) -> None:
    """Verify the rows of this call, recording them at each checkpoint. Changes the disk: the outputs."""
    options, roots = run.options, (run.survey.source_root, run.survey.archive_root)
    is_cold = options.read_mode == ReadMode.COLD
    jobs = resolve_jobs(options, console.debug, roots, in_memory=not is_cold)
    with Progress("verify", run.rows_this_call, run.bytes_this_call, options) as progress:
        verifier = PairVerifier(DiskAccess(progress, stop), cold=is_cold, archive_only=options.archive_only)
        rows = stop_at_missing_disk(ordered_map(verifier.verify, run.rows(), jobs))
        for batch in checkpoints(rows, rows=CHECKPOINT_ROWS, seconds=CHECKPOINT_SECONDS):
            if console.debug_enabled:
                for row in batch:
                    console.debug(f"{row.status}: {printable(row.source_path)} {row.reason}")
            run.record(batch)
            progress.reach(run.done_rows, run.done_bytes)
    warn_of_shared_disk(run, verifier, console)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return run_stage(Stage.VERIFY, lambda console, stop: verify(options, console, stop), options)


if __name__ == "__main__":
    raise SystemExit(main())

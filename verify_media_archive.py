#!/usr/bin/env python3
"""Stage 2: prove by content that each source file has a byte-identical copy in the archive."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

from common import archive
from common.cli.console import Console
from common.cli.options import (
    CommonOptions,
    add_batch_options,
    add_common_options,
    common_options,
    make_parser,
    parse_arguments,
    require_distinct_paths,
    rerun_command,
    resolve_jobs,
)
from common.cli.progress import Progress
from common.cli.review import with_review_page
from common.cli.run import run_stage
from common.cli.shell import script_command
from common.cli.signals import StopRequest
from common.cli.summary import Summary, counts_and_amounts
from common.concurrency import ordered_map
from common.counts import count_text
from common.errors import BadInput, ExitCode, Interrupted, MediaArchiveError, StoppedEarly
from common.fileops.context import DiskAccess
from common.manifests.outputs import require_finished
from common.manifests.reader import Reader, Record, has_no_rows
from common.manifests.rows import VERIFY, VERIFY_INPUT_COLUMNS, VerifyRow
from common.manifests.state import RowRange, RunState
from common.manifests.writer import Writer
from common.paths import printable
from common.review.verify_page import VerifyCollector
from common.stages import Stage
from common.verify.config import Call
from common.verify.manifest import ManifestSurvey, is_plan, read_row
from common.verify.session import CARRIED_OUT, VERIFIED_STATUSES, VerifySession, open_verify_session
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


# --- parse -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The command line of this script, checked."""

    call: Call
    read_mode: str
    common: CommonOptions


def command_line() -> argparse.ArgumentParser:
    """The options of this script."""
    parser = make_parser(
        "Prove, reading every byte of both, that each source file has an identical copy in the archive.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    main.add_argument("--input-csv", required=True, metavar="PATH", help="a report.csv, or an unverified.csv fed back")
    main.add_argument(
        "--verified-out", default="", metavar="PATH", help="default: verified-<time>-<run>.csv beside the input"
    )
    main.add_argument(
        "--unverified-out", default="", metavar="PATH", help="default: unverified-<time>-<run>.csv beside it"
    )
    main.add_argument("--hash", choices=("sha256",), default="sha256", help="default: sha256")
    main.add_argument(
        "--read-mode",
        choices=("cold", "cached"),
        default="cold",
        help="cold (default) drops the cache, so that the storage medium itself is read",
    )
    main.add_argument(
        "--archive-only", action="store_true", help="check the archive alone against recorded hashes: a yearly scrub"
    )
    add_batch_options(parser, "<verified-out>.state.json")
    add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    parser = command_line()
    parsed = parse_arguments(parser, argv)
    call = Call(
        input_csv=os.path.abspath(parsed.input_csv),
        verified_out=os.path.abspath(parsed.verified_out) if parsed.verified_out else "",
        unverified_out=os.path.abspath(parsed.unverified_out) if parsed.unverified_out else "",
        state_file=os.path.abspath(parsed.state_file) if parsed.state_file else "",
        row_range=RowRange(parsed.offset, parsed.limit),
        archive_only=parsed.archive_only,
    )
    return Options(call, parsed.read_mode, common_options(parsed))


# --- the story -------------------------------------------------------------------------------------


def verify(options: Options, console: Console, stop: StopRequest) -> Summary:
    """Read rows from where the state says, examine each pair, record, and sum up."""
    require_finished(options.call.input_csv)
    call = options.call
    sums = os.path.join(os.path.dirname(call.verified_out), "SHA256SUMS")
    require_distinct_paths(options.common, (call.verified_out, call.unverified_out, call.state_file, sums))
    if has_no_rows(options.call.input_csv, VERIFY_INPUT_COLUMNS):
        return nothing_to_verify(options)
    with ExitStack() as stack:
        session, survey = open_verify_session(options.call, stack)
        roots = (survey.source_root, survey.archive_root)
        in_memory = options.read_mode == "cached"
        options = replace(options, common=resolve_jobs(options.common, console.debug, roots, in_memory))
        state = session.state
        for kind, (path, _) in state.outputs.items():
            console.debug(f"{kind}: {printable(path)}")
        if survey.torn_line:
            console.warning(
                f"{printable(options.call.input_csv)}, line {survey.torn_line}: the last row is cut short and is "
                "left out; run the stage before once more"
            )
        if state.complete and options.call.archive_only:
            raise BadInput(
                f"{printable(state.outputs['verified'][0])} is a check that came to its end: {nothing_read(session)}"
            )
        if state.complete:
            summary = summarize(options, session, survey)
            return with_review_page(
                replace(summary, notes=[nothing_read(session), *summary.notes]),
                options.common.review_html,
                VerifyCollector,
                session.recorded_rows(),
            )
        files = options.call.row_range.rows_this_run(state)
        # What rows have how many bytes is not known before they are read: an average one, then.
        size = survey.manifest.media_bytes * files // max(1, survey.manifest.rows)
        progress = stack.enter_context(Progress("verify", files, size, options.common))
        verifier = PairVerifier(
            DiskAccess(progress, stop), cold=options.read_mode == "cold", archive_only=options.call.archive_only
        )
        reader = stack.enter_context(Reader(options.call.input_csv, VERIFY_INPUT_COLUMNS))
        reader.seek(state.byte_offset)

        finished: list[VerifyRow] = []
        seen_files = seen_bytes = 0
        next_byte = state.byte_offset
        next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        trouble: MediaArchiveError | None = None
        guard = MissingDiskGuard()
        try:
            for row, end in ordered_map(
                verify_record(verifier, reader), records(reader, state, options), options.common.jobs
            ):
                if console.debug_enabled:
                    console.debug(f"{row.status}: {printable(row.source_path)} {row.reason}")
                finished.append(row)
                next_byte = end
                seen_files += 1
                seen_bytes += row.size_bytes
                progress.reach(seen_files, seen_bytes)
                guard.check(row)
                if len(finished) >= CHECKPOINT_ROWS or time.monotonic() >= next_checkpoint:
                    checkpoint(session, survey, finished, next_byte)
                    finished = []
                    next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
                if stop():
                    raise Interrupted
        except (Interrupted, StoppedEarly) as error:
            trouble = error
        if guard.tripped:
            raise StoppedEarly(guard.message(survey))
        checkpoint(session, survey, finished, next_byte)
        if trouble:
            raise trouble
        warn_of_one_disk(verifier, survey, console)
        return with_review_page(
            summarize(options, session, survey), options.common.review_html, VerifyCollector, session.recorded_rows()
        )


class MissingDiskGuard:
    """Notices that the first many files are all missing: then a disk is, and nothing must be written about files."""

    ROWS = 100

    def __init__(self) -> None:
        self._missing = 0
        self._originals = 0
        self._quiet = False

    def check(self, row: VerifyRow) -> None:
        """Look at a finished row; raises ``StoppedEarly`` to end the run when the alarm rings."""
        if row.status == "not_archived" and row.report_status != "planned":
            return
        # A report that was never carried out names files that nobody has stored.
        is_plan = row.report_status == "planned"
        self._quiet = self._quiet or is_plan or row.status not in ("archive_missing", "source_missing")
        self._originals += row.status == "source_missing"
        self._missing += 1
        if self.tripped:
            raise StoppedEarly("the first files are all missing")

    @property
    def tripped(self) -> bool:
        return self._missing >= self.ROWS and not self._quiet

    def message(self, survey: ManifestSurvey) -> str:
        """What to tell the user."""
        if self._originals == self._missing:
            return (
                f"{printable(survey.source_root)}: the first {self.ROWS} originals are all missing; nothing was "
                "written "
                "about them: mount the right disk and run again; if they are quarantined or purged, add --archive-only"
            )
        return (
            f"{printable(survey.archive_root)}: the first {self.ROWS} files are all missing, in the archive or the "
            "source; "
            "nothing was written about them: mount the right disks and run again, or begin behind them with --offset"
        )


def warn_of_one_disk(verifier: PairVerifier, survey: ManifestSurvey, console: Console) -> None:
    """Tell when the copies are no safer than the originals."""
    if verifier.sharing:
        console.warning(
            f"{len(verifier.sharing):,} archive files share their blocks on the disk with their source, "
            f"such as {printable(verifier.sharing[0])}: one bad block takes both"
        )
    elif survey.archive_id and not verifier.archive_only and _same_device(survey.source_root, survey.archive_root):
        console.info("source and archive are on one file system: keep another copy of the archive elsewhere")


def _same_device(one: str, other: str) -> bool:
    try:
        return os.stat(one).st_dev == os.stat(other).st_dev
    except OSError:
        return False


def records(reader: Reader, state: RunState, options: Options) -> Iterator[Record]:
    """The records that this call is to examine."""
    return islice(reader, options.call.row_range.rows_this_run(state))


def verify_record(verifier: PairVerifier, reader: Reader) -> Callable[[Record], tuple[VerifyRow, int]]:
    """How a record becomes a finished row, with the byte behind it in the input."""
    return lambda record: (verifier.verify(read_row(record, reader.where(record.line))), record.end)


def checkpoint(session: VerifySession, survey: ManifestSurvey, rows: Sequence[VerifyRow], next_byte: int) -> None:
    """Record rows, unless the archive went away meanwhile: then its files are not missing, the disk is."""
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id)
    reached = session.state.next_offset + len(rows)
    session.record(rows, next_byte, complete=session.state.is_last(reached))


def summarize(options: Options, session: VerifySession, survey: ManifestSurvey) -> Summary:
    """The counts, and what to do next."""
    state = session.state
    totals = Counter(state.counts if state.complete else session.call_counts)
    attention, cached, carried_out = (totals.pop(name, 0) for name in ("attention", "cached", CARRIED_OUT))
    counts, amounts = counts_and_amounts("rows", totals)
    first = state.next_offset - counts["rows"] + 1
    window = f"rows {first:,} to {state.next_offset:,}" if counts["rows"] else "none"
    notes = []
    if attention:
        unverified = printable(state.outputs["unverified"][0])
        notes.append(f"to look at: {count_text(attention, 'row')} not verified; the reasons are in {unverified}")
    gone = counts.get("source_missing", 0)
    if gone and gone + counts.get("not_archived", 0) == counts["rows"]:
        notes.append("no original is where it was: if all are quarantined or purged, --archive-only reads the copies")
    if cached:
        notes.append(f"read from memory, not from the medium: {count_text(cached, 'file')} (read_mode is cached)")
    if archive.is_archive(survey.source_root):
        notes.append(f"THE SOURCE IS AN ARCHIVE ITSELF: {printable(survey.source_root)}")
    if survey.torn_line:
        notes.append(f"the last row of the input (line {survey.torn_line}) was cut short and is left out")
    if not state.complete:
        notes.append(f"left to do: {count_text(state.remaining_rows, 'row')}")
    return Summary(
        tool=Stage.VERIFY,
        action="archive-only" if options.call.archive_only else "verify",
        headline=f"verify: {printable(options.call.input_csv)}, {window} of {survey.manifest.rows:,}",
        run_id=state.run_id,
        exit_code=ExitCode.ATTENTION if attention or survey.torn_line else ExitCode.OK,
        counts=counts,
        amounts=amounts,
        outputs={**{kind: path for kind, (path, _) in state.outputs.items()}, "state": session.state_path},
        notes=notes,
        complete=state.complete,
        next_steps=next_steps(
            options, state, counts, attention, for_a_plan=not carried_out and is_plan(options.call.input_csv)
        ),
    )


def nothing_read(session: VerifySession) -> str:
    """What a call says that found all done: one with the same names must not seem to have read anything."""
    last = max((row.verified_at for row in session.recorded_rows()), default="never")
    return f"NOTHING WAS READ: all rows were verified before, the last at {last}; to read all anew, name other outputs"


def nothing_to_verify(options: Options) -> Summary:
    """The summary for an input without rows. Changes the disk: outputs that were named are made, without rows as well,
    so that the next stage of a chain finds its manifest."""
    named = {"verified": options.call.verified_out, "unverified": options.call.unverified_out}
    outputs = {kind: path for kind, path in named.items() if path}
    for path in outputs.values():
        if os.path.lexists(path):
            if not has_no_rows(path, VERIFY.columns):
                raise BadInput(f"{printable(path)} exists already; choose another name or move it away")
            continue
        writer = Writer(VERIFY, path)
        writer.sync()
        writer.close()
    action = "archive-only" if options.call.archive_only else "verify"
    headline = f"verify: {printable(options.call.input_csv)} has no rows; there is nothing to verify"
    return Summary(Stage.VERIFY, headline, "", ExitCode.OK, {"rows": 0}, action=action, outputs=outputs)


def next_steps(
    options: Options, state: RunState, counts: Mapping[str, int], attention: int, for_a_plan: bool
) -> list[str]:
    """What to do now, with the command lines to paste. ``for_a_plan``: the input is one, and no run has acted on it."""
    if not state.complete:
        return [f"next: {rerun_command(Stage.VERIFY, options.common)}"]
    steps = []
    if options.call.archive_only:
        if attention:
            steps.append("next: bring back the files in the unverified list from another copy")
    elif counts.get("identical"):
        arguments = ("--manifest", state.outputs["verified"][0], "--expected-run-id", state.run_id, "--dry-run")
        steps.append(f"next: {script_command(Stage.APPLY, *arguments)}")
    # What organize was to leave out is not archived either, and needs nobody.
    settled = ("rows", "not_archived", *VERIFIED_STATUSES)
    examined = sum(number for status, number in counts.items() if status not in settled)
    if attention > examined and not options.call.archive_only:
        plan = script_command(Stage.ORGANIZE, "--from-report", options.call.input_csv, "--mode", "copy")
        what = f"carry out the plan: {plan}" if for_a_plan else "organize it again"
        steps.append(f"for what is not archived: {what}, then verify the new report")
    if examined or (attention and options.call.archive_only):
        scrub = ("--archive-only",) if options.call.archive_only else ()
        again = script_command(Stage.VERIFY, "--input-csv", state.outputs["unverified"][0], *scrub)
        steps.append(f"for what is not verified, when its cause is mended: {again}")
    return steps


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return run_stage(Stage.VERIFY, lambda console, stop: verify(options, console, stop), options.common)


if __name__ == "__main__":
    raise SystemExit(main())

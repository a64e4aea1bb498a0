"""The summary of a run of verify: its counts, notes and next steps."""

import os
from collections.abc import Iterator, Mapping

from common import archive
from common.cli.console import Console
from common.cli.options import rerun_command
from common.cli.shell import script_command
from common.cli.summary import Summary, counts_and_amounts, with_review_page
from common.counts import Counts, count_text
from common.errors import BadInput, ExitCode
from common.manifests.rows import VERIFY, Writer
from common.manifests.statuses import VERIFIED_STATUSES, VerifyStatus
from common.manifests.survey import ManifestInput
from common.paths import printable
from common.review.verify_page import VerifyCollector
from common.stages import Stage
from common.verify.manifest import Options
from common.verify.session import (
    ATTENTION,
    CACHED,
    CARRIED_OUT,
    COUNTED,
    LACKING_ATTRIBUTES,
    LACKING_TIMES,
    VerifySession,
)
from common.verify.verifier import PairVerifier


def summarize(run: VerifySession, note: str = "") -> Summary:
    """Make the summary of a call; ``note`` comes before the other notes. Changes the disk: the review page."""
    options, state, survey = run.options, run.state, run.survey
    totals = Counts.from_flat(state.counts) if state.complete else run.counts_this_call
    attention, cached, carried_out = (totals[name] for name in (ATTENTION, CACHED, CARRIED_OUT))
    statuses = {name: name for name in totals.rows if name not in COUNTED}
    counts, amounts = counts_and_amounts("rows", totals, statuses)
    first = state.next_offset - counts["rows"] + 1
    window = f"rows {first:,} to {state.next_offset:,}" if counts["rows"] else "none"
    summary = Summary(
        tool=Stage.VERIFY,
        action=options.action,
        headline=f"verify: {printable(options.input_csv)}, {window} of {survey.manifest.rows:,}",
        run_id=state.run_id,
        exit_code=ExitCode.ATTENTION if attention or survey.torn_line else ExitCode.OK,
        counts=counts,
        amounts=amounts,
        outputs={**{kind: path for kind, (path, _) in state.outputs.items()}, "state": run.state_path},
        notes=[*filter(None, [note]), *_notes(run, counts, attention, cached), *_notes_on_attributes(totals)],
        complete=state.complete,
        next_steps=list(
            _next_steps(
                run, counts, attention, is_plan=run.is_plan and not carried_out and not run.relocation.is_relocated
            )
        ),
    )
    return with_review_page(summary, options.review_html, VerifyCollector, run.recorded_rows())


def summarize_finished(run: VerifySession) -> Summary:
    """Make the summary if earlier calls have verified all rows: it must not look as if this one had read anything.

    Raises ``BadInput`` with ``--archive-only``, since a yearly check must not pass without reading the archive.
    """
    last = max((row.verified_at for row in run.recorded_rows()), default="never")
    note = f"NOTHING WAS READ: all rows were verified before, the last at {last}; to read all anew, name other outputs"
    if run.options.archive_only:
        raise BadInput(f"{printable(run.state.outputs['verified'][0])} is a check that came to its end: {note}")
    return summarize(run, note)


def summarize_empty(options: Options) -> Summary:
    """Make the summary for an input without rows. Raises ``BadInput`` if a named output has rows already.

    Changes the disk: makes the outputs that are named, without rows, so that the next stage finds its manifest.
    """
    named = ("verified", options.verified_out), ("unverified", options.unverified_out)
    outputs = {kind: path for kind, path in named if path}
    for path in outputs.values():
        if os.path.lexists(path):
            with ManifestInput(path, VERIFY.required) as existing:
                if not existing.is_empty():
                    raise BadInput(f"{printable(path)} exists already; choose another name or move it away")
            continue
        with Writer(VERIFY, path) as writer:
            writer.sync()
    headline = f"verify: {printable(options.input_csv)} has no rows; there is nothing to verify"
    return Summary(Stage.VERIFY, headline, "", ExitCode.OK, {"rows": 0}, action=options.action, outputs=outputs)


def _notes(run: VerifySession, counts: Mapping[str, int], attention: int, cached: int) -> Iterator[str]:
    """Yield the notes for the user. Reads the disk: whether the source is an archive."""
    yield from run.relocation.notes
    if attention:
        unverified = printable(run.state.outputs["unverified"][0])
        yield f"to look at: {count_text(attention, 'row')} not verified; the reasons are in {unverified}"
    missing = counts.get(VerifyStatus.SOURCE_MISSING, 0)
    if missing and missing + counts.get(VerifyStatus.NOT_ARCHIVED, 0) == counts["rows"]:
        yield "no original is where it was: if all are quarantined or purged, --archive-only reads the copies"
    if cached:
        yield f"copies read from memory, not from the medium: {count_text(cached, 'file')} (read_mode is cached)"
    if archive.is_archive(run.survey.source_root):
        yield f"THE SOURCE IS AN ARCHIVE ITSELF: {printable(run.survey.source_root)}"
    if run.survey.torn_line:
        yield f"the last row of the input (line {run.survey.torn_line}) was cut short and is left out"
    if not run.state.complete:
        yield f"left to do: {count_text(run.state.remaining_rows, 'row')}"


def _notes_on_attributes(totals: Counts) -> Iterator[str]:
    if lacking := totals[LACKING_ATTRIBUTES]:
        copies = count_text(lacking, "archive copy", "archive copies")
        yield (
            f"without tags or other extended attributes of the original: {copies}; "
            "the reasons name them, and apply destroys such originals only with --accept-lost-attributes"
        )
    if lacking := totals[LACKING_TIMES]:
        copies = count_text(lacking, "archive copy", "archive copies")
        yield (
            f"MODIFICATION TIMES LOST: {copies} with another time than the original, which "
            "may be all that tells its year; before the originals go, copy them again to a disk that keeps times"
        )


def _next_steps(run: VerifySession, counts: Mapping[str, int], attention: int, is_plan: bool) -> Iterator[str]:
    """Yield what to do next, with command lines to paste."""
    options, outputs = run.options, run.state.outputs
    if not run.state.complete:
        yield f"next: {rerun_command(Stage.VERIFY, options)}"
        return
    # What organize skipped is not archived either, but can't be verified later.
    settled = ("rows", VerifyStatus.NOT_ARCHIVED, *VERIFIED_STATUSES)
    failed = sum(number for status, number in counts.items() if status not in settled)
    if options.archive_only:
        if attention:
            yield "next: bring back the files in the unverified list from another copy"
    else:
        if counts.get(VerifyStatus.IDENTICAL):
            arguments = ("--manifest", outputs["verified"][0], "--expected-run-id", run.state.run_id, "--dry-run")
            yield f"next: {script_command(Stage.APPLY, *arguments)}"
        if attention > failed:
            plan = script_command(Stage.ORGANIZE, "--from-report", options.input_csv, "--mode", "copy")
            advice = f"carry out the plan: {plan}" if is_plan else "organize it again"
            yield f"for what is not archived: {advice}, then verify the new report"
    if failed or (attention and options.archive_only):
        scrub = ("--archive-only",) if options.archive_only else ()
        again = script_command(Stage.VERIFY, "--input-csv", outputs["unverified"][0], *scrub)
        yield f"for what is not verified, when its cause is mended: {again}"


def warn_of_shared_disk(run: VerifySession, verifier: PairVerifier, console: Console) -> None:
    """Warn if one disk failure could destroy both a file and its copy. Reads the disk."""
    survey, shared_blocks = run.survey, verifier.shared_blocks
    if shared_blocks:
        console.warning(
            f"{len(shared_blocks):,} archive files share their blocks on the disk with their source, "
            f"such as {printable(shared_blocks[0])}: one bad block takes both"
        )
    elif survey.archive_id and not run.options.archive_only and _same_device(survey.source_root, survey.archive_root):
        console.info("source and archive are on one file system: keep another copy of the archive elsewhere")


def _same_device(left: str, right: str) -> bool:
    try:
        return os.stat(left).st_dev == os.stat(right).st_dev
    except OSError:
        return False

"""The summary of a run of apply: counts, notes for the user, and what to do next."""

from collections.abc import Iterator, Mapping

from common import archive
from common.apply.journal import JournalReader
from common.apply.manifest import ManifestKind, Options
from common.apply.run import ApplyRun, Counted
from common.cli.options import rerun_command
from common.cli.shell import script_command
from common.cli.summary import Summary, counts_and_amounts, with_review_page
from common.counts import Counts, count_text
from common.errors import ExitCode
from common.manifests.rows import JournalRow
from common.manifests.state import RunState
from common.manifests.statuses import Action, ManifestType, Phase
from common.paths import printable
from common.review.apply_page import ApplyCollector
from common.stages import Stage


def summarize_empty(options: Options, kind: ManifestKind) -> Summary:
    """Make the summary for a manifest without rows. Pure."""
    headline = f"{kind.action}: {printable(options.manifest)} has no rows; there is nothing to do"
    return Summary(Stage.APPLY, headline, "", ExitCode.OK, {"rows": 0}, action=kind.action, dry_run=options.dry_run)


def summarize(run: ApplyRun, state: RunState, counts: Counts) -> Summary:
    """Make the summary of a call from the state at its end and its counts. Changes the disk: the review page."""
    dry_run, action = run.options.dry_run, run.kind.action
    done = f"would be {run.kind.past}" if dry_run else run.kind.past
    names = {str(name): str(name) for name in (*Phase, Counted.DONE_BEFORE, Counted.NOTHING_TO_DO)} | {"done": done}
    shown_counts, amounts = counts_and_amounts("rows", counts, names)
    rows, all_rows = shown_counts["rows"], run.survey.manifest.rows
    is_part = all_rows > rows > 0 and run.kind.type == ManifestType.VERIFIED and not dry_run
    window = f", rows {state.next_offset - rows + 1:,} to {state.next_offset:,} of {all_rows:,}" if is_part else ""
    has_failed = counts[Phase.FAILED] or _failed_before(run, state, counts)
    needs_attention = has_failed or counts[Counted.FOLDERS_LEFT] or run.survey.torn_line
    summary = Summary(
        tool=Stage.APPLY,
        action=action,
        dry_run=dry_run,
        headline=f"{action}{' (dry run)' if dry_run else ''}: {printable(run.options.manifest)}{window}",
        run_id=run.survey.run_id,
        exit_code=ExitCode.ATTENTION if needs_attention else ExitCode.OK,
        counts=shown_counts,
        amounts=amounts,
        outputs={} if dry_run else {"journal": run.paths.journal, "state": run.paths.state},
        notes=[*_notes_on_files(run, state, counts), *_notes_on_manifest(run, state, shown_counts)],
        complete=state.complete,
        next_steps=_next_steps(run, state, counts),
    )
    return with_review_page(summary, run.options.review_html, ApplyCollector, _journal_rows(run))


def _journal_rows(run: ApplyRun) -> Iterator[JournalRow]:
    with JournalReader(run.paths.journal, run.survey.run_id) as reader:
        yield from reader


def _failed_before(run: ApplyRun, state: RunState, counts: Counts) -> int:
    """How many files failed in earlier calls of a run that is now complete; else 0."""
    return state.counts.get(Phase.FAILED, 0) - counts[Phase.FAILED] if state.complete and not run.options.dry_run else 0


def _notes_on_files(run: ApplyRun, state: RunState, counts: Counts) -> Iterator[str]:
    dry_run = run.options.dry_run
    if run.state.complete:
        yield "NOTHING WAS DONE: all rows were applied before; to look at all once more, leave out --limit"
    if failed_before := _failed_before(run, state, counts):
        yield f"failed in the calls before: {count_text(failed_before, 'file')}; the reasons are in the journal"
    if counts[Phase.FAILED]:
        where = "above" if dry_run else "above and in the journal"
        yield f"failed: {count_text(counts[Phase.FAILED], 'file')}, not touched; the reasons are {where}"
    if counts[Counted.PURGED_BEFORE]:
        purged = count_text(counts[Counted.PURGED_BEFORE], "file")
        yield f"purged before: {purged}, gone for good; the journal names their copies in the archive"
    if counts[Phase.SKIPPED] > counts[Counted.PURGED_BEFORE] and not dry_run:
        skipped = count_text(counts[Phase.SKIPPED] - counts[Counted.PURGED_BEFORE], "file")
        yield f"skipped: {skipped}, for which nothing was to be done; the journal tells why"
    if counts[Counted.FROM_MEMORY]:
        files = count_text(counts[Counted.FROM_MEMORY], "file")
        yield f"destroyed after the archive copies were read from memory, not from the medium: {files}"
    if counts[Counted.CROSSED]:
        files = count_text(counts[Counted.CROSSED], "file")
        verb = "would be copied" if dry_run else "copied"
        yield f"{verb} to another file system, and removed from the one before: {files}"
    if run.disk.unsupported_attributes:
        yield f"the file system could not hold: {', '.join(sorted(run.disk.unsupported_attributes))}"
    if counts[Counted.FOLDERS_REMOVED]:
        yield f"removed: {count_text(counts[Counted.FOLDERS_REMOVED], 'empty folder')}"
    if counts[Counted.FOLDERS_LEFT]:
        yield f"left behind: {count_text(counts[Counted.FOLDERS_LEFT], 'empty folder')}; the reasons are above"


def _notes_on_manifest(run: ApplyRun, state: RunState, shown_counts: Mapping[str, int]) -> Iterator[str]:
    survey, is_journal = run.survey, run.kind.type == ManifestType.JOURNAL
    yield from run.relocation.notes
    if archive.is_archive(survey.source_root):
        yield f"THE SOURCE IS AN ARCHIVE ITSELF: {printable(survey.source_root)}"
    if survey.torn_line:
        yield f"the last row of the manifest (line {survey.torn_line}) was cut short and is left out"
    if is_journal and not shown_counts["rows"]:
        yield "nothing was to be done for these rows: a journal has a row for each intention and each outcome"
    if run.kind.type == ManifestType.REPORT and set(shown_counts) == {"rows", Counted.NOTHING_TO_DO}:
        yield "nothing was moved by this report, so there is nothing to take back"
    if not state.complete and not run.options.dry_run:
        of_journal = " of the journal, of which each file has several" if is_journal else ""
        yield f"left to do: {count_text(state.remaining_rows, 'row')}{of_journal}"


def _next_steps(run: ApplyRun, state: RunState, counts: Counts) -> list[str]:
    """What to do next, with command lines to paste."""
    options = run.options
    if options.dry_run:
        return [f"next: {rerun_command(Stage.APPLY, options, without='--dry-run')}"] if counts[Phase.DONE] else []
    if not state.complete:
        return [f"next: {rerun_command(Stage.APPLY, options)}"]
    steps = []
    if run.kind.action == Action.QUARANTINE and run.paths.holds_files():
        restore = _apply_command(run, run.paths.journal, "--restore")
        purge = _apply_command(run, run.paths.journal, "--delete-permanently", "--yes-really-delete")
        steps = ["next: look around for some weeks", f"to bring all back: {restore}", f"to free the space: {purge}"]
    if counts[Phase.FAILED] or state.counts.get(Phase.FAILED):
        # The same command would do nothing for a complete shard.
        window = "" if options.row_range.is_shard else "--limit"
        command = rerun_command(Stage.APPLY, options, without=window, values=1)
        steps.append(f"for what failed, when its cause is mended: {command}")
    if counts[Counted.CHANGED] or state.counts.get(Counted.CHANGED):
        roots = ("--source", run.survey.source_root, "--destination-root", run.survey.archive_root)
        copy = script_command(Stage.ORGANIZE, *roots, "--mode", "copy")
        steps.append(f"for what was changed since it was verified, store it as it is now, then verify that: {copy}")
    if run.kind.action == Action.PURGE and counts[Phase.FAILED]:
        restore = _apply_command(run, options.manifest, "--restore")
        steps.append(f"what was kept may be the only good copy; to bring it back, and store it again: {restore}")
    return steps


def _apply_command(run: ApplyRun, manifest: str, *options: str) -> str:
    given = ("--manifest", manifest, "--expected-run-id", run.survey.run_id, *options)
    return script_command(Stage.APPLY, *given, *run.relocation.arguments)

#!/usr/bin/env python3
"""Stage 3: take verified originals out of the source, into a quarantine or for good, and bring them back."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from common import archive
from common.apply.config import Call
from common.apply.executor import Outcome, TaskExecutor, clear_leftovers, journal_row, outcome_row
from common.apply.folders import folder_times, prune, restore_folder_times, sync_touched, tidy_quarantine
from common.apply.journal import JournalReader, destroyed_rows
from common.apply.manifest import ManifestKind, ManifestSurvey, detect_kind
from common.apply.places import PurgedRows, RunPaths, restored_since
from common.apply.quarantine import holds_files, prepare_quarantine, require_place, require_quarantine
from common.apply.session import ApplySession, first_state, open_manifest
from common.apply.tasks import Task, read_task
from common.cli.console import Console
from common.cli.options import (
    CommonOptions,
    add_batch_options,
    add_common_options,
    common_options,
    days,
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
from common.counts import count_file, count_folder, count_text
from common.errors import BadInput, ExitCode, Interrupted, MediaArchiveError, StoppedEarly
from common.fileops.context import DiskAccess
from common.manifests.outputs import is_unfinished, require_finished
from common.manifests.reader import Reader, has_no_rows
from common.manifests.reasons import asks_to_verify_again, is_purged
from common.manifests.rows import JournalRow
from common.manifests.state import RowRange, RunState, load_state
from common.media_types import QUARANTINE_FOLDER, kind_of
from common.paths import path_exists, printable
from common.review.apply_page import ApplyCollector
from common.run_id import is_run_id
from common.stages import Stage
from common.timestamps import utc_text

BATCH_ROWS = 512
FOLDERS_LEFT = "folders left"
FOLDERS_REMOVED = "folders removed"
PURGED_BEFORE = "purged before"
FROM_MEMORY = "destroyed by what memory may have answered"
CHANGED = "changed since it was verified"

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


# --- parse -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The command line of this script, checked."""

    call: Call
    dry_run: bool
    delete_permanently: bool
    restore: bool
    prune_empty_dirs: bool
    max_age: int
    common: CommonOptions


def command_line() -> argparse.ArgumentParser:
    """The options of this script."""
    parser = make_parser(
        "Take verified originals out of the source: into a quarantine, or for good when that is said twice.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    main.add_argument(
        "--manifest", required=True, metavar="PATH", help="verified.csv, or journal.csv to --restore or purge"
    )
    main.add_argument(
        "--expected-run-id", required=True, metavar="UUID|auto", help="the run_id of the manifest; auto: as it says"
    )
    main.add_argument(
        "--quarantine-root", default="", metavar="DIR", help=f"default: <source_root>/{QUARANTINE_FOLDER}"
    )
    main.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    main.add_argument(
        "--restore", action="store_true", help="bring back what a journal, or the report of a move, names"
    )
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
    if parsed.expected_run_id != "auto" and not is_run_id(parsed.expected_run_id):
        parser.error(
            f"--expected-run-id {parsed.expected_run_id!r} is no run_id; give the one in the manifest, or auto"
        )
    call = Call(
        manifest=os.path.abspath(parsed.manifest),
        expected_run_id=parsed.expected_run_id,
        quarantine_root=os.path.abspath(parsed.quarantine_root) if parsed.quarantine_root else "",
        row_range=RowRange(parsed.offset, parsed.limit),
        state_file=os.path.abspath(parsed.state_file) if parsed.state_file else "",
    )
    return Options(
        call=call,
        dry_run=parsed.dry_run,
        delete_permanently=parsed.delete_permanently,
        restore=parsed.restore,
        prune_empty_dirs=parsed.prune_empty_dirs,
        max_age=parsed.max_age,
        common=common_options(parsed),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the manifest on its way: its task, if any, and the byte behind it."""

    task: Task | None
    end: int


# --- the story -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What is known before anything is done."""

    options: Options
    kind: ManifestKind
    survey: ManifestSurvey
    places: RunPaths
    console: Console
    unsupported_attributes: set[str]
    """What the file systems on the way could not hold of the files, filled as the work goes on."""


def apply(options: Options, console: Console, stop: StopRequest) -> Summary:
    """Read rows from where the state says, look, write down what is intended, act, record, and sum up."""
    kind = detect_kind(options.call.manifest, options.restore, options.delete_permanently)
    require_options_of(kind, options)
    if kind.name == "report":
        require_finished(options.call.manifest)
    if has_no_rows(options.call.manifest, kind.columns):
        return nothing_to_do(options, kind)
    survey, places, state = open_manifest(options.call, kind)
    require_distinct_paths(options.common, (places.journal, places.state))
    require_surroundings(kind, survey)
    require_quarantine(kind, options.call.manifest, survey.run_id)
    if kind.name == "verified" and state is None and survey.manifest.media_bytes:
        archive.require_files_in_source(survey.source_root)
    roots = (survey.source_root, survey.archive_root)
    options = replace(options, common=resolve_jobs(options.common, console.debug, roots))
    run = Run(options, kind, survey, places, console, set())
    if survey.torn_line:
        console.warning(
            f"{printable(options.call.manifest)}, line {survey.torn_line}: the last row is cut short and is left out"
        )
    if kind.name == "verified" and is_unfinished(options.call.manifest, "verify"):
        console.info("this verification has not come to its end: its other rows are for a later call")
    with ExitStack() as stack:
        require_place(kind, survey, places)
        if not options.dry_run:
            prepare_quarantine(kind, survey, places, stack)
            state = load_state(places.state, Stage.APPLY)  # again, now that nobody else writes it
        if state and state.complete:
            if options.call.row_range.limit and not restored_since(places, kind):
                summary = summarize(run, state, Counter(state.counts))
                return with_review_page(
                    replace(summary, notes=[NOTHING_DONE, *summary.notes]),
                    run.options.common.review_html,
                    ApplyCollector,
                    rows_for_review(run),
                )
            console.info(f"all of this was {PAST[kind.action]} before: {ONCE_MORE[kind.action]}")
            state = None
        elif state and restored_since(places, kind):
            console.info("files of this manifest were brought back since: it is begun at its first row again")
            state = None
        state = state or first_state(options.call, kind, survey)
        files, first_offset = options.call.row_range.rows_this_run(state), state.next_offset
        # Destroying reads whole files; taking them somewhere else mostly is a rename.
        size = survey.manifest.media_bytes * files // max(1, survey.manifest.rows)
        reads = kind.action in ("delete", "purge")
        progress = stack.enter_context(Progress(kind.action, files, size if reads else None, options.common))
        oldest = oldest_allowed(options)
        purged = PurgedRows(places, kind, survey.run_id)
        disk = DiskAccess(progress, stop)
        executor = TaskExecutor(disk, oldest_allowed=oldest, dry_run=options.dry_run, was_purged=purged.has)
        reader = stack.enter_context(Reader(options.call.manifest, kind.columns))
        reader.seek(state.byte_offset)
        lines = read_lines(run, reader, state)
        if options.dry_run:
            return preview_all(run, lines, executor, state)

        console.debug(f"journal: {printable(places.journal)}")
        session = ApplySession(places, state, survey.run_id)
        stack.callback(session.journal.close)
        if not state.remaining_rows:  # a shard that begins behind the last row
            session.checkpoint(Counter(), 0, state.byte_offset, complete=True)
        for batch in batches(lines, max(BATCH_ROWS, state.under_way)):
            if kind.needs_archive:
                archive.require_archive(survey.archive_root, survey.archive_id)
            session.begin(len(batch))
            counts = carry_out(run, batch, session, executor)
            reached = session.state.next_offset + len(batch)
            complete = session.state.is_last(reached)
            session.checkpoint(counts, len(batch), batch[-1].end, complete)
            seen = session.call_counts
            progress.reach(session.state.next_offset - first_offset, sum(seen[f"{phase}: bytes"] for phase in PHASES))
            if stop() and not complete:
                raise Interrupted
        return with_review_page(
            summarize(run, session.state, session.call_counts),
            run.options.common.review_html,
            ApplyCollector,
            rows_for_review(run),
        )


def oldest_allowed(options: Options) -> str:
    """The time before which a verification has expired, as it stands in the manifest; empty without ``--max-age``."""
    return utc_text(datetime.now(UTC) - timedelta(days=options.max_age)) if options.max_age else ""


def nothing_to_do(options: Options, kind: ManifestKind) -> Summary:
    """The summary for an empty manifest."""
    headline = f"{kind.action}: {printable(options.call.manifest)} has no rows; there is nothing to do"
    return Summary(Stage.APPLY, headline, "", ExitCode.OK, {"rows": 0}, action=kind.action, dry_run=options.dry_run)


def require_options_of(kind: ManifestKind, options: Options) -> None:
    """Refuse options that mean nothing for this kind of manifest: whoever gave them would believe that they held."""
    for option, value in (("--max-age", options.max_age), ("--prune-empty-dirs", options.prune_empty_dirs)):
        if value and kind.name != "verified":
            raise BadInput(f"{option} goes with a verified.csv, not with a {kind.name}; leave it out")


def require_surroundings(kind: ManifestKind, survey: ManifestSurvey) -> None:
    """Both disks must be there: a missing one is an error of the surroundings, not of a million rows.

    A purge leaves the source alone, and needs none.
    """
    if kind.name == "report" and not survey.archive_id:
        raise BadInput(
            f"{printable(survey.manifest.path)} is a plan: nothing was moved, so there is nothing to take back"
        )
    if kind.action != "purge":
        archive.require_source(survey.source_root)
    if kind.needs_archive:
        archive.require_archive(survey.archive_root, survey.archive_id)


def disk_away(run: Run) -> StoppedEarly | None:
    """The disk that went away while the run was at work, as the error that stops it."""
    try:
        require_surroundings(run.kind, run.survey)
        require_quarantine(run.kind, run.options.call.manifest, run.survey.run_id)
    except StoppedEarly as error:
        return error
    return None


def read_lines(run: Run, reader: Reader, state: RunState) -> Iterator[Line]:
    """The rows that this call is to act on."""
    for record in islice(reader, run.options.call.row_range.rows_this_run(state)):
        where = reader.where(record.line)
        yield Line(read_task(run.kind, record, where, run.places.quarantine_root, run.survey.void), record.end)


def batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def carry_out(run: Run, batch: Sequence[Line], session: ApplySession, executor: TaskExecutor) -> Counter[str]:
    """Write down what is intended, do it, write down what came of it. Changes the disk."""
    journal = session.journal
    tasks = [line.task for line in batch if line.task]
    known = {
        task.key: Outcome(row.phase, row.reason)
        for task in tasks
        if (row := journal.outcomes.get(task.key))
        and not (row.phase == "done" and task.from_path and path_exists(task.from_path))
    }
    under_way = set(journal.unresolved)
    clear_leftovers(task for task in tasks if task.key in under_way)
    was_done = {
        task.key
        for task in tasks
        if task.key not in known and task.key not in under_way
        if already_applied(task, executor, journal.has_destroyed)
    }
    # By key: a folder that was pruned, brought back and pruned again stands in the journal twice.
    by_key = {task.key: task for task in tasks if task.key not in known and task.key not in was_done}
    to_do = list(by_key.values())
    times = folder_times(tasks) | journal.folder_times
    for folder in times:
        executor.disk.directories.remove_stale_probes(folder)
    if run.kind.action == "restore":
        # What the quarantine's journal says is older and truer than what the folders say now.
        times |= {task.folder: task.folder_mtime for task in reversed(tasks) if task.folder}
    fresh = {
        task.key: journal_row(task, "planned", folder_time=times.get(task.touched_folder, ""))
        for task in to_do
        if task.key not in under_way
    }
    journal.append(list(fresh.values()))
    planned = fresh | journal.unresolved

    done: list[tuple[Task, Outcome]] = []
    trouble: MediaArchiveError | None = None
    # Renames are too short to be worth a thread; reading whole files is not.
    jobs = run.options.common.jobs if run.kind.action in ("delete", "purge") else 1
    try:
        for task, outcome in ordered_map(
            lambda task: (task, executor.apply_task(task, task.key in under_way)),
            until_stop(to_do, executor.disk.stop_requested),
            jobs,
        ):
            done.append((task, outcome))
    except (Interrupted, StoppedEarly) as error:
        trouble = error
    if any(outcome.phase == "failed" for _, outcome in done) and (away := disk_away(run)):
        # What seemed to be gone is not: these rows stay under way, and the same command tries them again.
        trouble = away
        done = [(task, outcome) for task, outcome in done if outcome.phase != "failed"]
    touched = [task for task, outcome in done if outcome.phase == "done"]
    restore_folder_times(times)
    sync_touched(touched)
    journal.append([outcome_row(planned[task.key], outcome) for task, outcome in done])
    if not trouble and len(done) < len(to_do):
        trouble = Interrupted()
    if trouble:
        raise trouble

    for task, outcome in done:
        if run.console.debug_enabled:
            run.console.debug(f"{outcome.phase}: {task.action} {printable(task.from_path)} {outcome.reason}")
        if outcome.phase == "failed":
            run.console.warning(f"{printable(task.from_path or task.to_path)}: {outcome.reason}")
    finished = [*done, *((task, known[task.key]) for task in tasks if task.key in known)]
    refusals: list[str] = []
    removed = 0
    if run.kind.name == "verified" and run.options.prune_empty_dirs and tasks:
        taken = [task for task, outcome in finished if outcome.phase == "done"]
        taken += [task for task in tasks if task.key in was_done]
        pruned = prune(journal, [os.path.dirname(task.source_path) for task in taken], tasks[0])
        refusals += pruned.refusals
        removed = pruned.removed
    refusals += tidy_quarantine(tasks)
    for refusal in refusals:
        run.console.warning(refusal)
    journal.forget_recalled(task.key for task in tasks)
    counts: Counter[str] = Counter()
    for task, outcome in finished:
        count_task(counts, outcome.phase, task)
    for task in tasks:
        if task.key in was_done:
            count_task(counts, "done before", task)
    counts[FOLDERS_LEFT] = len(refusals)
    counts[FOLDERS_REMOVED] = removed
    counts[CHANGED] = sum(outcome.phase == "failed" and asks_to_verify_again(outcome.reason) for _, outcome in finished)
    counts[PURGED_BEFORE] = sum(is_purged(outcome.reason) for _, outcome in finished)
    counts[FROM_MEMORY] = sum(outcome.phase == "done" and outcome.read_mode == "cached" for _, outcome in finished)
    if run.kind.name != "journal":
        counts["nothing to do"] += len(batch) - len(tasks)
    return +counts


def already_applied(task: Task, executor: TaskExecutor, has_destroyed: Callable[[int], bool]) -> bool:
    """Whether an earlier call has done what the task asks for: by looks, and for what is gone by the journal."""
    if task.action == "restore_folder":  # it comes from nowhere
        return executor.is_done(task)
    if executor.is_done(task):
        return True
    is_gone = task.action != "restore" and not path_exists(task.from_path)
    return is_gone and (has_destroyed(task.row_id) or executor.was_purged(task.row_id))


def until_stop(tasks: Iterable[Task], stop: Callable[[], bool]) -> Iterator[Task]:
    for task in tasks:
        if stop():
            return
        yield task


def preview_all(run: Run, lines: Iterable[Line], executor: TaskExecutor, state: RunState) -> Summary:
    """Print the plan: what the same command without --dry-run would do, by what can be seen now."""
    counts: Counter[str] = Counter()
    destroyed = destroyed_rows(run.places.journal, run.survey.run_id)
    for batch in batches(lines, max(BATCH_ROWS, state.under_way)):
        tasks = {line.task.key: line.task for line in batch if line.task}
        if run.kind.name != "journal":
            counts["nothing to do"] += len(batch) - len(tasks)
        for task in tasks.values():
            done_before = already_applied(task, executor, lambda row_id: row_id in destroyed)
            outcome = Outcome("done before") if done_before else executor.preview(task)
            count_task(counts, outcome.phase, task)
            if not (run.options.common.json or run.options.common.quiet):
                print(format_row(task, outcome))
    return summarize(run, state, +counts)


def format_row(task: Task, outcome: Outcome) -> str:
    """What a person is told of one task that was only looked at."""
    would = f"would {task.action.replace('_', ' ')}" if outcome.phase == "done" else outcome.phase
    where = f" -> {printable(task.to_path)}" if task.to_path and outcome.phase == "done" else ""
    why = f" ({outcome.reason})" if outcome.reason else ""
    return f"{would}: {printable(task.from_path or task.to_path)}{where}{why}"


def count_task(counts: Counter[str], phase: str, task: Task) -> None:
    """Count one task with what came of it."""
    if task.action == "restore_folder":
        count_folder(counts, phase)
    else:
        count_file(counts, phase, kind_of(os.path.basename(task.source_path)), task.size_bytes)


NOTHING_DONE = "NOTHING WAS DONE: all rows were applied before; to look at all once more, leave out --limit"
PHASES = ("done", "skipped", "failed", "done before")
ONCE_MORE = {
    "quarantine": "what has come back since is taken once more",
    "delete": "what has come back since is deleted as well",
    "purge": "what was quarantined since is destroyed as well",
    "restore": "what was taken since is brought back as well",
}
PAST = {"quarantine": "quarantined", "delete": "deleted", "purge": "purged", "restore": "restored"}


def summarize(run: Run, state: RunState, counts: Counter[str]) -> Summary:
    """The counts, and what to do next."""
    dry_run, action, survey = run.options.dry_run, run.kind.action, run.survey
    done = f"would be {PAST[action]}" if dry_run else PAST[action]
    names = {name: name for name in (*PHASES, "nothing to do")} | {"done": done}
    shown_counts, amounts = counts_and_amounts("rows", counts, names)
    first = state.next_offset - shown_counts["rows"] + 1
    is_part = survey.manifest.rows > shown_counts["rows"] > 0 and run.kind.name == "verified"
    window = f", rows {first:,} to {state.next_offset:,} of {survey.manifest.rows:,}" if is_part and not dry_run else ""
    notes = []
    failed_before = state.counts.get("failed", 0) - counts["failed"] if state.complete and not dry_run else 0
    if failed_before:
        notes.append(f"failed in the calls before: {count_text(failed_before, 'file')}; the reasons are in the journal")
    if counts["failed"]:
        where = "above" if dry_run else "above and in the journal"
        notes.append(f"failed: {count_text(counts['failed'], 'file')}, not touched; the reasons are {where}")
    if counts[PURGED_BEFORE]:
        purged = count_text(counts[PURGED_BEFORE], "file")
        notes.append(f"purged before: {purged}, gone for good; the journal names their copies in the archive")
    if counts["skipped"] > counts[PURGED_BEFORE] and not dry_run:
        skipped = count_text(counts["skipped"] - counts[PURGED_BEFORE], "file")
        notes.append(f"skipped: {skipped}, for which nothing was to be done; the journal tells why")
    if counts[FROM_MEMORY]:
        files = count_text(counts[FROM_MEMORY], "file")
        notes.append(f"destroyed after reading from memory, not from the medium: {files} (read_mode is cached)")
    if run.unsupported_attributes:
        notes.append(f"the file system could not hold: {', '.join(sorted(run.unsupported_attributes))}")
    if counts[FOLDERS_REMOVED]:
        notes.append(f"removed: {count_text(counts[FOLDERS_REMOVED], 'empty folder')}")
    if counts[FOLDERS_LEFT]:
        notes.append(f"left behind: {count_text(counts[FOLDERS_LEFT], 'empty folder')}; the reasons are above")
    if archive.is_archive(survey.source_root):
        notes.append(f"THE SOURCE IS AN ARCHIVE ITSELF: {printable(survey.source_root)}")
    if survey.torn_line:
        notes.append(f"the last row of the manifest (line {survey.torn_line}) was cut short and is left out")
    if run.kind.name == "journal" and not shown_counts["rows"]:
        notes.append("nothing was to be done for these rows: a journal has a row for each intention and each outcome")
    if run.kind.name == "report" and set(shown_counts) == {"rows", "nothing to do"}:
        notes.append("nothing was moved by this report, so there is nothing to take back")
    if not state.complete and not dry_run:
        of_what = " of the journal, of which each file has several" if run.kind.name == "journal" else ""
        notes.append(f"left to do: {count_text(state.remaining_rows, 'row')}{of_what}")
    attention = counts["failed"] or failed_before or counts[FOLDERS_LEFT] or survey.torn_line
    return Summary(
        tool=Stage.APPLY,
        action=action,
        dry_run=dry_run,
        headline=f"{action}{' (dry run)' if dry_run else ''}: {printable(run.options.call.manifest)}{window}",
        run_id=survey.run_id,
        exit_code=ExitCode.ATTENTION if attention else ExitCode.OK,
        counts=shown_counts,
        amounts=amounts,
        outputs={} if dry_run else {"journal": run.places.journal, "state": run.places.state},
        notes=notes,
        complete=state.complete,
        next_steps=next_steps(run, state, counts),
    )


def next_steps(run: Run, state: RunState, counts: Mapping[str, int]) -> list[str]:
    """What to do now, with the command lines to paste."""
    if run.options.dry_run:
        return (
            [f"next: {rerun_command(Stage.APPLY, run.options.common, without='--dry-run')}"] if counts["done"] else []
        )
    if not state.complete:
        return [f"next: {rerun_command(Stage.APPLY, run.options.common)}"]
    steps = []
    if run.kind.action == "quarantine" and holds_files(run.places):
        again = ("--manifest", run.places.journal, "--expected-run-id", state.run_id)
        restore = script_command(Stage.APPLY, *again, "--restore")
        purge = script_command(Stage.APPLY, *again, "--delete-permanently", "--yes-really-delete")
        steps = ["next: look around for some weeks", f"to bring all back: {restore}", f"to free the space: {purge}"]
    if counts["failed"] or state.counts.get("failed"):
        # A window that is done with has nothing left for the same command.
        window = "" if run.options.call.row_range.is_shard else "--limit"
        command = rerun_command(Stage.APPLY, run.options.common, without=window, values=1)
        steps.append(f"for what failed, when its cause is mended: {command}")
    if counts[CHANGED] or state.counts.get(CHANGED):
        roots = ("--source", run.survey.source_root, "--destination-root", run.survey.archive_root)
        store = script_command(Stage.ORGANIZE, *roots, "--mode", "copy")
        steps.append(f"for what was changed since it was verified, store it as it is now, then verify that: {store}")
    if run.kind.action == "purge" and counts["failed"]:
        again = ("--manifest", run.options.call.manifest, "--expected-run-id", state.run_id)
        restore = script_command(Stage.APPLY, *again, "--restore")
        steps.append(f"what was kept may be the only good copy; to bring it back, and store it again: {restore}")
    return steps


def rows_for_review(run: Run) -> Iterator[JournalRow]:
    """The rows that the review page shows: those of the journal."""
    with JournalReader(run.places.journal, run.survey.run_id) as reader:
        for row, _ in reader:
            yield row


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return run_stage(Stage.APPLY, lambda console, stop: apply(options, console, stop), options.common)


if __name__ == "__main__":
    raise SystemExit(main())

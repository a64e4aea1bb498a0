"""Applying one batch: find what earlier calls have done of it, record the intentions, act, record the outcomes.

Intentions are durable in the journal before the first act, and outcomes before the state advances.
"""

import os
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import NamedTuple

from common.apply import folders
from common.apply.executor import Outcome, TaskExecutor, clear_leftovers
from common.apply.journal import Journal, Key, destroyed_rows
from common.apply.run import ApplyRun, ApplySession, Batch, Counted
from common.apply.tasks import Task, read_task
from common.cli.console import Console
from common.concurrency import ordered_map
from common.counts import Counts
from common.errors import Interrupted, MediaArchiveError, StoppedEarly
from common.manifests import reasons
from common.manifests.batching import chunked
from common.manifests.reader import Reader
from common.manifests.rows import JournalRow
from common.manifests.statuses import Action, ManifestType, Phase, ReadMode
from common.media_types import kind_of
from common.paths import path_exists, printable, relative_to

BATCH_ROWS = 512
Outcomes = list[tuple[Task, Outcome]]


def read_batches(run: ApplyRun) -> Iterator[Batch]:
    """Yield the rows of this call in batches. Reads the disk. Raises ``BadInput`` for an invalid row.

    The first batch contains at least the rows that a killed call had begun.
    """
    with Reader(run.options.manifest, run.kind.table.required) as reader:
        reader.seek(run.state.byte_offset)
        rows = islice(reader, run.options.row_range.rows_this_call(run.state))
        for records in chunked(rows, max(BATCH_ROWS, run.state.under_way)):
            tasks = [
                read_task(
                    run.kind,
                    record,
                    reader.where(record.line),
                    run.paths.quarantine_root,
                    run.journal_check,
                    relocation=run.relocation,
                    escape_names=run.paths.escapes_names,
                )
                for record in records
            ]
            yield Batch([task for task in tasks if task], len(records), records[-1].end)


def carry_out(batch: Batch, session: ApplySession, executor: TaskExecutor) -> Counts:
    """Apply one batch, and return its counts. Changes the disk.

    Raises ``Interrupted`` or ``StoppedEarly`` after recording the outcomes so far in the journal; applying the same
    batch again finishes the rest.
    """
    recalled = recall(batch.tasks, session.journal, executor)
    clear_leftovers(task for task in batch.tasks if task.key in session.journal.recovery.intentions)
    intentions, folder_times = intend(batch.tasks, recalled.to_do, session.journal, executor)
    outcomes, error = act(recalled.to_do, folder_times, session, executor)
    record(outcomes, intentions, session.journal)
    if error:
        raise error
    report(outcomes, session.run.console)
    return tidy(batch, recalled, outcomes, session)


class RecalledBatch(NamedTuple):
    """The tasks of a batch, divided by what earlier calls have done.

    ``uncounted`` have an outcome in the journal that the state does not count yet. ``already_applied`` were done
    earlier, as the disk or a journal shows. ``to_do`` are all others, without repetitions.
    """

    uncounted: Outcomes
    already_applied: list[Task]
    to_do: list[Task]


def recall(tasks: list[Task], journal: Journal, executor: TaskExecutor) -> RecalledBatch:
    """Find what earlier calls have done of these tasks. Reads the disk."""
    uncounted: Outcomes = []
    already_applied: list[Task] = []
    # By key, since a folder that was pruned, restored and pruned again is in the journal twice.
    to_do: dict[Key, Task] = {}
    for task in tasks:
        row = journal.recovery.uncounted.get(task.key)
        # A file that was moved away but exists again must be moved away again.
        if row and not (row.phase == Phase.DONE and task.from_path and path_exists(task.from_path)):
            uncounted.append((task, Outcome(Phase(row.phase), row.reason)))
        elif task.key not in journal.recovery.intentions and executor.is_applied(task, journal.has_destroyed):
            already_applied.append(task)
        else:
            to_do[task.key] = task
    return RecalledBatch(uncounted, already_applied, list(to_do.values()))


def intend(
    tasks: list[Task], to_do: list[Task], journal: Journal, executor: TaskExecutor
) -> tuple[dict[Key, JournalRow], dict[str, str]]:
    """Record the intentions of the tasks to do durably in the journal, and return them.

    Also returns the times of all folders of the batch, to be restored after the acts. Changes the disk: writes the
    journal, and removes probes that a killed run left.
    """
    touched = folders.touched_folders(tasks)
    # Times that a killed run recorded take precedence: they are from before it changed the folders.
    times = folders.folder_times(touched.values()) | journal.recovery.folder_times
    for folder in times:
        executor.disk.directories.remove_stale_probes(folder)
    times |= folders.recorded_folder_times(tasks)
    intentions: dict[Key, JournalRow] = {}
    fresh: list[JournalRow] = []
    for task in to_do:
        row = journal.recovery.intentions.get(task.key)
        if row is None:
            folder = touched[task.key]
            row = task.intention(folder, times[folder]) if times.get(folder) else task.intention("", "")
            if point := executor.disk_of(task):
                on_disk = reasons.on_disk_below_source(relative_to(point, task.row.source_root))
                row = row._replace(reason=task.relocation.with_roots(on_disk))
            fresh.append(row)
        intentions[task.key] = row
    journal.append(fresh)
    return intentions, times


def act(
    to_do: list[Task], folder_times: dict[str, str], session: ApplySession, executor: TaskExecutor
) -> tuple[Outcomes, MediaArchiveError | None]:
    """Carry out tasks, restore the times of their folders, and sync these. Changes the disk.

    Returns the outcomes, and the error that kept the other tasks from being carried out, if any.
    """
    interrupted_before, stop_requested = session.journal.recovery.intentions, executor.disk.stop_requested

    def apply_task(task: Task) -> None:
        finished[task.key] = executor.apply_task(task, task.key in interrupted_before)

    finished: dict[Key, Outcome] = {}  # also of tasks that other threads were at when one stopped the run
    error: MediaArchiveError | None = None
    # Threads are worth it for reading whole files, but not for renames.
    jobs = session.run.jobs if session.run.kind.destroys else 1
    try:
        for _ in ordered_map(apply_task, takewhile(lambda _: not stop_requested(), to_do), jobs):
            pass
    except (Interrupted, StoppedEarly) as raised:
        error = raised
    outcomes = [(task, finished[task.key]) for task in to_do if task.key in finished]
    if missing := session.run.missing_disk():
        # Tasks that failed, or seemed done or needless, because their disk is missing get no outcome: the same command
        # tries them again.
        error = missing
        outcomes = [entry for entry in outcomes if entry[1].phase == Phase.DONE and not entry[1].reason]
    if not error and len(outcomes) < len(to_do):
        error = Interrupted()
    folders.restore_folder_times(folder_times)
    folders.sync_touched([task for task, outcome in outcomes if outcome.phase == Phase.DONE])
    return outcomes, error


def record(outcomes: Outcomes, intentions: dict[Key, JournalRow], journal: Journal) -> None:
    """Record the outcomes of tasks durably in the journal. Changes the disk."""
    rows = []
    for task, outcome in outcomes:
        phase, reason, read_mode = outcome.phase, outcome.reason, outcome.read_mode
        rows.append(intentions[task.key]._replace(phase=phase, reason=reason, read_mode=read_mode))
    journal.append(rows)


def report(outcomes: Outcomes, console: Console) -> None:
    """Print what failed, and with ``--verbose`` or a log file also what was done."""
    for task, outcome in outcomes:
        if console.debug_enabled:
            console.debug(f"{outcome.phase}: {task.action} {printable(task.from_path)} {outcome.reason}")
        if outcome.phase == Phase.FAILED:
            console.warning(f"{printable(task.from_path or task.to_path)}: {outcome.reason}")


def tidy(batch: Batch, recalled: RecalledBatch, outcomes: Outcomes, session: ApplySession) -> Counts:
    """Remove folders that a batch has emptied, and return the counts of the batch. Changes the disk."""
    run, journal, counts = session.run, session.journal, Counts()
    finished = outcomes + recalled.uncounted
    for task, outcome in finished:
        count_task(counts, outcome.phase, task)
        counts.add(Counted.CHANGED, outcome.phase == Phase.FAILED and reasons.asks_to_verify_again(outcome.reason))
        counts.add(Counted.PURGED_BEFORE, reasons.is_purged(outcome.reason))
        counts.add(Counted.CROSSED, outcome.phase == Phase.DONE and outcome.crossed)
        counts.add(Counted.FROM_MEMORY, outcome.phase == Phase.DONE and outcome.read_mode == ReadMode.CACHED)
    for task in recalled.already_applied:
        count_task(counts, Counted.DONE_BEFORE, task)
    if run.kind.type != ManifestType.JOURNAL:
        counts.add(Counted.NOTHING_TO_DO, batch.rows - len(batch.tasks))
    refusals: list[str] = []
    if run.options.prune_empty_dirs and batch.tasks:
        taken = [task for task, outcome in finished if outcome.phase == Phase.DONE] + recalled.already_applied
        emptied = [os.path.dirname(task.row.source_path) for task in taken]
        removed, refusals = folders.prune(journal, emptied, batch.tasks[0])
        counts.add(Counted.FOLDERS_REMOVED, removed)
    refusals += folders.tidy_quarantine(batch.tasks)
    for refusal in refusals:
        run.console.warning(refusal)
    counts.add(Counted.FOLDERS_LEFT, len(refusals))
    journal.recovery.forget_batch(task.key for task in batch.tasks)
    return counts


def count_task(counts: Counts, status: str, task: Task) -> None:
    """Count one task under a status. Changes ``counts``."""
    if task.action == Action.RESTORE_FOLDER:
        counts.add_folder(status)
    else:
        counts.add_file(status, kind_of(os.path.basename(task.row.source_path)), task.row.size_bytes)


def preview(run: ApplyRun, executor: TaskExecutor) -> Counts:
    """Print (unless ``--json`` or ``--quiet``) what the command would do without ``--dry-run``; return the counts."""
    counts = Counts()
    destroyed = destroyed_rows(run.paths.journal, run.survey.run_id)
    for batch in read_batches(run):
        tasks = {task.key: task for task in batch.tasks}
        if run.kind.type != ManifestType.JOURNAL:
            counts.add(Counted.NOTHING_TO_DO, batch.rows - len(tasks))
        for task in tasks.values():
            status, reason = str(Counted.DONE_BEFORE), ""
            if not executor.is_applied(task, destroyed.__contains__):
                outcome = executor.preview(task)
                status, reason = outcome.phase, outcome.reason
                counts.add(Counted.CROSSED, outcome.crossed)
            count_task(counts, status, task)
            if not (run.options.json or run.options.quiet):
                is_done = status == Phase.DONE
                verb = f"would {task.action.replace('_', ' ')}" if is_done else status
                target = f" -> {printable(task.to_path)}" if task.to_path and is_done else ""
                why = f" ({reason})" if reason else ""
                print(f"{verb}: {printable(task.from_path or task.to_path)}{target}{why}")
    return counts

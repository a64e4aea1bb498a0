"""One batch of apply: what earlier calls have left of it is recalled, then it is intended, acted on, and recorded.

Intentions are durable in the journal before the first act, and outcomes before the state moves on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from common.apply.executor import Outcome, TaskExecutor, clear_leftovers
from common.apply.folders import (
    TidiedFolders,
    folder_times,
    prune,
    recorded_folder_times,
    restore_folder_times,
    sync_touched,
    tidy_quarantine,
)
from common.apply.journal import Journal, Key, destroyed_rows
from common.apply.run import ApplyRun
from common.apply.session import (
    CHANGED,
    DONE_BEFORE,
    FOLDERS_LEFT,
    FOLDERS_REMOVED,
    FROM_MEMORY,
    NOTHING_TO_DO,
    PURGED_BEFORE,
    ApplySession,
    Batch,
)
from common.apply.tasks import Task, read_row, task_of
from common.cli.console import Console
from common.concurrency import ordered_map
from common.counts import count_file, count_folder
from common.errors import Interrupted, MediaArchiveError, StoppedEarly
from common.manifests.batching import chunked
from common.manifests.reader import Reader
from common.manifests.reasons import asks_to_verify_again, is_purged
from common.manifests.rows import JournalRow
from common.manifests.statuses import Action, ManifestType, Phase, ReadMode
from common.media_types import kind_of
from common.paths import path_exists, printable

BATCH_ROWS = 512
Outcomes = list[tuple[Task, Outcome]]


def read_batches(run: ApplyRun) -> Iterator[Batch]:
    """The rows that this call is to handle, in batches. Reads the manifest. Raises ``BadInput`` for an unsound row.

    The first batch holds at least what a killed call had begun.
    """
    with Reader(run.options.manifest, run.kind.table.columns) as reader:
        reader.seek(run.state.byte_offset)
        for records in chunked(islice(reader, run.rows), max(BATCH_ROWS, run.state.under_way)):
            tasks = []
            for record in records:
                where = reader.where(record.line)
                row = read_row(run.kind, record, where)
                if task := task_of(run.kind, row, where, run.paths.quarantine_root, run.facts.superseded):
                    tasks.append(task)
            yield Batch(tasks, len(records), records[-1].end)


def carry_out(batch: Batch, session: ApplySession, executor: TaskExecutor) -> Counter[str]:
    """Apply one batch, and return its counts. Changes the disk.

    Raises ``Interrupted`` or ``StoppedEarly`` once all outcomes are in the journal; the same batch, given again,
    finishes the rest.
    """
    recalled = recall(batch.tasks, session.journal, executor)
    clear_leftovers(task for task in batch.tasks if session.journal.recovery.intention(task.key))
    intended = intend(recalled, session.journal, executor)
    acted = act(intended, session, executor)
    return record(batch, recalled, intended, acted, session)


@dataclass(frozen=True, slots=True)
class RecalledBatch:
    """The tasks of a batch, by what earlier calls have done of them."""

    tasks: list[Task]
    uncounted: dict[Key, Outcome]
    """Outcomes that are in the journal, and not yet counted by the state."""
    already_applied: set[Key]
    """Tasks whose work an earlier call has done, as the disk or a journal says."""
    to_do: list[Task]
    """All other tasks, each once. A killed run may have done any part of those with an intention in the journal."""


def recall(tasks: list[Task], journal: Journal, executor: TaskExecutor) -> RecalledBatch:
    """Find what earlier calls have done of these tasks. Reads the disk."""
    uncounted: dict[Key, Outcome] = {}
    already_applied: set[Key] = set()
    # By key: a folder that was pruned, restored and pruned again is in the journal twice.
    to_do: dict[Key, Task] = {}
    for task in tasks:
        row = journal.recovery.uncounted_outcome(task.key)
        # A file that was taken and is there once more is to be taken once more.
        if row and not (row.phase == Phase.DONE and task.from_path and path_exists(task.from_path)):
            uncounted[task.key] = Outcome(Phase(row.phase), row.reason)
        elif not journal.recovery.intention(task.key) and executor.is_applied(task, journal.has_destroyed):
            already_applied.add(task.key)
        else:
            to_do[task.key] = task
    return RecalledBatch(tasks, uncounted, already_applied, list(to_do.values()))


@dataclass(frozen=True, slots=True)
class IntendedBatch:
    """The tasks that are to be carried out now, after their intentions are durable in the journal."""

    to_do: list[Task]
    intentions: dict[Key, JournalRow]
    folder_times: dict[str, str]
    """The times of the folders that are touched, to be restored after the acts."""


def intend(recalled: RecalledBatch, journal: Journal, executor: TaskExecutor) -> IntendedBatch:
    """Write the intentions into the journal, with the times of the folders. Changes the disk: the journal, and removes
    probes that a killed run left."""
    touched = {task.key: task.touched_folder() for task in recalled.tasks}
    # Times that a killed run has recorded are from before it touched the folders.
    times = folder_times(touched.values()) | dict(journal.recovery.folder_times)
    for folder in times:
        executor.disk.directories.remove_stale_probes(folder)
    times |= recorded_folder_times(recalled.tasks)
    intentions: dict[Key, JournalRow] = {}
    fresh: list[JournalRow] = []
    for task in recalled.to_do:
        row = journal.recovery.intention(task.key)
        if row is None:
            folder = touched[task.key]
            row = task.intention(folder, times[folder]) if times.get(folder) else task.intention("", "")
            fresh.append(row)
        intentions[task.key] = row
    journal.append(fresh)
    return IntendedBatch(recalled.to_do, intentions, times)


@dataclass(frozen=True, slots=True)
class ActedBatch:
    """What came of the tasks that were carried out, and the error that kept the others from it, if any."""

    outcomes: Outcomes
    error: MediaArchiveError | None


def act(intended: IntendedBatch, session: ApplySession, executor: TaskExecutor) -> ActedBatch:
    """Carry out tasks, restore the times of the folders, and make all of it durable. Changes the disk."""
    recovery, stop_requested = session.journal.recovery, executor.disk.stop_requested

    def apply_task(task: Task) -> tuple[Task, Outcome]:
        return task, executor.apply_task(task, recovery.intention(task.key) is not None)

    outcomes: Outcomes = []
    error: MediaArchiveError | None = None
    # Renames are too short to be worth a thread; reading whole files is not.
    jobs = session.run.jobs if session.run.kind.destroys else 1
    try:
        for outcome in ordered_map(apply_task, takewhile(lambda _: not stop_requested(), intended.to_do), jobs):
            outcomes.append(outcome)
    except (Interrupted, StoppedEarly) as raised:
        error = raised
    if any(outcome.phase == Phase.FAILED for _, outcome in outcomes) and (away := session.run.missing_disk()):
        # What failed since its disk was away stays under way: the same command tries it again.
        error = away
        outcomes = [(task, outcome) for task, outcome in outcomes if outcome.phase != Phase.FAILED]
    if not error and len(outcomes) < len(intended.to_do):
        error = Interrupted()
    restore_folder_times(intended.folder_times)
    sync_touched([task for task, outcome in outcomes if outcome.phase == Phase.DONE])
    return ActedBatch(outcomes, error)


def record(
    batch: Batch, recalled: RecalledBatch, intended: IntendedBatch, acted: ActedBatch, session: ApplySession
) -> Counter[str]:
    """Write the outcomes into the journal, remove emptied folders, and count. Changes the disk.

    Raises the error that stopped the batch, once the outcomes are durable.
    """
    journal, console = session.journal, session.run.console
    journal.append(
        [
            intended.intentions[task.key]._replace(
                phase=outcome.phase, reason=outcome.reason, read_mode=outcome.read_mode
            )
            for task, outcome in acted.outcomes
        ]
    )
    if acted.error:
        raise acted.error
    _report(acted.outcomes, console)
    uncounted = [(task, recalled.uncounted[task.key]) for task in batch.tasks if task.key in recalled.uncounted]
    finished = acted.outcomes + uncounted
    before = [task for task in batch.tasks if task.key in recalled.already_applied]
    tidied = _tidy(session, batch.tasks, [task for task, outcome in finished if outcome.phase == Phase.DONE] + before)
    for refusal in tidied.refusals:
        console.warning(refusal)
    journal.recovery.forget_batch(task.key for task in batch.tasks)
    counts = _count(finished)
    for task in before:
        count_task(counts, DONE_BEFORE, task)
    counts[FOLDERS_LEFT] = len(tidied.refusals)
    counts[FOLDERS_REMOVED] = tidied.removed
    if session.run.kind.type != ManifestType.JOURNAL:
        counts[NOTHING_TO_DO] += batch.rows - len(batch.tasks)
    return +counts


def _report(outcomes: Outcomes, console: Console) -> None:
    for task, outcome in outcomes:
        if console.debug_enabled:
            console.debug(f"{outcome.phase}: {task.action} {printable(task.from_path)} {outcome.reason}")
        if outcome.phase == Phase.FAILED:
            console.warning(f"{printable(task.from_path or task.to_path)}: {outcome.reason}")


def _tidy(session: ApplySession, tasks: list[Task], taken: list[Task]) -> TidiedFolders:
    """Remove the folders that were emptied: of the source, when that was asked for, and of the quarantine."""
    removed = 0
    refusals: list[str] = []
    if session.run.options.prune_empty_dirs and tasks:
        folders = [os.path.dirname(task.row.source_path) for task in taken]
        removed, refusals = prune(session.journal, folders, tasks[0])
    return TidiedFolders(removed, [*refusals, *tidy_quarantine(tasks)])


def _count(outcomes: Outcomes) -> Counter[str]:
    counts: Counter[str] = Counter()
    for task, outcome in outcomes:
        count_task(counts, outcome.phase, task)
        counts[CHANGED] += outcome.phase == Phase.FAILED and asks_to_verify_again(outcome.reason)
        counts[PURGED_BEFORE] += is_purged(outcome.reason)
        counts[FROM_MEMORY] += outcome.phase == Phase.DONE and outcome.read_mode == ReadMode.CACHED
    return counts


def count_task(counts: Counter[str], status: str, task: Task) -> None:
    """Count one task under a status. Changes ``counts``."""
    if task.action == Action.RESTORE_FOLDER:
        count_folder(counts, status)
    else:
        count_file(counts, status, kind_of(os.path.basename(task.row.source_path)), task.row.size_bytes)


def preview(run: ApplyRun, executor: TaskExecutor) -> Counter[str]:
    """Print what the same command without ``--dry-run`` would do, by what can be seen now, and return the counts."""
    counts: Counter[str] = Counter()
    destroyed = destroyed_rows(run.paths.journal, run.survey.run_id)
    for batch in read_batches(run):
        tasks = {task.key: task for task in batch.tasks}
        if run.kind.type != ManifestType.JOURNAL:
            counts[NOTHING_TO_DO] += batch.rows - len(tasks)
        for task in tasks.values():
            if executor.is_applied(task, destroyed.__contains__):
                status, reason = DONE_BEFORE, ""
            else:
                outcome = executor.preview(task)
                status, reason = outcome.phase, outcome.reason
            count_task(counts, status, task)
            if not (run.options.json or run.options.quiet):
                print(_preview_line(task, status, reason))
    return +counts


def _preview_line(task: Task, status: str, reason: str) -> str:
    would = f"would {task.action.replace('_', ' ')}" if status == Phase.DONE else status
    where = f" -> {printable(task.to_path)}" if task.to_path and status == Phase.DONE else ""
    why = f" ({reason})" if reason else ""
    return f"{would}: {printable(task.from_path or task.to_path)}{where}{why}"

"""The journal and the state of a run of apply that acts. Both are durable before the next batch begins."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from types import TracebackType
from typing import NamedTuple

from common import archive
from common.apply.journal import Journal, JournalPosition
from common.apply.run import ApplyRun
from common.apply.tasks import Task
from common.counts import Counts
from common.errors import BadInput, Interrupted, StoppedEarly
from common.manifests.state import RunState, save_state
from common.paths import printable


class Counted(StrEnum):
    """What the state counts beside the outcomes of files. Older state files hold these texts."""

    JOURNAL_ROWS = "journal rows"
    DONE_BEFORE = "done before"
    NOTHING_TO_DO = "nothing to do"
    FOLDERS_LEFT = "folders left"
    FOLDERS_REMOVED = "folders removed"
    PURGED_BEFORE = "purged before"
    FROM_MEMORY = "destroyed by what memory may have answered"
    CHANGED = "changed since it was verified"


class Batch(NamedTuple):
    """Rows of the manifest that are applied together: the tasks of those that have one, the number of all of them, and
    the byte after the last one."""

    tasks: list[Task]
    rows: int
    end: int


class ApplySession:
    """The journal and the state of a run. Changes the disk as batches are recorded.

    A context manager: once anything was recorded it turns ``BadInput``, whose exit code says that nothing was changed,
    into ``StoppedEarly``. ``counts`` are those of this call alone.
    """

    def __init__(self, run: ApplyRun) -> None:
        self.run = run
        self.state = run.state
        self.counts = Counts()
        self._has_recorded = False
        run.console.debug(f"journal: {printable(run.paths.journal)}")
        length = self.state.outputs.get("journal", ("", 0))[1]
        checkpoint = JournalPosition(length, self.state.chain, self.state.counts.get(Counted.JOURNAL_ROWS, 0))
        self.journal = Journal(run.paths.journal, run.survey.run_id, checkpoint)
        if not self.state.under_way:
            self.journal.recovery.forget_uncounted()
        if not length:
            self._advance(0, self.state.byte_offset, Counts())
        if not self.state.remaining_rows:  # a shard that begins after the last row
            self._advance(0, self.state.byte_offset, Counts(), complete=True)

    def begin(self, batch: Batch) -> None:
        """Record that a batch is about to be written into the journal: a later call must finish all of it.

        Raises ``StoppedEarly`` where the archive is not there.
        """
        if self.run.kind.needs_archive:
            archive.require_archive(self.run.survey.archive_root, self.run.survey.archive_id)
        self._save(replace(self.state, under_way=batch.rows))

    def checkpoint(self, batch: Batch, counts: Counts) -> None:
        """Move the state past a batch that is done and in the journal.

        Raises ``Interrupted`` when the run was asked to stop and rows are left.
        """
        complete = self.state.is_last(self.state.next_offset + batch.rows)
        self._advance(batch.rows, batch.end, counts, complete=complete)
        size = sum(amount.get("bytes", 0) for amount in self.counts.amounts.values())
        self.run.progress.reach(self.state.next_offset - self.run.state.next_offset, size)
        if self.run.disk.stop_requested() and not complete:
            raise Interrupted

    def _advance(self, rows: int, next_byte: int, counts: Counts, *, complete: bool = False) -> None:
        self.counts += counts
        position = self.journal.position
        totals = Counts.from_flat(self.state.counts) + counts
        self._save(
            replace(
                self.state,
                next_offset=self.state.next_offset + rows,
                byte_offset=next_byte,
                counts=totals.to_flat() | {Counted.JOURNAL_ROWS: position.sequence},
                outputs={"journal": (self.journal.path, position.offset)},
                under_way=0,
                chain=position.chain,
                complete=complete,
            )
        )

    def _save(self, state: RunState) -> None:
        save_state(self.run.paths.state, state)
        self.state = state
        self._has_recorded = True

    def __enter__(self) -> ApplySession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.journal.close()
        if isinstance(error, BadInput) and self._has_recorded:
            raise StoppedEarly(str(error)) from None

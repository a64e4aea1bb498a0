"""The journal of apply: what was intended and what came of it, each row chained to the one before.

Intentions are durable before the first act, outcomes before the state moves on. Whoever goes on
after a crash finds here what was under way. Changes the disk through ``fileops``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from common.errors import BadInput, StoppedEarly
from common.manifests.integrity import chain_of, first_chain
from common.manifests.reader import Reader, Record
from common.manifests.row_ids import RowIds
from common.manifests.rows import JOURNAL, JournalRow
from common.manifests.writer import Writer
from common.paths import path_exists, printable
from common.timestamps import utc_now_text

NAME = "journal.csv"
Key = tuple[int, str, str, str]


class JournalReader:
    """Reads a journal row by row and checks the chain. Changes nothing.

    Raises ``BadInput`` where a row does not follow the one before: one was changed, removed or
    put elsewhere. ``chain``, ``sequence`` and ``end`` are those of the last row read.
    """

    def __init__(self, path: str, run_id: str, start: int = 0, chain: str = "", sequence: int = 0) -> None:
        self._reader = Reader(path, JOURNAL.columns)
        self._reader.seek(start)
        self.chain = chain or first_chain(run_id)
        self.sequence = sequence
        self.end = max(start, len(JOURNAL.header()))

    def __iter__(self) -> Iterator[tuple[JournalRow, Record]]:
        for record in self._reader:
            where = self._reader.where(record.line)
            row = JOURNAL.decode(record.values, where)
            if record.values["chain"] != chain_of(record.values, self.chain):
                raise BadInput(f"{where}: this row does not follow the one before; restore the journal as it was")
            self.chain, self.sequence, self.end = row.chain, row.sequence, record.end
            yield row, record

    @property
    def torn_line(self) -> int:
        return self._reader.torn_line

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()


class Journal:
    """A journal that is being written. ``unresolved`` are intentions of a killed run without an outcome.

    ``pruning`` are those about folders, by path. ``outcomes`` are the outcomes behind the checkpoint
    that was given: recorded, but the state does not know of them. ``folder_times`` are the times
    that folders had before the killed run touched them, from rows behind it.
    """

    def __init__(self, path: str, run_id: str, checkpoint: int = 0, chain: str = "", sequence: int = 0) -> None:
        self.path = path
        self._run_id = run_id
        self._checkpoint = checkpoint
        self.unresolved: dict[Key, JournalRow] = {}
        self.pruning: dict[str, JournalRow] = {}
        self.outcomes: dict[Key, JournalRow] = {}
        self.folder_times: dict[str, str] = {}
        self._destroyed = RowIds()
        if not path_exists(path):
            if checkpoint:
                raise BadInput(f"{printable(path)} is missing though the state file knows it; restore it")
            self._writer = Writer(JOURNAL, path, 0)
            self._writer.sync()
            self.chain, self.sequence = first_chain(run_id), 0
            return
        if os.path.getsize(path) < len(JOURNAL.header()):
            self._writer = Writer(JOURNAL, path, 0)  # a run was killed while it wrote the header
            self.chain, self.sequence = first_chain(run_id), 0
            return
        with JournalReader(path, run_id, checkpoint, chain, sequence) as reader:
            for row, _ in reader:
                self._recall(row, behind_checkpoint=checkpoint > 0)
            self.chain, self.sequence = reader.chain, reader.sequence
            self._writer = Writer(JOURNAL, path, reader.end)

    def _recall(self, row: JournalRow, behind_checkpoint: bool) -> None:
        if behind_checkpoint and row.folder:
            self.folder_times.setdefault(row.folder, row.folder_mtime)
        if row.action == "prune":
            if row.phase == "planned":
                self.pruning[row.from_path] = row
            else:
                self.pruning.pop(row.from_path, None)
            return
        key = (row.row_id, row.action, row.from_path, row.to_path)
        if row.phase == "planned":
            self.unresolved[key] = row
            return
        self.unresolved.pop(key, None)
        if _is_destruction(row):
            self._destroyed.add(row.row_id)
        if behind_checkpoint:
            self.outcomes[key] = row

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._writer.length

    def append(self, rows: Sequence[JournalRow]) -> None:
        """Number, time, chain and append rows; durable when this returns."""
        linked = [self._next(row) for row in rows]
        self._writer.append(linked)
        self._writer.sync()

    def _next(self, row: JournalRow) -> JournalRow:
        self.sequence += 1
        time = utc_now_text()
        values = JOURNAL.as_text(row) | {"sequence": str(self.sequence), "time": time}
        self.chain = chain_of(values, self.chain)
        return row._replace(sequence=self.sequence, time=time, chain=self.chain)

    def has_destroyed(self, row_id: int) -> bool:
        """Whether some call has deleted the file of a row for good.

        What stands before the checkpoint is read once, when this is first asked of a row that is not known from behind
        it. Raises ``StoppedEarly`` where it is not as it was written.
        """
        if row_id not in self._destroyed and self._checkpoint:
            try:
                self._destroyed = destroyed_rows(self.path, self._run_id)
            except BadInput as error:
                raise StoppedEarly(str(error)) from None
            self._checkpoint = 0
        return row_id in self._destroyed

    def forget_finished(self) -> None:
        """What stands behind the checkpoint is the finished work of other calls, not of a batch to go on with."""
        self.outcomes.clear()
        self.folder_times.clear()

    def forget_recalled(self, finished: Iterable[Key]) -> None:
        """A killed run's batch has been finished: of what it was to do nothing is open any more."""
        self.forget_finished()
        for key in finished:
            self.unresolved.pop(key, None)
        self.pruning.clear()

    def close(self) -> None:
        self._writer.close()


def destroyed_rows(path: str, run_id: str) -> RowIds:
    """The rows of which a whole journal says that their files were deleted for good. Changes nothing."""
    destroyed = RowIds()
    if path_exists(path) and os.path.getsize(path) >= len(JOURNAL.header()):
        with JournalReader(path, run_id) as reader:
            for row, _ in reader:
                if _is_destruction(row):
                    destroyed.add(row.row_id)
    return destroyed


def _is_destruction(row: JournalRow) -> bool:
    return row.phase == "done" and row.action in ("delete", "purge")

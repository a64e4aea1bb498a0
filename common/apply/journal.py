"""The journal of apply: intentions and their outcomes, each row chained to the one before.

Intentions are durable before the first act, and outcomes before the state advances: a crash loses neither.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from common.errors import BadInput
from common.manifests.integrity import chain_of, first_chain
from common.manifests.reader import Reader
from common.manifests.relocation import NOT_RELOCATED, Relocation
from common.manifests.rows import JOURNAL, JournalRow, RowIds, Writer
from common.manifests.statuses import Action, Phase
from common.paths import path_exists, printable
from common.timestamps import utc_now_text

Key = tuple[int, str, str, str]
"""The key of an act in a journal: row_id, action, from_path, to_path. Folders have no row_id of their own."""


class JournalPosition(NamedTuple):
    """A position between two rows of a journal: its byte offset, and the chain and number of the row before it."""

    offset: int = 0
    chain: str = ""
    sequence: int = 0


START = JournalPosition()


def require_chained(values: dict[str, str], chain: str, where: str) -> str:
    """Return the chain of a row. Raises ``BadInput`` unless it follows the row with the given chain. Pure."""
    if values["chain"] != chain_of(values, chain):
        raise BadInput(f"{where}: this row does not follow the one before; restore the journal as it was")
    return values["chain"]


class JournalReader:
    """Reads a journal row by row and checks the chain. Reads the disk.

    Raises ``BadInput`` if a row was changed, removed or moved. ``position`` is that after the last row read.
    """

    def __init__(self, path: str, run_id: str, start: JournalPosition = START) -> None:
        self._reader = Reader(path, JOURNAL.columns)
        self._reader.seek(start.offset)
        offset = max(start.offset, len(JOURNAL.header()))
        self.position = JournalPosition(offset, start.chain or first_chain(run_id), start.sequence)

    def __iter__(self) -> Iterator[JournalRow]:
        for record in self._reader:
            where = self._reader.where(record.line)
            row = JOURNAL.decode(record.values, where)
            chain = require_chained(record.values, self.position.chain, where)
            self.position = JournalPosition(record.end, chain, row.sequence)
            yield row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()


class JournalRecovery:
    """What earlier calls have left in a journal for this call to finish or to count.

    ``intentions`` have no outcome: a killed run may have carried them out in part. ``uncounted`` are the outcomes after
    the checkpoint from which this call resumes. ``pruning`` has, by path, the intentions without outcome to remove
    folders, ``folder_times`` the times that folders had before a killed run changed them. Keys and paths by which these
    are found are those at present, even if source or archive were elsewhere then; the rows are as they were written.
    """

    def __init__(self, relocation: Relocation = NOT_RELOCATED) -> None:
        self._relocation = relocation
        self._rebased: dict[Key, JournalRow] = {}  # by the key as written: intentions from when a root was elsewhere
        self.intentions: dict[Key, JournalRow] = {}
        self.uncounted: dict[Key, JournalRow] = {}
        self.pruning: dict[str, JournalRow] = {}
        self.folder_times: dict[str, str] = {}

    def add(self, row: JournalRow, *, uncounted: bool) -> None:
        """Add a row of the journal."""
        present = self._rebase(row)
        if uncounted and present.folder:
            self.folder_times.setdefault(present.folder, row.folder_mtime)
        if row.action == Action.PRUNE:
            if row.phase == Phase.PLANNED:
                self.pruning[present.from_path] = row
            else:
                self.pruning.pop(present.from_path, None)
            return
        key = _key_of(present)
        if row.phase == Phase.PLANNED:
            self.intentions[key] = row
            return
        self.intentions.pop(key, None)
        if uncounted:
            self.uncounted[key] = row

    def _rebase(self, row: JournalRow) -> JournalRow:
        """The row with its paths at present. Only its intention tells where the roots were at an outcome."""
        if row.phase != Phase.PLANNED and (rebased := self._rebased.pop(_key_of(row), None)):
            return rebased
        rebased = self._relocation.rebase_journal_row(row)
        if row.phase == Phase.PLANNED and rebased is not row:
            self._rebased[_key_of(row)] = rebased
        return rebased

    def forget_uncounted(self) -> None:
        """Drop outcomes and folder times: the rows after the checkpoint are finished work of other calls."""
        self.uncounted.clear()
        self.folder_times.clear()

    def forget_batch(self, keys: Iterable[Key]) -> None:
        """Drop everything about a finished batch. Intentions of later batches are kept."""
        self.forget_uncounted()
        for key in keys:
            self.intentions.pop(key, None)
        self.pruning.clear()


def _key_of(row: JournalRow) -> Key:
    return row.row_id, row.action, row.from_path, row.to_path


class Journal:
    """A journal to which rows are appended, read from a checkpoint on. Changes the disk.

    Raises ``BadInput`` if it is missing although a state names it, or a row after the checkpoint was changed.
    """

    def __init__(
        self, path: str, run_id: str, checkpoint: JournalPosition = START, relocation: Relocation = NOT_RELOCATED
    ) -> None:
        self.path = path
        self.relocation = relocation
        self.recovery = JournalRecovery(relocation)
        self._run_id = run_id
        self._destroyed = RowIds()
        self._has_unread_rows = checkpoint.offset > 0
        exists = path_exists(path)
        if not exists and checkpoint.offset:
            raise BadInput(f"{printable(path)} is missing though the state file knows it; restore it")
        if not exists or os.path.getsize(path) < len(JOURNAL.header()):  # the latter: killed while it wrote the header
            self._writer = Writer(JOURNAL, path, 0)
            if not exists:
                self._writer.sync()
            self._chain, self._sequence = first_chain(run_id), 0
            return
        with JournalReader(path, run_id, checkpoint) as reader:
            for row in reader:
                self.recovery.add(row, uncounted=checkpoint.offset > 0)
                if _is_destruction(row):
                    self._destroyed.add(row.row_id)
            offset, self._chain, self._sequence = reader.position
            self._writer = Writer(JOURNAL, path, offset)

    @property
    def position(self) -> JournalPosition:
        """The position after the last row that was written."""
        return JournalPosition(self._writer.length, self._chain, self._sequence)

    def append(self, rows: Sequence[JournalRow]) -> None:
        """Append rows durably, with their number, time and chain. Changes the disk."""
        linked = [self._linked(row) for row in rows]
        self._writer.append_rows(linked)
        self._writer.sync()

    def _linked(self, row: JournalRow) -> JournalRow:
        self._sequence += 1
        time = utc_now_text()
        values = JOURNAL.as_text(row) | {"sequence": str(self._sequence), "time": time}
        self._chain = chain_of(values, self._chain)
        return row._replace(sequence=self._sequence, time=time, chain=self._chain)

    def has_destroyed(self, row_id: int) -> bool:
        """Whether any call has destroyed the file of a row. Reads the whole journal once, if needed.

        Raises ``BadInput`` if a row was changed.
        """
        if row_id not in self._destroyed and self._has_unread_rows:
            self._destroyed = destroyed_rows(self.path, self._run_id)
            self._has_unread_rows = False
        return row_id in self._destroyed

    def close(self) -> None:
        self._writer.close()


def destroyed_rows(path: str, run_id: str) -> RowIds:
    """The row_ids of files that were destroyed, by the outcomes in a journal. Reads the disk, all of the journal."""
    destroyed = RowIds()
    if path_exists(path) and os.path.getsize(path) >= len(JOURNAL.header()):
        with JournalReader(path, run_id) as reader:
            for row in reader:
                if _is_destruction(row):
                    destroyed.add(row.row_id)
    return destroyed


def _is_destruction(row: JournalRow) -> bool:
    return row.phase == Phase.DONE and row.action in (Action.DELETE, Action.PURGE)

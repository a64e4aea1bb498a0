"""Where a run of apply keeps its journal and state, and the journals of other runs beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

from common.apply.config import Call
from common.apply.journal import NAME as JOURNAL_NAME
from common.apply.journal import destroyed_rows
from common.apply.manifest import ManifestKind
from common.errors import BadInput, StoppedEarly
from common.manifests.row_ids import RowIds
from common.manifests.state import SUFFIX
from common.media_types import QUARANTINE_FOLDER
from common.paths import printable


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Where this run keeps what: journal, state and lock stand beside the quarantined files."""

    quarantine_root: str
    folder: str
    journal: str
    state: str


def run_paths(call: Call, kind: ManifestKind, run_id: str, source_root: str, digest: str) -> RunPaths:
    """The places for a manifest. Raises ``BadInput`` for a state file that would replace another."""
    quarantine_root = call.quarantine_root or os.path.join(source_root, QUARANTINE_FOLDER)
    if os.path.isfile(quarantine_root):
        raise BadInput(f"{printable(quarantine_root)} is a file, no folder; choose another --quarantine-root")
    if kind.name == "verified":
        folder = os.path.join(quarantine_root, run_id)
        journal = os.path.join(folder, JOURNAL_NAME)
    else:
        folder = os.path.dirname(call.manifest)
        journal = sibling_journal(call.manifest, kind.action)
    shard = f"-{call.row_range.start}-{call.row_range.limit or 'end'}" if call.row_range.is_shard else ""
    state = call.state_file or os.path.join(folder, f"{kind.action}-{digest[:12]}{shard}{SUFFIX}")
    if os.path.realpath(state) in {os.path.realpath(path) for path in (journal, call.manifest)}:
        raise BadInput(f"{printable(state)} is the journal or the manifest itself; choose another --state-file")
    return RunPaths(quarantine_root, folder, journal, state)


def restored_since(places: RunPaths, kind: ManifestKind) -> bool:
    """Whether a restore of the quarantine was at work after the state of this run, which fills it, was written."""
    if kind.name != "verified":
        return False
    try:
        return os.stat(sibling_journal(places.journal, "restore")).st_mtime_ns > os.stat(places.state).st_mtime_ns
    except OSError:
        return False  # there was none


class PurgedRows:
    """The rows whose files a purge of the quarantine has destroyed for good, as its journal says, once it is asked."""

    def __init__(self, places: RunPaths, kind: ManifestKind, run_id: str) -> None:
        filled = places.journal
        if kind.action == "restore":
            filled = filled.removesuffix("-restore.csv")
        self._journal = sibling_journal(filled, "purge")
        self._run_id = run_id

    def has(self, row_id: int) -> bool:
        """Whether the file of a row was purged. Raises ``StoppedEarly`` where the journal is not as it was written."""
        return row_id in self._rows

    @cached_property
    def _rows(self) -> RowIds:
        try:
            return destroyed_rows(self._journal, self._run_id)
        except BadInput as error:
            raise StoppedEarly(str(error)) from None


def sibling_journal(journal: str, action: str) -> str:
    """The journal of those who restore or purge what a journal names."""
    return f"{journal.removesuffix('.csv')}-{action}.csv"

"""The journal and the state of one run of apply, new or gone on with, and the places where it keeps them."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from common.apply.journal import NAME as JOURNAL_NAME
from common.apply.journal import Journal, destroyed_rows
from common.apply.tasks import NOTHING_VOID, Kind, Survey, survey_manifest, void_intentions
from common.errors import BadInput, StoppedEarly
from common.manifests.reader import Reader, RowIds, file_digest
from common.manifests.state import SUFFIX, State, Window, load_state, require_outputs, save_state
from common.media_types import QUARANTINE_FOLDER
from common.paths import shown
from common.run_id import require_run_id

TOOL = "apply"
# What the state counts beside rows.
JOURNAL_ROWS = "journal rows"


@dataclass(frozen=True)
class Call:
    """Which rows of which manifest a call is to apply, and where it keeps what: as given, or empty for the default."""

    manifest: str
    expected_run_id: str
    quarantine_root: str
    window: Window
    state_file: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where this run keeps what: journal, state and lock stand beside the quarantined files."""

    quarantine_root: str
    folder: str
    journal: str
    state: str


def places_of(call: Call, kind: Kind, run_id: str, source_root: str, digest: str) -> Places:
    """The places for a manifest. Raises ``BadInput`` for a state file that would replace another."""
    quarantine_root = call.quarantine_root or os.path.join(source_root, QUARANTINE_FOLDER)
    if os.path.isfile(quarantine_root):
        raise BadInput(f"{shown(quarantine_root)} is a file, no folder; choose another --quarantine-root")
    if kind.name == "verified":
        folder = os.path.join(quarantine_root, run_id)
        journal = os.path.join(folder, JOURNAL_NAME)
    else:
        folder = os.path.dirname(call.manifest)
        journal = _beside(call.manifest, kind.action)
    shard = f"-{call.window.start}-{call.window.limit or 'end'}" if call.window.is_shard else ""
    state = call.state_file or os.path.join(folder, f"{kind.action}-{digest[:12]}{shard}{SUFFIX}")
    if os.path.realpath(state) in {os.path.realpath(path) for path in (journal, call.manifest)}:
        raise BadInput(f"{shown(state)} is the journal or the manifest itself; choose another --state-file")
    return Places(quarantine_root, folder, journal, state)


def restored_since(places: Places, kind: Kind) -> bool:
    """Whether a restore of the quarantine was at work after the state of this run, which fills it, was written."""
    if kind.name != "verified":
        return False
    try:
        return os.stat(_beside(places.journal, "restore")).st_mtime_ns > os.stat(places.state).st_mtime_ns
    except OSError:
        return False  # there was none


class PurgedRows:
    """The rows whose files a purge of the quarantine has destroyed for good, as its journal says, once it is asked."""

    def __init__(self, places: Places, kind: Kind, run_id: str) -> None:
        filled = places.journal
        if kind.action == "restore":
            filled = filled.removesuffix("-restore.csv")
        self._journal = _beside(filled, "purge")
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


def _beside(journal: str, action: str) -> str:
    """The journal of those who restore or purge what a journal names."""
    return f"{journal.removesuffix('.csv')}-{action}.csv"


class Session:
    """The journal and the state of this run. Changes the disk as rows are recorded."""

    def __init__(self, places: Places, state: State, run_id: str) -> None:
        self.places = places
        self.state = state
        length = state.outputs.get("journal", ("", 0))[1]
        sequence = state.counts.get(JOURNAL_ROWS, 0)
        self.journal = Journal(places.journal, run_id, length, state.chain, sequence)
        self.call_counts: Counter[str] = Counter()
        self._run_id = run_id
        if not state.under_way:
            self.journal.forget_finished()
        if not length:
            self.checkpoint(Counter(), 0, state.byte_offset, complete=False)

    def begin(self, rows: int) -> None:
        """A batch of so many rows is about to be written into the journal: whoever goes on must finish all of it."""
        self.state = replace(self.state, under_way=rows)
        save_state(self.places.state, self.state)

    def checkpoint(self, counts: Counter[str], rows: int, next_byte: int, complete: bool) -> None:
        """The batch is done and in the journal: move the state on behind it."""
        self.call_counts += counts
        totals = Counter(self.state.counts) + counts
        totals[JOURNAL_ROWS] = self.journal.sequence
        self.state = replace(
            self.state,
            next_offset=self.state.next_offset + rows,
            byte_offset=next_byte,
            counts=dict(totals),
            outputs={"journal": (self.places.journal, self.journal.length)},
            under_way=0,
            chain=self.journal.chain,
            complete=complete,
        )
        save_state(self.places.state, self.state)


def open_manifest(call: Call, kind: Kind) -> tuple[Survey, Places, State | None]:
    """What is known of the manifest, the places that go with it, and how far an earlier call came. Changes nothing."""
    digest = file_digest(call.manifest)
    with Reader(call.manifest, kind.columns) as reader:
        first = next(iter(reader), None)
    if first is None:
        raise BadInput(f"{shown(call.manifest)} has no rows; there is nothing to do")
    run_id = require_run_id(first.values["run_id"], f"{shown(call.manifest)}, line 2")
    places = places_of(call, kind, run_id, first.values["source_root"], digest)
    state = load_state(places.state, TOOL)
    if state is None or state.manifest is None:
        return survey_manifest(call.manifest, call.expected_run_id, kind, call.window.start), places, None
    if state.manifest.sha256 != digest or state.run_id != run_id:
        raise BadInput(
            f"{shown(places.state)} belongs to another manifest, or to this one before it was changed; "
            "it is left as it is: give another --state-file"
        )
    if state.settings != settings_of(call, kind):
        raise BadInput(
            f"{shown(places.state)} belongs to a call with other options; give the same, or another state file"
        )
    if call.expected_run_id not in ("auto", run_id):
        raise BadInput(
            f"{shown(call.manifest)}: the manifest is of run {run_id}, not of the expected "
            f"{call.expected_run_id}; nothing was changed"
        )
    require_outputs(state, places.state)
    roots = (first.values["source_root"], first.values["archive_root"], first.values["archive_id"])
    void = void_intentions(call.manifest, run_id) if kind.name == "journal" else NOTHING_VOID
    return Survey(state.manifest, run_id, *roots, void), places, state


def settings_of(call: Call, kind: Kind) -> dict[str, str]:
    """What a later call must repeat to go on."""
    return {"action": kind.action, **call.window.settings}


def first_state(call: Call, kind: Kind, survey: Survey) -> State:
    """Where a manifest is begun, or begun once more when a state has come to its end."""
    if survey.start_byte < 0:
        survey = survey_manifest(call.manifest, call.expected_run_id, kind, call.window.start)
    return State(
        TOOL,
        survey.run_id,
        settings_of(call, kind),
        survey.manifest,
        next_offset=call.window.start,
        byte_offset=survey.start_byte,
        end_offset=call.window.end,
    )

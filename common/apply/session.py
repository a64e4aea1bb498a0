"""The journal and the state of one run of apply, new or gone on with, and the places where it keeps them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from common.apply.config import Call
from common.apply.journal import Journal
from common.apply.manifest import NONE_SUPERSEDED, ManifestKind, ManifestSurvey, find_superseded
from common.apply.places import RunPaths, run_paths
from common.apply.tasks import survey_manifest
from common.errors import BadInput
from common.manifests.integrity import file_digest
from common.manifests.outputs import require_outputs
from common.manifests.reader import Reader
from common.manifests.state import RunState, load_state, save_state
from common.paths import printable
from common.run_id import require_run_id
from common.stages import Stage

# What the state counts beside rows.
JOURNAL_ROWS = "journal rows"


class ApplySession:
    """The journal and the state of this run. Changes the disk as rows are recorded."""

    def __init__(self, places: RunPaths, state: RunState, run_id: str) -> None:
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


def open_manifest(call: Call, kind: ManifestKind) -> tuple[ManifestSurvey, RunPaths, RunState | None]:
    """What is known of the manifest, the places that go with it, and how far an earlier call came. Changes nothing."""
    digest = file_digest(call.manifest)
    with Reader(call.manifest, kind.columns) as reader:
        first = next(iter(reader), None)
    if first is None:
        raise BadInput(f"{printable(call.manifest)} has no rows; there is nothing to do")
    run_id = require_run_id(first.values["run_id"], f"{printable(call.manifest)}, line 2")
    places = run_paths(call, kind, run_id, first.values["source_root"], digest)
    state = load_state(places.state, Stage.APPLY)
    if state is None or state.manifest is None:
        return survey_manifest(call.manifest, call.expected_run_id, kind, call.row_range.start), places, None
    if state.manifest.sha256 != digest or state.run_id != run_id:
        raise BadInput(
            f"{printable(places.state)} belongs to another manifest, or to this one before it was changed; "
            "it is left as it is: give another --state-file"
        )
    if state.settings != settings_of(call, kind):
        raise BadInput(
            f"{printable(places.state)} belongs to a call with other options; give the same, or another state file"
        )
    if call.expected_run_id not in ("auto", run_id):
        raise BadInput(
            f"{printable(call.manifest)}: the manifest is of run {run_id}, not of the expected "
            f"{call.expected_run_id}; nothing was changed"
        )
    require_outputs(state, places.state)
    roots = (first.values["source_root"], first.values["archive_root"], first.values["archive_id"])
    void = find_superseded(call.manifest, run_id) if kind.name == "journal" else NONE_SUPERSEDED
    return ManifestSurvey(state.manifest, run_id, *roots, void), places, state


def settings_of(call: Call, kind: ManifestKind) -> dict[str, str]:
    """What a later call must repeat to go on."""
    return {"action": kind.action, **call.row_range.settings}


def first_state(call: Call, kind: ManifestKind, survey: ManifestSurvey) -> RunState:
    """Where a manifest is begun, or begun once more when a state has come to its end."""
    if survey.start_byte < 0:
        survey = survey_manifest(call.manifest, call.expected_run_id, kind, call.row_range.start)
    return RunState(
        Stage.APPLY,
        survey.run_id,
        settings_of(call, kind),
        survey.manifest,
        next_offset=call.row_range.start,
        byte_offset=survey.start_byte,
        end_offset=call.row_range.end,
    )

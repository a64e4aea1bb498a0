"""The output files of a run: unused names, and finding and refusing those of another run."""

from __future__ import annotations

import os
from collections.abc import Callable

from common.errors import BadInput
from common.manifests.state import SUFFIX, RunState, load_state
from common.paths import printable
from common.stages import Stage
from common.timestamps import utc_now_for_names


def load_state_beside(output: str, tool: str) -> RunState | None:
    """The state of the run that writes an output. None where there is none, or it is of another tool, or torn: whoever
    goes on with it says so. Reads the disk."""
    try:
        return load_state(output + SUFFIX, tool)
    except BadInput:
        return None


def is_unfinished(output: str, tool: str) -> bool:
    """Whether the run that writes an output has not come to its end, as far as the state beside it says."""
    state = load_state_beside(output, tool)
    return bool(state and not state.complete)


def require_outputs(state: RunState, path: str) -> None:
    """Raise ``BadInput`` where an output is gone that the state file at ``path`` goes on from. Reads the disk."""
    if gone := _output_gone(state):
        raise BadInput(
            f"{printable(gone)} is gone, but its state file {printable(path)} is there: bring it back, "
            "or move that state file and the other outputs away, to begin anew"
        )


def _output_gone(state: RunState) -> str:
    return next((path for path, length in state.outputs.values() if length and not os.path.lexists(path)), "")


def resume_or_begin(
    state_path: str, stage: Stage, require_same_run: Callable[[RunState], None], begin: Callable[[], RunState]
) -> RunState:
    """The state of the run that is resumed, or of one that begins. Changes nothing.

    Called before the lock is taken, so that a wrong command line is refused with nothing changed, and once more when it
    is held, since another call may have written the state meanwhile. ``require_same_run`` raises ``BadInput`` for the
    state of another run; so does this where an output of the state is gone. ``begin`` raises it where a new run can't
    have its outputs.
    """
    state = load_state(state_path, stage)
    if state is None:
        return begin()
    require_same_run(state)
    require_outputs(state, state_path)
    return state


def find_unfinished(folder: str, prefix: str, tool: str, belongs: Callable[[RunState], bool]) -> str:
    """The newest unfinished state file of a tool in a folder that ``belongs`` to this call, or an empty string.

    This is how the same command line, given again without naming its outputs, finds what it began.
    """
    import glob  # noqa: PLC0415 - not needed to show --help

    pattern = os.path.join(glob.escape(folder), f"{glob.escape(prefix)}*{SUFFIX}")
    for path in sorted(glob.glob(pattern), reverse=True):
        try:
            state = load_state(path, tool)
        except BadInput:
            continue  # somebody else's file: it was not named by the user, so it is not ours to judge
        if state and not state.complete and not _output_gone(state) and belongs(state):
            return path
    return ""


def unused_name(folder: str, what: str, run_id: str, beside: str) -> str:
    """A path for a default output that nothing has yet: what it is, the time, the start of the run_id.

    ``beside`` is what follows the name of the file that goes along: one without its output may be left there.
    """
    stem = f"{what}-{utc_now_for_names()}-{run_id[:8]}"
    path = os.path.join(folder, f"{stem}.csv")
    number = 2
    while os.path.lexists(path) or os.path.lexists(path + beside):
        path = os.path.join(folder, f"{stem}-{number}.csv")
        number += 1
    return path


def require_finished(report: str) -> None:
    """Raise ``BadInput`` for the report of a run that has not come to its end. Reads the state beside it."""
    if is_unfinished(report, Stage.ORGANIZE):
        raise BadInput(
            f"{printable(report)} is not finished: run the same {Stage.ORGANIZE} command again first "
            f"(or remove {printable(report + SUFFIX)}, to make do with the rows that are there)"
        )

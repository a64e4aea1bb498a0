"""The output files of a run: unused names for new ones, and resuming a run with those of an earlier call."""

import os
from collections.abc import Callable, Mapping
from itertools import chain, count

from common.errors import BadInput
from common.manifests.state import SUFFIX, RunState, load_state
from common.paths import printable
from common.stages import Stage
from common.timestamps import utc_now_for_names


def load_state_beside(output: str, tool: str) -> RunState | None:
    """Load the state beside an output; return None if it is missing, invalid or of another tool. Reads the disk."""
    try:
        return load_state(output + SUFFIX, tool)
    except BadInput:
        return None


def is_unfinished(output: str, tool: str) -> bool:
    """Whether the state beside an output is that of an incomplete run. Reads the disk."""
    state = load_state_beside(output, tool)
    return bool(state and not state.complete)


def require_finished(report: str) -> None:
    """Raise ``BadInput`` if the run that writes a report is not complete. Reads the disk."""
    if is_unfinished(report, Stage.ORGANIZE):
        raise BadInput(
            f"{printable(report)} is not finished: run the same {Stage.ORGANIZE} command again first "
            f"(or remove {printable(report + SUFFIX)}, to make do with the rows that are there)"
        )


def resume_or_begin(
    state_path: str,
    stage: Stage,
    require_same_run: Callable[[RunState], None],
    begin: Callable[[], RunState],
    present_outputs: Mapping[str, str] | None = None,
) -> RunState:
    """The state of the run to resume, or that of a new one. Reads the disk.

    Call it before taking the lock, so that a wrong command line is refused before anything is changed, and again while
    holding it, since another call may have written the state meanwhile. Raises ``BadInput`` if an output is missing;
    so do ``require_same_run`` for the state of another run, and ``begin`` if the outputs of a new run can't be made.
    ``present_outputs``: paths of outputs that may be elsewhere than the state says, by kind.
    """
    state = load_state(state_path, stage)
    if state is None:
        try:
            return begin()
        except BadInput:
            # Another call, which writes its state before its outputs, may have begun meanwhile: its lock will decide.
            state = load_state(state_path, stage)
            if state is None:
                raise
    require_same_run(state)
    if missing := _missing_output(state, present_outputs or {}):
        raise BadInput(
            f"{printable(missing)} is gone, but its state file {printable(state_path)} is there: bring it back, "
            "or move that state file and the other outputs away, to begin anew"
        )
    return state


def _missing_output(state: RunState, present_outputs: Mapping[str, str]) -> str:
    begun = (present_outputs.get(kind, path) for kind, (path, length) in state.outputs.items() if length)
    return next((path for path in begun if not os.path.lexists(path)), "")


def find_unfinished(folder: str, prefix: str, tool: str, belongs: Callable[[RunState], bool]) -> str:
    """Find the newest state file of an incomplete run that ``belongs`` to this call; empty if none. Reads the disk.

    So a command line that does not name its outputs can be repeated to resume its run.
    """
    import glob  # noqa: PLC0415 - not needed to show --help

    pattern = os.path.join(glob.escape(folder), f"{glob.escape(prefix)}*{SUFFIX}")
    for path in sorted(glob.glob(pattern), reverse=True):
        state = load_state_beside(path.removesuffix(SUFFIX), tool)  # the user did not name it: ignore an invalid one
        if state and not state.complete and not _missing_output(state, {}) and belongs(state):
            return path
    return ""


def unused_name(folder: str, kind: str, run_id: str, suffix: str) -> str:
    """Make a path for a default output from its kind, the time and the start of the run_id. Reads the disk.

    Neither this path exists nor that with ``suffix``: a state file may remain when its output is gone.
    """
    stem = os.path.join(folder, f"{kind}-{utc_now_for_names()}-{run_id[:8]}")
    paths = (f"{stem}{end}.csv" for end in chain([""], (f"-{number}" for number in count(2))))
    return next(path for path in paths if not os.path.lexists(path) and not os.path.lexists(path + suffix))

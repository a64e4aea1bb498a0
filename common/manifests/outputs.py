"""The output files of a run: unused names for them, and whether a run can resume with those of an earlier call."""

import os
from collections.abc import Callable
from itertools import chain, count

from common.errors import BadInput
from common.manifests.state import SUFFIX, RunState, load_state
from common.paths import printable
from common.stages import Stage
from common.timestamps import utc_now_for_names


def load_state_beside(output: str, tool: str) -> RunState | None:
    """The state of the run that writes an output; None without a sound one of this tool. Reads the disk."""
    try:
        return load_state(output + SUFFIX, tool)
    except BadInput:
        return None


def is_unfinished(output: str, tool: str) -> bool:
    """Whether the state beside an output says that its run is not complete. Reads the disk."""
    state = load_state_beside(output, tool)
    return bool(state and not state.complete)


def require_finished(report: str) -> None:
    """Raise ``BadInput`` for the report of a run that is not complete. Reads the disk."""
    if is_unfinished(report, Stage.ORGANIZE):
        raise BadInput(
            f"{printable(report)} is not finished: run the same {Stage.ORGANIZE} command again first "
            f"(or remove {printable(report + SUFFIX)}, to make do with the rows that are there)"
        )


def resume_or_begin(
    state_path: str, stage: Stage, require_same_run: Callable[[RunState], None], begin: Callable[[], RunState]
) -> RunState:
    """The state of the run to resume, or that of a new one. Reads the disk.

    Call it before the lock is taken, so that a wrong command line is refused with nothing changed, and once more when
    it is held, since another call may have written the state meanwhile. Raises ``BadInput`` where an output is missing,
    as do ``require_same_run`` for the state of another run, and ``begin`` where a new one can't have its outputs.
    """
    state = load_state(state_path, stage)
    if state is None:
        try:
            return begin()
        except BadInput:
            # Another call may have begun meanwhile, which writes its state before its outputs: then its lock decides.
            state = load_state(state_path, stage)
            if state is None:
                raise
    require_same_run(state)
    if missing := _missing_output(state):
        raise BadInput(
            f"{printable(missing)} is gone, but its state file {printable(state_path)} is there: bring it back, "
            "or move that state file and the other outputs away, to begin anew"
        )
    return state


def _missing_output(state: RunState) -> str:
    return next((path for path, length in state.outputs.values() if length and not os.path.lexists(path)), "")


def find_unfinished(folder: str, prefix: str, tool: str, belongs: Callable[[RunState], bool]) -> str:
    """The newest state file in a folder of an incomplete run that ``belongs`` to this call, or an empty string.

    A command line that does not name its outputs resumes with it when it is repeated. Reads the disk.
    """
    import glob  # noqa: PLC0415 - not needed to show --help

    pattern = os.path.join(glob.escape(folder), f"{glob.escape(prefix)}*{SUFFIX}")
    for path in sorted(glob.glob(pattern), reverse=True):
        state = load_state_beside(path.removesuffix(SUFFIX), tool)  # the user did not name it: a faulty one is no error
        if state and not state.complete and not _missing_output(state) and belongs(state):
            return path
    return ""


def unused_name(folder: str, kind: str, run_id: str, suffix: str) -> str:
    """A path for a default output: its kind, the time, the start of the run_id. Reads the disk.

    Neither it nor the path with ``suffix``, which may have been left without its output, exists.
    """
    stem = os.path.join(folder, f"{kind}-{utc_now_for_names()}-{run_id[:8]}")
    paths = (f"{stem}{end}.csv" for end in chain([""], (f"-{number}" for number in count(2))))
    return next(path for path in paths if not os.path.lexists(path) and not os.path.lexists(path + suffix))

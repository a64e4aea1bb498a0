"""One kill: prepare a world, end a run in it at one point, look, run again to the end, compare, undo, compare."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random

from common.fileops.temporary import PROBE_PREFIX
from tests.campaign.endstate import Snapshot, differences
from tests.campaign.fixtures import World
from tests.campaign.invariants import (
    broken_promises,
    contents_of,
    digests_below,
    files_below,
    is_table,
    overwritten,
    rows_not_once,
)
from tests.campaign.product import KILLED, Tracer
from tests.campaign.stages import EndState, Stage, end_state, is_finished, journal_of, run_to_the_end, unlike
from tests.campaign.strace_points import CHANGING, Call, calls_in, counting, killing
from tests.campaign.trials import Trial
from tests.support.tables import read_rows


def undisturbed(world: World, stage: Stage) -> EndState:
    """The end that every killed run must come to. Undisturbed, even the folders of the source keep their times."""
    original = world.make()
    stage.do_before(world)
    complaints = run_to_the_end(world, stage.line(world), stage.denied)
    if stage.source_stays:
        complaints += differences(original, world.source_as_it_is())
    end = end_state(world)
    if stage.undo:
        complaints += run_to_the_end(world, stage.undo(world), stage.denied)
        complaints += differences(original, world.source_as_it_is(), folder_times=stage.keeps_folder_times)
    assert not complaints, f"{stage.name}, undisturbed: {complaints}"
    return end


def unlike_original(original: Snapshot, world: World, folder_times: bool) -> list[str]:
    """A complaint for each way in which the source differs from what it was.

    The root's own time is left out: a kill between the making of the quarantine in it and the first row of the journal
    leaves nobody who knows it.
    """
    found = world.source_as_it_is()
    return differences({**original, ".": found["."]}, found, folder_times=folder_times)


def points_of(world: World, stage: Stage) -> list[Call]:
    """Every call of the stage's first run that changes files of the world."""
    stage.prepare(world)
    names = [*CHANGING, *(each.name for each in stage.denied)]
    result = world.product.run(stage.line(world), counting(world.log, names, stage.denied))
    assert result.code == 0, f"{stage.name}, counted: exit {result.code}\n{result.stderr}"
    denied = {each.name for each in stage.denied}
    calls = [call for call in calls_in(world.log) if call.changes_files and call.name not in denied]
    return [call for call in calls if call.about([world.base, world.elsewhere])]


def chosen(points: list[Call], most: int, dice: Random) -> list[Call]:
    """At most so many points, in order: first one of each kind of call, then any."""
    if len(points) <= most:
        return points
    order = dice.sample(points, len(points))
    first_of_kind = {call.name: call for call in reversed(order)}
    picked = [*first_of_kind.values(), *(call for call in order if call not in first_of_kind.values())][:most]
    return [call for call in points if call in picked]


def kill_and_finish(world: World, stage: Stage, expected: EndState, kills: Sequence[Tracer]) -> Trial:
    """Kill the stage once for each tracer, look each time, then run to the end, compare, undo and compare again."""
    original = world.make()
    photos = contents_of(world.library.source)
    stage.do_before(world)
    archive, source = digests_below(world.library.archive), digests_below(world.library.source)
    complaints: list[str] = []
    killed = 0
    for tracer in kills:
        result = world.product.run(stage.line(world), tracer)
        if result.code != KILLED:
            was_good = result.code == 0 or is_finished(stage.line(world), result)
            complaints += [] if was_good else [f"exit {result.code} before the kill: {result.stderr[-400:]}"]
            break
        killed += 1
        complaints += broken_promises(photos, world.photo_roots, world.record_roots)
        complaints += overwritten(archive, world.library.archive) + overwritten(source, world.library.source)
    line = stage.line(world)
    complaints += run_to_the_end(world, line, stage.denied)
    complaints += broken_promises(photos, world.photo_roots, world.record_roots, torn_rows=False)
    complaints += unlike(expected, end_state(world))
    complaints += rows_twice(world)
    if stage.undo:
        complaints += run_to_the_end(world, stage.undo(world), stage.denied)
        complaints += unlike_original(original, world, stage.keeps_folder_times)
    elif stage.source_stays:
        complaints += unlike_original(original, world, folder_times=False)
    return Trial(killed, tuple(complaints))


def kill_at(world: World, stage: Stage, expected: EndState, point: Call) -> Trial:
    """Kill the stage before one call. That it never came to this call is a complaint as well."""
    trial = kill_and_finish(world, stage, expected, [killing(world.log, point, stage.denied)])
    return trial if trial.disturbed else Trial(0, (*trial.complaints, "the run ended before this point"))


def rows_twice(world: World) -> list[str]:
    """A complaint for each row that stands twice: in the report, in both outputs of verify together, in a journal."""
    library = world.library
    tables = [Path(path) for path in files_below(*world.record_roots) if is_table(path)]
    outputs = [table for table in tables if table in (library.verified, library.unverified)]
    others = [table for table in tables if table not in outputs]
    return rows_not_once(*outputs) + [complaint for table in others for complaint in rows_not_once(table)]


def kill_and_restore(world: World, stage: Stage, kill: Tracer) -> Trial:
    """Kill a quarantine and restore at once, from the journal alone, instead of finishing it."""
    original = world.make()
    stage.do_before(world)
    result = world.product.run(stage.line(world), kill)
    complaints: list[str] = []
    journal = journal_of(world)
    assert stage.undo
    if journal.exists() and len(read_rows(journal)) > 0:
        complaints += run_to_the_end(world, stage.undo(world))
    complaints += unlike_original(original, world, folder_times=True)
    if not journal.exists():  # then nothing was taken, and the next run clears what was begun
        complaints = [complaint for complaint in complaints if PROBE_PREFIX not in complaint]
    return Trial(int(result.code == KILLED), tuple(complaints))


class KillAfter:
    """A tracer that kills its process after a while, wherever it is then, threads and all."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._kill)
        self._process = -1

    def attach(self, pid: int) -> None:
        self._process = os.pidfd_open(pid)
        self._timer.start()

    def detach(self) -> None:
        self._timer.cancel()
        self._timer.join()
        os.close(self._process)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

"""One fault: let one call of a run fail, judge what the run says and leaves, and finish once the fault is gone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.campaign.endstate import Snapshot, differences
from tests.campaign.fault_kinds import WATCHED, errors_of
from tests.campaign.fixtures import PHOTOS, World
from tests.campaign.invariants import broken_promises, contents_of, digests_below, overwritten
from tests.campaign.killing import rows_twice, unlike_original
from tests.campaign.oracles import false_claims
from tests.campaign.product import Line, Tracer
from tests.campaign.stages import EndState, Stage, end_state, run_to_the_end, unlike
from tests.campaign.strace_points import Call, calls_in, counting
from tests.campaign.trials import Trial
from tests.support.scripts import ORGANIZE, VERIFY, Result

_PATH = re.compile(r"(^|[\s\"'])/\w+/\w+")
_COMPANIONS = frozenset(
    hashlib.sha256(data).hexdigest() for name, data in PHOTOS.items() if name.endswith((".xmp", ".aae"))
)
OK, ATTENTION, BAD_INPUT, STOPPED, LOCKED = 0, 1, 2, 3, 4


def faults_of(world: World, stage: Stage) -> list[tuple[Call, str]]:
    """Every call of the stage's first run that concerns the world, with every error that it can meet."""
    stage.prepare(world)
    result = world.product.run(stage.line(world), counting(world.log, WATCHED))
    assert result.code == OK, f"{stage.name}, counted: exit {result.code}\n{result.stderr}"
    calls = [call for call in calls_in(world.log) if call.about([world.base, world.elsewhere])]
    return [(call, error) for call in calls for error in errors_of(call)]


def fail_and_finish(world: World, stage: Stage, expected: EndState, tracer: Tracer, *, exact: bool) -> Trial:
    """Run the stage with a fault, judge it, run again without, and compare with an undisturbed run.

    ``exact`` is False where the fault may cost permissions, times or attributes.
    """
    original = world.make()
    photos = contents_of(world.library.source)
    stage.do_before(world)
    archive, source = digests_below(world.library.archive), digests_below(world.library.source)
    result = world.product.run(stage.line(world), tracer)
    complaints = misbehaviour(world, result)
    complaints += broken_promises(photos, world.photo_roots, world.record_roots)
    complaints += overwritten(archive, world.library.archive) + overwritten(source, world.library.source)
    complaints += false_claims(world)
    if result.code == BAD_INPUT:
        complaints += _changed({**archive, **source}, world)
    told, needed_attention = _again(world, stage, result)
    complaints += told
    complaints += broken_promises(photos, world.photo_roots, world.record_roots, torn_rows=False)
    complaints += false_claims(world)
    if _only_folders_were_left(result):  # the journal tells of both tries: what stands on the disk is compared
        complaints += differences(expected.files, end_state(world).files)
    elif needed_attention or "cannot compare it" in result.stderr:
        stored_twice = "cannot compare it" in result.stderr  # then a duplicate that stays otherwise may be moved, too
        roots = ("archive", "quarantine") if stored_twice else ("source", "archive", "quarantine")
        complaints += _unlike_contents(expected, end_state(world), roots)
    else:
        complaints += rows_twice(world)
        complaints += _unlike_undisturbed(expected, end_state(world), exact)
    complaints += _undone(world, stage, original, exact)
    return Trial(1, tuple(complaints))


def _only_folders_were_left(result: Result) -> bool:
    """Whether all rows were good, and the run complains of nothing but empty folders that it could not remove."""
    if result.code != ATTENTION or "cannot remove this empty folder" not in result.stderr:
        return False
    return "failed" not in json.loads(result.stdout)["counts"]


def misbehaviour(world: World, result: Result) -> list[str]:
    """A complaint for each way in which a run that met a fault must not end."""
    complaints = []
    if result.code not in (OK, ATTENTION, BAD_INPUT, STOPPED, LOCKED):
        complaints.append(f"exit {result.code} is not documented")
    for bad in ("Traceback", "a fault in this program", "Exception ignored"):
        if bad in result.stderr:
            complaints.append(f"says {bad!r}: {result.stderr[-400:]}")
    if result.code != OK and not _PATH.search(result.stdout + result.stderr):
        complaints.append(f"exit {result.code} names no path: {result.stderr[-200:]!r}")
    return complaints


def _changed(before: dict[str, str], world: World) -> list[str]:
    """Exit 2 says that nothing was changed: a complaint for each photo that came or went all the same."""
    now = {**digests_below(world.library.archive), **digests_below(world.library.source)}
    moved = {path for path in before.keys() ^ now.keys() if "/.media-" not in path}
    return [f"CHANGED in spite of exit 2: {path}" for path in sorted(moved)]


def _again(world: World, stage: Stage, result: Result) -> tuple[list[str], bool]:
    """What a person does once the fault is gone: the same line, and where rows failed, the next one.

    Returns complaints, and whether there were rows that failed.
    """
    line = stage.line(world)
    codes = {result.code}
    complaints = []
    if result.code != OK or not _is_complete(result):
        complaints = run_to_the_end(world, line, accept=(OK, ATTENTION), codes=codes)
    if ATTENTION not in codes:
        return complaints, False
    if line.script == ORGANIZE:
        line = _with_path(line, str(world.library.report), str(_second_report(world)))
    elif line.script == VERIFY:
        line = _feed_back(world, line)
    else:
        line = _in_one_batch(line)
    return complaints + run_to_the_end(world, line), True


def _second_report(world: World) -> Path:
    return world.library.out / "report-2.csv"


def _feed_back(world: World, line: Line) -> Line:
    """Verify what was left unverified, into tables of its own."""
    library = world.library
    outputs = ("--verified-out", library.out / "verified-2.csv", "--unverified-out", library.out / "unverified-2.csv")
    return replace(line, arguments=("--input-csv", library.unverified, *outputs, "--jobs", "1", "--json"))


def _is_complete(result: Result) -> bool:
    return bool(json.loads(result.stdout)["complete"])


def _in_one_batch(line: Line) -> Line:
    arguments = list(line.arguments)
    if "--limit" in arguments:
        at = arguments.index("--limit")
        del arguments[at : at + 2]
    return replace(line, arguments=tuple(arguments))


def _with_path(line: Line, old: str, new: str) -> Line:
    return replace(line, arguments=tuple(new if str(argument) == old else argument for argument in line.arguments))


def _unlike_undisturbed(expected: EndState, found: EndState, exact: bool) -> list[str]:
    return unlike(expected, found) if exact else differences(_plain(expected.files), _plain(found.files))


def _unlike_contents(expected: EndState, found: EndState, roots: Sequence[str]) -> list[str]:
    """A file that failed at first is stored later, and may get another name then: only the contents are the same.

    A companion whose photo was moved without it stays behind, and that is said.
    """
    return [
        f"MISSING in the {root}: content {content[:12]}"
        for root in roots
        for content in _contents(expected, root) - _contents(found, root) - _COMPANIONS
    ]


def _contents(end: EndState, root: str) -> set[str]:
    return {facts.content for path, facts in end.files.items() if path.startswith(f"{root}/") and facts.kind == "file"}


def _plain(files: Snapshot) -> Snapshot:
    """Names and contents alone."""
    return {path: replace(facts, mode=0, mtime_ns=0, attributes=()) for path, facts in files.items()}


def _undone(world: World, stage: Stage, original: Snapshot, exact: bool) -> list[str]:
    if stage.undo:
        line = stage.undo(world)
        complaints = run_to_the_end(world, line)
        if _second_report(world).exists():  # what failed at first was moved by a run with a report of its own
            complaints += run_to_the_end(world, _with_path(line, str(world.library.report), str(_second_report(world))))
        if exact:
            return complaints + unlike_original(original, world, stage.keeps_folder_times)
        return complaints + differences(_plain(original), _plain(world.source_as_it_is()))
    if stage.source_stays:
        return differences(_plain(original), _plain(world.source_as_it_is()))
    return []

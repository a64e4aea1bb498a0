"""The rivals campaign: whatever others do to the files at whatever instant of a run, nothing of theirs or ours is lost.

Two kinds of rivals. Another program acts on one file just before one call that a run makes into the system: any act
at any such moment. Or a second run of our own scripts does its whole work at that moment, and, less exactly but
with nothing arranged, two runs are started at once. All that stood on the disk right after the rival acted must stand
there when the run has ended, and when the same command has been given again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from tests.campaign.figures import RecordPoints
from tests.campaign.invariants import broken_promises, rows_not_once
from tests.campaign.mutants import complaints_about
from tests.campaign.planted_bugs import PlantedBug
from tests.campaign.resettable import Resettable, is_lock, is_table, see
from tests.campaign.rival_acts import ACTS, UNSEEN, Rival
from tests.campaign.scale import dice, sized
from tests.campaign.syscall_points import at_moment, in_a_child, moments_of, start_child, wait_for
from tests.campaign.two_disks import quick_folder
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, Codes, Result, call

pytestmark = pytest.mark.campaign

PART = "rivals"
MOST_SHOWN = 5
DELETE = ("--delete-permanently", "--yes-really-delete", "--jobs", "1")
SIZE = 1024
TARGET = "sub/b.jpg"

Contents = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Line:
    """A script and its arguments."""

    script: str
    arguments: tuple[Argument, ...]

    def run(self, cwd: Path, expect: Codes) -> Result:
        return call(self.script, *self.arguments, cwd=cwd, expect=expect)


def photo(seed: int) -> bytes:
    return jpeg(seed=seed, size=SIZE)


PHOTOS = {"a.jpg": photo(1), TARGET: photo(2), "sub/c.jpg": photo(3)}
WHAT_THE_RIVAL_WRITES = photo(99)


# --- what is on the disk ---------------------------------------------------------------------------


def photos_on(roots: Sequence[Path]) -> Contents:
    """Every photo below the roots with its bytes, by path; what is parked counts, a temporary file does not."""
    return {
        path: Path(path).read_bytes()
        for root in roots
        for path in see(root).files
        if not (is_table(path) or is_lock(path) or os.path.islink(path) or _is_temporary(path))
    }


def _is_temporary(path: str) -> bool:
    return os.path.basename(path).startswith((".media-tmp-", ".media-probe-")) or path.endswith(".json.tmp")


def missing(then: Contents, now: Contents, archive: Path, *, archive_may_shrink: bool) -> list[str]:
    """What stood there then and is gone: any content at all, or anything in the archive."""
    there = set(now.values())
    told = [f"LOST: {path}" for path, content in then.items() if content and content not in there]
    if not archive_may_shrink:
        inside = str(archive) + os.sep
        told += [
            f"ARCHIVE CHANGED: {path}"
            for path, content in then.items()
            if path.startswith(inside) and now.get(path) != content
        ]
    return told


def taken_unproved(library: Library, then: Contents, now: Contents) -> list[str]:
    """Files that were put into a quarantine though the archive has no copy of them."""
    inside = str(library.archive) + os.sep
    copies = {content for path, content in now.items() if path.startswith(inside)}
    return [
        f"TAKEN THOUGH UNPROVED: {path}"
        for path, content in now.items()
        if f"{os.sep}files{os.sep}" in path
        and path.endswith(".jpg")
        and content not in copies
        and then.get(path) != content
    ]


def litter(now: Contents, roots: Sequence[Path]) -> list[str]:
    """Names of ours that no run should leave when it has ended in good order."""
    temporary = (path for root in roots for path in see(root).files if _is_temporary(path))
    parked = (path for path in now if os.path.basename(path).startswith(".media-removing-"))
    return [f"LITTER: {path}" for path in (*temporary, *parked)]


# --- another program at every moment ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A run that a rival disturbs: what happens before it, its command line, which file the rival is after.

    ``across`` puts the archive (of organize) or the quarantine (of apply) on another file system.
    ``archive_may_shrink`` is for bringing back a move. ``destroys``: the file is unlinked in the end.
    """

    name: str
    prepare: Callable[[Library], None]
    line: Callable[[Library], Line]
    target: Callable[[Library], Path]
    vacant: Callable[[Library], Path]
    across: bool = False
    archive_may_shrink: bool = False
    destroys: bool = False

    def points(self, names: Sequence[str]) -> list[tuple[str, int]]:
        """Every act at every moment, but one: who writes through a descriptor in the very last microseconds before an
        unlink, after the last look, can't be noticed; there that act comes while the file is read, and no later.
        """
        return [
            (act, moment)
            for act, (moment, name) in product(ACTS, enumerate(names, 1))
            if not (self.destroys and act == "writes through a descriptor" and name != "readv")
        ]


def _nothing(_library: Library) -> None:
    return


def _organized(library: Library) -> None:
    library.organize("--jobs", "1")


def _verified(library: Library) -> None:
    library.organize("--jobs", "1")
    library.verify("--jobs", "1")


def _quarantined(library: Library) -> None:
    _verified(library)
    library.apply()


def _moved(library: Library) -> None:
    library.organize("--jobs", "1", mode="move")


def _organize(mode: str) -> Callable[[Library], Line]:
    return lambda library: Line(ORGANIZE, (*library.organize_line(mode), "--jobs", "1"))


def _verify(library: Library) -> Line:
    return Line(VERIFY, library.verify_line("--jobs", "1"))


def _apply(*args: Argument) -> Callable[[Library], Line]:
    return lambda library: Line(APPLY, library.apply_line(*args))


def _apply_across(*args: Argument) -> Callable[[Library], Line]:
    return lambda library: Line(APPLY, library.apply_line("--quarantine-root", _other_quarantine(library), *args))


def _journal(*args: Argument) -> Callable[[Library], Line]:
    return lambda library: Line(APPLY, ("--manifest", library.journal, "--expected-run-id", "auto", *args))


def _undo_move(library: Library) -> Line:
    return Line(APPLY, ("--manifest", library.report, "--expected-run-id", "auto", "--restore"))


def _other_quarantine(library: Library) -> Path:
    return library.archive.parent / "quarantine"


def _source(library: Library) -> Path:
    return library.source / TARGET


def _copy(library: Library) -> Path:
    return library.archive / "2019" / "b.jpg"


def _in_quarantine(library: Library) -> Path:
    return library.quarantined_files / TARGET


def _in_other_quarantine(library: Library) -> Path:
    return Path(f"{_other_quarantine(library)}/{library.run_id}/files{_source(library)}")


COMMANDS = (
    Command("copy", _nothing, _organize("copy"), _source, _copy),
    Command("move", _nothing, _organize("move"), _source, _copy),
    Command("move-across", _nothing, _organize("move"), _source, _copy, across=True, destroys=True),
    Command("verify", _organized, _verify, _source, _copy),
    Command("quarantine", _verified, _apply(), _source, _in_quarantine),
    Command("quarantine-prune", _verified, _apply("--prune-empty-dirs"), _source, _in_quarantine),
    Command("quarantine-across", _verified, _apply_across(), _source, _in_other_quarantine, across=True, destroys=True),
    Command("delete", _verified, _apply(*DELETE), _source, _in_quarantine, destroys=True),
    Command(
        "delete-across", _verified, _apply_across(*DELETE), _source, _in_other_quarantine, across=True, destroys=True
    ),
    Command("purge", _quarantined, _journal(*DELETE), _in_quarantine, _source, destroys=True),
    Command("restore", _quarantined, _journal("--restore"), _in_quarantine, _source),
    Command("undo-move", _moved, _undo_move, _copy, _source, archive_may_shrink=True),
)
POINTS = sized(30, 1_500)  # of each command: an act at a moment


@dataclass(frozen=True, slots=True)
class Scene:
    """One library to be disturbed, and every place where its photos may be."""

    library: Library
    trees: tuple[Resettable, ...]

    @classmethod
    def of(cls, command: Command, here: Path, there: Path) -> Scene:
        roots = [here / "scene"]
        library = Library.at(roots[0], PHOTOS)
        if command.across:
            roots.append(there / "scene")
            roots[1].mkdir()
            library = Library(library.root, library.source, roots[1] / "archive", library.out)
        command.prepare(library)
        (roots[0] / "attic").mkdir()
        return cls(library, tuple(Resettable(root) for root in roots))

    @property
    def roots(self) -> list[Path]:
        return [tree.root for tree in self.trees]

    def rival(self, command: Command) -> Rival:
        target = command.target(self.library)
        copy = _copy(self.library)
        return Rival(
            target=target,
            copy=copy if copy != target else self.library.source / "a.jpg",
            other=target.with_name("c.jpg"),
            vacant=command.vacant(self.library),
            attic=self.library.root / "attic",
            content=WHAT_THE_RIVAL_WRITES,
            held=os.open(target, os.O_RDWR),
        )


def try_moment(scene: Scene, command: Command, act: str, moment: int) -> list[str]:
    """Run the command, let the rival act at that moment, look; give the command again, look; put everything back."""
    line, library = command.line(scene.library), scene.library
    rival = scene.rival(command)
    then: Contents = {}

    def strike() -> None:
        rival.act(act)
        then.update(photos_on(scene.roots))

    told: list[str] = []
    try:
        for first in (True, False):
            if first:
                with at_moment(moment, strike):
                    line.run(library.out, expect=(0, 1, 3))
            else:
                line.run(library.out, expect=(0, 1, 2, 3))
            now = photos_on(scene.roots)
            told += missing(then, now, library.archive, archive_may_shrink=command.archive_may_shrink)
            if act not in UNSEEN and not command.archive_may_shrink:
                told += taken_unproved(library, then, now)
        told += broken_promises({}, [], [library.out, library.quarantine], torn_rows=False)
        if "folder" not in act:
            told += litter(now, scene.roots)
    except AssertionError as fault:
        told.append(f"FAULT: {fault}")
    os.close(rival.held)
    for tree in scene.trees:
        tree.reset()
    return told


def _chosen(points: list[tuple[str, int]], command: Command) -> list[tuple[str, int]]:
    return dice(PART, command.name).sample(points, min(POINTS, len(points)))


def _is_loss(told: Sequence[str]) -> bool:
    return any(line.startswith(("LOST", "ARCHIVE", "TAKEN")) for line in told)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    with quick_folder(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_another_program_acts_on_a_file_at_any_moment(
    command: Command, here: Path, tmp_path: Path, record_points: RecordPoints
) -> None:
    if command.across and here.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system: /dev/shm is not there, or pytest's --basetemp lies on it")
    scene = Scene.of(command, here, tmp_path)
    names: list[str] = []
    for _ in range(2):  # the first run has moments of its own: it looks for modules
        names = moments_of(lambda: command.line(scene.library).run(scene.library.out, expect=0))
        for tree in scene.trees:
            tree.reset()
    if command.name != "verify":
        assert "renameat2" in names, "the moments before a rename are not seen any more"
    points = _chosen(command.points(names), command)
    found: list[str] = []
    losses = 0
    for act, moment in points:
        told = try_moment(scene, command, act, moment)
        losses += _is_loss(told)
        if told:
            found.append(f"a rival {act} before {names[moment - 1]} ({moment}):\n  " + "\n  ".join(told))
        if len(found) >= MOST_SHOWN:
            break
    record_points(PART, len(points), losses)
    assert not found, f"{command.name}:\n" + "\n".join(found)


# --- two runs of our own at once -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Two command lines on one library, and what has happened before."""

    name: str
    prepare: Callable[[Library], None]
    one: Callable[[Library], Line]
    other: Callable[[Library], Line]


def _organize_apart(library: Library) -> Line:
    line = [*library.organize_line("move"), "--jobs", "1"]
    line[line.index(library.report)] = library.out / "report of another.csv"
    return Line(ORGANIZE, tuple(line))


def _each_the_archive_of_the_other(library: Library) -> None:
    """Incident 21: two libraries, each verified against the other, and each about to lose its copy to the other."""
    there = _crosswise(library)
    library.organize("--jobs", "1")
    there.organize("--jobs", "1")
    library.verify("--jobs", "1")
    there.verify("--jobs", "1")


def _crosswise(library: Library) -> Library:
    out = library.root / "out of the other"
    out.mkdir(exist_ok=True)
    return Library(library.root, library.archive, library.source, out)


def _delete_crosswise(library: Library) -> Line:
    return _apply(*DELETE)(_crosswise(library))


PAIRS = (
    Pair("copy-copy", _nothing, _organize("copy"), _organize("copy")),
    Pair("move-move", _nothing, _organize("move"), _organize_apart),
    Pair("copy-move", _nothing, _organize("copy"), _organize_apart),
    Pair("verify-verify", _organized, _verify, _verify),
    Pair("verify-move", _organized, _verify, _organize_apart),
    Pair("quarantine-quarantine", _verified, _apply(), _apply()),
    Pair("delete-delete", _verified, _apply(*DELETE), _apply(*DELETE)),
    Pair("quarantine-delete", _verified, _apply(), _apply(*DELETE)),
    Pair("delete-move", _verified, _apply(*DELETE), _organize_apart),
    Pair("restore-restore", _quarantined, _journal("--restore"), _journal("--restore")),
    Pair("restore-purge", _quarantined, _journal("--restore"), _journal(*DELETE)),
    Pair("purge-purge", _quarantined, _journal(*DELETE), _journal(*DELETE)),
    Pair("purge-delete", _quarantined, _journal(*DELETE), _apply(*DELETE)),
    Pair("delete-delete-crosswise", _each_the_archive_of_the_other, _apply(*DELETE), _delete_crosswise),
)
MOMENTS = sized(12, 0)  # of each pair; 0: every moment
STARTS = sized(3, 40)  # of two processes at once, for each pair
CODES = (0, 1, 2, 3, 4)


def _stage(pair: Pair, here: Path) -> tuple[Library, Resettable]:
    # The years of the photos are folders already, so that a library can be the archive of its own archive.
    library = Library.at(here / "scene", {f"2019/{os.path.basename(name)}": data for name, data in PHOTOS.items()})
    pair.prepare(library)
    return library, Resettable(library.root)


def after_both(pair: Pair, library: Library, before: Contents, codes: Sequence[int]) -> list[str]:
    """What is wrong when both runs have ended, and when both commands have been given again."""
    told = [f"EXIT {code}" for code in codes if code not in CODES]
    told += _gone(before, library)
    for line in (pair.one(library), pair.other(library), pair.one(library)):
        result = line.run(library.out, expect=(0, 1, 2, 3))
        if result.code == 3 and "the source is empty" not in result.stderr:  # the other run may have moved all of it
            told.append(f"EXIT 3: {result.error}")
    told += _gone(before, library)
    now = photos_on([library.root])
    told += litter(now, [library.root])
    told += broken_promises({}, [], [library.out, library.quarantine], torn_rows=False)
    return told + rows_not_once(*(path for path in library.out.glob("*verified.csv") if path.exists()))


def _gone(before: Contents, library: Library) -> list[str]:
    there = set(photos_on([library.root]).values())
    return [f"LOST: {path}" for path, content in before.items() if content not in there]


def disturbed(pair: Pair, library: Library, moment: int) -> list[str]:
    """One run, and the whole of the other at one moment of it."""
    before = photos_on([library.root])
    one, other = pair.one(library), pair.other(library)
    codes: list[int] = []
    with at_moment(moment, lambda: codes.append(in_a_child(other.script, *other.arguments, cwd=library.out))):
        codes.append(one.run(library.out, expect=CODES).code)
    return after_both(pair, library, before, codes)


def side_by_side(pair: Pair, library: Library) -> list[str]:
    """Both runs as two processes, started at once."""
    before = photos_on([library.root])
    lines = (pair.one(library), pair.other(library))
    children = [start_child(line.script, *line.arguments, cwd=library.out) for line in lines]
    return after_both(pair, library, before, [wait_for(child) for child in children])


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_two_runs_at_once_lose_nothing(pair: Pair, here: Path, record_points: RecordPoints) -> None:
    library, tree = _stage(pair, here)
    names = moments_of(lambda: pair.one(library).run(library.out, expect=(0, 1)))
    tree.reset()
    moments = dice(PART, pair.name).sample(range(1, len(names) + 1), min(MOMENTS or len(names), len(names)))
    tries = {
        f"the other before {names[moment - 1]} ({moment})": partial(disturbed, pair, library, moment)
        for moment in moments
    }
    tries |= {f"both at once, {number}": partial(side_by_side, pair, library) for number in range(STARTS)}
    found: list[str] = []
    losses = 0
    for what, attempt in tries.items():
        try:
            told = attempt()
        except AssertionError as fault:
            told = [f"FAULT: {fault}"]
        losses += _is_loss(told)
        if told:
            found.append(f"{what}:\n  " + "\n  ".join(told))
        tree.reset()
        if len(found) >= MOST_SHOWN:
            break
    record_points(PART, len(tries), losses)
    assert not found, f"{pair.name}:\n" + "\n".join(found)


# --- the harness itself ----------------------------------------------------------------------------

NO_LOOK = PlantedBug(
    "no look at the moment of effect", "TaskExecutor._require_unchanged", "return identity_of(os.lstat(task.from_path))"
)
NO_SECOND_LOOK = PlantedBug("what is moved is not looked at", "same_file_state", "return True")
NO_LOCK = PlantedBug(
    "locks lock nothing", "Lock.__init__", "self._fd, self._path = os.open(os.devnull, 0), path; return None"
)
# It names renameat2 without ever calling it, so that the moment before a rename is seen as such.
NO_REFUSAL_TO_REPLACE = PlantedBug(
    "a name that is taken is replaced",
    "rename_no_replace",
    "return os.rename(source, destination) if source else os.renameat2()",
)


@pytest.mark.parametrize(
    ("bug", "choose", "complaint"),
    [
        (NO_REFUSAL_TO_REPLACE, "another_program and (copy or move)", "ARCHIVE CHANGED"),
        (NO_LOOK, "another_program and quarantine", "TAKEN THOUGH UNPROVED"),
        (NO_SECOND_LOOK, "another_program and quarantine", "TAKEN THOUGH UNPROVED"),
        (NO_LOCK, "two_runs and quarantine-quarantine", "UNREADABLE"),
    ],
    ids=lambda value: str(value) if isinstance(value, PlantedBug) else "",
)
def test_a_guard_taken_out_is_noticed(bug: PlantedBug, choose: str, complaint: str, tmp_path: Path) -> None:
    told = complaints_about(bug, tmp_path, "test_rivals.py", choose)
    assert complaint in told

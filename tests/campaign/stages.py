"""Every stage and mode of the three scripts as a campaign walks through them.

A ``Stage`` says what is done before (undisturbed), which command line is then to be killed or made to fail, and which
one brings the source back afterwards. ``run_to_the_end`` is what a person does after a crash: the same line again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tests.campaign.endstate import Snapshot, Told, differences, renamed, snapshot, told_rows, without_records
from tests.campaign.fixtures import World
from tests.campaign.invariants import files_below, is_table
from tests.campaign.product import Line
from tests.campaign.strace_points import NO_EXCLUSIVE_RENAME, NO_LINKS_EITHER, Denied, denying
from tests.support.media import jpeg, mp4
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Result
from tests.support.tables import Row
from tests.support.trees import Tree, write_tree

LineOf = Callable[[World], Line]
_MOST_CALLS = 20
ANOTHER: Tree = {
    "IMG_1.jpg": jpeg(datetime(2018, 8, 1), seed=8),
    "IMG_2.jpg": jpeg(datetime(2018, 3, 2), seed=2),
    "clip.mp4": mp4(datetime(2020, 9, 1, 12), seed=9),
}
"""What another source had filed before: a name that will be taken, a content that is there already."""


def _organize(mode: str, *more: str) -> LineOf:
    return lambda world: Line(ORGANIZE, (*world.library.organize_line(mode), *_ALWAYS, *more), world.library.out)


def _verify(*more: str) -> LineOf:
    return lambda world: Line(VERIFY, (*world.library.verify_line(), *_ALWAYS, *more), world.library.out)


def _apply(*more: str) -> LineOf:
    def line(world: World) -> Line:
        root = ("--quarantine-root", world.quarantine)
        return Line(APPLY, (*world.library.apply_line(), *root, *_ALWAYS, *more), world.library.out)

    return line


def _from_journal(*more: str) -> LineOf:
    def line(world: World) -> Line:
        manifest = ("--manifest", journal_of(world), "--expected-run-id", "auto")
        return Line(APPLY, (*manifest, *_ALWAYS, *more), world.library.out)

    return line


def _from_report(world: World) -> Line:
    manifest = ("--manifest", world.library.report, "--expected-run-id", "auto", "--restore")
    return Line(APPLY, (*manifest, "--quarantine-root", world.quarantine, *_ACCEPTED, *_ALWAYS), world.library.out)


_ALWAYS = ("--jobs", "1", "--json")
# FUSE is among the campaign's file systems: nothing is read from it but through a cache, and some hold no attributes.
_ACCEPTED = ("--accept-cached-reads", "--accept-lost-attributes")
_FOR_GOOD = ("--delete-permanently", "--yes-really-delete", *_ACCEPTED)
_keep_all = _organize("copy", "--duplicates", "keep")
_copy, _move = _organize("copy"), _organize("move")
_prove = _verify()
_quarantine, _restore = _apply(), _from_journal("--restore")


def _organize_another(world: World) -> Line:
    """Make another source whose names collide with those of the first, and file it first."""
    write_tree(world.base / "another", ANOTHER)
    roots = ("--source", world.base / "another", "--destination-root", world.library.archive, "--mode", "copy")
    return Line(ORGANIZE, (*roots, "--report-csv", world.library.out / "another.csv", *_ALWAYS), world.library.out)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage in one mode. ``far`` names the part of the world on the other file system."""

    name: str
    line: LineOf
    before: tuple[LineOf, ...] = ()
    undo: LineOf | None = None
    far: str = "nothing"
    source_stays: bool = False
    denied: tuple[Denied, ...] = ()

    @property
    def keeps_folder_times(self) -> bool:
        """Whether what undoes it knows the folders' times: a journal does, the report of a move does not."""
        return self.undo is not _from_report

    def with_jobs(self, jobs: int) -> Stage:
        """The same stage with several files handled at a time."""
        alone = self.line

        def line(world: World) -> Line:
            given = alone(world)
            return replace(given, arguments=(*given.arguments, "--jobs", str(jobs)))

        return replace(self, line=line)

    def prepare(self, world: World) -> None:
        """Make the world anew and do what comes before. Changes the disk."""
        world.make()
        self.do_before(world)

    def do_before(self, world: World) -> None:
        """Do what comes before, undisturbed. Changes the disk."""
        for line in self.before:
            world.do(line(world))


STAGES = (
    Stage("report", _organize("report"), source_stays=True),
    Stage("copy", _copy, source_stays=True),
    Stage("copy into an archive", _keep_all, (_organize_another,), source_stays=True),
    Stage("move into an archive", _move, (_organize_another,), _from_report),
    Stage("move", _move, undo=_from_report),
    Stage("move across devices", _move, undo=_from_report, far="archive"),
    Stage("verify", _prove, (_copy,), source_stays=True),
    Stage("verify in batches", _verify("--limit", "3"), (_copy,), source_stays=True),
    Stage("quarantine", _quarantine, (_copy, _prove), _restore),
    Stage("quarantine in batches", _apply("--limit", "3"), (_copy, _prove), _restore),
    Stage("quarantine across devices", _quarantine, (_copy, _prove), _restore, far="quarantine"),
    Stage("quarantine and prune", _apply("--prune-empty-dirs"), (_copy, _prove), _restore),
    Stage("delete permanently", _apply(*_FOR_GOOD), (_copy, _prove)),
    Stage("delete permanently and prune", _apply(*_FOR_GOOD, "--prune-empty-dirs"), (_copy, _prove)),
    Stage("purge", _from_journal(*_FOR_GOOD), (_copy, _prove, _quarantine)),
    Stage("purge on another device", _from_journal(*_FOR_GOOD), (_copy, _prove, _quarantine), far="quarantine"),
    Stage("restore", _restore, (_copy, _prove, _apply("--prune-empty-dirs")), _restore),
    Stage("restore across devices", _restore, (_copy, _prove, _quarantine), _restore, far="quarantine"),
    Stage("restore a move", _from_report, (_move,), _from_report),
    Stage("restore a move across devices", _from_report, (_move,), _from_report, far="archive"),
)


WITHOUT_EXCLUSIVE_RENAME = tuple(
    replace(stage, name=f"{stage.name}, {how}", denied=denied)
    for how, denied in (("without renameat2", NO_EXCLUSIVE_RENAME), ("without links", NO_LINKS_EITHER))
    for stage in STAGES
    if stage.name in ("copy", "move", "move across devices", "quarantine", "delete permanently", "restore")
)
"""Some of them once more on file systems that can't rename without replacing."""


def journal_of(world: World) -> Path:
    """The journal of the world's one run."""
    return world.quarantine / world.library.run_id / "journal.csv"


def run_to_the_end(
    world: World,
    line: Line,
    denied: Sequence[Denied] = (),
    accept: Sequence[int] = (0,),
    codes: set[int] | None = None,
) -> list[str]:
    """Give a line again and again until it says that all is complete; complaints when it does not come to that.

    The exit codes that were met are added to ``codes``.
    """
    for _ in range(_MOST_CALLS):
        result = world.product.run(line, denying(world.log, denied) if denied else None)
        if codes is not None:
            codes.add(result.code)
        if is_finished(line, result):
            return []
        if result.code not in accept:
            return [f"exit {result.code} when run again: {result.stderr.strip()[-400:]}"]
        if json.loads(result.stdout)["complete"]:
            return []
    return [f"not complete after {_MOST_CALLS} calls"]


def is_finished(line: Line, result: Result) -> bool:
    """Whether organize refuses its own report since that is finished: the kill came behind its last step."""
    return result.code == 2 and line.script == ORGANIZE and "is a finished report" in result.stderr


@dataclass(frozen=True, slots=True)
class EndState:
    """All that is on disk in the end, comparable between two runs in the same world."""

    files: Snapshot
    tables: dict[str, Told]
    sums: str


def end_state(world: World) -> EndState:
    """Look at everything in the world. Folder times are left out: they are those of the run itself."""
    run_id = world.library.run_id
    files: Snapshot = {}
    for root in (*world.photo_roots, world.library.out):
        there = without_records(snapshot(root, folder_times=False))
        files |= {f"{root.name}/{path}": facts for path, facts in there.items()}
    tables = [Path(path) for path in files_below(*world.record_roots) if is_table(path)]
    sums = world.library.out / "SHA256SUMS"
    return EndState(
        files=renamed(files, {run_id: "RUN", run_id[:8]: "RUN"}),
        tables={table.name: told_rows(table, run_id) for table in tables},
        sums=sums.read_text(encoding="utf-8", errors="surrogateescape") if sums.exists() else "",
    )


def unlike(expected: EndState, found: EndState) -> list[str]:
    """A complaint for each way in which an end differs from that of an undisturbed run."""
    complaints = differences(expected.files, found.files)
    for name in sorted(expected.tables.keys() | found.tables.keys()):
        wanted, told = Counter(expected.tables.get(name, ())), Counter(found.tables.get(name, ()))
        complaints += _unlike_rows(name, [dict(row) for row in wanted - told], [dict(row) for row in told - wanted])
    if expected.sums != found.sums:
        complaints.append("SHA256SUMS differs")
    return complaints


def _unlike_rows(name: str, missing: list[Row], surplus: list[Row]) -> list[str]:
    """Rows that differ in some columns are told as that; the others as missing or too many."""
    complaints = []
    for row in missing:
        twin = next((other for other in surplus if _place(other) == _place(row)), None)
        if twin:
            surplus.remove(twin)
            columns = ", ".join(
                f"{column} {row[column]!r} became {twin[column]!r}" for column in row if row[column] != twin[column]
            )
            complaints.append(f"{name}: row {_in_short(row)}: {columns}")
        else:
            complaints.append(f"{name}: row missing: {_in_short(row)}")
    return complaints + [f"{name}: row too many: {_in_short(row)}" for row in surplus]


def _place(row: Row) -> tuple[str, ...]:
    return tuple(row.get(column, "") for column in ("row_id", "action", "source_path", "from_path", "to_path"))


def _in_short(row: Row) -> str:
    return " ".join(row[column] for column in ("row_id", "action", "phase", "status") if row.get(column))

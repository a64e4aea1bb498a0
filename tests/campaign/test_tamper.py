"""The tamper campaign: manifests, journals and states spoiled at random never get an unverified file removed.

Each point spoils one file of a small library, runs a command line on it in this process, and looks at every file:
what was there is still there, in the archive nothing has changed, what went was verified, and a run that refused
(exit 2) has changed nothing at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.fileops.temporary import is_temporary_name
from common.media_types import QUARANTINE_FOLDER
from tests.campaign.figures import RecordPoints
from tests.campaign.mutants import complaints_about
from tests.campaign.planted_bugs import PlantedBug
from tests.campaign.resettable import Resettable
from tests.campaign.scale import dice, sized
from tests.campaign.syscall_points import in_a_child, moments_of
from tests.campaign.tampering import Bait, Mutation, mutate_json, mutate_table
from tests.campaign.two_disks import quick_folder
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, Result, call
from tests.support.tables import read_rows
from tests.support.trees import read_tree, write_tree

pytestmark = pytest.mark.campaign

PART = "tamper"
CODES = (0, 1, 2, 3)
MOST_SHOWN = 5
DELETE = ("--delete-permanently", "--yes-really-delete")
SIZE = 1024
ROOT_QUARANTINE = Path("/", QUARANTINE_FOLDER)

Line = tuple[str, tuple[Argument, ...]]
"""A script and its arguments."""


def photo(seed: int) -> bytes:
    """Every photo has one size (and one time), so that only paths, inodes and bytes tell them apart."""
    return jpeg(seed=seed, size=SIZE)


def library_at(root: Path) -> Library:
    """Five verified files (two of one content), two that could not be verified, one that is no photo."""
    library = Library.at(
        root,
        {
            "a.jpg": photo(1),
            "sub/b.jpg": photo(2),
            "sub/c.jpg": photo(3),
            'sub/the "d",\nagain.jpg': photo(4),
            "twice/a.jpg": photo(1),
            "unlike.jpg": photo(5),
            "alone.jpg": photo(6),
            "note.txt": b"no photo",
        },
    )
    write_tree(root / "outside", {"x.jpg": photo(1), "y.jpg": photo(7)})
    return library


def spoil_two(library: Library) -> None:
    """What verify is to find: one archive copy differs, one is gone. Both originals are the only ones then."""
    status = library.archive_path("unlike.jpg").stat()
    library.archive_path("unlike.jpg").write_bytes(photo(8))
    os.utime(library.archive_path("unlike.jpg"), ns=(status.st_atime_ns, status.st_mtime_ns))
    library.archive_path("alone.jpg").unlink()


def verified(library: Library, *, mode: str = "copy") -> None:
    library.organize("--jobs", "1", mode=mode)
    if mode == "copy":
        spoil_two(library)
    library.verify("--jobs", "1", expect=(0, 1))


# --- what is spoiled, and what is run then ---------------------------------------------------------


def _only_organized(library: Library) -> None:
    library.organize("--jobs", "1")
    spoil_two(library)


def _half_verified(library: Library) -> None:
    _only_organized(library)
    library.verify("--jobs", "1", "--limit", "4", expect=(0, 1))


def _quarantined(library: Library) -> None:
    verified(library)
    library.apply()


def _half_quarantined(library: Library) -> None:
    verified(library)
    library.apply("--limit", "2")


def _half_purged(library: Library) -> None:
    _quarantined(library)
    library.restore(library.journal, "--limit", "2")
    call(APPLY, *_from_journal(library), *DELETE, "--jobs", "1", "--limit", "4", cwd=library.out)


def _half_restored(library: Library) -> None:
    _quarantined(library)
    library.restore(library.journal, "--limit", "2")


def _half_organized(mode: str) -> Callable[[Library], None]:
    """Killed between the checkpoint that names the pending batch and the end of that batch."""

    def prepare(library: Library) -> None:
        line = (*library.organize_line(mode), "--jobs", "1")
        scratch = Library.at(library.root.with_name("scratch"), read_tree(library.source))
        moments = moments_of(lambda: scratch.organize("--jobs", "1", mode=mode))
        second_rename = [number for number, name in enumerate(moments, 1) if name == "renameat2"][1]
        assert in_a_child(ORGANIZE, *line, cwd=library.out, kill_at=second_rename) == -9

    return prepare


def _from_journal(library: Library) -> tuple[Argument, ...]:
    return ("--manifest", library.journal, "--expected-run-id", "auto")


def _apply(*args: Argument) -> Callable[[Library], list[Line]]:
    return lambda library: [(APPLY, library.apply_line(*args))]


def _journal(*args: Argument) -> Callable[[Library], list[Line]]:
    return lambda library: [(APPLY, (*_from_journal(library), *args))]


def _verify_then_delete(library: Library) -> list[Line]:
    verify = (VERIFY, library.verify_line("--jobs", "1"))
    return [verify, (APPLY, library.apply_line(*DELETE, "--jobs", "1"))]


def _undo_move(library: Library) -> list[Line]:
    return [(APPLY, ("--manifest", library.report, "--expected-run-id", "auto", "--restore"))]


def _organize_again(mode: str) -> Callable[[Library], list[Line]]:
    return lambda library: [(ORGANIZE, (*library.organize_line(mode), "--jobs", "1"))]


def _state_of(action: str) -> Callable[[Library], Path]:
    return lambda library: next(library.journal.parent.glob(f"{action}-*.state.json"))


@dataclass(frozen=True, slots=True)
class Scenario:
    """What has happened before, which file is spoiled, and the command lines that then meet it.

    ``moves``: files travel between source and archive by the spoiled file alone, which has no seals; then only
    conservation holds. ``read_whole``: the runs read the spoiled file from its beginning; a later batch trusts what
    the batches before it wrote, but for its length.
    """

    name: str
    weight: int
    prepare: Callable[[Library], None]
    spoiled: Callable[[Library], Path]
    lines: Callable[[Library], list[Line]]
    moves: bool = False
    read_whole: bool = True


SCENARIOS = (
    Scenario("manifest-quarantine", 16, verified, lambda lib: lib.verified, _apply()),
    Scenario(
        "manifest-quarantine-batch", 4, verified, lambda lib: lib.verified, _apply("--offset", "1", "--limit", "2")
    ),
    Scenario("manifest-quarantine-prune", 4, verified, lambda lib: lib.verified, _apply("--prune-empty-dirs")),
    Scenario("manifest-delete", 16, verified, lambda lib: lib.verified, _apply(*DELETE, "--jobs", "1")),
    Scenario("manifest-dry-run", 2, verified, lambda lib: lib.verified, _apply("--dry-run")),
    Scenario("manifest-between-batches", 4, _half_quarantined, lambda lib: lib.verified, _apply()),
    Scenario("journal-restore", 10, _quarantined, lambda lib: lib.journal, _journal("--restore")),
    Scenario("journal-purge", 12, _quarantined, lambda lib: lib.journal, _journal(*DELETE, "--jobs", "1")),
    Scenario("journal-between-batches", 6, _half_quarantined, lambda lib: lib.journal, _apply(), read_whole=False),
    Scenario("state-quarantine", 6, _half_quarantined, _state_of("quarantine"), _apply()),
    Scenario("state-purge", 6, _half_purged, _state_of("purge"), _journal(*DELETE, "--jobs", "1")),
    Scenario("state-restore", 4, _half_restored, _state_of("restore"), _journal("--restore")),
    Scenario("report-verify-delete", 6, _only_organized, lambda lib: lib.report, _verify_then_delete),
    Scenario(
        "verify-state-then-delete",
        4,
        _half_verified,
        lambda lib: lib.verified.with_name("verified.csv.state.json"),
        _verify_then_delete,
    ),
    Scenario(
        "half-verified-then-delete",
        4,
        _half_verified,
        lambda lib: lib.verified,
        _verify_then_delete,
        read_whole=False,
    ),
    Scenario(
        "report-undo-move",
        6,
        lambda lib: verified(lib, mode="move"),
        lambda lib: lib.report,
        _undo_move,
        moves=True,
    ),
    Scenario(
        "state-copy",
        4,
        _half_organized("copy"),
        lambda lib: lib.report.with_name("report.csv.state.json"),
        _organize_again("copy"),
    ),
    Scenario(
        "state-move",
        6,
        _half_organized("move"),
        lambda lib: lib.report.with_name("report.csv.state.json"),
        _organize_again("move"),
        moves=True,
    ),
)
POINTS = sized(1_500, 51_000)


def points_of(scenario: Scenario) -> int:
    return max(10, POINTS * scenario.weight // sum(scenario.weight for scenario in SCENARIOS))


# --- what must hold --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """A library ready to be tampered with. ``may_go``: the files in the source that have an identical archive copy."""

    library: Library
    tree: Resettable
    may_go: frozenset[str]
    bait: Bait
    run_id: str

    @classmethod
    def of(cls, library: Library) -> Stage:
        tree = Resettable(library.root)
        unproved = read_rows(library.unverified) if library.unverified.exists() else []
        archive, source = str(library.archive) + os.sep, str(library.source) + os.sep
        copies = {content for path, content in tree.media.items() if path.startswith(archive)}
        return cls(
            library,
            tree,
            frozenset(path for path, content in tree.media.items() if path.startswith(source) and content in copies),
            Bait(
                paths=sorted(tree.media),
                roots=[str(root) for root in (library.root, library.source, library.archive, library.root / "outside")],
                unverified=unproved,
            ),
            library.run_id if read_rows(library.report) else "no run",
        )


def lasting(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files without what a killed run left under temporary names, which the next one removes."""
    return {path: content for path, content in files.items() if not is_temporary_name(os.path.basename(path))}


def wrongs(
    stage: Stage, scenario: Scenario, mutation: Mutation, results: Sequence[Result], tables: Mapping[str, bytes]
) -> list[str]:
    """Every way in which the runs broke the promise; ``tables`` are those that stood there before them."""
    before, now = lasting(stage.tree.media), lasting(stage.tree.media_now())
    there = set(now.values())
    told = [f"LOST: {path}" for path, content in before.items() if content not in there]
    archive = str(stage.library.archive) + os.sep
    if not scenario.moves:
        told += [
            f"ARCHIVE CHANGED: {path}"
            for path, content in before.items()
            if path.startswith(archive) and now.get(path) != content
        ]
    if not mutation.forged and not scenario.moves:
        gone = {path for path, content in before.items() if not path.startswith(archive) and now.get(path) != content}
        told += [f"UNVERIFIED FILE TAKEN: {path}" for path in gone - stage.may_go]
    codes = [result.code for result in results]
    if mutation.must_be_refused and scenario.read_whole and codes[0] != 2:
        told.append(f"ACCEPTED, exit {codes}")
    if set(codes) == {2} and (now != before or stage.tree.tables_now() != tables):
        told.append(f"REFUSED, BUT CHANGED: {sorted(set(now) ^ set(before))}")
    return told


def try_point(stage: Stage, scenario: Scenario, number: int) -> tuple[Mutation, list[str]]:
    """Spoil, run, look, and put everything back."""
    library = stage.library
    path = scenario.spoiled(library)
    lots = dice(PART, scenario.name, number)
    mutate = mutate_json if path.suffix == ".json" else mutate_table
    mutation = mutate(stage.tree.tables[str(path)], lots, stage.bait)
    path.write_bytes(mutation.data)
    tables = stage.tree.tables_now()
    try:
        results = [call(script, *line, cwd=library.out, expect=CODES) for script, line in scenario.lines(library)]
        told = wrongs(stage, scenario, mutation, results, tables)
    except AssertionError as fault:
        told = [f"FAULT: {fault}"]
    shutil.rmtree(ROOT_QUARANTINE / stage.run_id, ignore_errors=True)  # of a manifest whose source is the root folder
    if not stage.tree.reset():
        told.append("LOST: a file was written to in place")
    return mutation, told


@pytest.fixture(scope="module", autouse=True)
def root_folder_as_before() -> Iterator[None]:
    yield
    with suppress(OSError):  # another process is at it still, or it is somebody's own: it holds runs
        if [entry.name for entry in ROOT_QUARANTINE.iterdir()] == [QUARANTINE_FOLDER]:
            shutil.rmtree(ROOT_QUARANTINE)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with quick_folder(tmp_path) as quick:
        yield quick


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_spoiled_file_never_gets_an_unverified_file_removed(
    scenario: Scenario, folder: Path, record_points: RecordPoints
) -> None:
    library = library_at(folder / "library")
    scenario.prepare(library)
    stage = Stage.of(library)
    points = points_of(scenario)
    found: list[str] = []
    losses = 0
    for number in range(points):
        mutation, told = try_point(stage, scenario, number)
        losses += any(line.startswith(("LOST", "UNVERIFIED", "ARCHIVE")) for line in told)
        if told:
            found.append(f"point {number}, {mutation.what}:\n  " + "\n  ".join(told))
        if len(found) >= MOST_SHOWN:
            break
    record_points(PART, points, losses)
    assert not found, f"{scenario.name}:\n" + "\n".join(found)


# --- the harness itself ----------------------------------------------------------------------------

NO_SEAL = PlantedBug("any seal fits", "seal_of", 'return values["row_seal"]')
NO_CHAIN = PlantedBug("any chain fits", "chain_of", 'return values["chain"]')
ROWS_TWICE = PlantedBug("a row may stand twice", "RowIds.add", "return True")
NO_STATE_SEAL = PlantedBug("any state fits", "_seal_of", 'return ""')


@pytest.mark.parametrize(
    ("bug", "scenario", "complaint"),
    [
        (NO_SEAL, "manifest-quarantine", "ACCEPTED"),
        (NO_CHAIN, "journal-restore", "ACCEPTED"),
        (ROWS_TWICE, "manifest-quarantine", "ACCEPTED"),
        (NO_STATE_SEAL, "state-quarantine", "ACCEPTED"),
    ],
    ids=lambda value: str(value) if isinstance(value, PlantedBug) else "",
)
def test_a_check_taken_out_is_noticed(bug: PlantedBug, scenario: str, complaint: str, tmp_path: Path) -> None:
    told = complaints_about(bug, tmp_path, "test_tamper.py", f"spoiled and {scenario}")
    assert complaint in told

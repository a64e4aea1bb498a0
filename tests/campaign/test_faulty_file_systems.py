"""Part *faults*, on file systems of our own: some can do less than ext4, some break while they are used.

The archive, the source or the quarantine lies on a FUSE file system that reads and writes by halves, has no hard links
and no rename without replacing, ignores case, forgets attributes, fails any one operation, or gives back another bit
than was written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest

from tests.campaign.failing import fail_and_finish
from tests.campaign.failing_fs import FailingDisk, Fault, Manner, WhileFailing, failing_disk
from tests.campaign.figures import RecordPoints
from tests.campaign.fixtures import PHOTOS, World, world_at
from tests.campaign.invariants import contents_of, lost_contents
from tests.campaign.killing import undisturbed
from tests.campaign.product import Line, Product
from tests.campaign.scale import dice, sized
from tests.campaign.stages import STAGES, Stage, run_to_the_end
from tests.campaign.trials import Trial, conclude
from tests.support.media import jpeg
from tests.support.trees import archived, read_tree

pytestmark = pytest.mark.campaign

Point = TypeVar("Point")

FAULTS = sized(4, 1_000_000)
FLIPS = sized(3, 1_000_000)

MANNERS = {
    "plain": Manner(),
    "without links": Manner(links=False),
    "ignoring case": Manner(links=False, ignores_case=True),
    "without attributes": Manner(attributes=False),
    "by halves": Manner(half_reads=True, half_writes=True),
    "that cannot sync folders": Manner(fsync_folders=False),
}
_BY_NAME = {stage.name: stage for stage in STAGES}
EVERYWHERE = (
    ("copy", "archive"),
    ("verify", "archive"),
    ("delete permanently", "archive"),
    ("move", "source"),
    ("quarantine", "source"),
    ("delete permanently", "source"),
    ("restore", "source"),
    ("quarantine across devices", "quarantine"),
    ("purge on another device", "quarantine"),
    ("restore across devices", "quarantine"),
)
"""Each stage with the part of the world that lies on the FUSE file system."""

FAILING = sized(dice("fuse failing").sample(EVERYWHERE, 6), list(EVERYWHERE))
DISTURBED = sized(dice("fuse disturbed").sample(EVERYWHERE, 4), list(EVERYWHERE))

_ERRORS = {
    "read": ("EIO",),
    "write": ("EIO", "ENOSPC", "EDQUOT"),
    "create": ("EIO", "ENOSPC", "EROFS", "EDQUOT", "EACCES"),
    "open": ("EIO", "EACCES"),
    "fsync": ("EIO", "ENOSPC"),
    "fsyncdir": ("EIO",),
    "flush": ("EIO", "ENOSPC"),
    "mkdir": ("EIO", "ENOSPC", "EROFS", "EACCES"),
    "rename": ("EIO", "ENOSPC", "EROFS", "EACCES", "EXDEV"),
    "unlink": ("EIO", "EROFS", "EACCES"),
    "rmdir": ("EIO", "EACCES"),
    "truncate": ("EIO", "ENOSPC"),
    "readdir": ("EIO",),
    "chmod": ("EIO", "EPERM"),
    "utimens": ("EIO", "EROFS"),
    "statfs": ("EIO",),
}
_OF_ATTRIBUTES = ("chmod", "utimens")


Fixture = Callable[[Manner, str], tuple[FailingDisk, World]]


@pytest.fixture
def fuse_world(product: Product, disks: tuple[Path, Path], tmp_path: Path) -> Iterator[Fixture]:
    """Make a world whose named part lies on a file system of that manner."""
    base, elsewhere = disks
    with ExitStack() as stack:

        def make(manner: Manner, far: str) -> tuple[FailingDisk, World]:
            folder = elsewhere / "fuse"
            stack.callback(shutil.rmtree, folder)
            disk = stack.enter_context(failing_disk(folder, manner))
            return disk, world_at(product, base / "world", disk.root, far, tmp_path / "strace.log")

        yield make


@pytest.mark.parametrize(
    ("manner", "far"),
    [
        (manner, far)
        for manner in MANNERS
        for far in ("archive", "source")
        if MANNERS[manner].attributes or far == "archive"
    ],
)
def test_the_whole_flow_works_on_a_file_system(
    manner: str, far: str, fuse_world: Fixture, record_points: RecordPoints
) -> None:
    """Copy, verify, quarantine, restore, and then delete: all rows good, the source exact in between."""
    _, world = fuse_world(MANNERS[manner], far)
    copied = undisturbed(world, _BY_NAME["copy"])
    undisturbed(world, _BY_NAME["quarantine and prune"])
    undisturbed(world, _BY_NAME["delete permanently"])
    # A move to another file system is refused where copies can't be read back from a medium.
    if far == "source" and MANNERS[manner].attributes:
        undisturbed(world, _BY_NAME["move"])
    record_points("faults", 1, 0)
    stored = {facts.content for path, facts in copied.files.items() if path.startswith("archive/")}
    world.make()
    assert set(contents_of(world.library.source)) - stored <= _contents_of_no_media()


def test_names_that_differ_by_case_alone_are_all_kept_where_case_does_not_count(
    fuse_world: Fixture, record_points: RecordPoints
) -> None:
    _, world = fuse_world(MANNERS["ignoring case"], "archive")
    names = ("a/IMG.JPG", "b/img.jpg", "c/Img.Jpg", "d/ÉTÉ.jpg", "e/été.jpg")
    photos = {name: jpeg(datetime(2019, 5, 1), seed=number) for number, name in enumerate(names)}
    world.make(photos)
    world.do(_BY_NAME["copy"].line(world))
    world.do(_BY_NAME["verify"].line(world))
    record_points("faults", 1, 0)
    assert sorted(archived(world.library.archive).values()) == sorted(photos.values())
    world.do(_BY_NAME["quarantine"].line(world))
    world.do(_BY_NAME["restore"].line(world))
    assert {name: data for name, data in read_tree(world.library.source).items() if name in photos} == photos


def test_times_that_a_quarantine_can_not_hold_come_back_from_its_journal(
    fuse_world: Fixture, record_points: RecordPoints
) -> None:
    """As on FAT and on ext4 with small inodes. That they are not kept on the way is said."""
    _, world = fuse_world(Manner(whole_seconds=True), "quarantine")
    stage = _BY_NAME["quarantine across devices"]
    undisturbed(world, stage)
    stage.prepare(world)
    result = world.do(stage.line(world))
    record_points("faults", 1, 0)
    assert "exact modification times" in result.stdout


@pytest.mark.parametrize(("name", "far"), FAILING, ids=str)
def test_any_one_operation_of_the_file_system_may_fail(
    name: str, far: str, fuse_world: Fixture, record_points: RecordPoints
) -> None:
    disk, world = fuse_world(Manner(), far)
    stage = _BY_NAME[name]
    expected = undisturbed(world, stage)
    trials = []
    for operation, number, error in _some(_faults(disk, world, stage), FAULTS, f"{name} {far}"):
        fault = Fault(operation, error, skip=number)
        exact = operation not in _OF_ATTRIBUTES
        trial = fail_and_finish(world, stage, expected, WhileFailing(disk, (fault,)), exact=exact)
        trials.append((f"{error} at {operation} #{number + 1}", trial))
    conclude(record_points, "faults", trials)


@pytest.mark.parametrize("disturbance", ["read flip", "read short", "write flip"])
@pytest.mark.parametrize(("name", "far"), DISTURBED, ids=str)
def test_no_photo_is_lost_to_a_read_or_write_of_something_else(
    name: str, far: str, disturbance: str, fuse_world: Fixture, record_points: RecordPoints
) -> None:
    """One wrong bit, or an early end, in any one call: even when all later stages believe what was recorded then."""
    operation, how = disturbance.split()
    disk, world = fuse_world(Manner(), far)
    stage = _BY_NAME[name]
    calls = sorted({number for kind, number, _ in _faults(disk, world, stage) if kind == operation})
    trials = []
    for number in _some(calls, FLIPS, f"{disturbance} {name} {far}"):
        photos = _begin(world, stage)
        world.product.run(stage.line(world), WhileFailing(disk, (Fault(operation, how, skip=number),)))
        complaints = lost_contents(photos, *world.photo_roots)
        for later in (stage.line, *_what_follows(name)):
            world.product.run(later(world))
            complaints += lost_contents(photos, *world.photo_roots)
        trials.append((f"{how} at {operation} #{number + 1}", Trial(1, tuple(complaints))))
    conclude(record_points, "faults", trials)


def test_a_copy_whose_sync_failed_is_not_recorded_as_copied(fuse_world: Fixture, record_points: RecordPoints) -> None:
    disk, world = fuse_world(Manner(), "archive")
    copy = _BY_NAME["copy"]
    world.make()
    failing = WhileFailing(disk, (Fault("fsync", "EIO", pattern="*/.media-tmp-*", times=1000),))
    result = world.product.run(copy.line(world), failing)
    record_points("faults", 1, 0)
    assert result.code == 3
    assert str(world.library.archive) in result.stderr
    assert "copied" not in world.library.report.read_text(encoding="utf-8", errors="surrogateescape")
    assert not run_to_the_end(world, copy.line(world))


def test_a_full_disk_stops_the_copy_and_with_room_it_is_finished(
    fuse_world: Fixture, record_points: RecordPoints
) -> None:
    disk, world = fuse_world(Manner(), "archive")
    copy = _BY_NAME["copy"]
    expected = undisturbed(world, copy)
    full = (Fault("write", "ENOSPC", skip=6, times=1000), Fault("create", "ENOSPC", skip=9, times=1000))
    trial = fail_and_finish(world, copy, expected, WhileFailing(disk, full), exact=True)
    conclude(record_points, "faults", [("a full disk", trial)])


# --- what these tests have in common -----------------------------------------------------------------


def _contents_of_no_media() -> set[str]:
    return {hashlib.sha256(data).hexdigest() for name, data in PHOTOS.items() if name.endswith(".txt")}


def _begin(world: World, stage: Stage) -> dict[str, str]:
    world.make()
    photos = dict(contents_of(world.library.source))
    stage.do_before(world)
    return photos


def _faults(disk: FailingDisk, world: World, stage: Stage) -> list[tuple[str, int, str]]:
    """Every operation of the stage's first run, as its kind and number (from 0), with every error it can meet.

    But for those by which libfuse puts away what was unlinked while it was open: no program hears of these.
    """
    stage.prepare(world)
    disk.forget_operations()
    world.do(stage.line(world))
    seen: dict[str, int] = {}
    faults = []
    for operation, path in disk.operations():
        number = seen.get(operation, 0)
        seen[operation] = number + 1
        if os.path.basename(path).startswith(".fuse_hidden"):
            continue
        faults += [(operation, number, error) for error in _ERRORS.get(operation, ())]
    return faults


def _some(points: list[Point], most: int, about: str) -> list[Point]:
    return points if len(points) <= most else dice("fuse", about).sample(points, most)


def _what_follows(name: str) -> tuple[Callable[[World], Line], ...]:
    """The later stages up to the point of no return, each believing what the one before has recorded."""
    stages = [_BY_NAME["verify"], _BY_NAME["delete permanently"]]
    if name in ("copy", "verify"):
        return tuple(stage.line for stage in stages[0 if name == "copy" else 1 :])
    if name.startswith("quarantine"):
        return (_BY_NAME["purge"].line,)
    return ()

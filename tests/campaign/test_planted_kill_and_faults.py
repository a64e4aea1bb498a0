"""The parts *kill* and *faults* notice when a guard is missing: each bug here is planted in a copy of the product."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.campaign.failing_fs import Fault, Manner, WhileFailing, failing_disk
from tests.campaign.figures import RecordPoints
from tests.campaign.fixtures import world_at
from tests.campaign.invariants import contents_of, files_below, lost_contents
from tests.campaign.killing import kill_at, points_of, undisturbed
from tests.campaign.planted_bugs import NO_FSYNC_OF_COPIES, PlantedBug, plant
from tests.campaign.product import Product
from tests.campaign.stages import STAGES
from tests.campaign.strace_points import require_strace

pytestmark = pytest.mark.campaign

_BY_NAME = {stage.name: stage for stage in STAGES}
MOST_POINTS = 6


@dataclass(frozen=True, slots=True)
class Hidden:
    """A bug, and where it shows: in a stage that is killed before calls with these words in them."""

    bug: PlantedBug
    stage: str
    words: str

    def __str__(self) -> str:
        return self.bug.name


SHOWN_BY_KILLS = (
    Hidden(
        PlantedBug("files that were set aside stay there", "restore_set_aside", "return False"),
        stage="delete permanently",
        words=".media-removing-",
    ),
    Hidden(
        PlantedBug(
            "state files are written in place",
            "write_atomically",
            "fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644); os.write(fd, data); return os.close(fd)",
        ),
        stage="verify",
        words="state.json",
    ),
    Hidden(
        PlantedBug("what a killed run had finished is not seen", "CopyExecutor._stored_by_killed_run", "return ''"),
        stage="copy",
        words="archive/2020",
    ),
    Hidden(
        PlantedBug(
            "intentions are not journaled", "Journal.append", "rows = [row for row in rows if row.phase != 'planned']"
        ),
        stage="delete permanently",
        words="journal.csv",
    ),
    Hidden(
        PlantedBug(
            "the original goes before its copy has a name",
            "_relocate_across",
            "staged = copy_to_temporary(move.source, os.path.dirname(move.destination)); os.unlink(move.source); "
            "staged.sync(); commit_copy(staged, move.destination); return staged.unsupported_attributes",
        ),
        stage="move across devices",
        words=".media-tmp-",
    ),
)


@pytest.mark.parametrize("hidden", SHOWN_BY_KILLS, ids=str)
def test_kills_show_that(hidden: Hidden, tmp_path: Path, disks: tuple[Path, Path], record_points: RecordPoints) -> None:
    require_strace()
    with Product(plant(hidden.bug, tmp_path / "product")) as product:
        stage = _BY_NAME[hidden.stage]
        world = world_at(product, disks[0] / "world", disks[1], stage.far, tmp_path / "strace.log")
        expected = undisturbed(world, stage)
        points = [point for point in points_of(world, stage) if hidden.words in point.arguments]
        tried = points[:: max(1, len(points) // MOST_POINTS)]
        complaints = [complaint for point in tried for complaint in kill_at(world, stage, expected, point).complaints]
    record_points("planted bugs", 1, 0 if complaints else 1)
    assert complaints, f"{len(tried)} kills did not show it"


def damage(path: Path) -> None:
    """Change one bit of a photo, and set its time back, as a bad medium does."""
    if path.suffix.lower() not in (".jpg", ".mov", ".mp4"):
        return
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_wrong_bit_shows_that_copies_are_not_read_back(tmp_path: Path, record_points: RecordPoints) -> None:
    """A deletion that believes what was proved before: the archive has a wrong bit since, the source is gone."""
    bug = PlantedBug("copies are not read back", "destroy", "os.unlink(move.source); return 'cold'")
    stage = _BY_NAME["delete permanently"]
    with failing_disk(tmp_path / "fuse", Manner()) as disk, Product(plant(bug, tmp_path / "product")) as product:
        world = world_at(product, tmp_path / "world", disk.root, "archive", tmp_path / "strace.log")
        stage.prepare(world)
        photos = contents_of(world.library.source)
        for copy in files_below(world.library.archive):
            damage(Path(copy))
        product.run(stage.line(world))
        lost = lost_contents(photos, *world.photo_roots)
    record_points("planted bugs", 1, 0 if lost else 1)
    assert lost


def test_short_writes_show_that_they_are_taken_for_whole_ones(tmp_path: Path, record_points: RecordPoints) -> None:
    bug = PlantedBug("a short write is taken for a whole one", "write_all", "os.write(fd, data); return")
    halves = Manner(half_writes=True)
    with failing_disk(tmp_path / "fuse", halves) as disk, Product(plant(bug, tmp_path / "product")) as product:
        world = world_at(product, tmp_path / "world", disk.root, "archive", tmp_path / "strace.log")
        world.make()
        codes = {product.run(_BY_NAME[name].line(world)).code for name in ("copy", "verify")}
    record_points("planted bugs", 1, 0 if codes != {0} else 1)
    assert codes != {0}


def test_a_failing_sync_shows_that_copies_are_not_synced(tmp_path: Path, record_points: RecordPoints) -> None:
    never = Fault("fsync", "EIO", pattern="*/.media-tmp-*", times=1000)
    with (
        failing_disk(tmp_path / "fuse", Manner()) as disk,
        Product(plant(NO_FSYNC_OF_COPIES, tmp_path / "product")) as product,
    ):
        world = world_at(product, tmp_path / "world", disk.root, "archive", tmp_path / "strace.log")
        world.make()
        result = product.run(_BY_NAME["copy"].line(world), WhileFailing(disk, (never,)))
    record_points("planted bugs", 1, 0 if result.code == 0 else 1)
    assert result.code == 0, "the product should have gone on as if nothing were wrong: that is the bug"

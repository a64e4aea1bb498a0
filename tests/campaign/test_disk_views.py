"""What is no archive: a view of the source through a cache, a bin in the archive, a stick that is mounted in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from common.archive import create_archive
from tests.campaign import disk_kinds as kinds
from tests.campaign.disk_flows import CACHED_READS, FOR_GOOD, journey, require_medium
from tests.campaign.disks import DEFAULT_SIZE_MIB, Disk, Kind, disks_in
from tests.campaign.figures import RecordPoints
from tests.campaign.invariants import Contents, contents_of, lost_contents
from tests.campaign.product import Line, Product
from tests.campaign.scale import sized
from tests.campaign.sealed_rows import write_report, write_verified
from tests.campaign.side_by_side import side_by_side
from tests.campaign.trials import Trial, conclude
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, Result
from tests.support.tables import read_rows
from tests.support.trees import Tree, write_tree

pytestmark = pytest.mark.campaign

PART = "disks"
PHOTOS: Tree = {f"2019/p{seed}.jpg": jpeg(seed=seed, size=3000) for seed in range(1, 5)}
STAGES = (
    ("copy", "verify", "delete, cached"),
    ("move",),
    ("report by hand", "verify"),
    ("sealed", "delete"),
    ("sealed", "delete, cached"),
)
VIEWS = sized(
    (kinds.SSHFS, kinds.cloud("1.60", "full"), kinds.protocol("newer", "WebDAV"), kinds.DAVFS, kinds.POOL_OVER_CLOUD),
    (kinds.SSHFS, *kinds.CLOUD, kinds.DAVFS, kinds.POOL_OVER_CLOUD),
)


@dataclass(frozen=True, slots=True)
class View:
    """A folder of photos, and the same folder as a driver or a server shows it: one is the source, one the archive."""

    product: Product
    disk: Disk
    real: Path
    source: Path
    archive: Path
    desk: Path

    def run(self, script: str, *arguments: Argument) -> Result:
        return self.product.run(Line(script, arguments, self.desk))

    def organize(self, mode: str) -> Result:
        roots = ("--source", self.source, "--destination-root", self.archive, "--mode", mode)
        return self.run(ORGANIZE, *roots, "--report-csv", self.desk / "report.csv")

    def verify(self) -> Result:
        outputs = ("--verified-out", self.desk / "verified.csv", "--unverified-out", self.desk / "unverified.csv")
        return self.run(VERIFY, "--input-csv", self.desk / "report.csv", *outputs)

    def apply(self, *more: Argument) -> Result:
        return self.run(APPLY, "--manifest", self.desk / "verified.csv", "--expected-run-id", "auto", *more)

    @property
    def pairs(self) -> list[tuple[Path, Path]]:
        return [(self.source / name, self.archive / name) for name in PHOTOS]

    def lost(self, before: Contents) -> list[str]:
        """What is gone once the view is gone."""
        self.disk.unmount()
        complaints = lost_contents(before, self.real)
        cut = [name for name in PHOTOS if (self.real / name).exists() and not (self.real / name).stat().st_size]
        return complaints + [f"CUT: {name}" for name in cut]


def try_view(kind: Kind, as_archive: bool, stages: Sequence[str], product: Product, folder: Path) -> list[str]:
    """Go through the stages on one view; what was lost, or proved though it is no second copy."""
    require_medium(folder)
    desk = folder / "desk"
    desk.mkdir()
    with disks_in(folder / "media") as make:
        disk = make(kind, "view", DEFAULT_SIZE_MIB)
        real = disk.folder(kind.plain[0])
        write_tree(real, PHOTOS)
        disk.mount(folder / "mnt")
        source, archive = (real, disk.at) if as_archive else (disk.at, real)
        view = View(product, disk, real, source, archive, desk)
        before = contents_of(real)
        told = go(view, stages)
        return told + view.lost(before)


def go(view: View, stages: Sequence[str]) -> list[str]:
    """The stages, ``sealed`` being a manifest that calls the pairs identical."""
    told: list[str] = []
    for stage in stages:
        if stage in ("copy", "move"):
            result = view.organize(stage)
            rows = read_rows(view.desk / "report.csv") if (view.desk / "report.csv").exists() else []
            told += [f"ALREADY ARCHIVED: {row['source_path']}" for row in rows if row["status"] == "already_archived"]
        elif stage == "report by hand":
            write_report(
                view.desk / "report.csv", view.pairs, (view.source, view.archive), create_archive(str(view.archive))
            )
            continue
        elif stage == "sealed":
            roots = (view.source, view.archive)
            write_verified(view.desk / "verified.csv", view.pairs, roots, create_archive(str(view.archive)))
            continue
        elif stage == "verify":
            result = view.verify()
            verified = view.desk / "verified.csv"
            told += [f"IDENTICAL: {row['source_path']}" for row in (read_rows(verified) if verified.exists() else [])]
        else:
            result = view.apply(*FOR_GOOD, *([CACHED_READS] if stage == "delete, cached" else []))
            told += ["DELETED: exit 0"] if result.code == 0 else []
        if "Traceback" in result.stderr or result.code not in (0, 1, 2, 3):
            told.append(f"{stage}: exit {result.code}: {result.stderr[-400:]}")
        if result.code in (2, 3):
            break
    return told


@pytest.mark.parametrize("kind", VIEWS, ids=str)
def test_a3_a_view_of_the_source_is_no_archive(
    kind: Kind, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    kind.require()
    tasks = {
        f"{' - '.join(stages)}, {kind} as the {'archive' if as_archive else 'source'}": partial(
            try_view, kind, as_archive, stages
        )
        for as_archive in (True, False)
        for stages in STAGES
    }
    found = side_by_side(tasks, tmp_path, product, kind.at_once)
    conclude(record_points, PART, [(name, Trial(1, tuple(told))) for name, told in found.items()])


# --- bins and snapshots in the archive -----------------------------------------------------------------------------

FOLDERS = tuple(
    "@Recycle @Recently-Snapshot @eaDir #recycle #snapshot .recycle RECYCLER $RECYCLE.BIN .Trash-1000 .Trashes "
    ".snapshot .snapshots .zfs/snapshot/daily .stversions .dropbox.cache lost+found .@__thumb "
    ".SynologyWorkingDirectory .sync/Archive .TemporaryItems .AppleDB .hidden".split()
)
NO_YEAR = "inbox"
"""A folder in which no layout puts files: its copies lie in it, not in a folder of their year."""


@pytest.mark.parametrize("folder", [*sized(FOLDERS[:4], FOLDERS), NO_YEAR], ids=str)
def test_a7_a_copy_in_a_bin_or_hidden_folder_is_no_archive_copy(
    folder: str, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    with journey(product, tmp_path, photos=PHOTOS) as trip:
        archive = trip.library.archive
        create_archive_in(archive)
        for name in PHOTOS:
            place = archive / folder / (os.path.basename(name) if folder == NO_YEAR else name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(trip.library.source / name, place)
        told = [fault for stage in ("copy", "verify", "delete") for fault in trip.stage(stage).faults]
        shutil.rmtree(archive / folder.partition("/")[0])
        told += trip.remount()
    conclude(record_points, PART, [(folder, Trial(1, tuple(told)))])


def create_archive_in(folder: Path) -> None:
    """An archive that was begun before."""
    folder.mkdir(parents=True, exist_ok=True)
    create_archive(str(folder))


@pytest.mark.parametrize("stages", [("copy", "verify", "delete"), ("move",)], ids=lambda stages: stages[-1])
@pytest.mark.parametrize("held", [False, True], ids=["new copies", "copies held before"])
def test_a8_a_stick_mounted_in_the_archive_is_no_archive(
    stages: Sequence[str], held: bool, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    """The medium of the archive is read without the stick."""
    with journey(product, tmp_path, role="archive", kind=kinds.DISK_IN_ARCHIVE, photos=PHOTOS) as trip:
        create_archive_in(trip.library.archive)
        if held:
            for name in PHOTOS:
                shutil.copy2(trip.library.source / name, trip.library.archive / "2019" / os.path.basename(name))
        told = [fault for stage in stages for fault in trip.stage(stage).faults]
    conclude(record_points, PART, [(stages[-1], Trial(len(stages), tuple(told)))])


# --- names that a cloud mount doesn't show yet ------------------------------------------------------------------------

STALE = sized(
    (kinds.cloud("1.60", "writes"),), (kinds.cloud("1.60", "writes"), kinds.cloud("newer", "full"), kinds.DAVFS)
)


@pytest.mark.parametrize("kind", STALE, ids=str)
def test_a2_what_came_to_the_remote_by_another_way_is_not_overwritten(
    kind: Kind, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    """A cloud mount shows a folder as it listed it, for minutes."""
    kind.require()
    told: list[str] = []
    with disks_in(tmp_path / "media") as make:
        disk = make(kind, "archive", DEFAULT_SIZE_MIB)
        real = disk.folder(kind.plain[0])
        disk.mount(tmp_path / "mnt")
        batches = {
            name: {"IMG_1.jpg": jpeg(seed=seed), "IMG_1.xmp": f"<x>{seed}</x>".encode()}
            for seed, name in enumerate(("first", "second", "third"))
        }
        batches["first"] = {f"other{name}": data for name, data in batches["first"].items()}
        for name, archive in (("first", disk.at), ("second", real), ("third", disk.at)):
            desk = tmp_path / name
            write_tree(desk / "source", batches[name])
            line = ("--source", desk / "source", "--destination-root", archive / "archive", "--mode", "copy")
            result = product.run(Line(ORGANIZE, (*line, "--report-csv", desk / "report.csv"), desk))
            if result.code:
                told.append(f"{name}: exit {result.code}: {result.stderr[-300:]}")
            if name == "first":
                disk.flush()
        disk.unmount()
        stored = {path.read_bytes() for path in real.rglob("*.*") if path.is_file()}
        told += [
            f"OVERWRITTEN: {batch}/{name}"
            for batch, tree in batches.items()
            for name, data in tree.items()
            if data not in stored
        ]
    conclude(record_points, PART, [("stale names", Trial(1, tuple(told)))])

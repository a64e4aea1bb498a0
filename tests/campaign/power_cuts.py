"""Power cuts: a stage is stopped at many moments, its disks are photographed, and what the photographs hold is judged.

Each cut is judged as a person would after the next boot: is every content still there, does every table parse, is
what the tables say true, and does the same command line again end as an undisturbed run ends?
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import BadInput
from common.manifests.reader import Reader
from tests.campaign.fixtures import World, world_at
from tests.campaign.invariants import Contents, broken_promises, contents_of, digest_of, rows_not_once
from tests.campaign.loop_images import Disk, FileSystem, copy_sparsely, mounted
from tests.campaign.product import Line, Product
from tests.campaign.stages import STAGES, EndState, Stage, end_state, run_to_the_end, unlike
from tests.campaign.stopped_runs import Stopper
from tests.support.tables import read_rows

_STAGES = {stage.name: stage for stage in STAGES}
_STORED = ("copied", "moved", "already_archived", "identical", "archive_intact")
_ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Case:
    """A stage on disks.

    ``far`` is the part of the world on the second disk (``nothing``: there is only one). ``first`` is the disk that is
    synced before the photographs in the worst order: the one from which files are removed. ``unsettled`` tells how a
    person put the archive where it is just before the command, without a sync: ``by cp`` or ``by mv``. ``told_in`` is
    the table that this stage writes, whose rows must be true after a cut. ``then`` is what a person does after the
    command, before the last cut.
    """

    stage: str
    far: str
    first: str = ""
    unsettled: str = ""
    told_in: str = ""
    then: Callable[[World], None] | None = None
    jobs: int = 1

    def __str__(self) -> str:
        words = [self.stage, "on one disk" if self.far == "nothing" else f"{self.far} on a second disk"]
        words += [f"archive put there {self.unsettled}"] * bool(self.unsettled)
        return ", ".join(words + [f"{self.jobs} jobs"] * (self.jobs > 1))


def remove_verified_originals(world: World) -> None:
    """What a person may do who believes a verified.csv: remove the originals by hand."""
    for row in read_rows(world.library.verified):
        if row["status"] == "identical":
            Path(row["source_path"]).unlink()


CASES = (
    Case("copy", "archive", "base", told_in="report"),
    Case("move across devices", "archive", "base", told_in="report"),
    Case("verify", "archive", "base", "by cp", told_in="verified", then=remove_verified_originals),
    Case("verify", "archive", "base", "by mv", told_in="verified", then=remove_verified_originals),
    Case("quarantine across devices", "quarantine", "base"),
    Case("delete permanently", "archive", "base", "by cp"),
    Case("delete permanently", "archive", "base", "by mv"),
    Case("purge", "archive", "base", "by cp"),
    Case("purge", "archive", "base", "by mv"),
    Case("restore across devices", "quarantine", "elsewhere"),
    Case("restore a move across devices", "archive", "elsewhere"),
    Case("quarantine and prune", "archive", "base"),
    Case("move across devices", "source", "elsewhere", told_in="report"),
    Case("copy", "nothing", told_in="report"),
    Case("move", "nothing", told_in="report"),
    Case("delete permanently", "nothing", unsettled="by cp"),
    Case("delete permanently and prune", "archive", "base"),
    Case("purge on another device", "quarantine", "elsewhere"),
    Case("restore", "archive", "base"),
    Case("restore a move", "nothing"),
    Case("verify in batches", "archive", "base", told_in="verified"),
    Case("copy", "archive", "base", told_in="report", jobs=4),
    Case("delete permanently", "archive", "base", "by mv", jobs=4),
    Case("verify", "archive", "base", "by mv", told_in="verified", then=remove_verified_originals, jobs=4),
)


# --- disks -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Photograph:
    """Copies of the images of all disks at one moment."""

    name: str
    images: Mapping[str, Path]

    def discard(self) -> None:
        for image in self.images.values():
            image.unlink()


@dataclass(frozen=True, slots=True)
class Disks:
    """One or two disks, by name."""

    folder: Path
    by_name: Mapping[str, Disk]

    @classmethod
    def blank(cls, folder: Path, system: FileSystem, *names: str) -> Disks:
        disks = {name: Disk(system, folder / f"{name}.img", folder / name) for name in names}
        for disk in disks.values():
            disk.format()
        return cls(folder, disks)

    @property
    def all(self) -> tuple[Disk, ...]:
        return tuple(self.by_name.values())

    def photograph(self, name: str, first: str = "") -> Photograph:
        """Copy the images of mounted disks; of the disk from which files go first, so that no removal is seen early."""
        images = {}
        for disk in sorted(self.by_name, key=lambda disk: disk != first):
            images[disk] = self.folder / f"{name}-{disk}.photo"
            self.by_name[disk].photograph(images[disk])
        return Photograph(name, images)

    def keep(self, name: str) -> Photograph:
        """Copy the images of disks that are not mounted."""
        images = {disk: self.folder / f"{name}-{disk}.photo" for disk in self.by_name}
        for disk, image in images.items():
            copy_sparsely(self.by_name[disk].image, image)
        return Photograph(name, images)

    def put_back(self, photograph: Photograph) -> None:
        """Let the disks, which are not mounted, be as on a photograph."""
        for disk, image in photograph.images.items():
            copy_sparsely(image, self.by_name[disk].image)


# --- an archive that has not reached the disk --------------------------------------------------------


def put_aside(world: World) -> None:
    """Take the folders of the archive out of it, so that ``bring_in_by_mv`` can bring them back."""
    archive = world.library.archive
    aside = archive.parent / _ASIDE
    aside.mkdir()
    for folder in _folders_of(archive):
        folder.rename(aside / folder.name)


def bring_in_by_mv(world: World) -> None:
    """Rename the folders into the archive: syncing the files in them does not make that durable.

    After a power cut this is done again, so it takes what it finds.
    """
    archive = world.library.archive
    for folder in _folders_of(archive.parent / _ASIDE):
        folder.rename(archive / folder.name)


def bring_in_by_cp(world: World) -> None:
    """Write all files of the archive anew, as ``cp -p`` does: nothing of them is on the disk before it must be."""
    archive = world.library.archive
    for path in sorted(path for path in archive.rglob("*") if path.is_file() and not path.name.startswith(".media-")):
        status = path.stat()
        copy = archive.parent / "fresh-copy"
        copy.write_bytes(path.read_bytes())
        copy.chmod(status.st_mode & 0o777)
        for name in os.listxattr(path):
            if name.startswith("user."):
                os.setxattr(copy, name, os.getxattr(path, name))
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        path.unlink()  # a rename over it would make ext4 write the data at once
        copy.rename(path)


def _folders_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


# --- one case ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """How many power cuts were judged, how many were bad, and why: each complaint names the cut that showed it."""

    cuts: int
    bad: int
    complaints: tuple[str, ...]

    @property
    def told(self) -> str:
        """The first complaints, to be read by a person."""
        shown = [complaint[:400] for complaint in self.complaints[:10]]
        return "\n".join([*shown, f"{len(self.complaints)} complaints about {self.bad} of {self.cuts} cuts"])


@dataclass(frozen=True, slots=True)
class Bench:
    """A case made ready: its disks are not mounted, ``start`` is how they are when the command begins."""

    case: Case
    stage: Stage
    world: World
    disks: Disks
    start: Photograph
    contents: Contents

    @classmethod
    def of(cls, case: Case, system: FileSystem, product: Product, folder: Path) -> Bench:
        """Make the disks in a new folder, and do, undisturbed, what comes before the stage."""
        folder.mkdir(parents=True)
        disks = Disks.blank(folder, system, *(("base",) if case.far == "nothing" else ("base", "elsewhere")))
        stage = _STAGES[case.stage]
        with mounted(*disks.all):
            mount_points = [disk.mount_point for disk in disks.all]
            base, elsewhere = mount_points[0] / "world", mount_points[-1] / "far"
            for path in (base, elsewhere):
                path.mkdir()
            world = world_at(product, base, elsewhere, case.far, folder / "strace.log")
            stage.prepare(world)
            contents = contents_of(*world.photo_roots)
            if case.unsettled == "by mv":
                put_aside(world)
        return cls(case, stage, world, disks, disks.keep("start"), contents)

    @property
    def line(self) -> Line:
        """The command line of the stage, with as many jobs as the case wants."""
        line = self.stage.line(self.world)
        return replace(line, arguments=(*line.arguments, "--jobs", str(self.case.jobs)))

    def run_undisturbed(self) -> tuple[int, EndState]:
        """How often a run can be stopped, and how it ends. A run is stopped and goes on at once."""
        stopper = Stopper(lambda _: None)
        self.disks.put_back(self.start)
        with mounted(*self.disks.all):
            self._unsettle()
            result = self.world.product.run(self.line, stopper)
            assert result.code == 0, f"{self.case}: exit {result.code}: {result.stderr}"
            complaints = run_to_the_end(self.world, self.line)
            assert not complaints, complaints
            return stopper.stops, end_state(self.world)

    def run_and_photograph(self, at: Sequence[int]) -> list[Photograph]:
        """Run the command once; photograph the disks at these stops and behind the end."""
        photographs: list[Photograph] = []

        def look(stop: int) -> None:
            if stop in at:
                photographs.extend(self._cuts(f"at-{stop}"))

        self.disks.put_back(self.start)
        with mounted(*self.disks.all):
            self._unsettle()
            result = self.world.product.run(self.line, Stopper(look))
            assert result.code == 0, f"{self.case}: exit {result.code}: {result.stderr}"
            photographs.extend(self._cuts("after-the-end"))
            if self.case.then:
                self.case.then(self.world)
                photographs.extend(self._cuts("and-then"))
        return photographs

    def _unsettle(self) -> None:
        if self.case.unsettled:
            (bring_in_by_mv if self.case.unsettled == "by mv" else bring_in_by_cp)(self.world)

    def _cuts(self, name: str) -> list[Photograph]:
        """Two cuts of one moment: as it is, and with the disk from which files go synced (the worst order)."""
        cuts = [self.disks.photograph(name, self.case.first)]
        if self.case.first:
            self.disks.by_name[self.case.first].sync()
            cuts.append(self.disks.photograph(f"{name}-worst", self.case.first))
        return cuts

    def judge(self, cut: Photograph, expected: EndState) -> list[str]:
        """Mount the photographs as the next boot would, and look; run the command again unless it is beyond that."""
        world, case = self.world, self.case
        self.disks.put_back(cut)
        with mounted(*self.disks.all):
            complaints = broken_promises(self.contents, world.photo_roots, world.record_roots)
            if case.told_in:
                complaints += untrue_rows(world.library.out / f"{case.told_in}.csv")
            complaints = without_unsynced_tails(complaints, world.record_roots)
            if not cut.name.startswith("and-then"):
                complaints += self._run_again(expected)
        return [f"{case}, {self.disks.all[0].system.name}, {cut.name}: {complaint}" for complaint in complaints]

    def _run_again(self, expected: EndState) -> list[str]:
        world = self.world
        self._unsettle()
        complaints = run_to_the_end(world, self.line)
        if self.case.unsettled == "by cp":
            # The cut may have taken files of the person's own copy: then the rows say so, and the end is another.
            complaints = [complaint for complaint in complaints if not complaint.startswith("exit 1 ")]
        complaints += broken_promises(self.contents, world.photo_roots, world.record_roots, torn_rows=False)
        if not read_rows(world.library.report):
            complaints.append("EMPTY: report.csv has no rows")
        if not complaints:
            tables = {path.resolve() for root in world.record_roots for path in root.rglob("*.csv")}
            complaints += [complaint for table in sorted(tables) for complaint in rows_not_once(table)]
        if self.case.unsettled != "by cp" and not complaints:
            complaints += unlike(expected, end_state(world))
        return complaints


def untrue_rows(table: Path) -> list[str]:
    """A complaint for each row that says a file is in the archive which is not there whole."""
    complaints: list[str] = []
    if not table.exists():
        return complaints
    try:
        with Reader(str(table), ("status",)) as reader:
            for record in reader:
                row = record.values
                path = row["destination_path"]
                if row["status"] in _STORED and not (os.path.isfile(path) and digest_of(path) == row["sha256"]):
                    complaints.append(f"UNTRUE: {table.name} says {row['status']} of {path}")
    except BadInput as error:
        if "no complete header row" not in str(error) and "is empty" not in str(error):
            complaints.append(f"UNREADABLE: {error}")
    return complaints


def without_unsynced_tails(complaints: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """The complaints, but for those about tables that are sound up to the length which their state file vouches for.

    Behind it ext4 may show NULs where rows had no time to reach the disk; the same command cuts them off.
    """
    sound = []
    for path in (path for folder in folders for path in folder.rglob("*.state.json")):
        for table, length in json.loads(path.read_bytes())["outputs"].values():
            if os.path.exists(table) and b"\0" not in Path(table).read_bytes()[:length]:
                sound.append(f"UNREADABLE: {table}")
    return [complaint for complaint in complaints if not complaint.startswith(tuple(sound))]


def try_case(bench: Bench, moments: int, dice: random.Random) -> Judged:
    """Cut the power at a number of moments of one case, spread over the whole run, and judge each cut."""
    with ExitStack() as stack:
        stops, expected = bench.run_undisturbed()
        at = {dice.randint(1 + stops * part // moments, stops * (part + 1) // moments) for part in range(moments)}
        cuts = bench.run_and_photograph(sorted(at))
        for cut in cuts:
            stack.callback(cut.discard)
        complaints = [bench.judge(cut, expected) for cut in cuts]
    return Judged(len(cuts), sum(map(bool, complaints)), tuple(itertools.chain.from_iterable(complaints)))

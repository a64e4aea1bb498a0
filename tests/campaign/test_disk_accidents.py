"""Accidents on disks of all kinds: a run is killed, a drive is pulled, a disk is full, names and times don't fit.

After each, everything is mounted again and the same command is given: nothing is lost, and it comes to its end.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from common.archive import MARKER
from common.fileops.temporary import set_aside_name
from tests.campaign import disk_kinds as kinds
from tests.campaign.disk_flows import CACHED_READS, Journey, is_photo, journey, sentence_of
from tests.campaign.disks import DEFAULT_SIZE_MIB, Disk, Kind
from tests.campaign.figures import RecordPoints
from tests.campaign.product import KILLED, Product
from tests.campaign.scale import dice, sized
from tests.campaign.side_by_side import Task, side_by_side
from tests.campaign.stopped_runs import Stopper
from tests.campaign.strace_points import require_strace
from tests.campaign.trials import Trial, conclude
from tests.support.media import jpeg
from tests.support.tables import read_rows
from tests.support.trees import Tree, set_mtime

pytestmark = pytest.mark.campaign

PART = "disks"
BEFORE = {
    "copy": (),
    "move": (),
    "verify": ("copy",),
    "quarantine": ("copy", "verify"),
    "delete": ("copy", "verify"),
    "purge": ("copy", "verify", "quarantine"),
}
SHAKEN = sized(
    (kinds.EXFAT, kinds.SSHFS, kinds.cloud("newer", "full")),
    (
        kinds.EXT4,
        kinds.EXFAT,
        kinds.NTFS,
        kinds.SSHFS,
        kinds.MERGERFS,
        kinds.UNIONFS,
        kinds.GOCRYPTFS,
        kinds.cloud("1.60", "writes"),
        kinds.cloud("1.60", "off"),
        kinds.cloud("newer", "minimal"),
        kinds.cloud("newer", "full"),
    ),
)
STAGES = sized(("quarantine", "move", "delete"), tuple(BEFORE))
ROLES = ("source", "archive")
MOMENTS = sized(1, 3)
CALLS = 4


class Striker(Stopper):
    """Stop a run behind each call that changes files; at one of these stops the accident happens.

    ``pull``: the disk is pulled, and the run goes on as it can. Otherwise the run is killed.
    """

    def __init__(self, moment: int, pull: Disk | None) -> None:
        super().__init__(self._strike)
        self._moment = moment
        self._pull = pull
        self._pid = 0

    def attach(self, pid: int) -> None:
        self._pid = pid
        super().attach(pid)

    @property
    def has_struck(self) -> bool:
        return self.stops >= self._moment

    def _strike(self, stop: int) -> None:
        if stop != self._moment:
            return
        if self._pull:
            self._pull.pull()
        else:
            os.kill(self._pid, signal.SIGKILL)


def shake(trip: Journey, stage: str, role: str, pulls: bool, moment: int) -> tuple[int, Trial]:
    """One accident in one stage; then everything is mounted again, and the same command is given until it ends.

    Also returns at how many moments it could have happened.
    """
    for earlier in BEFORE[stage]:
        trip.stage(earlier)
    if any(outcome.is_refused for outcome in trip.outcomes):
        return 0, Trial(0, ())  # the flow on this disk tells of it
    asks = not trip.disks["archive"].kind.has_medium and stage in ("delete", "purge")
    line = trip.line(stage, *([CACHED_READS] if asks else []))
    disk = trip.disks[role]
    striker = Striker(moment, disk if pulls else None)
    result = trip.product.run(line, striker)
    if not striker.has_struck:
        return striker.stops, Trial(0, ())
    complaints = [f"TRACEBACK: {result.stderr[-500:]}"] if "Traceback" in result.stderr else []
    if result.code not in (0, 1, 2, 3, KILLED):
        complaints.append(f"EXIT {result.code}: {result.stderr[-300:]}")
    if pulls:
        complaints += left_behind(disk)
        disk.mount(disk.at)
    complaints += trip.remount()
    again = trip.product.run(line)
    for _ in range(CALLS):
        if again.code in (0, 1):
            break
        again = trip.product.run(line)
    # What had ended in good order is told to have ended.
    finished = again.code == 0 or (result.code == 0 and again.code == 2)
    if not finished:
        told = trip.reasons(stage) or again.stderr[-400:]
        complaints.append(f"NOT FINISHED: exit {result.code} ({sentence_of(result)}), then {again.code}: {told}")
    complaints += trip.remount()
    if finished:
        complaints += trip.unfinished(stage, replace(again, code=0))
    return striker.stops, Trial(1, tuple(map(trip.neutral, complaints)))


def left_behind(disk: Disk) -> list[str]:
    """The photos and markers that a run has made in the empty folder where a disk had been mounted.

    Nobody would look for them there. A journal in which nothing was done yet is only litter.
    """
    made = [path for path in sorted(disk.at.rglob("*")) if path.is_file()]
    wrong = [path for path in made if is_photo(str(path)) or path.name == MARKER]
    if any(disk.at.iterdir()):
        shutil.move(disk.at, disk.at.with_name(f"{disk.at.name}-left"))
    return [f"MADE WHERE NO DISK IS MOUNTED: {path.relative_to(disk.at)}" for path in wrong]


def tasks_of(kind: Kind) -> dict[str, Task[Trial]]:
    """Every accident in every stage, at some moments, with this kind as the source and as the archive."""

    def accident(pulls: bool, role: str, stage: str, product: Product, folder: Path) -> Trial:
        random = dice(PART, kind.name, pulls, role, stage)
        disturbed, complaints = 0, []
        stops = 40
        for number in range(MOMENTS):
            moment = random.randint(1, max(stops, 1))
            place = folder / str(number)
            place.mkdir()
            with journey(product, place, role=role, kind=kind) as trip:
                stops, trial = shake(trip, stage, role, pulls, moment)
            disturbed += trial.disturbed
            complaints += [f"at stop {moment} of {stops}: {complaint}" for complaint in trial.complaints]
        return Trial(disturbed, tuple(complaints))

    return {
        f"{stage}, {kind} as the {role}, {'pulled' if pulls else 'killed'}": partial(accident, pulls, role, stage)
        for pulls in (False, True)
        for role in ROLES
        for stage in STAGES
        if not _is_refused(kind, role, stage)
    }


def _is_refused(kind: Kind, role: str, stage: str) -> bool:
    """Whether such a disk is refused there before anything begins, as the flow on it shows."""
    if role == "archive":
        return stage == "move" and not kind.has_medium
    return stage in ("quarantine", "delete") and not kind.can_append


@pytest.mark.parametrize("kind", SHAKEN, ids=str)
def test_accidents_in_the_middle_of_stages(
    kind: Kind, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    require_strace()
    kind.require()
    found = side_by_side(tasks_of(kind), tmp_path, product, kind.at_once)
    conclude(record_points, PART, list(found.items()))


# --- a full disk ---------------------------------------------------------------------------------------------

MANY: Tree = {f"2019/p{seed}.jpg": jpeg(seed=seed, size=1 << 20) for seed in range(1, 9)}
SMALL = sized((kinds.EXT4, kinds.EXFAT), (kinds.EXT4, kinds.EXFAT, kinds.NTFS))
"""Disks with a size of their own: what only shows a folder has all the room of this machine."""


def fill_up(folder: Path, free: int) -> Path:
    """Make a file that leaves so many bytes free."""
    status = os.statvfs(folder)
    assert status.f_blocks * status.f_frsize <= DEFAULT_SIZE_MIB << 20, f"{folder} is no small disk"
    size = max(status.f_bavail * status.f_frsize - free, 0)
    filler = folder / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size) if size else None
    return filler


@pytest.mark.parametrize("mode", ["copy", "move"])
@pytest.mark.parametrize("kind", SMALL, ids=str)
def test_an_archive_that_gets_full(
    kind: Kind, mode: str, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    if mode == "move" and not kind.has_medium:
        pytest.skip("refused: a move to a file system that can't be read from a medium")
    with journey(product, tmp_path, role="archive", kind=kind, photos=MANY) as trip:
        filler = fill_up(trip.disks["archive"].at, 3 << 20)
        complaints = list(trip.stage(mode).faults)
        outcome = trip.outcomes[-1]
        if outcome.code not in (1, 3):
            complaints.append(f"exit {outcome.code} with a full disk")
        filler.unlink()
        again = trip.stage(mode)
        complaints += again.faults
        if again.code:
            complaints.append(f"NOT FINISHED once there was room: exit {again.code}: {again.sentence}")
    complaints = [each for each in complaints if "CHANGED THOUGH REFUSED" not in each]  # it stopped early: 3
    conclude(record_points, PART, [(mode, Trial(1, tuple(complaints)))])


# --- names and times that don't fit --------------------------------------------------------------------------------

ODD_NAMES: Tree = {
    "2019/a:b.jpg": jpeg(seed=1),
    "2019 dot./p.jpg": jpeg(seed=2),
    "2019/CON.jpg": jpeg(seed=3),
    "2019/what?.jpg": jpeg(seed=4),
    "2019/back\\slash.jpg": jpeg(seed=5),
    "2019/plain.jpg": jpeg(seed=6),
    "smb-share:server=nas/over.jpg": jpeg(seed=7),
    "2019/Same.jpg": jpeg(seed=8),
    "2019/same.jpg": jpeg(seed=9),
}
OF_DOS = (kinds.EXFAT, kinds.NTFS, kinds.NTFS_OF_WINDOWS, kinds.NTFS_WITHOUT_CASE)


@pytest.mark.parametrize("kind", OF_DOS, ids=str)
def test_b8_names_that_the_archive_refuses(
    kind: Kind, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    with journey(product, tmp_path, role="archive", kind=kind, photos=ODD_NAMES) as trip:
        complaints = [fault for stage in ("copy", "verify") for fault in trip.stage(stage).faults]
        complaints += [f"exit {each.code}: {each.sentence}" for each in trip.outcomes if each.code not in (0, 1)]
        reasons = [row["reason"] for row in read_rows(trip.library.report) if row["status"] == "failed"]
        complaints += [f"a name that does not fit: {reason}" for reason in reasons if "name" not in reason]
        complaints += trip.stage("delete").faults
    conclude(record_points, PART, [("names", Trial(3, tuple(complaints)))])


@pytest.mark.parametrize("kind", OF_DOS, ids=str)
def test_b8_names_that_the_quarantine_refuses(
    kind: Kind, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    with journey(product, tmp_path, role="quarantine", kind=kind, photos=ODD_NAMES) as trip:
        for stage in ("copy", "verify", "quarantine", "restore"):
            trip.stage(stage)
        complaints = [fault for outcome in trip.outcomes for fault in outcome.faults]
        complaints += [f"exit {each.code}: {each.sentence}" for each in trip.outcomes if each.code not in (0, 1)]
    conclude(record_points, PART, [("names", Trial(4, tuple(complaints)))])


def test_b2_a_purge_that_was_killed_between_link_and_unlink_comes_to_its_end(
    product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    """Over SSH two names of one file look like two files."""
    with journey(product, tmp_path, role="source", kind=kinds.SSHFS) as trip:
        trip.go("copy", "verify", "quarantine")
        for row in read_rows(trip.journal):
            if row["phase"] == "done":
                os.link(row["to_path"], set_aside_name(row["to_path"], row["run_id"], int(row["row_id"])))
        outcome = trip.stage("purge")
        complaints = list(outcome.faults)
        if outcome.code or trip.photos_below(trip.library.source):
            complaints.append(f"exit {outcome.code}: {outcome.sentence}")
    conclude(record_points, PART, [("two names", Trial(1, tuple(complaints)))])


ODD_TIMES = (
    datetime(1975, 5, 5, tzinfo=UTC),
    datetime(1979, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1995, 3, 26, 1, 30, 1, 1, tzinfo=UTC),
    datetime(2037, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2107, 12, 31, tzinfo=UTC),
    datetime(2150, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("kind", [kinds.EXFAT, kinds.NTFS], ids=str)
def test_b9_times_that_the_archive_does_not_know(
    kind: Kind, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    photos = {f"2019/p{number}.jpg": jpeg(seed=number) for number in range(len(ODD_TIMES))}
    with journey(product, tmp_path, role="archive", kind=kind, photos=photos) as trip:
        for number, moment in enumerate(ODD_TIMES):
            set_mtime(trip.library.source / f"2019/p{number}.jpg", moment)
        for stage in ("copy", "verify", "quarantine", "restore", "delete"):
            trip.stage(stage)
        complaints = [fault for outcome in trip.outcomes for fault in outcome.faults]
        complaints += [f"exit {each.code}: {each.sentence}" for each in trip.outcomes if each.code not in (0, 1)]
        complaints += [
            f"FAILED: {row['reason']}" for row in read_rows(trip.library.report) if row["status"] == "failed"
        ]
    conclude(record_points, PART, [("times", Trial(5, tuple(complaints)))])


@pytest.fixture
def abroad() -> Iterator[Product]:
    """The scripts in another time zone."""
    with Product(environment={"TZ": "America/New_York"}) as product:
        yield product


@pytest.mark.parametrize("role", ["source", "archive"])
@pytest.mark.parametrize("kind", [kinds.EXFAT, kinds.NTFS], ids=str)
def test_b5_another_time_zone_between_the_stages(
    kind: Kind, role: str, product: Product, abroad: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    with journey(product, tmp_path, role=role, kind=kind) as trip:
        disk = trip.disks[role]
        trip.stage("copy")
        trip.product, disk.environment = abroad, {"TZ": "America/New_York"}
        trip.remount()
        for stage in ("verify", "quarantine", "restore"):
            trip.stage(stage)
        complaints = [fault for outcome in trip.outcomes for fault in outcome.faults]
        complaints += [f"{each.stage}: exit {each.code}: {each.sentence}" for each in trip.outcomes if each.code]
    conclude(record_points, PART, [("zone", Trial(4, tuple(complaints)))])


# --- the drive is mounted elsewhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["source", "archive"])
@pytest.mark.parametrize("kind", sized((kinds.EXFAT,), (kinds.EXT4, kinds.EXFAT, kinds.NTFS, kinds.SSHFS)), ids=str)
def test_b6_the_drive_comes_back_at_another_place(
    kind: Kind, role: str, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    with journey(product, tmp_path, role=role, kind=kind) as trip:
        trip.stage("copy")
        trip.move_elsewhere(role)
        root = trip.disks[role].at / ("photos" if role == "source" else "archive")
        option = (f"--{role}-now-at", root)
        complaints = []
        for stage in ("verify", "quarantine", "restore", "delete"):
            more = (*option, CACHED_READS) if stage == "delete" and role == "archive" else option
            outcome = trip.stage(stage, *more)
            complaints += [
                *outcome.faults,
                *([f"{stage}: exit {outcome.code}: {outcome.sentence}"] if outcome.code else []),
            ]
    conclude(record_points, PART, [(role, Trial(4, tuple(complaints)))])

"""Accidents on disks of all kinds: a run is killed, a drive is pulled, a disk is full, names and times don't fit.

After each, everything is mounted again and the same command is given: nothing is lost, and it comes to its end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.campaign import disk_kinds as kinds
from tests.campaign.disk_flows import CACHED_READS, Journey, journey
from tests.campaign.disks import Disk, Kind
from tests.campaign.figures import RecordPoints
from tests.campaign.killing import KillAfter
from tests.campaign.product import KILLED, Product, Tracer
from tests.campaign.scale import dice, sized
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
        *(kinds.cloud(version, mode) for version in ("1.60", "newer") for mode in kinds.CACHE_MODES),
    ),
)
STAGES = sized(("quarantine", "move", "delete"), tuple(BEFORE))
MOMENTS = sized(1, 3)
CALLS = 4


class PullAfter:
    """A tracer that pulls a disk after a while, and lets the run end as it can."""

    def __init__(self, seconds: float, disk: Disk) -> None:
        self._timer = threading.Timer(seconds, disk.pull)

    def attach(self, pid: int) -> None:  # noqa: ARG002 - a tracer is told of a process
        self._timer.start()

    def detach(self) -> None:
        self._timer.join()


@dataclass(frozen=True, slots=True)
class Accident:
    """What happens ``seconds`` after a run has begun."""

    name: str
    tracer: Callable[[float, Disk], Tracer]


KILL = Accident("killed", lambda seconds, _: KillAfter(seconds))
PULL = Accident("pulled", PullAfter)


def shake(trip: Journey, stage: str, role: str, accident: Accident, seconds: float) -> Trial:
    """One accident in one stage; then everything is mounted again, and the same command is given until it ends."""
    for earlier in BEFORE[stage]:
        trip.stage(earlier)
    if any(outcome.is_refused for outcome in trip.outcomes):
        return Trial(0, ())  # the flow on this disk says so
    line = trip.line(stage)
    if trip.disks["archive"].kind.has_medium is False and stage in ("delete", "purge"):
        line = trip.line(stage, CACHED_READS)
    disk = trip.disks[role]
    result = trip.product.run(line, accident.tracer(seconds, disk))
    complaints = [f"TRACEBACK: {result.stderr[-500:]}"] if "Traceback" in result.stderr else []
    if result.code not in (0, 1, 2, 3, KILLED):
        complaints.append(f"EXIT {result.code}: {result.stderr[-300:]}")
    if not disk.is_mounted or accident is PULL:
        disk.pull()
        disk.mount(disk.at)
    complaints += trip.remount()
    for _ in range(CALLS):
        again = trip.product.run(line)
        if again.code in (0, 1):
            break
    complaints += trip.remount()
    refused_before_anything = result.code == 2 and again.code == 2
    if again.code and not refused_before_anything:
        complaints.append(f"NOT FINISHED: exit {result.code}, then {again.code}: {trip.neutral(again.stderr[-400:])}")
    return Trial(1, tuple(map(trip.neutral, complaints)))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("role", ["source", "archive"])
@pytest.mark.parametrize("accident", [KILL, PULL], ids=lambda accident: accident.name)
@pytest.mark.parametrize("kind", SHAKEN, ids=str)
def test_an_accident_in_the_middle_of_a_stage(
    kind: Kind, accident: Accident, role: str, stage: str, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    if stage == "move" and role == "archive" and not kind.has_medium:
        pytest.skip("refused: a move to a file system that can't be read from a medium")
    random = dice(PART, kind.name, accident.name, role, stage)
    trials = []
    for number in range(1 if kind.is_slow else MOMENTS):
        seconds = random.uniform(0.0, 0.15)
        folder = tmp_path / str(number)
        folder.mkdir()
        with journey(product, folder, role=role, kind=kind) as trip:
            trials.append((f"after {seconds:.3f} s", shake(trip, stage, role, accident, seconds)))
    conclude(record_points, PART, trials)


# --- a full disk ---------------------------------------------------------------------------------------------

MANY: Tree = {f"2019/p{seed}.jpg": jpeg(seed=seed, size=1 << 20) for seed in range(1, 9)}
SMALL = sized(
    (kinds.EXT4, kinds.EXFAT), (kinds.EXT4, kinds.EXFAT, kinds.NTFS, kinds.MERGERFS, kinds.cloud("newer", "writes"))
)


def fill_up(folder: Path, free: int) -> Path:
    """Make a file that leaves so many bytes free."""
    status = os.statvfs(folder)
    size = max(status.f_bavail * status.f_frsize - free, 0)
    filler = folder / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size) if size else None
    return filler


@pytest.mark.parametrize("mode", ["copy", "move"])
@pytest.mark.parametrize("kind", [kinds.EXT4], ids=str)
def test_an_archive_that_gets_full(
    kind: Kind, mode: str, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
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
    "2019/dot.": jpeg(seed=2),
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

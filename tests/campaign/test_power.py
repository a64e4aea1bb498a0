"""Power cuts on ext4, XFS and btrfs: nothing is lost, nothing untrue is believed, and the same command finishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaign.figures import RecordPoints
from tests.campaign.loop_images import FILE_SYSTEMS, require_file_system
from tests.campaign.planted_bugs import NO_FSYNC_OF_COPIES, NO_FSYNC_OF_FOLDERS, NO_FSYNC_OF_TABLES, PlantedBug, plant
from tests.campaign.power_cuts import CASES, Bench, Case, try_case
from tests.campaign.product import Product
from tests.campaign.scale import FULL, dice, sized
from tests.campaign.strace_points import require_strace

pytestmark = pytest.mark.campaign

MOMENTS = sized(2, 6)
# In the slice each case meets one file system, and each file system a third of the cases.
POINTS = [
    (case, system)
    for number, case in enumerate(CASES)
    for index, system in enumerate(FILE_SYSTEMS)
    if FULL or index == number % len(FILE_SYSTEMS)
]


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product() as running:
        yield running


@pytest.mark.parametrize(("case", "system"), POINTS, ids=str)
def test_incident_30_after_a_power_cut_nothing_is_lost_and_the_same_command_finishes(
    case: Case, system: str, product: Product, tmp_path: Path, record_points: RecordPoints
) -> None:
    require_strace()
    disk = require_file_system(system, tmp_path)
    bench = Bench.of(case, disk, product, tmp_path / "disks")
    judged = try_case(bench, MOMENTS, dice("power", case, system))
    record_points(f"power, {system}", judged.cuts, judged.bad)
    assert not judged.bad, judged.told


@pytest.mark.parametrize(
    ("bug", "case", "seen_by"),
    [
        (NO_FSYNC_OF_COPIES, "copy, archive on a second disk", "UNTRUE: report.csv says copied"),
        (NO_FSYNC_OF_FOLDERS, "verify, archive on a second disk, archive put there by mv", "LOST"),
        (NO_FSYNC_OF_TABLES, "copy, archive on a second disk", "report.csv"),
    ],
    ids=str,
)
def test_the_campaign_sees_a_missing_fsync(bug: PlantedBug, case: str, seen_by: str, tmp_path: Path) -> None:
    require_strace()
    disk = require_file_system("xfs", tmp_path)
    found = next(known for known in CASES if str(known) == case)
    with Product(plant(bug, tmp_path / "planted")) as product:
        judged = try_case(Bench.of(found, disk, product, tmp_path / "disks"), 3, dice("planted", bug))
    assert any(seen_by in complaint for complaint in judged.complaints), judged.told

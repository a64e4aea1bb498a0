"""Part *faults*: every call may fail with every error that it can meet.

After each fault the exit code is a documented one, the message names a path, nothing is lost, overwritten or counted
good that is not; and once the fault is gone, the same command ends as if there had been none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.campaign.conftest import RecordPoints
from tests.campaign.failing import fail_and_finish, faults_of
from tests.campaign.fault_kinds import concerns_attributes
from tests.campaign.killing import Trial, undisturbed
from tests.campaign.product import Product
from tests.campaign.size import dice, sized
from tests.campaign.stages import STAGES, Stage
from tests.campaign.strace_points import CHANGING, Call, failing, require_strace
from tests.campaign.two_disks import two_disks
from tests.campaign.worlds import World, world_at

pytestmark = pytest.mark.campaign

FAULTS = sized(6, 1_000_000)
ONWARDS = sized(1, 12)

WorldMaker = Callable[[str], World]


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product() as product:
        yield product


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    with two_disks(tmp_path_factory.mktemp("disk")) as places:
        yield places


@pytest.fixture
def world(product: Product, disks: tuple[Path, Path], tmp_path: Path) -> WorldMaker:
    """Make a world whose named part lies on the second disk."""
    base, elsewhere = disks
    return lambda far: world_at(product, base / "world", elsewhere, far, tmp_path / "strace.log")


def conclude(record_points: RecordPoints, trials: list[tuple[str, Trial]]) -> None:
    """Add to the figures, and fail with all complaints, each with the fault at which it came up."""
    bad = [(point, trial) for point, trial in trials if trial.complaints]
    record_points("faults", len(trials), len(bad))
    if bad:
        told = [f"fault {point}:\n    " + "\n    ".join(trial.complaints[:6]) for point, trial in bad]
        pytest.fail(f"{len(bad)} of {len(trials)} faults:\n" + "\n".join(told[:60]), pytrace=False)


def fail_everywhere(world: World, stage: Stage, most: int, onwards: bool) -> list[tuple[str, Trial]]:
    require_strace()
    expected = undisturbed(world, stage)
    faults: list[tuple[Call, str]] = faults_of(world, stage)
    if onwards:
        faults = [(call, error) for call, error in faults if _may_last(call, error)]
    if len(faults) > most:
        faults = dice("faults", stage.name, onwards).sample(faults, most)
    trials = []
    for call, error in faults:
        tracer = failing(world.log, call, error, onwards)
        trial = fail_and_finish(world, stage, expected, tracer, exact=not concerns_attributes(call))
        trials.append((f"{error}{' from here on' if onwards else ''} at {call}", trial))
    return trials


def _may_last(call: Call, error: str) -> bool:
    """Not an interruption, after which Python gives the call again; nor what Python itself and the terminal live by."""
    return error != "EINTR" and call.name in CHANGING and call.name not in ("openat", "write")


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_one_failing_call_loses_nothing_and_the_same_line_again_ends_well(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    conclude(record_points, fail_everywhere(world(stage.far), stage, FAULTS, onwards=False))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_calls_that_fail_from_some_moment_on_lose_nothing_either(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    conclude(record_points, fail_everywhere(world(stage.far), stage, ONWARDS, onwards=True))

"""Part *faults*: every call may fail with every error that it can meet.

After each fault the exit code is a documented one, the message names a path, nothing is lost, overwritten or counted
good that is not; and once the fault is gone, the same command ends as if there had been none.
"""

from __future__ import annotations

import pytest

from tests.campaign.conftest import WorldMaker
from tests.campaign.failing import fail_and_finish, faults_of
from tests.campaign.fault_kinds import concerns_attributes
from tests.campaign.figures import RecordPoints
from tests.campaign.fixtures import World
from tests.campaign.killing import undisturbed
from tests.campaign.scale import dice, sized
from tests.campaign.stages import STAGES, Stage
from tests.campaign.strace_points import CHANGING, Call, failing, require_strace
from tests.campaign.trials import Trial, conclude

pytestmark = pytest.mark.campaign

FAULTS = sized(6, 1_000_000)
ONWARDS = sized(1, 12)


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
    conclude(record_points, "faults", fail_everywhere(world(stage.far), stage, FAULTS, onwards=False))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_calls_that_fail_from_some_moment_on_lose_nothing_either(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    conclude(record_points, "faults", fail_everywhere(world(stage.far), stage, ONWARDS, onwards=True))

"""Part *kill*: SIGKILL before every call that changes files, in every stage and mode.

After each kill nothing is lost and everything parses; the same command line again ends exactly as an undisturbed run;
and where a stage can be undone, the source comes back as it was, to the nanosecond.
"""

from __future__ import annotations

import time

import pytest

from tests.campaign.conftest import WorldMaker
from tests.campaign.figures import RecordPoints
from tests.campaign.fixtures import World
from tests.campaign.killing import KillAfter, chosen, kill_and_finish, kill_and_restore, kill_at, points_of, undisturbed
from tests.campaign.scale import dice, sized
from tests.campaign.stages import STAGES, WITHOUT_EXCLUSIVE_RENAME, Stage
from tests.campaign.strace_points import killing, require_strace
from tests.campaign.trials import Trial, conclude

pytestmark = pytest.mark.campaign

EVERY_POINT = 1_000_000
POINTS = sized(4, EVERY_POINT)
POINTS_DENIED = sized(2, EVERY_POINT)
TWICE = sized(1, 20)
RANDOM_MOMENTS = sized(2, 25)


def kill_everywhere(world: World, stage: Stage, most: int) -> list[tuple[str, Trial]]:
    require_strace()
    expected = undisturbed(world, stage)
    points = chosen(points_of(world, stage), most, dice("kill", stage.name))
    return [(str(point), kill_at(world, stage, expected, point)) for point in points]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_killed_before_any_call_the_same_line_again_ends_as_an_undisturbed_run(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    trials = kill_everywhere(world(stage.far), stage, POINTS)
    conclude(record_points, "kill", trials)


@pytest.mark.parametrize("stage", WITHOUT_EXCLUSIVE_RENAME, ids=lambda stage: stage.name)
def test_the_same_holds_where_the_file_system_cannot_rename_without_replacing(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    trials = kill_everywhere(world(stage.far), stage, POINTS_DENIED)
    conclude(record_points, "kill", trials)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_killed_again_while_it_takes_up_the_work_it_still_ends_as_an_undisturbed_run(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    require_strace()
    here = world(stage.far)
    expected = undisturbed(here, stage)
    points, random = points_of(here, stage), dice("kill twice", stage.name)
    trials = []
    for _ in range(TWICE):
        first, second = random.choice(points), random.choice(points)
        kills = [killing(here.log, first), killing(here.log, second)]
        trials.append((f"{first}, then {second}", kill_and_finish(here, stage, expected, kills)))
    conclude(record_points, "kill", trials)


@pytest.mark.parametrize("name", ["quarantine", "quarantine across devices", "quarantine and prune"])
def test_a_killed_quarantine_is_restored_from_its_journal_alone(
    name: str, world: WorldMaker, record_points: RecordPoints
) -> None:
    require_strace()
    stage = next(stage for stage in STAGES if stage.name == name)
    here = world(stage.far)
    points = chosen(points_of(here, stage), POINTS, dice("kill and restore", name))
    trials = [(str(point), kill_and_restore(here, stage, killing(here.log, point))) for point in points]
    conclude(record_points, "kill", trials)


@pytest.mark.parametrize(
    "stage", [stage for stage in STAGES if "batches" not in stage.name], ids=lambda stage: stage.name
)
def test_killed_at_random_with_several_threads_the_same_holds(
    stage: Stage, world: WorldMaker, record_points: RecordPoints
) -> None:
    here, threaded = world(stage.far), stage.with_jobs(4)
    expected = undisturbed(here, threaded)
    threaded.prepare(here)
    began = time.monotonic()
    here.do(threaded.line(here))
    duration = time.monotonic() - began
    random = dice("kill at random", stage.name)
    trials = []
    for _ in range(RANDOM_MOMENTS):
        moments = [random.uniform(0, duration) for _ in range(3)]
        kills = [KillAfter(seconds) for seconds in moments]
        trials.append((f"after {moments} s", kill_and_finish(here, threaded, expected, kills)))
    conclude(record_points, "kill", trials)

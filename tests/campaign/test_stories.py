"""The stories campaign: hypothesis plays random years with the three scripts against a model of the promise.

A failing story is shortened, and printed as a program that can be run again. The same ``CAMPAIGN_SEED`` tells the same
stories.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.campaign.figures import RecordPoints
from tests.campaign.mutants import complaints_about
from tests.campaign.planted_bugs import PlantedBug
from tests.campaign.scale import FULL, SEED, sized
from tests.campaign.stories import Story, Told
from tests.campaign.two_disks import quick_folder

pytestmark = pytest.mark.campaign

PART = "stories"
STORIES = sized(60, 2_000)
STEPS = 12
PHASES = (Phase.generate,) if os.environ.get("CAMPAIGN_SHRINK") == "no" else (Phase.generate, Phase.shrink)
"""A failing story is shortened, unless ``CAMPAIGN_SHRINK=no`` says that it is enough to know of one."""


def test_no_story_ends_with_a_loss(tmp_path: Path, record_points: RecordPoints) -> None:
    told = Told()
    with quick_folder(tmp_path) as folder:

        @seed(SEED)
        class OurStory(Story):
            def __init__(self) -> None:
                super().__init__(folder, told)

        try:
            run_state_machine_as_test(
                OurStory,
                settings=settings(
                    max_examples=STORIES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    phases=PHASES,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except BaseException:
            record_points(PART, told.stories, 1)
            raise
    record_points(PART, told.stories, 0)
    print("how runs ended:", dict(sorted(told.codes.items())))
    stages = ("organize_media_by_date", "verify_media_archive", "apply_deletion_manifest")
    for stage in stages:
        assert told.codes[f"{stage} 0"] > STORIES // 10, f"hardly any {stage} came to its end: the stories tell nothing"
        # Sixty stories are too few to ask for kills of each.
        assert not FULL or told.codes[f"{stage} killed"] > STORIES // 60, f"hardly any {stage} was killed"
    assert sum(told.codes[f"{stage} killed"] for stage in stages) > STORIES // 10, "hardly any run was killed"


NO_COMPARISON = PlantedBug(
    "what is destroyed is not compared",
    "_prove_identical",
    'return __import__("types").SimpleNamespace(read_mode="cold")',
)


def test_a_missing_comparison_is_noticed(tmp_path: Path) -> None:
    assert "LOST" in complaints_about(NO_COMPARISON, tmp_path, "test_stories.py", "no_story")

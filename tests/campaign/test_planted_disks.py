"""Each guard for the disks that people have is taken out of a copy of the project: its tests must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.figures import RecordPoints
from tests.campaign.planted_bugs import PlantedBug, plant
from tests.support.scripts import ROOT

pytestmark = pytest.mark.campaign

_UNTIL_THE_UNLINK = "tests/fileops/test_proof_until_the_unlink.py"
_PLACES = "tests/workflow/test_what_counts_as_archived.py"
_COLD_READS = "tests/campaign/test_cold_reads.py"
_LOOKS = "tests/workflow/test_apply_looks_again.py"
_MOUNTED = "tests/workflow/test_mounted_disks.py"
GUARDS = (
    (PlantedBug("A1: names are not looked at until the unlink", "_is_untouched", "return True"), _UNTIL_THE_UNLINK),
    (
        PlantedBug("A4: memory is taken for a medium", "FileSystem.is_memory", "return False"),
        f"{_LOOKS}::test_a4_no_quarantine_is_made_in_memory",
    ),
    (
        PlantedBug("A4: the archive copy is not read before bytes leave", "_require_archive_copy", "return None"),
        _UNTIL_THE_UNLINK,
    ),
    (PlantedBug("A5: a cached read is accepted", "_require_accepted_read", "return None"), f"{_LOOKS}"),
    (PlantedBug("A6: pages in memory are not asked for", "is_any_page_cached", "return False"), _UNTIL_THE_UNLINK),
    (PlantedBug("A6: images stay in memory", "_drop_image", "return True"), _COLD_READS),
    (PlantedBug("A6: metadata are not in memory", "first_extent", "return Extent()"), _COLD_READS),
    (
        PlantedBug("A3: no view hides a cloud mount", "FileSystem.may_hide_cached_view", "return False"),
        "tests/campaign/test_disk_views.py::test_a3_a_view_of_the_source_is_no_archive",
    ),
    (PlantedBug("A7: an archive lies in a bin", "require_outside_bin", "return None"), _PLACES),
    (PlantedBug("A7: bins count as archive", "unsafe_folder_in", "return ''"), _PLACES),
    (PlantedBug("A8: other disks count as archive", "is_on_same_disk", "return True"), _PLACES),
    (PlantedBug("B1: the inode number alone decides", "looks_the_same", "return False"), _UNTIL_THE_UNLINK),
    (
        PlantedBug("B3: the disks are not asked for", "MountedDisks.require", "return None"),
        "tests/workflow/test_disk_away.py",
    ),
    (
        PlantedBug("B3: a restore goes on where no disk is", "MountedDisks.require_roots", "return None"),
        "tests/workflow/test_pulled_disks.py",
    ),
    (
        PlantedBug("B15: an empty source is a source", "require_files_in_source", "return None"),
        "tests/workflow/test_disk_away.py",
    ),
    (PlantedBug("B4: the card is not asked for", "_require_disk", "return None"), _MOUNTED),
    (PlantedBug("B5: a shift is a change", "is_shifted_time", "return False"), "tests/workflow/test_times_of_disks.py"),
    (PlantedBug("B7: mount flags are not looked at", "FileSystem.is_read_only", "return False"), _MOUNTED),
    (PlantedBug("B10: lost tags are no reason", "_require_attributes", "return None"), _UNTIL_THE_UNLINK),
)


@pytest.mark.parametrize(("bug", "tests"), GUARDS, ids=[str(bug) for bug, _ in GUARDS])
def test_a_guard_that_is_taken_out_is_missed(
    bug: PlantedBug, tests: str, tmp_path: Path, record_points: RecordPoints
) -> None:
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("some guards are about mounts: run the campaign as root on Linux")
    copy = plant(bug, tmp_path / "copy")
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t")]
    result = subprocess.run([*command, tests], cwd=copy, capture_output=True, text=True, timeout=300, check=False)
    is_noticed = result.returncode == 1  # 0: all passed, 2 and more: they did not run
    record_points("planted bugs", 1, 0 if is_noticed else 1)
    assert is_noticed, result.stdout[-2000:]

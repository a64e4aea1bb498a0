"""Whether a slice of the campaign notices a planted bug: it is run by a pytest of its own, on a copy of everything.

The parts that call the scripts inside their own process can't be pointed at another product, so they are copied too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.campaign.planted_bugs import PlantedBug, plant
from tests.support.scripts import ROOT

LONGEST = 300.0
SERIES = 8
FAILED = 1
"""Exit code of pytest when tests were run and failed (any other means that nothing was shown)."""


def complaints_about(bug: PlantedBug, folder: Path, test_file: str, choose: str) -> str:
    """Plant a bug, run the tests that ``choose`` names (as ``pytest -k``), and return what they said.

    Fails when they pass: then the campaign would not have noticed.
    """
    planted = plant(bug, folder / "planted")
    shutil.copy(ROOT / "pyproject.toml", planted)
    shutil.copytree(ROOT / "tests", planted / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if name not in ("CAMPAIGN", "PYTHONPATH")}
    environment["CAMPAIGN_SHRINK"] = "no"
    # Never the tests of planted bugs themselves: they would plant, and so on without end.
    command = [sys.executable, "-m", "pytest", f"tests/campaign/{test_file}", "-m", "campaign", "-x"]
    command += ["-k", f"({choose}) and not noticed", "-p", "no:cacheprovider", "--basetemp", str(folder / "temporary")]
    told = ""
    # A slice is a sample: which of its few points meets the bug depends on the series.
    for seed in range(1, SERIES + 1):
        environment["CAMPAIGN_SEED"] = str(seed)
        with subprocess.Popen(
            command, cwd=planted, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                told, _ = process.communicate(timeout=LONGEST)
            finally:
                process.kill()
        if process.returncode == FAILED:
            return told
    raise AssertionError(f"{bug} was not noticed in {SERIES} series:\n{told[-3000:]}")

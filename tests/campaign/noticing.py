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
    result = subprocess.run(
        [sys.executable, "-m", "pytest", f"tests/campaign/{test_file}", "-m", "campaign", "-k", choose, "-x"]
        + ["-p", "no:cacheprovider", "--basetemp", str(folder / "temporary")],
        cwd=planted,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == FAILED, f"{bug} was not noticed:\n{result.stdout[-3000:]}{result.stderr[-1000:]}"
    return result.stdout

"""What every part of the campaign shares: it says how much it tried, also when all went well.

Each test calls ``record_points(part, tried, losses)`` once per piece of work; the closing lines of the pytest session
add them up per part. ``CAMPAIGN=full`` (what ``make campaign`` sets) runs each part at full size, see ``size.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.campaign.size import FULL, SEED

# Mounts, traces and signals of Linux: elsewhere only the mutations of media files can run.
_HERE = Path(__file__).parent
collect_ignore = (
    [] if sys.platform == "linux" else [p.name for p in _HERE.glob("test_*.py") if p.name != "test_mutations.py"]
)

RecordPoints = Callable[[str, int, int], None]
"""``record_points("kill", tried=230, losses=0)``: the type of the fixture of that name."""


@dataclass(frozen=True, slots=True)
class _Tally:
    """Points tried and losses found, per part, in the order in which the parts first spoke."""

    tried: dict[str, int] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)

    def add(self, part: str, tried: int, losses: int) -> None:
        self.tried[part] = self.tried.get(part, 0) + tried
        self.losses[part] = self.losses.get(part, 0) + losses


_TALLY = pytest.StashKey[_Tally]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = _Tally()


@pytest.fixture(scope="session")
def record_points(pytestconfig: pytest.Config) -> RecordPoints:
    """Add to the figures of one part. Call it before the assertion that fails on a loss, so that losses are shown."""
    return pytestconfig.stash[_TALLY].add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(_TALLY, _Tally())
    if not tally.tried:
        return
    terminalreporter.section(
        f"campaign, {'full size' if FULL else 'a slice of it (CAMPAIGN=full for all)'}, seed {SEED}"
    )
    for part, tried in tally.tried.items():
        terminalreporter.line(f"{part:<24} {tried:>10,} points tried   {tally.losses[part]:>6,} losses")
    terminalreporter.line(
        f"{'all':<24} {sum(tally.tried.values()):>10,} points tried   {sum(tally.losses.values()):>6,} losses"
    )

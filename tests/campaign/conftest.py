"""What every part of the campaign shares: it says how much it tried, also when all went well.

Each test calls ``record_points(part, tried, losses)`` once per piece of work; the closing lines of the pytest session
add them up per part. ``CAMPAIGN=full`` (what ``make campaign`` sets) runs each part at full size, see ``size.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.campaign.size import FULL, SEED

if TYPE_CHECKING:  # they need Linux, and this file is read everywhere
    from tests.campaign.product import Product
    from tests.campaign.worlds import World

# Mounts, traces and signals of Linux: elsewhere only the mutations of media files can run.
_HERE = Path(__file__).parent
collect_ignore = (
    [] if sys.platform == "linux" else [p.name for p in _HERE.glob("test_*.py") if p.name != "test_mutations.py"]
)

RecordPoints = Callable[[str, int, int], None]
"""``record_points("kill", tried=230, losses=0)``: the type of the fixture of that name."""

WorldMaker = Callable[[str], "World"]
"""``world("archive")``: the type of the fixture ``world``."""


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


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """The three scripts, warm."""
    from tests.campaign.product import Product

    with Product() as product:
        yield product


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Two empty folders on two file systems."""
    from tests.campaign.two_disks import two_disks

    with two_disks(tmp_path_factory.mktemp("disk")) as places:
        yield places


@pytest.fixture
def world(product: Product, disks: tuple[Path, Path], tmp_path: Path) -> WorldMaker:
    """Make a world whose named part lies on the second disk."""
    from tests.campaign.worlds import world_at

    base, elsewhere = disks
    return lambda far: world_at(product, base / "world", elsewhere, far, tmp_path / "strace.log")


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

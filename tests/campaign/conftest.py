"""What every part of the campaign shares: it says how much it tried, also when all went well.

Each test calls ``record_points(part, tried, losses)`` once per piece of work; the closing lines of the pytest session
add them up per part (``figures.py``). ``CAMPAIGN=full`` (what ``make campaign`` sets) runs each part at full size, see
``size.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.campaign.figures import RecordPoints, recorder

if TYPE_CHECKING:  # they need Linux, and this file is read everywhere
    from tests.campaign.fixtures import World
    from tests.campaign.product import Product

# Mounts, traces and signals of Linux: elsewhere only the mutations of media files can run.
_HERE = Path(__file__).parent
collect_ignore = (
    [] if sys.platform == "linux" else [p.name for p in _HERE.glob("test_*.py") if p.name != "test_mutations.py"]
)

WorldMaker = Callable[[str], "World"]
"""``world("archive")``: the type of the fixture ``world``."""


@pytest.fixture
def record_points(request: pytest.FixtureRequest) -> RecordPoints:
    """Add to the figures of one part. Call it before the assertion that fails on a loss, so that losses are shown."""
    return recorder(request.node)


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
    from tests.campaign.fixtures import world_at

    base, elsewhere = disks
    return lambda far: world_at(product, base / "world", elsewhere, far, tmp_path / "strace.log")

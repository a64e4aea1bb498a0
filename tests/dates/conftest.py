"""Fixtures for the tests of dates."""

from __future__ import annotations

import os
import sys
import time
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def machine_in() -> Iterator[Callable[[str], None]]:
    """Put this machine into a zone until the test ends."""
    if sys.platform == "win32":
        pytest.skip("Windows has no TZ per process: run this test on Linux or macOS")
    if not any(Path(folder, "Asia/Kolkata").exists() for folder in zoneinfo.TZPATH):
        pytest.skip("no zone files on this system: install its package tzdata")
    before = os.environ.get("TZ")

    def move(zone: str) -> None:
        os.environ["TZ"] = zone
        time.tzset()

    yield move
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()

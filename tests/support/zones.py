"""A machine that stands in another zone: a process of its own, for the zone is one of the whole process."""

from __future__ import annotations

import os
import sys
import time
import traceback
import zoneinfo
from collections.abc import Callable
from pathlib import Path

import pytest


def in_zone(zone: str, check: Callable[[], None]) -> None:
    """Check something in a fork of this process, on a machine in that zone."""
    if sys.platform == "win32":
        pytest.skip("Windows has no TZ per process: run this test on Linux or macOS")
    if not any(Path(folder, "Asia/Kolkata").exists() for folder in zoneinfo.TZPATH):
        pytest.skip("no zone files on this system: install its package tzdata")
    child = os.fork()
    if child == 0:
        _check_and_exit(zone, check)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, f"failed in {zone}: what it said is on stderr"


def _check_and_exit(zone: str, check: Callable[[], None]) -> None:
    """In the fork: move to the zone, check, and tell what fails. Never returns."""
    code = 1
    try:
        os.environ["TZ"] = zone
        if sys.platform != "win32":
            time.tzset()
        check()
        code = 0
    except BaseException:  # noqa: BLE001 - it is told, and the exit code fails the test
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)

"""Runs the files of ``examples/`` as a person or cron does, as processes, and says what is missing where one can't."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.scripts import ROOT, Argument, Codes, Result, finish
from tests.support.tables import Row

EXAMPLES = ROOT / "examples"


def start_example(
    name: str, *args: Argument | int, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start an example in a process group of its own, with the Python that runs the tests."""
    own = {"PYTHON": sys.executable, "PARALLEL_HOME": str(cwd)}  # else parallel makes a folder in the person's home
    return subprocess.Popen(
        [str(EXAMPLES / name), *map(str, args)],
        cwd=cwd,
        env={**os.environ, **own, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run_example(
    name: str, *args: Argument | int, cwd: Path, expect: Codes = 0, env: Mapping[str, str] | None = None
) -> Result:
    """Run an example to its end."""
    return finish(start_example(name, *args, cwd=cwd, env=env), expect)


def kill(process: subprocess.Popen[bytes]) -> None:
    """What a power button does: SIGKILL for the example and all that it started."""
    if sys.platform == "win32":
        raise AssertionError("the examples are not run on Windows")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def need(command: str, package: str) -> str:
    """The path of a command, or a skip that says how to get it."""
    found = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    if not found:
        pytest.skip(f"{command} is not installed: apt install {package}")
    return found


def need_module(name: str) -> None:
    """Skip, saying how to get it, unless a Python package is installed."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: .venv/bin/python -m pip install {name}")


def as_any_run_finds_it(rows: list[Row]) -> list[Row]:
    """Verified rows without what is each run's own: when it was, whether memory answered, and the seal over both."""
    own = ("verified_at", "read_mode", "row_seal")
    return [{name: text for name, text in row.items() if name not in own} for row in rows]

"""Asking a script what it can do: quick, and without loading anything that only work needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY

SCRIPTS = (ORGANIZE, VERIFY, APPLY)
HEAVY = ("PIL", "asyncio", "concurrent", "ctypes", "jinja2", "multiprocessing", "pillow_heif", "subprocess", "tqdm")
NOT_FOR_HELP = ("glob", "json", "shutil", "traceback", "uuid")
"""Of the standard library: what working needs and asking for help does not. Each costs some milliseconds."""
CPU_SECONDS = 0.15
TRIES = 20


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_tells_the_exit_status_and_what_changes_and_loads_nothing_heavy(script: str) -> None:
    command = [sys.executable, "-X", "importtime", str(ROOT / f"{script}.py"), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    for line in ("exit status:", "  0  all", "  1  ", "  2  ", "  3  ", "  4  ", "  130  interrupted"):
        assert line in shown.stdout
    assert "what it changes:" in shown.stdout
    assert f"python3 {script}.py" in shown.stdout
    loaded = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "common.cli" in loaded, "the list of modules was not read rightly"
    assert not [name for name in loaded if name.split(".")[0] in (*HEAVY, *NOT_FOR_HELP)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_costs_hardly_more_than_starting_python(script: str) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows does not tell a child's processor time: run the tests on Linux or macOS")
    best = min_cpu_seconds([sys.executable, str(ROOT / f"{script}.py"), "--help"])
    assert best < CPU_SECONDS


def min_cpu_seconds(command: list[str]) -> float:
    """The least processor time of some tries: other work on the machine can only make it more."""
    best = float("inf")
    if sys.platform != "win32":
        for _ in range(TRIES):
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            assert child.returncode == 0
            best = min(best, usage.ru_utime + usage.ru_stime)
            if best < CPU_SECONDS:
                break
    return best

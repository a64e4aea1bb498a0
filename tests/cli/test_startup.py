"""Asking a script what it can do: quick, and without loading anything that only work needs."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY, as_in_the_foreground

SCRIPTS = (ORGANIZE, VERIFY, APPLY)
HEAVY = ("PIL", "asyncio", "concurrent", "ctypes", "jinja2", "multiprocessing", "pillow_heif", "subprocess", "tqdm")
NOT_FOR_HELP = ("glob", "json", "shutil", "traceback", "uuid")
"""Of the standard library: what working needs and asking for help does not. Each costs some milliseconds."""
CPU_SECONDS = 0.15
TRIES = 20
LOADED_BY_AN_OLD_PYTHON = ("common/__init__.py", "common/cli/__init__.py", "common/cli/startup.py")
WITH_AN_OLD_PYTHON = """
import runpy, sys
sys.version_info = (3, 9, 2, "final", 0)
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("common", "argparse")))
"""


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
    assert "common.cli.run" in loaded, "the list of modules was not read rightly"
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


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_interrupt_while_a_script_is_loading_ends_it_without_a_traceback(script: str, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows sends no SIGINT to one process: run the tests on Linux or macOS")
    # A library that takes its time: it stands before Python's own, and tells that it is being loaded.
    (tmp_path / "argparse.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    loading = subprocess.Popen(
        as_in_the_foreground([sys.executable, str(ROOT / f"{script}.py"), "--help"]),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert loading.stdout is not None
    assert loading.stdout.readline() == "loading\n"
    loading.send_signal(signal.SIGINT)
    _, errors = loading.communicate(timeout=30)
    assert (loading.returncode, errors) == (-signal.SIGINT, "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_older_python_is_refused_in_one_sentence_before_anything_else_is_loaded(script: str) -> None:
    command = [sys.executable, "-c", WITH_AN_OLD_PYTHON, str(ROOT / f"{script}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == (
        "error: this needs Python 3.11 or newer, and this is 3.9.2: run it with a newer one, "
        f"such as python3.12 {script}.py\n"
    )
    assert done.stdout == "common common.cli common.cli.startup\n"


@pytest.mark.parametrize("file", [*(f"{script}.py" for script in SCRIPTS), *LOADED_BY_AN_OLD_PYTHON])
def test_an_older_python_can_parse_what_it_reads_before_it_is_refused(file: str) -> None:
    ast.parse((ROOT / file).read_bytes(), feature_version=(3, 8))

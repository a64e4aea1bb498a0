"""The three scripts as a test calls them: inside this process (quick), or as processes of their own."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ORGANIZE = "organize_media_by_date"
VERIFY = "verify_media_archive"
APPLY = "apply_deletion_manifest"

Argument = str | Path
Codes = int | Collection[int]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left on the terminal."""

    code: int
    stdout: str
    stderr: str

    @property
    def summary(self) -> dict[str, Any]:
        """What ``--json`` printed: one JSON object and nothing else."""
        parsed = json.loads(self.stdout)
        assert isinstance(parsed, dict)
        return parsed

    def count(self, name: str) -> int:
        """One figure of the ``--json`` summary, 0 when it is not mentioned."""
        counts = self.summary["counts"]
        return int(counts.get(name, 0))

    @property
    def error(self) -> str:
        """The message of a refused run: the last line of stderr."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def call(script: str, *args: Argument, cwd: Path, expect: Codes = 0) -> Result:
    """Run ``main(argv)`` of a script in this process, with streams as strict as a real terminal's."""
    stdout, stderr = io.BytesIO(), io.BytesIO()
    out = io.TextIOWrapper(stdout, encoding="utf-8", errors="strict", write_through=True)
    err = io.TextIOWrapper(stderr, encoding="utf-8", errors="backslashreplace", write_through=True)
    main = importlib.import_module(script).main
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(cwd):
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
    result = Result(int(code), stdout.getvalue().decode(), stderr.getvalue().decode())
    _check(script, args, result, expect)
    return result


def start(script: str, *args: Argument, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a script as a process, with some variables of the environment set; ``finish`` waits for it."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / f"{script}.py"), *map(str, args)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


_HEAR_INTERRUPTS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


def as_in_the_foreground(command: Sequence[str]) -> list[str]:
    """A command that hears Ctrl-C. What a shell starts in the background ignores it, and so does all that comes of it.

    The process keeps its id. Windows has no such signal for one process.
    """
    return [sys.executable, "-IS", "-c", _HEAR_INTERRUPTS, *command]


def finish(process: subprocess.Popen[bytes], expect: Codes = 0) -> Result:
    """Wait for a process and check how it ended."""
    stdout, stderr = process.communicate(timeout=60)
    result = Result(process.returncode, stdout.decode(), stderr.decode())
    _check("process", (), result, expect)
    return result


def run(script: str, *args: Argument, cwd: Path, expect: Codes = 0, env: Mapping[str, str] | None = None) -> Result:
    """Run a script as a process of its own, as a person does."""
    return finish(start(script, *args, cwd=cwd, env=env), expect)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Wait until ``condition`` holds; False when the process ended before it did."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if condition():
            return True
        time.sleep(0.0005)
    raise AssertionError("no progress in 30 s")


def files_below(folder: Path) -> int:
    """How many finished files there are below a folder that is being worked on (project files left out)."""
    return sum(
        sum(not name.startswith(".") for name in names)
        for where, _, names in os.walk(folder)
        if "/." not in where.removeprefix(str(folder))
    )


def _check(script: str, args: tuple[Argument, ...], result: Result, expect: Codes) -> None:
    told = f"{script} {' '.join(map(str, args))}\nexit {result.code}\n--stdout--\n{result.stdout}\n--stderr--\n"
    told += result.stderr
    assert "Traceback" not in result.stderr, told
    assert "a fault in this program" not in result.stderr, told
    assert result.code in ({expect} if isinstance(expect, int) else expect), f"expected {expect}: {told}"

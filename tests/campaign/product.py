"""The three scripts of one checkout, run thousands of times: forked from a process that has imported them already.

A campaign spends its time in start-up otherwise. Each run is a process of its own that calls ``main(argv)`` and ends
with its exit code, as the script's last line does; what it prints is kept. A run may be handed to strace before its
first step (``tracer``), so that calls are counted, killed or made to fail. Started as a program, this module is that
warm process (see ``_serve``).
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY, Argument, Result

KILLED = -signal.SIGKILL
TOO_LONG = -signal.SIGALRM
LONGEST_RUN = 60.0
_WARM = (
    "ctypes",
    "concurrent.futures.thread",
    "pillow_heif",
    "PIL.Image",
    "PIL.JpegImagePlugin",
    "common.organize.dating",
    "common.dates.fallback",
    "common.dates.timezones",
    "shutil",
    "uuid",
    ORGANIZE,
    VERIFY,
    APPLY,
)


class Tracer(Protocol):
    """Something that attaches to a process which waits for it, and goes away when that process ends."""

    def attach(self, pid: int) -> None:
        """Return once the process is traced."""

    def detach(self) -> None:
        """Return once the tracer itself has ended."""


@dataclass(frozen=True, slots=True)
class Line:
    """One command line: a script, its arguments, and the folder in which it is given."""

    script: str
    arguments: tuple[Argument, ...]
    cwd: Path


class Product:
    """The scripts of the checkout at ``root``, warm and ready. A context manager: the process ends with it.

    ``environment`` is added to this process's own.
    """

    def __init__(self, root: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-B", str(Path(__file__).resolve()), str(root)],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{root}:{ROOT}", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, line: Line, tracer: Tracer | None = None) -> Result:
        """Run one command line to its end; the code of a killed run is ``KILLED``, of one that hangs ``TOO_LONG``."""
        request = {
            "script": line.script,
            "argv": [str(argument) for argument in line.arguments],
            "cwd": str(line.cwd),
            "traced": tracer is not None,
        }
        self._tell(request)
        told = self._run_traced(tracer) if tracer else self._hear()
        return Result(told["code"], told["stdout"], told["stderr"])

    def _run_traced(self, tracer: Tracer) -> dict[str, Any]:
        """Attach the tracer to the waiting process, let it go, and wait for its end even when the tracer failed."""
        pid = self._hear()["pid"]
        try:
            tracer.attach(pid)
        finally:
            self._tell({"go": True})
            told = self._hear()
            tracer.detach()
        return told

    def _tell(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"the warm process of {self.root} has ended"
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def __enter__(self) -> Product:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until something is so; fails when it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.0005)


# --- the warm process ------------------------------------------------------------------------------


def _serve(root: str) -> None:
    """Import the scripts once, then run one fork of this process for each request on standard input."""
    import importlib

    sys.path.insert(0, root)
    for name in _WARM:
        module = importlib.import_module(name)
        if name.startswith("common") or name in (ORGANIZE, VERIFY, APPLY):
            assert str(module.__file__).startswith(root + os.sep), f"{name} comes from {module.__file__}, not {root}"
    requests = sys.stdin.buffer
    while line := requests.readline():
        request = json.loads(line)
        out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
        gate, open_gate = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(open_gate)
            _run(request, gate, out, err)
        os.close(gate)
        if request["traced"]:
            _answer({"pid": pid})
            requests.readline()
        os.close(open_gate)
        code = _wait(pid)
        _answer({"code": code, "stdout": _text(out), "stderr": _text(err)})


def _run(request: dict[str, Any], gate: int, out: int, err: int) -> None:
    """In the fork: wait at the gate, then be the script. Never returns."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, fd in enumerate((nothing, out, err)):
            os.dup2(fd, number)
        os.closerange(3, gate)
        os.closerange(gate + 1, gate + 64)
        # Open for reading once the other end is closed. No call that is ever counted or made to fail: whether a tracer
        # still sees the one in which it found the process is chance.
        select.select([gate], [], [])
        os.close(gate)
        os.chdir(request["cwd"])
        sys.stdin, sys.stdout, sys.stderr = _stream(0, "r"), _stream(1, "w"), _stream(2, "w")
        sys.argv = [request["script"], *request["argv"]]
        try:
            code = sys.modules[request["script"]].main(request["argv"])
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
        except Exception:  # noqa: BLE001 - as Python itself does at the end of a script
            import traceback

            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _stream(fd: int, mode: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(open(fd, f"{mode}b", closefd=False), encoding="utf-8", errors="backslashreplace")


def _wait(pid: int) -> int:
    deadline = time.monotonic() + LONGEST_RUN
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return TOO_LONG
        time.sleep(0.0005)


def _text(fd: int) -> str:
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read().decode("utf-8", "backslashreplace")


def _answer(message: Mapping[str, Any]) -> None:
    stdout: IO[bytes] = sys.stdout.buffer
    stdout.write(json.dumps(message).encode() + b"\n")
    stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])

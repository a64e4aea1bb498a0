"""The moments of a run: the instants just before each call into the operating system that our scripts make.

A script is run inside this process, and a profile function is told of each call that it makes into the modules
``posix``, ``io`` and ``fcntl``, and of each ``renameat2`` (which goes through ctypes). There a rival can act, or the
run can be killed, at exactly one chosen instant, again and again. Only the main thread is watched: give ``--jobs 1``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.support import scripts
from tests.support.scripts import Argument

_CALLS = frozenset(
    "open close read readv pread preadv write lseek fsync ftruncate posix_fadvise fstat lstat stat statvfs utime fcntl "
    "fchmod chmod listxattr getxattr setxattr scandir listdir mkdir rmdir link rename replace unlink remove "
    "flock".split()
)
_MODULES = frozenset({"posix", "io", "_io", "fcntl"})
FAULT = 99
"""Exit code of ``in_a_child`` for a run that broke the rules of ``scripts.call``: a traceback or an unknown code."""


@contextmanager
def each_moment(act: Callable[[int, str], None]) -> Iterator[None]:
    """Within this block, ``act`` is called before each call into the system with its number (from 1) and name.

    Nothing that ``act`` itself does is watched. It must not raise.
    """
    count = 0

    def look(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        if event == "c_call":
            name = getattr(argument, "__name__", "")
            if name not in _CALLS or getattr(argument, "__module__", "") not in _MODULES:
                return
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return
        elif event == "call" and "renameat2" in (*frame.f_code.co_names, *frame.f_code.co_consts):
            name = "renameat2"
        else:
            return
        count += 1
        act(count, name)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)


def moments_of(run: Callable[[], object]) -> list[str]:
    """The names of all moments of one run. Does whatever the run does."""
    names: list[str] = []
    with each_moment(lambda _, name: names.append(name)):
        run()
    return names


@contextmanager
def at_moment(number: int, act: Callable[[], None]) -> Iterator[None]:
    """Within this block, ``act`` is called once: before the call into the system of that number (from 1)."""
    with each_moment(lambda count, _: act() if count == number else None):
        yield


@contextmanager
def at_call(name: str, number: int, act: Callable[[], None]) -> Iterator[None]:
    """Within this block, ``act`` is called once: before the call of that name and number (from 1)."""
    count = 0

    def look(_number: int, found: str) -> None:
        nonlocal count
        count += found == name
        if count == number and found == name:
            act()

    with each_moment(look):
        yield


def in_a_child(script: str, *args: Argument, cwd: Path, kill_at: int = 0, how: signal.Signals = signal.SIGKILL) -> int:
    """Run a script in a forked process and return its exit code, or -9 when it was killed.

    ``kill_at`` is the moment at which it gets SIGKILL, or the signal that is named; 0 never. Quicker than a new
    interpreter by far, and as deadly: the system takes the locks and the open files of a forked process like those of
    any other.
    """
    return wait_for(start_child(script, *args, cwd=cwd, kill_at=kill_at, how=how))


def start_child(script: str, *args: Argument, cwd: Path, kill_at: int = 0, how: signal.Signals = signal.SIGKILL) -> int:
    """Begin what ``in_a_child`` does, and return the process id."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no fork")
    child = os.fork()
    if child:
        return child
    try:
        sys.setprofile(None)
        _run_and_exit(script, args, cwd, kill_at, how)
    finally:
        os._exit(FAULT)


def _run_and_exit(script: str, args: tuple[Argument, ...], cwd: Path, kill_at: int, how: signal.Signals) -> None:
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no SIGKILL")
    for number in (signal.SIGINT, signal.SIGTERM):
        # Before the run listens, and after, the signal that is sent to it passes it by.
        signal.signal(number, signal.SIG_IGN if number == how else signal.SIG_DFL)
    with at_moment(kill_at, lambda: os.kill(os.getpid(), how)):
        result = scripts.call(script, *args, cwd=cwd, expect=range(256))
    os._exit(result.code)


def wait_for(child: int) -> int:
    """Wait for a process of ``start_child``: its exit code, or minus the number of the signal that ended it."""
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)

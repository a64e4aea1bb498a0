"""strace as a scalpel: count the calls of a run, then kill it before, or fail, exactly one of them.

strace counts each kind of call by itself (``when=N`` is the N-th ``rename``), so a point is a name and a number.
Injection needs every kind of call in the set to be traced; what is merely read is filtered out of the count afterwards.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.campaign.product import wait_for

CHANGING = tuple(
    "openat creat write pwrite64 writev ftruncate truncate fallocate copy_file_range sendfile fsync fdatasync"
    " sync_file_range mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat"
    " chmod fchmod fchmodat chown fchown fchownat utimensat setxattr lsetxattr fsetxattr removexattr fremovexattr"
    " ioctl".split()
)
"""Every call by which a program changes files, or makes a change durable."""

READING = tuple(
    "read pread64 readv preadv preadv2 getdents64 newfstatat fstat listxattr flistxattr getxattr fgetxattr".split()
)
"""The calls by which a run learns what is there."""

_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
_OPENED_TO_CHANGE = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")
_CHANGING_IOCTLS = ("FICLONE", "FICLONERANGE")


@dataclass(frozen=True, slots=True)
class Call:
    """The ``number``-th call (from 1) of the kind ``name`` in a run, with its arguments as strace shows them."""

    name: str
    number: int
    arguments: str

    def __str__(self) -> str:
        return f"{self.name} #{self.number} ({self.arguments[:160]})"

    @property
    def changes_files(self) -> bool:
        """Whether it may change a file; what goes to the terminal does not."""
        if self.name == "openat":
            return bool(_OPENED_TO_CHANGE.search(self.arguments))
        if self.name == "ioctl":
            return any(code in self.arguments for code in _CHANGING_IOCTLS)
        return not (self.name in ("write", "writev") and re.match(r"[12]\b", self.arguments))

    def about(self, folders: Iterable[Path]) -> bool:
        """Whether one of its paths, or that of its descriptor, lies in one of the folders."""
        return any(str(folder) in self.arguments for folder in folders)


def require_strace() -> str:
    """The path of strace; the test is skipped where it is missing or may not trace."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is missing: apt install strace")
    tried = subprocess.run([strace, "-qq", "-e", "trace=none", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("strace may not trace here (ptrace is forbidden): run as root, or outside of the container")
    return strace


class Strace:
    """A tracer with some options, writing to ``log`` (see ``product.Tracer``)."""

    def __init__(self, log: Path, *options: str) -> None:
        self._log = log
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def attach(self, pid: int) -> None:
        command = ["strace", "-f", "-qq", "-y", "-s", "256", "-o", str(self._log), *self._options, "-p", str(pid)]
        words = self._log.with_suffix(".stderr")  # not a pipe, which could fill and hold strace up
        with open(words, "wb") as stderr:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr)
        _share_a_core(pid, self._process.pid)
        status = Path(f"/proc/{pid}/status")
        process = self._process
        wait_for(lambda: process.poll() is not None or b"TracerPid:\t0\n" not in status.read_bytes(), "strace attached")
        assert process.poll() is None, f"strace: {words.read_text()}"

    def detach(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _share_a_core(*pids: int) -> None:
    """Keep tracer and traced on one core: they only ever wait for each other, and waking another core takes longer."""
    cores = sorted(os.sched_getaffinity(0))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended, which is noticed elsewhere
            os.sched_setaffinity(pid, {cores[worker % len(cores)]})


@dataclass(frozen=True, slots=True)
class Denied:
    """A kind of call that a file system does not have: it always fails with this error."""

    name: str
    error: str


NO_EXCLUSIVE_RENAME = (Denied("renameat2", "ENOSYS"),)
"""A file system, or a kernel, without ``renameat2``."""

NO_LINKS_EITHER = (*NO_EXCLUSIVE_RENAME, Denied("linkat", "EPERM"), Denied("link", "EPERM"))
"""The same, and without hard links: what FAT and many a network share are like."""


def denying(log: Path, denied: Sequence[Denied]) -> Strace:
    """Run on such a file system, undisturbed."""
    names = [each.name for each in denied]
    return Strace(log, "-e", f"trace={_known(names)}", *_denials(denied))


def counting(log: Path, names: Sequence[str], denied: Sequence[Denied] = ()) -> Strace:
    """Only watch the calls of these kinds."""
    return Strace(log, "-e", f"trace={_known(names)}", *_denials(denied))


def killing(log: Path, call: Call, denied: Sequence[Denied] = ()) -> Strace:
    """SIGKILL the process before this call has any effect."""
    others = [each for each in denied if each.name != call.name]
    traced = _known([call.name, *(each.name for each in others)])
    kill = f"inject={call.name}:signal=KILL:when={call.number}"
    return Strace(log, "-e", f"trace={traced}", "-e", kill, *_denials(others))


def failing(log: Path, call: Call, error: str, onwards: bool = False) -> Strace:
    """Let this call fail with an error (``EIO``), and with ``onwards`` all later ones of its kind too."""
    when = f"{call.number}{'+' if onwards else ''}"
    return Strace(log, "-e", f"trace={call.name}", "-e", f"inject={call.name}:error={error}:when={when}")


def _denials(denied: Sequence[Denied]) -> list[str]:
    return [part for each in denied for part in ("-e", f"inject={each.name}:error={each.error}")]


def calls_in(log: Path) -> list[Call]:
    """Every call that a counting run made, in order. Lines about signals and ends of processes are left out."""
    counts: Counter[str] = Counter()
    calls = []
    for line in log.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
        if found := _CALL.match(line):
            name = found["name"]
            counts[name] += 1
            calls.append(Call(name, counts[name], found["arguments"]))
    return calls


def _known(names: Sequence[str]) -> str:
    """The names as one set; the question mark lets strace pass over calls that this architecture does not have."""
    return ",".join(f"?{name}" for name in names)

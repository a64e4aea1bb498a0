"""A FUSE file system that shows a folder, and lacks or breaks what it is told to. Started as a program, it serves.

Abilities are fixed when it is mounted (``Manner``); faults come and go while it is (``FailingDisk.break_next``): the
serving process reads the file of faults before each operation.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Manner:
    """What a file system is like. The default can do everything but ``RENAME_NOREPLACE``, which few FUSE ones can."""

    links: bool = True
    ignores_case: bool = False
    attributes: bool = True
    half_reads: bool = False
    half_writes: bool = False
    fsync_folders: bool = True
    whole_seconds: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to go wrong: ``times`` operations on files whose path fits ``pattern``, after ``skip`` good ones.

    ``how`` is the name of an error (``EIO``), or ``flip`` (one bit of what is read or written is another), or for reads
    ``short`` (the file seems to end early). ``operation`` is the name of a FUSE operation (``read``, ``fsync``).
    """

    operation: str
    how: str
    pattern: str = "*"
    skip: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class FailingDisk:
    """A mounted one: ``root`` shows what ``behind`` holds."""

    root: Path
    behind: Path
    control: Path

    def break_next(self, *faults: Fault) -> None:
        """From now on these faults, with their counts begun anew, and no others; the log of operations begins anew too,
        since thousands of runs would fill the disk with it."""
        temporary = self.control.with_suffix(".new")
        temporary.write_text(json.dumps([asdict(fault) for fault in faults]), encoding="utf-8")
        temporary.replace(self.control)
        self.forget_operations()

    def mend(self) -> None:
        """No faults any more."""
        self.break_next()

    def operations(self) -> list[tuple[str, str]]:
        """Every operation so far, with the path below the root."""
        lines = self._log.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return [(operation, json.loads(path)) for operation, _, path in (line.partition(" ") for line in lines)]

    def forget_operations(self) -> None:
        """Begin to count anew."""
        self._log.write_text("", encoding="utf-8")

    @property
    def _log(self) -> Path:
        return self.control.with_suffix(".log")


@dataclass(frozen=True, slots=True)
class WhileFailing:
    """A tracer that traces nothing: while its process runs, the disk has these faults."""

    disk: FailingDisk
    faults: tuple[Fault, ...]

    def attach(self, pid: int) -> None:
        del pid  # every process that uses the disk meets the faults, and this one alone does
        self.disk.break_next(*self.faults)

    def detach(self) -> None:
        self.disk.mend()


def require_fuse() -> None:
    """Skip the test where no FUSE file system in Python can be mounted."""
    try:
        import mfusepy  # type: ignore[import-untyped]  # noqa: F401 - it has no types, and is only tried here
    except (ImportError, OSError) as error:
        pytest.skip(f"no FUSE from Python ({error}): pip install -r requirements-dev.txt, apt install fuse3 libfuse2")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or not shutil.which("fusermount3"):
        pytest.skip("/dev/fuse can't be opened, or fusermount3 is missing: apt install fuse3, and run as root")


@contextmanager
def failing_disk(folder: Path, manner: Manner) -> Iterator[FailingDisk]:
    """Mount such a file system below ``folder`` for the time of a block. Nothing is left mounted."""
    require_fuse()
    disk = FailingDisk(folder / "shown", folder / "behind", folder / "faults.json")
    for each in (disk.root, disk.behind):
        each.mkdir(parents=True)
    disk.mend()
    disk.forget_operations()
    words = json.dumps({"behind": str(disk.behind), "control": str(disk.control), **asdict(manner)})
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), str(disk.root), words], stderr=subprocess.PIPE
    )
    try:
        _wait_until_mounted(disk.root, process)
        yield disk
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(disk.root)], capture_output=True, check=False)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait_until_mounted(root: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not os.path.ismount(root):
        if process.poll() is not None:
            told = process.stderr.read().decode() if process.stderr else ""
            pytest.skip(f"FUSE can't mount here: {told.strip()[-300:] or 'no reason given'}")
        assert time.monotonic() < deadline, "not mounted within 20 s"
        time.sleep(0.01)


# --- the serving process ---------------------------------------------------------------------------


class _Faults:
    """Which faults are due. Counts per fault, as long as the file of faults is the same."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._log = open(os.path.splitext(control)[0] + ".log", "ab", buffering=0)  # noqa: SIM115 - while it serves
        self._read: tuple[int, int] = (0, 0)
        self._faults: list[dict[str, Any]] = []

    def due(self, operation: str, path: str) -> str:
        """How this operation is to fail, or an empty string."""
        self._log.write(f"{operation} {json.dumps(path)}\n".encode("utf-8", "surrogateescape"))
        self._look()
        for fault in self._faults:
            if fault["operation"] == operation and fnmatchcase(path, fault["pattern"]):
                fault["met"] += 1
                if fault["skip"] < fault["met"] <= fault["skip"] + fault["times"]:
                    return str(fault["how"])
        return ""

    def _look(self) -> None:
        status = os.stat(self._control)
        if self._read != (status.st_ino, status.st_mtime_ns):
            self._read = (status.st_ino, status.st_mtime_ns)
            with open(self._control, encoding="utf-8") as file:
                self._faults = [{**fault, "met": 0} for fault in json.load(file)]


def _serve(root: str, words: dict[str, Any]) -> None:
    """Serve until it is unmounted."""
    import mfusepy

    behind = str(words["behind"])
    faults = _Faults(words["control"])
    manner = Manner(**{name: words[name] for name in asdict(Manner())})

    class Disk(mfusepy.Operations):  # type: ignore[misc]  # the library has no types
        use_ns = True

        def _at(self, path: str) -> str:
            if not manner.ignores_case or path == "/":
                return behind + path
            folder, name = os.path.split(path)
            there = self._at(folder)
            try:
                entries = os.listdir(there)
            except OSError:
                entries = []
            found = next((entry for entry in entries if entry.casefold() == name.casefold()), name)
            return os.path.join(there, found)

        def _enter(self, operation: str, path: str) -> str:
            how = faults.due(operation, path)
            if how and how not in ("flip", "short"):
                raise OSError(getattr(errno, how), os.strerror(getattr(errno, how)))
            return how

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            self._enter("getattr", path)
            status = os.fstat(fh) if fh else os.lstat(self._at(path))
            names = "st_mode st_nlink st_uid st_gid st_size st_ino".split()
            times = {f"st_{kind}time": getattr_ns(status, kind) for kind in "amc"}
            return {name: getattr(status, name) for name in names} | times

        def readdir(self, path: str, _fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
            self._enter("readdir", path)
            folder = self._at(path)
            for name in (".", "..", *os.listdir(folder)):
                status = os.lstat(os.path.join(folder, name))
                yield name, {"st_mode": status.st_mode, "st_ino": status.st_ino}, 0

        def open(self, path: str, flags: int) -> int:
            self._enter("open", path)
            return os.open(self._at(path), flags & ~os.O_DIRECT)

        def create(self, path: str, mode: int, _fi: object = None) -> int:
            self._enter("create", path)
            return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            how = self._enter("read", path)
            if manner.half_reads and size > 1:
                size = size // 2
            data = os.pread(fh, size, offset)
            if how == "flip" and data:
                return bytes([data[0] ^ 0x10]) + data[1:]
            return b"" if how == "short" else data

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            if self._enter("write", path) == "flip" and data:
                data = bytes([data[0] ^ 0x10]) + data[1:]
            if manner.half_writes and len(data) > 1:
                data = data[: len(data) // 2]
            return os.pwrite(fh, data, offset)

        def truncate(self, path: str, length: int, _fh: int | None = None) -> None:
            self._enter("truncate", path)
            os.truncate(self._at(path), length)

        def flush(self, path: str, _fh: int) -> int:
            self._enter("flush", path)
            return 0

        def release(self, _path: str, fh: int) -> int:
            os.close(fh)
            return 0

        def fsync(self, path: str, _datasync: int, fh: int) -> int:
            self._enter("fsync", path)
            os.fsync(fh)
            return 0

        def fsyncdir(self, path: str, _datasync: int, _fh: int) -> int:
            self._enter("fsyncdir", path)
            if not manner.fsync_folders:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            return 0

        def mkdir(self, path: str, mode: int) -> None:
            self._enter("mkdir", path)
            os.mkdir(self._at(path), mode)

        def rmdir(self, path: str) -> None:
            self._enter("rmdir", path)
            os.rmdir(self._at(path))

        def unlink(self, path: str) -> None:
            self._enter("unlink", path)
            os.unlink(self._at(path))

        def rename(self, old: str, new: str) -> None:
            self._enter("rename", old)
            there = self._at(new)
            if os.path.basename(there).casefold() == os.path.basename(old).casefold():
                there = os.path.join(os.path.dirname(there), os.path.basename(new))
            os.rename(self._at(old), there)

        def link(self, target: str, source: str) -> None:
            self._enter("link", source)
            if not manner.links:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            os.link(self._at(source), self._at(target))

        def chmod(self, path: str, mode: int) -> None:
            self._enter("chmod", path)
            if not manner.attributes:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            os.chmod(self._at(path), stat.S_IMODE(mode))

        def chown(self, path: str, _uid: int, _gid: int) -> None:
            self._enter("chown", path)

        def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
            self._enter("utimens", path)
            if times and manner.whole_seconds:
                times = (times[0] // 10**9 * 10**9, times[1] // 10**9 * 10**9)
            os.utime(self._at(path), ns=times) if times else os.utime(self._at(path))

        def statfs(self, path: str) -> dict[str, int]:
            self._enter("statfs", path)
            status = os.statvfs(self._at(path))
            names = "f_bavail f_bfree f_blocks f_bsize f_favail f_ffree f_files f_flag f_frsize f_namemax".split()
            return {name: getattr(status, name) for name in names}

        def listxattr(self, path: str) -> list[str]:
            return os.listxattr(self._at(path)) if manner.attributes else []

        def getxattr(self, path: str, name: str, _position: int = 0) -> bytes:
            if not manner.attributes:
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
            return os.getxattr(self._at(path), name)

        def setxattr(self, path: str, name: str, value: bytes, options: int, _position: int = 0) -> None:
            if not manner.attributes:
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
            os.setxattr(self._at(path), name, value, options)

    class Fuse(mfusepy.FUSE):  # type: ignore[misc]  # the library has no types
        def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
            if flags:
                return -errno.EINVAL
            return int(self.rename_fuse_2(old, new) or 0)

    # By this type the project knows that changes show at once, as they do here.
    Fuse(Disk(), root, foreground=True, nothreads=True, direct_io=True, use_ino=True, subtype="bindfs")


def getattr_ns(status: os.stat_result, kind: str) -> int:
    """One of the times of a file, in nanoseconds."""
    return int(getattr(status, f"st_{kind}time_ns"))


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))

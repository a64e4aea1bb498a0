"""One disk of a person: made, mounted, unmounted, mounted elsewhere, pulled out in the middle, and read afterwards.

What kinds there are, and how each is made and mounted, stands in ``disk_kinds``. Everything that a disk has started or
mounted ends with its ``close``, also when a test has failed. Needs root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from tests.campaign.loop_images import attach
from tests.campaign.mounts import require_mounts
from tests.campaign.product import wait_for
from tests.support.trees import Tree, write_tree

MOUNTED_WITHIN = 20.0
FLUSHED_WITHIN = 60.0
LONGEST_USE = 400.0
DEFAULT_SIZE_MIB = 48
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""Before a command (util-linux): it is killed when the test that started it ends in whatever way."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How a disk of one kind is made and mounted.

    ``programs``: what it needs, each with its Debian package. ``mount`` returns once the disk is mounted at
    ``disk.at``. ``plain``: the folders of ``disk.store`` in which the bytes lie as they are; empty where only the
    driver can read them. ``pack`` makes a medium of a folder, which can't be written afterwards. ``has_medium``: it can
    be read without a cache. ``is_memory``: gone at the next boot. ``is_slow``: what is written is uploaded some seconds
    later. ``is_cached``: what is made shows late elsewhere, and the scripts wait for that. ``can_append``: a file
    can be written on where it ended. ``inner``: the folder in
    which another disk is mounted. ``look``: how it is mounted to be read afterwards, if otherwise.
    """

    name: str
    mount: Callable[[Disk], None]
    programs: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Disk], None] = lambda _: None
    plain: tuple[str, ...] = ()
    pack: Callable[[Disk, Path], None] | None = None
    has_medium: bool = False
    is_memory: bool = False
    is_slow: bool = False
    is_cached: bool = False
    can_append: bool = True
    inner: str = ""
    look: Callable[[Disk], None] | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def at_once(self) -> int:
        """How many runs on disks of this kind a machine of two cores can have at once."""
        return 8 if self.is_cached else 1

    @property
    def is_writable(self) -> bool:
        return self.pack is None

    def require(self) -> None:
        """Skip the test where this kind can't be had, and say what to install."""
        require_mounts()
        missing = {program: package for program, package in self.programs.items() if not shutil.which(program)}
        if missing:
            pytest.skip(
                f"{self.name}: {', '.join(missing)} missing: install {', '.join(sorted(set(missing.values())))}"
            )


class Disk:
    """A disk of some kind, whose images, branches and caches lie in ``store``. It can be mounted many times."""

    def __init__(self, kind: Kind, store: Path, size_mib: int = DEFAULT_SIZE_MIB) -> None:
        self.kind = kind
        self.store = store
        self.size_mib = size_mib
        self.at = store / "nowhere"
        self.environment: dict[str, str] = {}
        self._drivers: list[subprocess.Popen[bytes]] = []
        self._servers: list[subprocess.Popen[bytes]] = []
        self._loops: list[str] = []
        self._daemons: list[int] = []
        self._kept: list[Path] = []
        self._litter: list[Path] = []
        store.mkdir(parents=True)

    def prepare(self) -> None:
        """Make the image or the folders, empty."""
        self.kind.prepare(self)

    # --- for people -----------------------------------------------------------------------------------

    def fill(self, tree: Tree, at: Path, folder: str) -> None:
        """Put files on a new disk, in one of its folders, and leave it mounted at ``at``."""
        if self.kind.pack:
            write_tree(self.store / "packed" / folder, tree)
            self.kind.pack(self, self.store / "packed")
            shutil.rmtree(self.store / "packed")
            self.mount(at)
            return
        if self.kind.is_cached:  # as what somebody else has put on the server before
            write_tree(self.folder(self.kind.plain[0]) / folder, tree)
            self.mount(at)
            return
        self.mount(at)
        write_tree(at / folder, tree)

    def mount(self, at: Path, how: Callable[[Disk], None] | None = None) -> None:
        """Mount the disk at a folder, which is made."""
        at.mkdir(parents=True, exist_ok=True)
        self.at = at
        try:
            (how or self.kind.mount)(self)
        except (OSError, subprocess.CalledProcessError, AssertionError) as error:
            told = getattr(error, "stderr", b"") or self.log.read_bytes() if self.log.exists() else b""
            self.pull()
            raise AssertionError(f"{self.kind}: can't be mounted: {error}\n{told!r:.2000}") from error

    def unmount(self) -> None:
        """Let everything be uploaded, unmount, and wait until the drivers have ended."""
        self.flush()
        for point in self._mount_points():
            run_patiently("umount", str(point))
        self._end_drivers(gracefully=True)

    def pull(self) -> None:
        """Take the disk away at once: the driver is killed, whatever has open files keeps them and gets errors."""
        points = self._mount_points()
        for driver in self._drivers:
            driver.kill()
        # --force: a driver that waits for itself does not even end when it is killed.
        for point, how in product(points, ("--force", "--lazy")):
            subprocess.run(["umount", how, str(point)], check=False, capture_output=True)
        self._end_drivers(gracefully=False)
        for point in self._mount_points():  # a driver that was just mounting
            run_patiently("umount", "--lazy", str(point))
        self._free_loops()

    def close(self) -> None:
        """End everything."""
        self.pull()
        for server in self._servers:
            server.kill()
            server.wait()
        for point in reversed(self._kept):
            subprocess.run(["umount", "--lazy", str(point)], check=False, capture_output=True)
        for folder in self._litter:
            shutil.rmtree(folder, ignore_errors=True)

    def flush(self) -> None:
        """Wait until a write-back cache of rclone has uploaded all that it holds."""
        if not self.kind.is_slow or not self._is_alive():
            return
        deadline = time.monotonic() + FLUSHED_WITHIN
        while (dirty := self._dirty()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not dirty, f"{self.kind}: not uploaded within {FLUSHED_WITHIN:g} s: {dirty[:5]}"

    @contextmanager
    def read(self) -> Iterator[list[Path]]:
        """The folders that show what is on the medium: for a disk that is not mounted now."""
        if self.kind.plain:
            yield [self.store / name for name in self.kind.plain]
            return
        at = self.at
        self.mount(self.store / "looked-at", self.kind.look or self.kind.mount)
        try:
            yield [self.at]
        finally:
            self.unmount()
            self.at = at

    @property
    def is_mounted(self) -> bool:
        return bool(self._mount_points())

    # --- for the recipes ------------------------------------------------------------------------------

    @property
    def log(self) -> Path:
        """What the drivers print."""
        return self.store / "driver.log"

    @property
    def image(self) -> Path:
        return self.store / "image"

    def folder(self, name: str) -> Path:
        path = self.store / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def new_image(self, *make: str) -> None:
        """An empty file system in a file."""
        with open(self.image, "wb") as file:
            file.truncate(self.size_mib << 20)
        run(*make, str(self.image))

    def loop(self, *options: str) -> str:
        """A loop device for the image: another one than the last time, which must be gone."""
        wait_for(lambda: not run("losetup", "--associated", str(self.image)), f"{self.image} is free")
        self._loops.append(attach(self.image, *options))
        return self._loops[-1]

    def keep_mounted(self, at: Path, *command: str) -> None:
        """Mount what stays mounted until the disk is closed, such as memory."""
        at.mkdir(parents=True, exist_ok=True)
        run(*command, str(at))
        self.unmount_in_the_end(at)

    def unmount_in_the_end(self, at: Path) -> None:
        """Unmount something when the disk is closed."""
        self._kept.append(at)

    def drive(self, *command: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> None:
        """Start a driver that stays in the foreground, and wait until it has mounted ``at``."""
        process = self._start(command, stdin, environment)
        self._drivers.append(process)
        wait_for(
            lambda: process.poll() is not None or is_mount_point(self.at),
            f"{command[0]}: mounted: {self.log}",
            MOUNTED_WITHIN,
        )
        assert is_mount_point(self.at), (
            f"{' '.join(command)} ended with {process.poll()}: {self.log.read_text()[-600:]}"
        )

    def serve(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a server that stays until the disk is closed."""
        self._servers.append(self._start(command, b"", environment))

    def remove_in_the_end(self, *folders: Path) -> None:
        """Folders outside of ``store`` that go with the disk."""
        self._litter += folders

    def own(self, *pids: int) -> None:
        """Drivers that went into the background by themselves."""
        self._daemons += pids

    def _start(
        self, command: Sequence[str], stdin: bytes, environment: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                [*ENDS_WITH_US, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **self.environment, **(environment or {})},
                start_new_session=True,
            )
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        return process

    def _mount_points(self) -> list[Path]:
        """What of this disk is mounted now, the innermost first."""
        return [point for point in reversed(all_mount_points()) if point == self.at or point.is_relative_to(self.at)]

    def _is_alive(self) -> bool:
        return any(driver.poll() is None for driver in self._drivers)

    def _dirty(self) -> list[str]:
        """What rclone's cache has not uploaded yet, by the notes beside it."""
        dirty = []
        for path in (self.store / "cache").rglob("*"):
            if "vfsMeta" not in path.parts or not path.is_file():
                continue
            try:
                if json.loads(path.read_bytes()).get("Dirty"):
                    dirty.append(path.name)
            except (OSError, ValueError):
                dirty.append(path.name)  # it is being written at this moment
        return dirty

    def _end_drivers(self, *, gracefully: bool) -> None:
        for driver in self._drivers:
            if not gracefully:
                driver.kill()
            try:
                driver.wait(FLUSHED_WITHIN)
            except subprocess.TimeoutExpired:
                driver.kill()
                driver.wait()
        self._drivers.clear()
        for pid in self._daemons:
            if not gracefully:
                end_process(pid)
            wait_for(partial(has_ended, pid), f"process {pid} ended", FLUSHED_WITHIN)
        self._daemons.clear()
        if gracefully:
            self._free_loops()

    def _free_loops(self) -> None:
        for device in self._loops:
            subprocess.run(["losetup", "--detach", device], check=False, capture_output=True)
        self._loops.clear()


def end_process(pid: int) -> None:
    """SIGKILL one process, if it is still there."""
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def has_ended(pid: int) -> bool:
    """Whether a process is not there any more, or is a zombie that its parent has not asked about yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except OSError:
        return True


def processes_with(argument: str) -> list[int]:
    """The processes that were started with this argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = os.fsdecode(path.read_bytes()).split("\0")
        except OSError:
            continue  # it has ended
        if argument in words:
            found.append(int(path.parent.name))
    return found


def all_mount_points() -> list[Path]:
    """Every mount point, those mounted later later."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split()[4].replace("\\040", " ")) for line in lines]


def is_mount_point(at: Path) -> bool:
    """Whether something is mounted there; asks no driver, which may be dead."""
    return at in all_mount_points()


def run(*command: str, stdin: str = "") -> str:
    """Run a command that must succeed; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


def run_patiently(*command: str) -> None:
    """Run a command again and again for some seconds, until it succeeds: somebody may be just leaving."""
    done = None
    for _ in range(200):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"{' '.join(command)}: {done.stderr if done else ''}")


@contextmanager
def disks_in(folder: Path) -> Iterator[Callable[[Kind, str, int], Disk]]:
    """Make disks below a folder, ``make(kind, "archive", mebibytes)``; all are closed in the end, whatever happens.

    A driver that hangs would hang whoever asks it, for ever: after some minutes the disks are pulled, which ends that.
    """
    made: list[Disk] = []

    def pull_all() -> None:
        for disk in made:
            disk.pull()

    watchdog = threading.Timer(LONGEST_USE, pull_all)
    watchdog.daemon = True
    with ExitStack() as stack:
        stack.callback(watchdog.cancel)
        watchdog.start()

        def make(kind: Kind, name: str, size_mib: int) -> Disk:
            kind.require()
            disk = Disk(kind, folder / f"{name}.store", size_mib)
            stack.callback(disk.close)
            made.append(disk)
            disk.prepare()
            return disk

        yield make

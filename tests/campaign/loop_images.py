"""Disks made of files: a file system in an image that is mounted by a loop device and copied while it is at work.

A copy of the image taken at some moment is what a power cut at that moment leaves on the medium: what the kernel had
not written yet is not in it. Mounting the copy replays the journal, as the next boot does. Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class FileSystem:
    """How an image of one kind is made and mounted.

    ``slowly`` are the mount options under which nothing is written before it must be (or before five minutes).
    """

    name: str
    size: int
    make: tuple[str, ...]
    slowly: str
    package: str


# The journal of a tiny XFS is made small (--unsupported lets it be): it would be most of every copy.
FILE_SYSTEMS = {
    "ext4": FileSystem(
        "ext4",
        48 * _MIB,
        ("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-J", "size=4"),
        "commit=300",
        "e2fsprogs",
    ),
    "xfs": FileSystem("xfs", 64 * _MIB, ("mkfs.xfs", "-q", "-f", "--unsupported", "-l", "size=8m"), "rw", "xfsprogs"),
    "btrfs": FileSystem("btrfs", 128 * _MIB, ("mkfs.btrfs", "-q", "-f"), "commit=300", "btrfs-progs"),
}


def require_file_system(name: str, folder: Path) -> FileSystem:
    """The file system of that name; the test is skipped where it can't be made or mounted, and told why."""
    system = FILE_SYSTEMS[name]
    if os.geteuid() != 0:
        pytest.skip(f"mounting {name} images needs root: run the campaign as root")
    if not shutil.which(system.make[0]):
        pytest.skip(f"{system.make[0]} is missing: apt install {system.package}")
    trial = Disk(system, folder / f"trial-{name}.img", folder / f"trial-{name}")
    trial.format()
    mounted = trial.try_mount(system.slowly)
    if mounted:
        pytest.skip(f"this machine can't mount {name} by a loop device: {mounted}")
    trial.unmount()
    trial.image.unlink()
    return system


def attach(image: Path, *options: str, direct: bool = True) -> str:
    """A loop device that reads the image by direct I/O, without a cache between, as the project asks for.

    Raises ``CalledProcessError``.
    """
    command = ["losetup", "--find", "--show", f"--direct-io={'on' if direct else 'off'}", *options, str(image)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True, slots=True)
class Disk:
    """One image file and the folder at which it is mounted, now or later."""

    system: FileSystem
    image: Path
    mount_point: Path

    def format(self) -> None:
        """Make the image anew, with an empty file system."""
        self.mount_point.mkdir(parents=True, exist_ok=True)
        self.image.unlink(missing_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(self.system.size)
        subprocess.run([*self.system.make, str(self.image)], check=True, capture_output=True)

    def try_mount(self, options: str) -> str:
        """Mount the image; what went wrong, or an empty text."""
        try:
            device = attach(self.image)
        except subprocess.CalledProcessError as error:
            return str(error.stderr).strip()
        if self.system.name == "btrfs":  # the small files of a campaign stand for photos, which lie in no metadata
            options += ",max_inline=0"
        command = ["mount", "-t", self.system.name, "-o", options, device, str(self.mount_point)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        # While it is mounted, this only lets it go away with the mount.
        subprocess.run(["losetup", "--detach", device], capture_output=True, check=False)
        return done.stderr.strip() if done.returncode else ""

    def mount(self, options: str = "") -> None:
        """Mount the image so that it is written as late as possible, or with other options."""
        trouble = self.try_mount(options or self.system.slowly)
        assert not trouble, trouble

    def unmount(self) -> None:
        """Unmount; everything is written by that. Waits for whoever is just leaving."""
        for _ in range(100):
            done = subprocess.run(["umount", str(self.mount_point)], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"can't unmount {self.mount_point}: {done.stderr}")

    @property
    def is_mounted(self) -> bool:
        return bool(self._device())

    def sync(self) -> None:
        """Write everything of this disk, and of no other, to the medium."""
        subprocess.run(["sync", "-f", str(self.mount_point)], check=True)

    def photograph(self, copy: Path) -> None:
        """Copy the image of the mounted disk as it is at one moment: taken again when the kernel wrote meanwhile."""
        for _ in range(200):
            before = self._traffic()
            copy_sparsely(self.image, copy)
            if before == self._traffic() and before[1] == "0":
                return
            time.sleep(0.005)
        raise AssertionError(f"{self.mount_point} is never at rest")

    def _device(self) -> str:
        """The loop device that is mounted at the mount point, an empty text for none (proc(5), mountinfo)."""
        device = ""
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            left, _, right = line.partition(" - ")
            if left.split()[4] == str(self.mount_point):
                device = right.split()[1]
        return os.path.basename(device)

    def _traffic(self) -> tuple[tuple[str, ...], str]:
        """Writes, discards and flushes completed, and requests in flight (Documentation/block/stat.rst)."""
        fields = Path(f"/sys/block/{self._device()}/stat").read_text().split()
        return tuple(fields[4:7] + fields[11:14] + fields[15:16]), fields[8]


def copy_sparsely(source: Path, copy: Path) -> None:
    """Copy a file without its holes."""
    copy.unlink(missing_ok=True)
    with open(source, "rb", buffering=0) as here, open(copy, "wb", buffering=0) as there:
        size = os.fstat(here.fileno()).st_size
        there.truncate(size)
        position = 0
        while position < size:
            try:
                position = os.lseek(here.fileno(), position, os.SEEK_DATA)
            except OSError:
                break  # no data behind this position
            end = os.lseek(here.fileno(), position, os.SEEK_HOLE)
            while position < end:
                position += os.copy_file_range(here.fileno(), there.fileno(), end - position, position, position)


@contextmanager
def mounted(*disks: Disk, options: str = "") -> Iterator[None]:
    """Mount disks for the time of a ``with`` block, and unmount them whatever happens."""
    try:
        for disk in disks:
            disk.mount(options)
        yield
    finally:
        for disk in reversed(disks):
            if disk.is_mounted:
                disk.unmount()

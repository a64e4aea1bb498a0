"""Two empty folders on two file systems that are quick to sync, for campaigns of thousands of short runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.loop_images import FILE_SYSTEMS, Disk

_MEMORY = Path("/dev/shm")
# No power is cut here, so no journal is needed: each sync is far quicker without.
_QUICK = replace(
    FILE_SYSTEMS["ext4"], make=("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0", "-O", "^has_journal")
)


@contextmanager
def two_disks(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Two folders on two file systems: images in memory for root, else ``folder`` and the memory itself.

    Nothing is left mounted. The test is skipped where there is no second file system.
    """
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        pytest.skip("no second file system: /dev/shm is missing or can't be written")
    memory = Path(tempfile.mkdtemp(prefix="media-tests-", dir=_MEMORY))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, memory)
        disks = [_mounted(stack, memory, name) for name in ("one", "two")] if os.geteuid() == 0 else []
        places = [place for place in disks if place]
        if len(places) < 2:
            places = [folder, memory]
        if places[0].stat().st_dev == places[1].stat().st_dev:
            pytest.skip("no second file system: give pytest a --basetemp on another device than /dev/shm")
        yield places[0], places[1]


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A folder on a disk whose image is in memory, for runs by the thousand; else a folder that the test has.

    Not the memory itself: nothing is destroyed whose archive lies there.
    """
    with ExitStack() as stack:
        place = None
        if os.geteuid() == 0 and _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
            memory = Path(tempfile.mkdtemp(prefix="media-tests-", dir=_MEMORY))
            stack.callback(shutil.rmtree, memory)
            place = _mounted(stack, memory, "quick")
        yield place or otherwise


def _mounted(stack: ExitStack, memory: Path, name: str) -> Path | None:
    """A folder on a new ext4 image in memory, or None where it can't be made or mounted."""
    # A tmpfs of its own, taken out of sight once the image is in use: the project refuses what it sees to be memory.
    hidden = memory / f"{name}.memory"
    hidden.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", hidden], capture_output=True, check=False).returncode:
        return None
    try:
        disk = Disk(_QUICK, hidden / f"{name}.img", memory / name)
        try:
            disk.format()
        except (OSError, subprocess.CalledProcessError):
            return None
        if disk.try_mount("rw"):
            return None
    finally:
        subprocess.run(["umount", "-l", hidden], capture_output=True, check=False)
    stack.callback(disk.unmount)
    shutil.rmtree(disk.mount_point / "lost+found")
    return disk.mount_point

"""One folder under two names, for the time of a ``with`` block: bind mounts, overlays and FUSE views. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def require_mounts() -> None:
    """Skip the test where nothing may be mounted."""
    if os.geteuid() != 0:
        pytest.skip("bind mounts and overlays need root: run the campaign as root")


def require_bindfs() -> None:
    """Skip the test where no FUSE view can be made."""
    if not shutil.which("bindfs"):
        pytest.skip("bindfs is missing: apt install bindfs")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse can't be opened: run as root, outside of a container without FUSE")


@contextmanager
def bind(shown: Path, at: Path) -> Iterator[None]:
    """Show a folder (or a file) at another place, which must exist."""
    _run("mount", "--bind", str(shown), str(at))
    try:
        yield
    finally:
        unmount(at)


@contextmanager
def overlay(lower: Path, at: Path, upper: Path, work: Path) -> Iterator[None]:
    """Show ``lower`` at ``at``, with what is changed there kept in ``upper``."""
    for folder in (at, upper, work):
        folder.mkdir(exist_ok=True)
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", str(at))
    try:
        yield
    finally:
        unmount(at)


@contextmanager
def fuse_view(shown: Path, at: Path) -> Iterator[None]:
    """Show a folder at another place through a FUSE file system, which gives it a device number of its own."""
    _run("bindfs", str(shown), str(at))
    try:
        yield
    finally:
        unmount(at)


@contextmanager
def disk_of_few_files(at: Path, files: int) -> Iterator[None]:
    """A disk in memory on which so many files and folders have room, mounted on an empty folder."""
    _run("mount", "-t", "tmpfs", "-o", f"size=8m,nr_inodes={files}", "tmpfs", str(at))
    try:
        yield
    finally:
        unmount(at)


def unmount(at: Path) -> None:
    """Unmount; waits for whoever is just leaving."""
    done = None
    for _ in range(100):
        done = subprocess.run(["umount", str(at)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.02)
    raise AssertionError(f"can't unmount {at}: {done.stderr if done else ''}")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command[:3])}: {done.stderr.strip()}: this machine does not let it be mounted")

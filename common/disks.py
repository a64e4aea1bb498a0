"""How many files at a time suit the disks: a spinning one reads in sequence or loses its time seeking. Changes nothing.

Sources: Linux, Documentation/ABI/stable/sysfs-block (``queue/rotational``); sysfs, ``/sys/dev/block/MAJOR:MINOR``. What
a virtual disk says of itself is not believed: QEMU's call themselves rotational whatever is behind them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable

from common.concurrency import DEFAULT_JOBS
from common.paths import shown

_VIRTUAL = re.compile(r"(?:loop|nbd|ram|vd|xvd|zram)[0-9a-z]*")


def suitable_jobs(paths: Iterable[str], spins: Callable[[str], bool]) -> tuple[int, str]:
    """How many files to handle at a time where all these paths take part, and the reason in words."""
    for path in paths:
        if spins(path):
            return 1, f"{shown(path)} is on a spinning disk"
    return DEFAULT_JOBS, "no spinning disk is known to take part"


def is_on_spinning_disk(path: str) -> bool:
    """Whether a path, or the nearest folder above it that exists, is known to be on a spinning disk.

    Only Linux tells, and only of local disks: network shares and pools of several disks count as not known.
    """
    if sys.platform != "linux":
        return False
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    try:
        device = os.stat(path).st_dev
        disk = os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        if os.path.exists(os.path.join(disk, "partition")):
            disk = os.path.dirname(disk)
        if _VIRTUAL.fullmatch(os.path.basename(disk)):
            return False
        with open(os.path.join(disk, "queue", "rotational"), encoding="ascii") as file:
            return file.read().strip() == "1"
    except (OSError, UnicodeDecodeError):
        return False

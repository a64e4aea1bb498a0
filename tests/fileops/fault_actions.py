"""What the tests of ``common/fileops/`` do again and again."""

from __future__ import annotations

import errno
from pathlib import Path


def put(path: Path, data: bytes) -> str:
    """Write a file, and give its path as the product has it."""
    path.write_bytes(data)
    return str(path)


def full_disk(_fd: int, _data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def append_to(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"!")

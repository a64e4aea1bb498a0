"""Whether two files share blocks on one disk, as copies made with reflinks do. Reads the disk, changes nothing."""

from __future__ import annotations

import struct
import sys

# linux/fiemap.h: FS_IOC_FIEMAP, struct fiemap (32 bytes) and struct fiemap_extent (56 bytes).
_FS_IOC_FIEMAP = 0xC020660B
_HEADER = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_UNKNOWN_PLACE = 0x2 | 0x4 | 0x200  # not yet allocated, or inside the inode: the physical offset says nothing
_WHOLE_FILE = (1 << 64) - 1


def share_blocks(one: int, other: int) -> bool:
    """Whether the first block of two open files on one file system is the same place on the disk.

    Two such files are one file to a bad block. False where the file system can't tell.
    """
    first, second = _first_place(one), _first_place(other)
    return first is not None and first == second


def _first_place(fd: int) -> int | None:
    if sys.platform != "linux":
        return None
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    request = bytearray(_HEADER.pack(0, _WHOLE_FILE, 0, 0, 1, 0) + bytes(_EXTENT.size))
    try:
        fcntl.ioctl(fd, _FS_IOC_FIEMAP, request)
    except OSError:
        return None
    if not _HEADER.unpack_from(request)[3]:
        return None
    _, physical, _, _, _, flags, *_ = _EXTENT.unpack_from(request, _HEADER.size)
    return None if flags & _UNKNOWN_PLACE else int(physical)

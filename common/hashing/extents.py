"""Where on the disk a file begins, by which reflinked copies and files inside the metadata show. Reads the disk."""

import struct
import sys
from typing import NamedTuple

# linux/fiemap.h: FS_IOC_FIEMAP, struct fiemap (32 bytes) and struct fiemap_extent (56 bytes).
_FS_IOC_FIEMAP = 0xC020660B
_HEADER = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_NO_OFFSET = 0x2 | 0x4 | 0x200  # not yet allocated, or inside the metadata: the physical offset means nothing
_INLINE = 0x200
_WHOLE_FILE = (1 << 64) - 1


class Extent(NamedTuple):
    """The first part of a file on the disk.

    ``offset``: where it lies, in bytes; None if that is unknown. ``is_inline``: it lies inside the metadata, as small
    files on btrfs do: then it is in memory as long as these are, whatever the page cache holds.
    """

    offset: int | None = None
    is_inline: bool = False


def share_blocks(left: Extent, right: Extent) -> bool:
    """Whether two files on one file system share their first block; False if that is unknown. Pure."""
    return left.offset is not None and left.offset == right.offset


def first_extent(fd: int) -> Extent:
    """Where an open file begins. Reads the disk."""
    if sys.platform != "linux":
        return Extent()
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    request = bytearray(_HEADER.pack(0, _WHOLE_FILE, 0, 0, 1, 0) + bytes(_EXTENT.size))
    try:
        fcntl.ioctl(fd, _FS_IOC_FIEMAP, request)
    except OSError:
        return Extent()
    if not _HEADER.unpack_from(request)[3]:
        return Extent()
    _, physical, _, _, _, flags, *_ = _EXTENT.unpack_from(request, _HEADER.size)
    return Extent(None if flags & _NO_OFFSET else int(physical), bool(flags & _INLINE))

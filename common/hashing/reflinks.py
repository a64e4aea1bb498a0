"""Whether two files share blocks on the disk, as reflinked copies do. Reads the disk."""

import struct
import sys

# linux/fiemap.h: FS_IOC_FIEMAP, struct fiemap (32 bytes) and struct fiemap_extent (56 bytes).
_FS_IOC_FIEMAP = 0xC020660B
_HEADER = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_NO_OFFSET = 0x2 | 0x4 | 0x200  # not yet allocated, or inside the inode: the physical offset means nothing
_WHOLE_FILE = (1 << 64) - 1


def share_blocks(left: int, right: int) -> bool:
    """Whether two open files on one file system share their first block; False if that is unknown."""
    offset = _first_offset(left)
    return offset is not None and offset == _first_offset(right)


def _first_offset(fd: int) -> int | None:
    """The byte offset on the disk at which a file begins; None if it is unknown."""
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
    return None if flags & _NO_OFFSET else int(physical)

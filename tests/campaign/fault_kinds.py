"""Which errors each call can meet, by its manual page and by what real disks, networks and quotas do."""

from __future__ import annotations

from tests.campaign.strace_points import Call

_DISK = ("EIO", "ENOSPC", "EROFS", "EDQUOT")

_WHEN_CHANGING: dict[str, tuple[str, ...]] = {
    "openat": (*_DISK, "EACCES", "EINTR", "EMFILE"),
    "write": ("EIO", "ENOSPC", "EDQUOT", "EINTR"),
    "pwrite64": ("EIO", "ENOSPC", "EDQUOT", "EINTR"),
    "ftruncate": ("EIO", "EROFS", "EINTR"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "EROFS"),
    "fdatasync": ("EIO", "ENOSPC", "EDQUOT", "EROFS"),
    "mkdir": (*_DISK, "EACCES"),
    "rmdir": ("EIO", "EROFS", "EACCES"),
    "rename": (*_DISK, "EACCES", "EXDEV"),
    "renameat2": (*_DISK, "EACCES", "EXDEV", "EINTR"),
    "linkat": (*_DISK, "EACCES", "EXDEV"),
    "unlink": ("EIO", "EROFS", "EACCES"),
    "chmod": ("EIO", "EROFS", "EPERM"),
    "fchmod": ("EIO", "EROFS", "EPERM"),
    "utimensat": ("EIO", "EROFS", "EACCES"),
    "setxattr": ("EIO", "ENOSPC", "EDQUOT", "EOPNOTSUPP"),
    "fsetxattr": ("EIO", "ENOSPC", "EDQUOT", "EOPNOTSUPP"),
    "copy_file_range": ("EIO", "ENOSPC", "EXDEV", "ENOSYS"),
}

_WHEN_READING: dict[str, tuple[str, ...]] = {
    "openat": ("EIO", "EACCES", "EINTR", "EMFILE"),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO", "EINTR"),
    "readv": ("EIO", "EINTR"),
    "preadv2": ("EIO", "EOPNOTSUPP"),
    "getdents64": ("EIO",),
    "newfstatat": ("EIO", "EACCES"),
    "statx": ("EIO", "EACCES"),
    "statfs": ("EIO",),
    "fadvise64": ("EINVAL",),
    "flock": ("EINTR", "ENOLCK"),
    "flistxattr": ("EIO", "EOPNOTSUPP"),
    "fgetxattr": ("EIO",),
}

WATCHED = tuple(sorted({*_WHEN_CHANGING, *_WHEN_READING}))
"""The names of all calls that are made to fail."""

_OF_ATTRIBUTES = frozenset("chmod fchmod utimensat setxattr fsetxattr flistxattr fgetxattr listxattr".split())


def errors_of(call: Call) -> tuple[str, ...]:
    """The errors that this call can meet."""
    table = _WHEN_CHANGING if call.changes_files and call.name in _WHEN_CHANGING else _WHEN_READING
    return table.get(call.name, ())


def concerns_attributes(call: Call) -> bool:
    """Whether the failure of this call may cost permissions, times or attributes, which is said and is no failure."""
    return call.name in _OF_ATTRIBUTES

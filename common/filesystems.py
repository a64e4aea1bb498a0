"""What a file system can promise: reading from a medium, outliving a reboot, showing changes at once, holding names.

Asked from the system where it answers, else looked up in short tables of known types. Reads the disk, changes nothing.
"""

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

_OVERLAY = "overlay"
# File systems on a medium of their own, whose pages ``posix_fadvise`` drops. Not zfs, squashfs, erofs: they keep what
# they have read in caches of their own. Not udf: it holds small files in its metadata, and doesn't tell which.
_MEDIA_TYPES = frozenset(
    "bcachefs btrfs exfat ext2 ext3 ext4 f2fs hfsplus iso9660 jfs msdos nilfs2 ntfs3 vfat xfs".split()
)
# Disks of a server, which has a cache of its own.
_NETWORK_DEVICES = r"(?:nbd|rbd|ublkb)[0-9]"
_MEMORY_TYPES = frozenset({"tmpfs", "ramfs", "rootfs", "devtmpfs", "hugetlbfs"})
_MEMORY_DEVICES = r"z?ram[0-9]+"
# FUSE drivers of images: nothing in them can be changed, whatever their mount flags say.
_IMAGES = frozenset({"fuse.squashfuse", "fuse.squashfuse_ll", "fuse.fuseiso", "fuse.archivemount", "fuse.ratarmount"})
_DRIVES = frozenset({"fuseblk", "fuse.ntfs-3g", "fuse.exfat"})
# FUSE drivers that ask the file system below, or the server, for each new name: they show no change late by themselves.
_DIRECT = (
    _IMAGES
    | _DRIVES
    | {
        "fuse.bindfs",
        "fuse.encfs",
        "fuse.gocryptfs",
        "fuse.mergerfs",
        "fuse.sshfs",
        "fuse.unionfs",
        "fuse.unionfs-fuse",
        "fuse.mhddfs",
        "fuse.cryfs",
    }
)
_SERVED = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs"})  # by this kernel, from another machine
_WITHOUT_STABLE_INODES = frozenset({"vfat", "msdos", "exfat", "cifs", "smb3", "9p", "virtiofs", _OVERLAY})
_WITH_DOS_NAMES = frozenset({"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "fuse.gvfsd-fuse"})
_DOS_NAME = r'[\x00-\x1f<>:"\\|?*]|[. ]$|^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)'
_DOS_CHARACTER = r'[\x00-\x1f<>:"\\|?*%]|[. ]$'
_ESCAPE = r"%[0-9A-F]{2}"
# Debian's and Ubuntu's live systems, Fedora's (dracut), Arch's and Manjaro's.
_LIVE_SYSTEM = r"\bboot=(?:live|casper)\b|\brd\.live\.|\barchiso|\bmiso(?:basedir|label)"
_MOST_LAYERS = 8
_BTRFS = "/sys/fs/btrfs"  # has a folder for each mounted file system (btrfs(5))


class FileSystem(NamedTuple):
    """A mounted file system. All but ``mount_point`` are empty where the system doesn't tell (Windows, macOS).

    ``source``: a device, a folder or whatever the driver calls it. ``options``: those of the mount and of the file
    system, as proc_pid_mountinfo(5) shows them.
    """

    mount_point: str
    type: str = ""
    source: str = ""
    options: tuple[str, ...] = ()

    @property
    def is_fuse(self) -> bool:
        return self.type == "fuseblk" or self.type.startswith("fuse")

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed: by the flags of the mount, or since the driver can't. Reads the disk."""
        if self.type in _IMAGES or "ro" in self.options:
            return True
        if sys.platform == "win32":
            return False
        try:
            return bool(os.statvfs(self.mount_point).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    @property
    def is_memory(self) -> bool:
        """Whether what is stored here is gone, or may be, at the next boot or power cut. Reads the disk."""
        return _is_memory(self, _MOST_LAYERS)

    @property
    def has_medium(self) -> bool:
        """Whether a file can be read from a storage medium instead of from some cache. Reads the disk."""
        return _has_medium(self)

    @property
    def cached_images(self) -> tuple[str, ...]:
        """The image files through whose page cache it is read, the innermost first; mostly none. Reads the disk."""
        return _cached_images(self)

    @property
    def is_overlay(self) -> bool:
        return self.type == _OVERLAY

    @property
    def is_cached_view(self) -> bool:
        """Whether a change below it may show late elsewhere, or one made elsewhere late in it: cloud mounts."""
        return self.is_fuse and self.type not in _DIRECT

    @property
    def is_served(self) -> bool:
        """Whether another machine serves it, with whatever lies below it there, and this kernel mounts it."""
        return self.type in _SERVED

    @property
    def may_hide_cached_view(self) -> bool:
        """Whether a cloud mount lies below it, or may: pools, encryption, overlays, SSH. Reads the disk."""
        return _may_hide_cached_view(self, _MOST_LAYERS)

    @property
    def has_stable_inodes(self) -> bool:
        """Whether a file keeps its inode number when it is renamed. FUSE and FAT may give it another."""
        return not self.is_fuse and self.type not in _WITHOUT_STABLE_INODES

    @property
    def has_dos_names(self) -> bool:
        """Whether it may refuse names with characters such as ``:`` and ``?``."""
        return sys.platform == "win32" or self.type in _WITH_DOS_NAMES

    def describe(self) -> str:
        """The type in words for a message."""
        return f"a {self.type} file system" if self.type else "a file system of an unknown kind"


def file_system_of(path: str) -> FileSystem:
    """The file system on which a path lies, or would lie. Reads the disk."""
    return file_system_at(os.path.realpath(path), mounts())


def file_system_at(real: str, mounted: Iterable[FileSystem]) -> FileSystem:
    """The one of these file systems on which a path without links lies. Pure."""
    best = FileSystem(os.sep)
    for mount in mounted:
        point = mount.mount_point
        if (real == point or real.startswith(point.rstrip(os.sep) + os.sep)) and len(point) >= len(best.mount_point):
            best = mount
    return best


def mounts() -> tuple[FileSystem, ...]:
    """All mounted file systems; those mounted later come later. None where the system doesn't tell. Reads the disk."""
    return _parse_mount_table(mount_table())


# Cached, since it changes only when something is mounted or unmounted.
@lru_cache(maxsize=4)
def _parse_mount_table(table: bytes) -> tuple[FileSystem, ...]:
    return tuple(_parse_mounts(table))


def _parse_mounts(table: bytes) -> Iterator[FileSystem]:
    """The file systems in a mount table of Linux. Pure.

    proc_pid_mountinfo(5): id, parent, device, root, mount point, options, optional fields, "-", type, source, options
    of the file system.
    """
    for line in table.splitlines():
        before, _, after = os.fsdecode(line).partition(" - ")
        first, last = before.split(" "), after.split(" ")
        if len(first) > 5 and len(last) > 1:
            options = [*first[5].split(","), *(last[2].split(",") if len(last) > 2 else [])]
            yield FileSystem(_unescape(first[4]), last[0], _unescape(last[1]), tuple(map(_unescape, options)))


def mount_table() -> bytes:
    """What the system tells of all its mounts, as long as nothing is mounted or unmounted the same. Reads the disk."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return file.read()
    except OSError:
        return b""


def mount_points() -> frozenset[str]:
    """The paths on which something is mounted: a file among them is a view of another file. Reads the disk."""
    return frozenset(mount.mount_point for mount in mounts())


def crosses_file_systems(origin: str, target: str) -> bool:
    """Whether a rename from one folder to another is impossible. Neither needs to exist yet. Reads the disk."""
    origin, target = nearest_folder(origin), nearest_folder(target)
    try:
        if os.stat(origin).st_dev != os.stat(target).st_dev:
            return True
    except OSError:
        return True
    return file_system_of(origin) != file_system_of(target)


def nearest_folder(path: str) -> str:
    """A folder, or the nearest above it that exists. Reads the disk."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


# Cached, since files of one folder come in sequence.
@lru_cache(maxsize=1024)
def mount_point_between(folder: str, root: str, points: frozenset[str]) -> str:
    """The mount point nearest to a folder, from the folder itself up to just below a root; empty if none. Pure.

    ``points``: all mount points.
    """
    while len(folder) > len(root):
        if folder in points:
            return folder
        folder = os.path.dirname(folder)
    return ""


def is_on_same_disk(folder: str, root: str, points: frozenset[str]) -> bool:
    """Whether a folder below a root lies on its file system, not on one that is mounted between. Reads the disk.

    ``points``: the mount points. btrfs gives each subvolume a device number of its own, so there they alone decide.
    A folder that doesn't exist lies on no other disk.
    """
    if mount_point_between(folder, root, points):
        return False
    try:
        same_device = os.stat(folder).st_dev == os.stat(root).st_dev
    except OSError:
        return True
    return same_device or file_system_of(folder).type == "btrfs"


def free_bytes(folder: str) -> int:
    """How many bytes can still be stored in a folder by this user; -1 if the system doesn't tell. Reads the disk."""
    if sys.platform == "win32":
        return -1
    try:
        status = os.statvfs(folder)
    except OSError:
        return -1
    # Some network drivers tell of no blocks at all.
    return status.f_frsize * (status.f_bavail if os.geteuid() else status.f_bfree) if status.f_blocks else -1


# Cached: a device has one file system as long as it is mounted.
@lru_cache(maxsize=1024)
def file_system_on(device: int, folder: str) -> FileSystem:  # noqa: ARG001 - a part of the key
    """The file system of a folder that lies on a device. Reads the disk."""
    return file_system_of(folder)


def escape_dos_name(name: str) -> str:
    """A name that Windows, exFAT and SMB shares can hold, with other characters as ``%3A``; others stay as they are.

    Two different names never get the same one: a name that holds such an escape itself is escaped as well. Pure.
    """
    if is_dos_name(name) and not re.search(_ESCAPE, name):
        return name
    escaped = re.sub(_DOS_CHARACTER, lambda match: f"%{ord(match[0]):02X}", name)
    return escaped if is_dos_name(escaped) else f"%{ord(escaped[0]):02X}{escaped[1:]}"


def is_dos_name(name: str) -> bool:
    """Whether Windows, exFAT and SMB shares can hold a name (learn.microsoft.com, "Naming Files"). Pure."""
    return re.search(_DOS_NAME, name, re.IGNORECASE) is None


def is_gone_error(error: OSError) -> bool:
    """Whether an error says that the disk, the driver or the server went away, not that one file is bad. Pure."""
    return error.errno in _GONE_ERRORS


_GONE_ERRORS = frozenset(
    getattr(errno, name)
    for name in "ENOTCONN ENODEV ENXIO ESTALE ESHUTDOWN EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ETIMEDOUT "
    "ECONNABORTED ECONNRESET ECONNREFUSED ENOMEDIUM".split()
    if hasattr(errno, name)
)


# Both are cached: they stay so as long as it is mounted.
@lru_cache(maxsize=64)
def _has_medium(system: FileSystem) -> bool:
    if system.is_memory:
        return False
    if system.type == _OVERLAY:
        below = _systems_below(system)
        return bool(below) and all(each.has_medium for each in below)
    devices = list(_block_devices(system))
    images = filter(None, map(_image_behind, devices))
    return (
        system.type in _MEDIA_TYPES
        and not any(re.match(_NETWORK_DEVICES, os.path.basename(device)) for device in devices)
        and all(file_system_of(image).has_medium for image in images)
        and all(os.access(image, os.R_OK) for image in system.cached_images)
    )


@lru_cache(maxsize=64)
def _cached_images(system: FileSystem) -> tuple[str, ...]:
    below = _systems_below(system) if system.type == _OVERLAY else []
    images = [image for each in below for image in each.cached_images]
    for device in _block_devices(system):
        if image := _image_behind(device):
            # A loop device reads its image by the page cache, or by direct I/O (losetup(8)).
            images += [image] if _read_loop(device, "dio") != "1" else []
            images += file_system_of(image).cached_images
    return tuple(images)


def _is_memory(system: FileSystem, layers_left: int) -> bool:
    if system.type in _MEMORY_TYPES:
        return True
    if not layers_left:
        return False
    if system.type == _OVERLAY:
        return _is_overlay_in_memory(system, layers_left)
    if system.is_fuse and (below := _systems_below(system)):
        return any(_is_memory(each, layers_left - 1) for each in below)
    return any(
        re.fullmatch(_MEMORY_DEVICES, os.path.basename(folder))
        or ((image := _image_behind(folder)) and _is_memory(file_system_of(image), layers_left - 1))
        for folder in _block_devices(system)
    )


def _may_hide_cached_view(system: FileSystem, layers_left: int) -> bool:
    if system.type != _OVERLAY and (not system.is_fuse or system.type in _IMAGES | _DRIVES):
        return False
    below = _systems_below(system)
    if not below or not layers_left:
        return True  # it doesn't tell
    return any(each.is_cached_view or _may_hide_cached_view(each, layers_left - 1) for each in below)


def _systems_below(system: FileSystem) -> list[FileSystem]:
    """The file systems whose folders another one shows, or on which it stores; none if it doesn't tell all of them.

    Reads the disk.
    """
    if system.type == _OVERLAY:
        layers = dict(option.partition("=")[::2] for option in system.options)
        folders = [*filter(None, [layers.get("upperdir")]), *layers.get("lowerdir", "").split(":")]
    elif system.type == "fuse.mergerfs":
        folders = [branch.rpartition("=")[0] for branch in _mergerfs_branches(system.mount_point)]
    else:
        folders = [system.source]
    if not all(os.path.isabs(folder) and os.path.isdir(folder) for folder in folders):
        return []
    return [below for below in map(file_system_of, folders) if below != system]


def _mergerfs_branches(mount_point: str) -> list[str]:
    """The folders of a pool, as ``/mnt/disk1=RW`` (mergerfs's runtime interface). Reads the disk."""
    if sys.platform != "linux":
        return []
    try:
        return os.fsdecode(os.getxattr(os.path.join(mount_point, ".mergerfs"), "user.mergerfs.branches")).split(":")
    except OSError:
        return []


def _is_overlay_in_memory(overlay: FileSystem, layers_left: int) -> bool:
    """Whether what is written to an overlay lies in memory, or stays there: ``volatile`` ignores each sync."""
    upper = dict(option.partition("=")[::2] for option in overlay.options).get("upperdir", "")
    if {"volatile", "fsync=volatile"} & {*overlay.options}:
        return True
    if os.path.isdir(upper) and os.path.isabs(upper):
        below = file_system_of(upper)
        return below != overlay and _is_memory(below, layers_left - 1)
    # A relative path may lead anywhere. An absolute one that can't be reached is that of a container or live system.
    return (bool(upper) and not os.path.isabs(upper)) or _is_live_system()


def _is_live_system() -> bool:
    """Whether this system was started from a live medium, by the options of its kernel. Reads the disk."""
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="replace") as file:
            return re.search(_LIVE_SYSTEM, file.read()) is not None
    except OSError:
        return False


def block_devices_of(path: str) -> tuple[str, ...]:
    """The folders in /sys of the block device on which a path lies, and of those that it can't do without.

    They are there as long as the device is plugged in. An encrypted or logical volume remains when its drive is gone.
    None where the system doesn't tell. Reads the disk.
    """
    os.stat(path)
    return tuple(_block_devices(file_system_of(path), only_needed=True))


def _block_devices(system: FileSystem, *, only_needed: bool = False) -> Iterator[str]:
    """As ``_devices_below``, by the file system; none if it lies on no block device. Reads the disk."""
    # A container may lack the device's own name; btrfs has numbers of its own instead of the device's.
    for path, number_name in ((system.mount_point, "st_dev"), (system.source, "st_rdev")):
        try:
            number = getattr(os.stat(path), number_name, 0)
        except OSError:
            continue
        folder = _folder_in_sys(number)
        if number and os.path.isdir(folder):
            members = [folder] if only_needed else _btrfs_members(folder)
            for member in members:
                yield from _devices_below(member, only_needed=only_needed)
            return


def _btrfs_members(folder: str) -> list[str]:
    """The block devices, by their folders in /sys, of the btrfs file system that has this one; else this one alone."""
    with suppress(OSError):
        for name in os.listdir(_BTRFS):
            devices = os.path.join(_BTRFS, name, "devices")
            names = os.listdir(devices) if os.path.isdir(devices) else []
            members = [os.path.realpath(os.path.join(devices, name)) for name in names]
            if folder in members:
                return members
    return [folder]


def _devices_below(folder: str, *, only_needed: bool) -> Iterator[str]:
    """The folders in /sys of a block device and of those of which it is made. Reads the disk.

    ``only_needed``: not those of a device that is made of several, since it may do without one of them.
    """
    todo = [folder]
    while todo:
        folder = todo.pop()
        yield folder
        slaves = os.path.join(folder, "slaves")
        names = os.listdir(slaves) if os.path.isdir(slaves) else []
        if len(names) == 1 or not only_needed:
            todo += [os.path.realpath(os.path.join(slaves, name)) for name in names]


def _folder_in_sys(device: int) -> str:
    """Where Linux shows a block device while it is plugged in."""
    if sys.platform == "win32":
        return ""
    return os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")


def _image_behind(folder: str) -> str:
    """The path of the image behind a loop device or a partition of one; empty for other devices. Reads the disk."""
    return _read_loop(folder, "backing_file")


def _read_loop(folder: str, name: str) -> str:
    for device in (folder, os.path.dirname(folder)):  # a partition lies in the folder of its device
        with suppress(OSError), open(os.path.join(device, "loop", name), "rb") as file:
            return os.fsdecode(file.read().rstrip(b"\n"))
    return ""


def _unescape(text: str) -> str:
    """Decode the octal escapes of mountinfo."""
    if "\\" not in text:
        return text
    raw = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), os.fsencode(text))
    return os.fsdecode(raw)

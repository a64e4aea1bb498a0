"""Reading files whole: hashes, comparisons, and noticing what changes meanwhile. Real files throughout."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import ChangedWhileReading, Interrupted, NotRegular, SameFile
from common.hashing.chunks import CHUNK
from common.hashing.compare import compare
from common.hashing.digest import SAMPLE, hash_file, is_sha256, sample_of
from common.hashing.identity import open_regular
from tests.support.monitor import Monitor
from tests.support.trees import make_pipe

SIZES = (0, 1, SAMPLE, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7)


def content(size: int) -> bytes:
    return (hashlib.sha256(b"seed").digest() * (size // 32 + 1))[:size]


def put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("size", SIZES)
def test_a_hash_is_that_of_every_byte(tmp_path: Path, size: int) -> None:
    told: list[int] = []
    path = put(tmp_path / "a", content(size))
    hashed = hash_file(path, Monitor(told.append))
    assert hashed.sha256 == hashlib.sha256(content(size)).hexdigest()
    assert sum(told) == hashed.identity.size == size


@pytest.mark.parametrize("size", SIZES)
def test_equal_files_are_equal_and_hashed(tmp_path: Path, size: int) -> None:
    told: list[int] = []
    left, right = put(tmp_path / "a", content(size)), put(tmp_path / "b", content(size))
    result = compare(left, right, Monitor(told.append), cold=False)
    assert (result.equal, result.first_difference) == (True, -1)
    assert result.sha256 == hashlib.sha256(content(size)).hexdigest()
    assert sum(told) == size


@pytest.mark.parametrize("size", SIZES)
def test_a_file_system_that_gives_less_than_was_asked_for_is_asked_again(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no readv: needs Linux or macOS")
    readv, pieces = os.readv, itertools.cycle([100_003, 1, 77_777])
    monkeypatch.setattr(os, "readv", lambda fd, buffers: readv(fd, [memoryview(buffers[0])[: next(pieces)]]))
    left, right = put(tmp_path / "a", content(size)), put(tmp_path / "b", content(size))
    result = compare(left, right, cold=False)
    assert (result.equal, result.sha256) == (True, hashlib.sha256(content(size)).hexdigest())
    assert hash_file(left).sha256 == result.sha256


@pytest.mark.parametrize("offset", [0, 1, SAMPLE, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 6])
def test_one_other_bit_is_found_wherever_it_is(tmp_path: Path, offset: int) -> None:
    data = content(2 * CHUNK + 7)
    other = data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]
    left, right = put(tmp_path / "a", data), put(tmp_path / "b", other)
    for result in (compare(left, right, cold=False), compare(right, left, cold=False)):
        assert (result.equal, result.first_difference, result.sha256) == (False, offset, "")


@pytest.mark.parametrize(("size", "more"), [(0, 1), (CHUNK, 1), (CHUNK - 1, 1), (CHUNK, CHUNK), (5, 2 * CHUNK)])
def test_a_file_that_goes_on_differs_where_the_other_ends(tmp_path: Path, size: int, more: int) -> None:
    left, right = put(tmp_path / "a", content(size)), put(tmp_path / "b", content(size + more))
    for result in (compare(left, right, cold=False), compare(right, left, cold=False)):
        assert (result.equal, result.first_difference, result.sha256) == (False, size, "")


def test_two_empty_files_are_equal_and_have_the_hash_of_nothing(tmp_path: Path) -> None:
    result = compare(put(tmp_path / "a", b""), put(tmp_path / "b", b""), cold=True)
    assert result.equal
    assert result.sha256 == hashlib.sha256().hexdigest()


def append(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"!")


def edit_in_place(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"?")
    os.utime(path, ns=(1, os.stat(path).st_mtime_ns + 1))  # the clock of the file system may be coarse


def cut(path: str) -> None:
    os.truncate(path, 10)


CHANGES = (append, edit_in_place, cut)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_hashing_is_noticed(tmp_path: Path, change: Callable[[str], None]) -> None:
    path = put(tmp_path / "a", content(3 * CHUNK))
    once = iter([change])
    with pytest.raises(ChangedWhileReading):
        hash_file(path, Monitor(lambda _: next(once, lambda _: None)(path)))


@pytest.mark.parametrize("change", [append, edit_in_place])
@pytest.mark.parametrize("which", [0, 1])
def test_a_change_while_comparing_is_noticed(tmp_path: Path, change: Callable[[str], None], which: int) -> None:
    paths = put(tmp_path / "a", content(3 * CHUNK)), put(tmp_path / "b", content(3 * CHUNK))
    once = iter([change])
    with pytest.raises(ChangedWhileReading):
        compare(*paths, Monitor(lambda _: next(once, lambda _: None)(paths[which])), cold=False)


def test_one_file_under_two_names_is_not_two_copies(tmp_path: Path) -> None:
    path = put(tmp_path / "a", b"x")
    os.link(path, tmp_path / "b")
    for other in (path, str(tmp_path / "b")):
        with pytest.raises(SameFile):
            compare(path, other, cold=False)


def test_a_link_in_the_last_place_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "a", b"x")
    os.symlink(tmp_path / "a", tmp_path / "link")
    with pytest.raises(OSError, match="link"), open_regular(str(tmp_path / "link")):
        pass


def test_a_pipe_or_folder_is_refused_at_once(tmp_path: Path) -> None:
    make_pipe(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(NotRegular):
            hash_file(str(tmp_path / name))


def test_an_error_of_reading_names_the_file_that_could_not_be_read(tmp_path: Path) -> None:
    path = put(tmp_path / "a", b"x")
    with pytest.raises(FileNotFoundError) as caught:
        compare(path, str(tmp_path / "missing"), cold=False)
    assert caught.value.filename == str(tmp_path / "missing")


def test_a_stop_is_obeyed_between_two_chunks(tmp_path: Path) -> None:
    told: list[int] = []
    left, right = put(tmp_path / "a", content(3 * CHUNK)), put(tmp_path / "b", content(3 * CHUNK))
    with pytest.raises(Interrupted):
        compare(left, right, Monitor(told.append, stop=lambda: True), cold=False)
    with pytest.raises(Interrupted):
        hash_file(left, Monitor(told.append, stop=lambda: True))
    assert told == [CHUNK, CHUNK]


def test_a_cold_read_says_so_where_the_cache_can_be_dropped_and_claims_nothing_where_it_cannot(
    tmp_path: Path, other_disk: Path
) -> None:
    left, right = put(tmp_path / "a", content(CHUNK)), put(tmp_path / "b", content(CHUNK))
    expected = "cold" if is_on_disk(tmp_path) else "cached"
    assert compare(left, right, cold=True).read_mode == expected
    assert hash_file(left, cold=True).read_mode == expected
    assert compare(left, right, cold=False).read_mode == "cached"
    assert hash_file(left).read_mode == "cached"
    if is_in_memory(other_disk):
        in_memory = put(other_disk / "c", content(CHUNK))
        assert compare(left, in_memory, cold=True).read_mode == "cached"
        assert hash_file(in_memory, cold=True).read_mode == "cached"


def is_in_memory(folder: Path) -> bool:
    return kind_of_file_system(folder) == "tmpfs"


def is_on_disk(folder: Path) -> bool:
    return kind_of_file_system(folder) in ("ext2", "ext3", "ext4", "xfs", "btrfs")


def kind_of_file_system(folder: Path) -> str:
    """Linux, ``proc_pid_mounts``: the type of the mount with the longest path above a folder; empty elsewhere."""
    if sys.platform != "linux":
        return ""
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8", "surrogateescape").splitlines()]
    above = [(len(fields[1]), fields[2]) for fields in mounts if folder.resolve().is_relative_to(fields[1])]
    return max(above)[1]


def test_samples_tell_files_apart_by_size_beginning_and_end_alone(tmp_path: Path) -> None:
    data = content(3 * SAMPLE)
    middle = len(data) // 2
    same = sample_of(put(tmp_path / "a", data))
    assert sample_of(put(tmp_path / "b", data)) == same
    assert sample_of(put(tmp_path / "middle", data[:middle] + b"!" + data[middle + 1 :])) == same
    for name, other in {"first": b"!" + data[1:], "last": data[:-1] + b"!", "longer": data + data[-SAMPLE:]}.items():
        assert sample_of(put(tmp_path / name, other)) != same


@pytest.mark.parametrize("size", [0, 1, SAMPLE - 1, SAMPLE, SAMPLE + 1])
def test_a_sample_of_a_small_file_covers_it_all(tmp_path: Path, size: int) -> None:
    data = content(size)
    same = sample_of(put(tmp_path / "a", data))
    for position in range(0, size, 499):
        other = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        assert sample_of(put(tmp_path / "b", other)) != same


@pytest.mark.parametrize(
    "text", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 63 + "\n", "٠" * 64, "0x" + "0" * 62]
)
def test_only_64_lower_case_hex_digits_are_a_hash(text: str) -> None:
    assert not is_sha256(text)
    assert is_sha256("0123456789abcdef" * 4)

"""A file is destroyed only while its name and that of its copy lead to the very files that were read."""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import RowFailed, StoppedEarly
from common.fileops import moving
from common.fileops.moving import Move, Terms, destroy, relocate
from common.fileops.renaming import rename_no_replace
from common.fileops.temporary import set_aside_name
from common.hashing.identity import identity_of
from tests.fileops.fault_actions import put
from tests.support.monitor import Monitor
from tests.support.trees import read_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
CONTENT = b"content" * 100_000
OLD = 1_234_567_890_123_456_789
ANY_READ = Terms(cached_reads=True)  # the file system of the test may be any


@pytest.fixture
def move(folder: Path) -> Move:
    """The order to destroy ``a.jpg``, whose copy is ``copy/a.jpg``."""
    source = put(folder / "a.jpg", CONTENT)
    (folder / "copy").mkdir()
    destination = put(folder / "copy" / "a.jpg", CONTENT)
    for path in (source, destination):
        os.utime(path, ns=(OLD, OLD))
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return Move(source, destination, identity_of(os.lstat(source)), sha256, set_aside_name(source, RUN_ID, 7))


def remove(path: str) -> None:
    os.unlink(path)


def replace_by_rename(path: str) -> None:
    """As exiftool, rsync and sync programs do."""
    put(Path(path + ".new"), CONTENT[:-1] + b"?")
    os.utime(path + ".new", ns=(OLD, OLD))
    os.rename(path + ".new", path)


def edit_and_set_the_time_back(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"?")
    os.utime(path, ns=(OLD, OLD))


def swap_for_another_and_back(path: str) -> None:
    os.rename(path, path + ".aside")
    put(Path(path), CONTENT)
    os.utime(path, ns=(OLD, OLD))


RIVALS = [remove, replace_by_rename, edit_and_set_the_time_back, swap_for_another_and_back]


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("which", ["destination", "set_aside"])
@pytest.mark.parametrize("moment", ["while it is read", "after it was read"])
def test_a1_what_a_rival_does_to_either_file_keeps_the_content(
    move: Move, monkeypatch: pytest.MonkeyPatch, rival: Callable[[str], None], which: str, moment: str
) -> None:
    folder = Path(move.source).parent
    once = iter([getattr(move, which)])

    def act(*_: object) -> list[str]:
        for path in once:
            rival(path)
        return []

    if moment == "after it was read":
        monkeypatch.setattr(moving, "missing_attributes", act)
    monitor = Monitor(act) if moment == "while it is read" else Monitor()
    with pytest.raises((RowFailed, StoppedEarly)):
        destroy(move, monitor, ANY_READ)
    assert CONTENT in read_tree(folder).values()
    assert not list(folder.rglob("*.media-removing*")) or which == "set_aside"


def test_b1_a_file_with_another_inode_number_is_known_by_its_contents(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sshfs, mergerfs and FAT give a file another number when it is renamed."""
    renumbered = replace(move, expected=replace(move.expected, inode=1), destination=move.destination + ".moved")
    assert not relocate(renumbered).crossed
    assert Path(renumbered.destination).read_bytes() == CONTENT
    other = put(Path(move.source), CONTENT[:-1] + b"?")
    os.utime(other, ns=(OLD, OLD))
    with pytest.raises(RowFailed, match="it was replaced since it was examined"):
        relocate(replace(renumbered, destination=move.destination + ".again"))
    put(Path(move.source), CONTENT)
    os.utime(move.source, ns=(OLD, OLD))

    def swap_and_rename(source: str, destination: str) -> None:
        monkeypatch.undo()
        put(Path(source), CONTENT[:-1] + b"?")
        os.utime(source, ns=(OLD, OLD))
        rename_no_replace(source, destination)

    monkeypatch.setattr("common.fileops.moving.rename_no_replace", swap_and_rename)
    with pytest.raises(RowFailed, match="it is back in its place"):
        relocate(replace(renumbered, destination=move.destination + ".last"))


def test_a4_bytes_leave_their_disk_only_after_their_archive_copy_was_read(
    folder: Path, other_disk: Path, move: Move
) -> None:
    elsewhere = replace(
        move,
        source=put(other_disk / "a.jpg", CONTENT),
        expected=identity_of(os.lstat(other_disk / "a.jpg")),
        set_aside=set_aside_name(f"{other_disk}/a.jpg", RUN_ID, 7),
        destination=f"{folder}/quarantined.jpg",
        archive_copy=move.destination,
    )
    edit_and_set_the_time_back(move.destination)
    with pytest.raises(RowFailed, match="differs from it; it was kept"):
        relocate(elsewhere, terms=ANY_READ)
    assert not os.path.exists(elsewhere.destination)
    put(Path(move.destination), CONTENT)
    assert relocate(elsewhere, terms=ANY_READ).crossed
    assert not os.path.exists(elsewhere.source)


@pytest.mark.skipif(sys.platform != "linux", reason="the page cache can be asked on Linux alone")
def test_a6_a_copy_of_which_another_program_has_a_part_mapped_is_not_called_cold(move: Move) -> None:
    with open(move.destination, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[len(CONTENT) // 3]
        with pytest.raises(RowFailed, match="read from memory, not from the storage medium"):
            destroy(move)
    assert os.path.exists(move.source)


def test_b10_a_file_whose_tags_its_copy_lacks_is_kept_unless_that_is_accepted(move: Move) -> None:
    if sys.platform != "linux":
        pytest.skip("extended attributes are compared on Linux alone")
    try:
        os.setxattr(move.source, "user.xdg.tags", b"family")
    except OSError:
        pytest.skip("this file system has no extended attributes: give pytest --basetemp on another")
    with pytest.raises(RowFailed, match=r"lacks its extended attribute user\.xdg\.tags.*--accept-lost-attributes"):
        destroy(move, terms=ANY_READ)
    assert os.path.exists(move.source)
    destroy(move, terms=Terms(cached_reads=True, lost_attributes=True))
    assert not os.path.exists(move.source)

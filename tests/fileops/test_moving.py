"""An examined file is moved or destroyed, and no other."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import Interrupted, RowFailed, StoppedEarly
from common.fileops.moving import Move, Relocation, Terms, destroy, drop_second_name, finish_relocation, relocate
from common.fileops.renaming import rename_no_replace
from common.fileops.temporary import set_aside_name
from common.hashing.chunks import CHUNK
from common.hashing.identity import identity_of, same_file_state
from tests.fileops.fault_actions import append_to, put
from tests.support.monitor import Monitor
from tests.support.trees import read_tree, write_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
OLD = 1_234_567_890_123_456_789
ANY_READ = Terms(cached_reads=True)  # the other disk may be memory


def order(source: str, destination: str) -> Move:
    """The order to move a file as it is now."""
    sha256 = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    return Move(source, destination, identity_of(os.lstat(source)), sha256, set_aside_name(source, RUN_ID, 7))


def test_on_one_file_system_a_move_is_a_rename(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    assert relocate(move) == Relocation()
    assert same_file_state(identity_of(os.lstat(move.destination)), move.expected)


def test_a_file_that_took_the_place_of_the_examined_one_goes_back(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    os.rename(move.source, folder / "the examined one")
    put(folder / "a.jpg", b"strange")
    os.utime(move.source, ns=(0, move.expected.mtime_ns))
    with pytest.raises(RowFailed, match="replaced"):
        relocate(move)
    assert read_tree(folder) == {"a.jpg": b"strange", "the examined one": b"content"}


def test_a_file_that_takes_its_place_at_the_last_moment_goes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    rename = rename_no_replace

    def swap_and_rename(source: str, destination: str) -> None:
        monkeypatch.setattr("common.fileops.moving.rename_no_replace", rename)
        os.rename(source, folder / "the examined one")
        put(folder / "a.jpg", b"strange")
        os.utime(source, ns=(0, move.expected.mtime_ns))
        rename(source, destination)

    monkeypatch.setattr("common.fileops.moving.rename_no_replace", swap_and_rename)
    with pytest.raises(RowFailed, match="back in its place"):
        relocate(move)
    assert sorted(os.listdir(folder)) == ["a.jpg", "the examined one"]


def test_a_taken_destination_stays_as_it_is(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), put(folder / "b.jpg", b"strange"))
    with pytest.raises(FileExistsError):
        relocate(move)
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"strange"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_renamed_file_that_cannot_be_looked_at_goes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    lstat = os.lstat

    def refuse(path: str) -> os.stat_result:
        if path == move.destination:
            raise OSError(number, os.strerror(number), path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(RowFailed, match="back in its place"):
        relocate(move)
    monkeypatch.undo()
    assert read_tree(folder) == {"a.jpg": b"content"}


def test_across_devices_a_move_is_a_copy_compared_and_then_the_removal_of_the_source(
    folder: Path, other_disk: Path
) -> None:
    source = put(folder / "a.jpg", b"content")
    os.chmod(source, 0o640)
    os.utime(source, ns=(0, OLD))
    assert relocate(order(source, f"{other_disk}/b.jpg"), terms=ANY_READ) == Relocation(crossed=True)
    status = os.stat(other_disk / "b.jpg")
    assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (OLD, 0o640)
    assert read_tree(folder) == {}
    assert read_tree(other_disk) == {"b.jpg": b"content"}


def test_across_devices_nothing_is_replaced_and_nothing_left_behind(folder: Path, other_disk: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), put(other_disk / "b.jpg", b"strange"))
    with pytest.raises(FileExistsError):
        relocate(move, terms=ANY_READ)
    assert read_tree(folder) == {"a.jpg": b"content"}
    assert read_tree(other_disk) == {"b.jpg": b"strange"}


def test_across_devices_a_file_changed_since_it_was_examined_stays(folder: Path, other_disk: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{other_disk}/b.jpg")
    put(folder / "a.jpg", b"changed")
    os.utime(move.source, ns=(0, move.expected.mtime_ns))
    with pytest.raises(RowFailed, match="changed"):
        relocate(move, terms=ANY_READ)
    assert read_tree(folder) == {"a.jpg": b"changed"}
    assert read_tree(other_disk) == {}


def test_across_devices_a_stop_leaves_the_source_and_nothing_else(folder: Path, other_disk: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{other_disk}/b.jpg")
    with pytest.raises(Interrupted):
        relocate(move, Monitor(stop=lambda: True), ANY_READ)
    assert read_tree(folder) == {"a.jpg": b"content"}
    assert read_tree(other_disk) == {}


def test_a_copy_that_differs_when_read_back_costs_nobody_the_original(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), put(folder / "b.jpg", b"c0ntent"))
    with pytest.raises(RowFailed, match="it was kept"):
        finish_relocation(move)
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"c0ntent"}


def test_a_folder_that_is_swapped_for_the_archive_costs_the_archive_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the rename and the look at what arrived, the target folder becomes a link to another's."""
    write_tree(folder, {"from/b.jpg": b"photo", "to/": b"", "archive/b.jpg": b"copy"})
    rename = rename_no_replace

    def rename_and_swap(source: str, destination: str) -> None:
        rename(source, destination)
        os.rename(folder / "to", folder / "away")
        os.symlink("archive", folder / "to")

    move = order(f"{folder}/from/b.jpg", f"{folder}/to/b.jpg")
    monkeypatch.setattr("common.fileops.moving.rename_no_replace", rename_and_swap)
    with pytest.raises(RowFailed, match="was replaced by another folder"):
        relocate(move)
    assert (folder / "archive/b.jpg").read_bytes() == b"copy"
    assert (folder / "away/b.jpg").read_bytes() == b"photo"


def doomed(folder: Path, copy: bytes = b"content" * 1000) -> Move:
    """The order to destroy ``a.jpg``, whose copy is ``b.jpg``."""
    source = put(folder / "a.jpg", b"content" * 1000)
    os.utime(source, ns=(0, OLD))
    return order(source, put(folder / "b.jpg", copy))


def edit_and_restore_the_time(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"!")
    os.utime(path, ns=(0, OLD))


def test_a_file_with_an_equal_copy_is_destroyed(folder: Path) -> None:
    move = doomed(folder)
    counts: list[int] = []
    assert destroy(move, Monitor(counts.append)) in ("cold", "cached")
    assert read_tree(folder) == {"b.jpg": b"content" * 1000}
    assert sum(counts) == 7000


def no_copy(move: Move) -> None:
    os.unlink(move.destination)


def one_other_byte(move: Move) -> None:
    put(Path(move.destination), b"content" * 999 + b"c0ntent")


def the_copy_is_a_hard_link(move: Move) -> None:
    os.unlink(move.destination)
    os.link(move.source, move.destination)


def the_copy_is_a_link(move: Move) -> None:
    os.rename(move.destination, move.destination + ".real")
    os.symlink("b.jpg.real", move.destination)


def both_changed_alike(move: Move) -> None:
    for path in (move.source, move.destination):
        edit_and_restore_the_time(path)


def another_file_took_its_place(move: Move) -> None:
    os.rename(move.source, move.source + ".examined")
    put(Path(move.source), b"c0ntent" * 1000)
    os.utime(move.source, ns=(0, OLD))


def it_was_touched(move: Move) -> None:
    os.utime(move.source, ns=(0, OLD + 1))


def it_grew(move: Move) -> None:
    append_to(move.source)
    append_to(move.destination)
    os.utime(move.source, ns=(0, OLD))


def a_link_took_its_place(move: Move) -> None:
    os.rename(move.source, move.source + ".examined")
    os.symlink("a.jpg.examined", move.source)


REASONS_TO_KEEP = (
    no_copy,
    one_other_byte,
    the_copy_is_a_hard_link,
    the_copy_is_a_link,
    both_changed_alike,
    another_file_took_its_place,
    it_was_touched,
    it_grew,
    a_link_took_its_place,
)


@pytest.mark.parametrize("happened", REASONS_TO_KEEP)
def test_in_every_other_case_it_is_kept_under_its_name(folder: Path, happened: Callable[[Move], None]) -> None:
    move = doomed(folder)
    happened(move)
    before = read_tree(folder), sorted(os.listdir(folder))
    with pytest.raises((RowFailed, StoppedEarly)):
        destroy(move)
    assert (read_tree(folder), sorted(os.listdir(folder))) == before


@pytest.mark.parametrize(
    ("which", "edit"),
    [("the file", append_to), ("the file", edit_and_restore_the_time), ("its copy", append_to)],
)
def test_an_edit_while_it_is_compared_saves_it_even_if_the_time_is_restored(
    folder: Path, which: str, edit: Callable[[str], None]
) -> None:
    move = doomed(folder)
    once = iter([move.set_aside if which == "the file" else move.destination])

    def while_comparing(_: int) -> None:
        for path in once:
            edit(path)

    with pytest.raises(RowFailed):
        destroy(move, Monitor(while_comparing))
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg"]


def test_a_stop_while_it_is_compared_keeps_it(folder: Path) -> None:
    move = doomed(folder, copy=b"x")
    put(folder / "a.jpg", b"x" * CHUNK * 2)
    put(folder / "b.jpg", b"x" * CHUNK * 2)
    move = order(move.source, move.destination)
    with pytest.raises(Interrupted):
        destroy(move, Monitor(stop=lambda: True))
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg"]


def test_a_file_that_cannot_be_unlinked_gets_its_name_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = doomed(folder)

    def not_permitted(name: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", name)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", not_permitted)
        with pytest.raises(RowFailed, match="Operation not permitted"):
            destroy(move)
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg"]


def test_a_second_name_of_one_file_can_go_and_no_other(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    os.link(move.source, move.destination)
    drop_second_name(move)
    assert read_tree(folder) == {"b.jpg": b"content"}
    put(folder / "a.jpg", b"content")
    os.link(folder / "a.jpg", folder / "c.jpg")
    with pytest.raises(RowFailed):
        drop_second_name(move)
    os.unlink(folder / "c.jpg")
    with pytest.raises(RowFailed):
        drop_second_name(move)
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"content"}

"""The one module that changes the disk, on real files: nothing is replaced, nothing is left behind, strangers stay."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common import fileops
from common.errors import BadInput, ChangedWhileReading, Interrupted, NotRegular, RowFailed, StoppedEarly
from common.fileops import Appender, Move
from common.hashing import CHUNK, identity_of, same_file_state
from tests.support.trees import make_pipe, read_tree, write_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
OLD = 1_234_567_890_123_456_789


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


# --- placing without replacing ---------------------------------------------------------------------


WAYS = {
    "exclusive rename": fileops._rename_exclusive,
    "link, then unlink": fileops._link_then_unlink,
    "rename over a placeholder": fileops._rename_over_placeholder,
    "whatever the file system has": fileops.rename_no_replace,
}
Way = Callable[[str, str], None]
in_every_way = pytest.mark.parametrize("rename", WAYS.values(), ids=WAYS.keys())


@in_every_way
def test_a_file_is_renamed(folder: Path, rename: Way) -> None:
    inode = os.stat(put(folder / "a", b"content")).st_ino
    rename(f"{folder}/a", f"{folder}/b")
    assert read_tree(folder) == {"b": b"content"}
    assert (folder / "b").stat().st_ino == inode


@in_every_way
@pytest.mark.parametrize("taken_by", ["a file", "an empty file", "a broken link"])
def test_a_name_that_is_taken_is_not_replaced(folder: Path, rename: Way, taken_by: str) -> None:
    put(folder / "a", b"content")
    if taken_by == "a broken link":
        os.symlink("nowhere", folder / "b")
    else:
        put(folder / "b", b"stranger" if taken_by == "a file" else b"")
    before = os.lstat(folder / "b")
    with pytest.raises(FileExistsError):
        rename(f"{folder}/a", f"{folder}/b")
    after = os.lstat(folder / "b")
    assert (after.st_ino, after.st_size, after.st_mode) == (before.st_ino, before.st_size, before.st_mode)
    assert (folder / "a").read_bytes() == b"content"


@in_every_way
def test_a_missing_file_or_folder_leaves_nothing_behind(folder: Path, rename: Way) -> None:
    put(folder / "a", b"content")
    for source, destination in (("missing", "b"), ("a", "missing/b")):
        with pytest.raises(FileNotFoundError):
            rename(f"{folder}/{source}", f"{folder}/{destination}")
    assert read_tree(folder) == {"a": b"content"}


@in_every_way
def test_a_link_is_renamed_itself(folder: Path, rename: Way) -> None:
    put(folder / "target", b"content")
    os.symlink("target", folder / "a")
    rename(f"{folder}/a", f"{folder}/b")
    assert os.readlink(folder / "b") == "target"
    assert not os.path.lexists(folder / "a")


def refuse(number: int) -> Way:
    """A file system that can't do it."""

    def cannot(source: str, destination: str) -> None:
        raise OSError(number, os.strerror(number), source, None, destination)

    return cannot


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP])
@pytest.mark.parametrize("missing", [1, 2])
def test_where_one_way_is_unknown_the_next_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, missing: int
) -> None:
    for name in ("_rename_exclusive", "_link_then_unlink")[:missing]:
        monkeypatch.setattr(fileops, name, refuse(number))
    put(folder / "a", b"content")
    put(folder / "taken", b"stranger")
    with pytest.raises(FileExistsError):
        fileops.rename_no_replace(f"{folder}/a", f"{folder}/taken")
    fileops.rename_no_replace(f"{folder}/a", f"{folder}/b")
    assert read_tree(folder) == {"b": b"content", "taken": b"stranger"}


def test_an_error_of_the_disk_is_not_taken_for_an_unknown_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fileops, "_rename_exclusive", refuse(errno.EIO))
    put(folder / "a", b"content")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        fileops.rename_no_replace(f"{folder}/a", f"{folder}/b")
    assert read_tree(folder) == {"a": b"content"}


def test_only_an_empty_file_is_taken_for_a_placeholder(folder: Path) -> None:
    write_tree(folder, {"empty": b"", "photo": b"p", "sub/": b""})
    os.symlink("empty", folder / "link")
    assert not fileops.remove_placeholder(f"{folder}/photo", f"{folder}/photo")
    assert not fileops.remove_placeholder(f"{folder}/link", f"{folder}/photo")
    assert not fileops.remove_placeholder(f"{folder}/sub", f"{folder}/photo")
    assert not fileops.remove_placeholder(f"{folder}/missing", f"{folder}/photo")
    assert fileops.remove_placeholder(f"{folder}/empty", f"{folder}/photo")
    assert sorted(os.listdir(folder)) == ["link", "photo", "sub"]


# --- copying ---------------------------------------------------------------------------------------


def test_a_copy_has_the_content_time_permissions_and_extended_attributes_of_its_source(folder: Path) -> None:
    (folder / "target").mkdir()
    data = os.urandom(CHUNK + 7)
    source = put(folder / "a.jpg", data)
    os.chmod(source, 0o640)
    if sys.platform == "linux":
        os.setxattr(source, "user.tags", b"holiday\0beach")
    os.utime(source, ns=(5, OLD))
    told: list[int] = []
    staged = fileops.copy_to_temporary(source, f"{folder}/target", told.append)
    staged.sync()
    fileops.place(staged, f"{folder}/target/b.jpg")
    status = os.stat(folder / "target" / "b.jpg")
    assert read_tree(folder / "target") == {"b.jpg": data}
    assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (OLD, 0o640)
    assert staged.sha256 == hashlib.sha256(data).hexdigest()
    assert staged.identity == identity_of(os.stat(source))
    assert staged.lost == ()
    assert sum(told) == len(data)
    if sys.platform == "linux":
        assert os.getxattr(folder / "target" / "b.jpg", "user.tags") == b"holiday\0beach"


def test_what_the_target_cannot_hold_is_told_and_is_no_failure(folder: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("extended attributes are copied on Linux only: run the tests there")
    source = put(folder / "a.jpg", b"x")
    os.setxattr(source, "user.tags", b"x" * 100)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "setxattr", full)
        staged = fileops.copy_to_temporary(source, str(folder))
    staged.discard()
    assert staged.lost == ("extended attribute user.tags",)


def test_a_copy_that_finds_its_name_taken_leaves_the_stranger_and_can_be_discarded(folder: Path) -> None:
    source = put(folder / "a.jpg", b"content")
    put(folder / "b.jpg", b"stranger")
    staged = fileops.copy_to_temporary(source, str(folder))
    with pytest.raises(FileExistsError):
        fileops.place(staged, f"{folder}/b.jpg")
    staged.discard()
    staged.discard()
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"stranger"}


def change(path: str) -> Callable[[int], None]:
    once = iter(["!"])

    def now(_: int) -> None:
        with open(path, "a") as file:
            file.write(next(once, ""))

    return now


def full_disk(_fd: int, _data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_source_that_changes_while_it_is_copied_fails_and_leaves_nothing(folder: Path) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    with pytest.raises(ChangedWhileReading):
        fileops.copy_to_temporary(source, f"{folder}/target", change(source))
    assert os.listdir(folder / "target") == []


def test_a_source_that_grows_all_the_while_is_not_copied_without_end(folder: Path) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    calls = iter(range(100))

    def grow(_: int) -> None:
        next(calls)  # fails the test instead of filling the disk
        append_to(source)

    with pytest.raises(ChangedWhileReading):
        fileops.copy_to_temporary(source, f"{folder}/target", grow)
    assert os.listdir(folder / "target") == []


def test_a_stop_while_copying_leaves_nothing(folder: Path) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    with pytest.raises(Interrupted):
        fileops.copy_to_temporary(source, f"{folder}/target", should_stop=lambda: True)
    assert os.listdir(folder / "target") == []


def test_a_full_disk_stops_the_run_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    monkeypatch.setattr(fileops, "_write_all", full_disk)
    with pytest.raises(StoppedEarly, match=r"target: cannot write: No space left on device"):
        fileops.copy_to_temporary(source, f"{folder}/target")
    assert os.listdir(folder / "target") == []


def test_a_source_that_is_missing_a_link_or_a_pipe_fails_its_row(folder: Path) -> None:
    (folder / "target").mkdir()
    put(folder / "real.jpg", b"x")
    os.symlink("real.jpg", folder / "link.jpg")
    make_pipe(folder / "pipe.jpg")
    for name, kind in {"missing.jpg": RowFailed, "link.jpg": RowFailed, "pipe.jpg": NotRegular}.items():
        with pytest.raises(kind):
            fileops.copy_to_temporary(f"{folder}/{name}", f"{folder}/target")
    assert os.listdir(folder / "target") == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StoppedEarly), (errno.EIO, StoppedEarly), (errno.EROFS, StoppedEarly), (errno.EACCES, RowFailed)],
)
def test_errors_that_the_next_file_would_meet_as_well_stop_the_run(number: int, kind: type[Exception]) -> None:
    assert type(fileops.writing_failed("/a", OSError(number, os.strerror(number)))) is kind


def test_temporaries_of_a_killed_run_are_removed_and_nothing_else(folder: Path) -> None:
    ours = {f"{fileops.TEMPORARY_PREFIX}0011223344556677": b"half"}
    others = {
        "a.jpg": b"a",
        f"{fileops.TEMPORARY_PREFIX}notes.txt": b"somebody's",
        ".media-archive.json": b"{}",
        f"{fileops.PARKED_PREFIX}{RUN_ID[:8]}-7": b"the only copy",
    }
    write_tree(folder, {**ours, **others})
    fileops.remove_temporaries(str(folder))
    fileops.remove_temporaries(f"{folder}/missing")
    assert read_tree(folder) == others


@pytest.mark.parametrize("name", ["a.jpg", f"{fileops.PARKED_PREFIX}0a1b2c3d-7", "media-tmp-0011223344556677"])
def test_no_other_name_can_be_removed_as_temporary(folder: Path, name: str) -> None:
    put(folder / name, b"x")
    with pytest.raises(ValueError, match="not a temporary name"):
        fileops.remove_temporary(f"{folder}/{name}")
    assert read_tree(folder) == {name: b"x"}


def test_a_copy_whose_closing_fails_is_removed_and_the_error_names_it(folder: Path) -> None:
    put(folder / "a.jpg", b"content")
    staged = fileops.copy_to_temporary(f"{folder}/a.jpg", str(folder))
    os.close(staged.fd)  # so that closing it fails, as it does on a disk that tells only then that it is full
    with pytest.raises(OSError, match="media-tmp"):
        staged.discard()
    assert read_tree(folder) == {"a.jpg": b"content"}


# --- appending -------------------------------------------------------------------------------------


def test_a_table_whose_closing_fails_stops_the_run_and_says_which(folder: Path) -> None:
    file = Appender(f"{folder}/out.csv")
    os.close(file._fd)
    with pytest.raises(StoppedEarly, match=r"out\.csv: cannot close: .*run again"):
        file.close()


HEAD = b'"a","b"\n'


def test_a_new_file_grows_and_counts(folder: Path) -> None:
    path = f"{folder}/out.csv"
    with Appender(path, start=HEAD) as file:
        file.append(HEAD)
        file.append(b"row 1\n")
        file.sync()
        assert file.length == len(HEAD) + 6
    assert Path(path).read_bytes() == HEAD + b"row 1\n"


def test_a_file_that_exists_is_not_begun_again(folder: Path) -> None:
    path = put(folder / "out.csv", b"somebody's")
    with pytest.raises(BadInput, match="exists already"):
        Appender(path, start=HEAD)
    with pytest.raises(BadInput, match="exists already"):
        Appender(path, 0, start=HEAD)
    assert read_tree(folder) == {"out.csv": b"somebody's"}


@pytest.mark.parametrize("left", [b"", HEAD[:1], HEAD[:-1], HEAD])
def test_a_beginning_that_a_killed_run_left_is_begun_anew(folder: Path, left: bytes) -> None:
    path = put(folder / "out.csv", left)
    with Appender(path, 0, start=HEAD) as file:
        assert file.length == 0
        file.append(HEAD)
    assert Path(path).read_bytes() == HEAD


@pytest.mark.parametrize("left", [HEAD + b"r", b"X" + HEAD[1:], HEAD[1:]])
def test_any_other_beginning_is_somebody_elses_unless_it_is_known_as_ours(folder: Path, left: bytes) -> None:
    path = put(folder / "out.csv", left)
    with pytest.raises(BadInput, match="exists already"):
        Appender(path, 0, start=HEAD)
    assert Path(path).read_bytes() == left
    with Appender(path, 0, start=HEAD, ours=True):
        pass
    assert Path(path).read_bytes() == b""


def test_what_stands_behind_the_checkpoint_is_cut_off(folder: Path) -> None:
    path = put(folder / "out.csv", HEAD + b"row 1\n" + b"row 2 and ha")
    with Appender(path, len(HEAD) + 6, start=HEAD) as file:
        file.append(b"row 2\n")
    assert Path(path).read_bytes() == HEAD + b"row 1\nrow 2\n"


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (HEAD + b"row 1\n", 100),  # shorter than recorded
        (HEAD + b"row 1\n", 3),  # recorded within the header
        (HEAD + b"row 1\n", len(HEAD) + 3),  # recorded within a row
        (b"\xff\xd8\xff\xe0 a photo\nwith a line", len(b"\xff\xd8\xff\xe0 a photo\n")),  # no such table
        (b"", 7),
    ],
)
def test_a_file_that_is_not_as_the_state_says_is_refused_and_left_as_it_is(
    folder: Path, data: bytes, length: int
) -> None:
    path = put(folder / "out.csv", data)
    with pytest.raises(BadInput, match="state file says"):
        Appender(path, length, start=HEAD)
    assert Path(path).read_bytes() == data


def test_a_missing_file_that_the_state_knows_is_not_made_anew(folder: Path) -> None:
    with pytest.raises(BadInput, match="cannot open it for writing"):
        Appender(f"{folder}/out.csv", len(HEAD), start=HEAD)
    assert os.listdir(folder) == []


def test_nothing_is_appended_through_a_link(folder: Path) -> None:
    photo = put(folder / "photo.jpg", HEAD)
    os.symlink(photo, folder / "out.csv")
    for length in (None, 0, len(HEAD)):
        with pytest.raises(BadInput):
            Appender(f"{folder}/out.csv", length, start=HEAD, ours=True)
    assert Path(photo).read_bytes() == HEAD


def test_a_full_disk_while_appending_stops_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Appender(f"{folder}/out.csv") as file:
        monkeypatch.setattr(fileops, "_write_all", full_disk)
        with pytest.raises(StoppedEarly, match=r"out\.csv: cannot write: No space left"):
            file.append(b"row")
        assert file.length == 0


def test_a_small_file_is_replaced_whole_and_a_half_written_one_leaves_the_old(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{folder}/state.json"
    fileops.write_atomically(path, b"one")
    fileops.write_atomically(path, b"two")
    assert read_tree(folder) == {"state.json": b"two"}
    monkeypatch.setattr(fileops, "_write_all", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fileops.write_atomically(path, b"three")
    assert Path(path).read_bytes() == b"two"


# --- folders ---------------------------------------------------------------------------------------


def test_folders_are_made_as_needed_and_a_file_in_the_way_is_an_error(folder: Path) -> None:
    fileops.make_folders(f"{folder}/a/b/c", 0o700)
    fileops.make_folders(f"{folder}/a/b/c")
    assert stat.S_IMODE(os.stat(folder / "a" / "b" / "c").st_mode) == 0o700
    put(folder / "file", b"x")
    with pytest.raises(OSError, match="file"):
        fileops.make_folders(f"{folder}/file/sub")
    assert (folder / "file").read_bytes() == b"x"


def test_empty_folders_go_up_to_the_root_but_not_the_root(folder: Path) -> None:
    write_tree(folder, {"root/a/b/c/": b"", "root/x/y/": b"", "root/x/photo.jpg": b"p"})
    root = f"{folder}/root"
    fileops.remove_empty_folders_up_to(f"{root}/a/b/c", root)
    fileops.remove_empty_folders_up_to(f"{root}/x/y", root)
    assert os.listdir(root) == ["x"]
    os.unlink(f"{root}/x/photo.jpg")
    fileops.remove_empty_folders_up_to(f"{root}/x", root)
    fileops.remove_empty_folders_up_to(root, root)
    assert os.path.isdir(root)


def test_that_an_empty_folder_cannot_be_removed_is_an_error_and_that_it_holds_something_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(folder, {"empty/": b"", "full/photo.jpg": b"p"})

    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, "refused", path)

    assert fileops.remove_empty_folder(f"{folder}/missing")
    monkeypatch.setattr(os, "rmdir", refuse)
    assert not fileops.remove_empty_folder(f"{folder}/full")
    with pytest.raises(PermissionError):
        fileops.remove_empty_folder(f"{folder}/empty")


def test_a_pruned_folder_comes_back_with_its_permissions_and_time(folder: Path) -> None:
    fileops.restore_folder(f"{folder}/a/b", 0o750, OLD)
    status = os.stat(folder / "a" / "b")
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o750, OLD)


def test_the_mark_of_a_quarantine_can_be_made_twice(folder: Path) -> None:
    fileops.mark_quarantine(str(folder))
    fileops.mark_quarantine(str(folder))
    assert os.listdir(folder) == [".media-quarantine"]


# --- moving ----------------------------------------------------------------------------------------


def order(source: str, destination: str) -> Move:
    """The order to move a file as it is now."""
    sha256 = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    return Move(source, destination, identity_of(os.lstat(source)), sha256, fileops.parked_name(source, RUN_ID, 7))


def test_on_one_file_system_a_move_is_a_rename(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    assert fileops.relocate(move).how == "renamed"
    assert same_file_state(identity_of(os.lstat(move.destination)), move.expected)


def test_a_file_that_took_the_place_of_the_examined_one_goes_back(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    os.rename(move.source, folder / "the examined one")
    put(folder / "a.jpg", b"strange")
    os.utime(move.source, ns=(0, move.expected.mtime_ns))
    with pytest.raises(RowFailed, match="replaced"):
        fileops.relocate(move)
    assert read_tree(folder) == {"a.jpg": b"strange", "the examined one": b"content"}


def test_a_file_that_takes_its_place_at_the_last_moment_goes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    rename = fileops.rename_no_replace

    def swap_and_rename(source: str, destination: str) -> None:
        monkeypatch.setattr(fileops, "rename_no_replace", rename)
        os.rename(source, folder / "the examined one")
        put(folder / "a.jpg", b"content")
        os.utime(source, ns=(0, move.expected.mtime_ns))
        rename(source, destination)

    monkeypatch.setattr(fileops, "rename_no_replace", swap_and_rename)
    with pytest.raises(RowFailed, match="back in its place"):
        fileops.relocate(move)
    assert sorted(os.listdir(folder)) == ["a.jpg", "the examined one"]


def test_a_taken_destination_stays_as_it_is(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), put(folder / "b.jpg", b"strange"))
    with pytest.raises(FileExistsError):
        fileops.relocate(move)
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"strange"}


@pytest.mark.parametrize(("number", "kind"), [(errno.EACCES, RowFailed), (errno.EIO, StoppedEarly)])
def test_a_renamed_file_that_cannot_be_looked_at_goes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    lstat = os.lstat

    def refuse(path: str) -> os.stat_result:
        if path == move.destination:
            raise OSError(number, os.strerror(number), path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(kind, match=r"b\.jpg"):
        fileops.relocate(move)
    monkeypatch.undo()
    assert read_tree(folder) == {"a.jpg": b"content"}


def test_across_devices_a_move_is_a_copy_compared_and_then_the_removal_of_the_source(
    folder: Path, other_disk: Path
) -> None:
    source = put(folder / "a.jpg", b"content")
    os.chmod(source, 0o640)
    os.utime(source, ns=(0, OLD))
    assert fileops.relocate(order(source, f"{other_disk}/b.jpg")).how == "copied"
    status = os.stat(other_disk / "b.jpg")
    assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (OLD, 0o640)
    assert read_tree(folder) == {}
    assert read_tree(other_disk) == {"b.jpg": b"content"}


def test_across_devices_nothing_is_replaced_and_nothing_left_behind(folder: Path, other_disk: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), put(other_disk / "b.jpg", b"strange"))
    with pytest.raises(FileExistsError):
        fileops.relocate(move)
    assert read_tree(folder) == {"a.jpg": b"content"}
    assert read_tree(other_disk) == {"b.jpg": b"strange"}


def test_across_devices_a_file_changed_since_it_was_examined_stays(folder: Path, other_disk: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{other_disk}/b.jpg")
    put(folder / "a.jpg", b"changed")
    os.utime(move.source, ns=(0, move.expected.mtime_ns))
    with pytest.raises(RowFailed, match="changed"):
        fileops.relocate(move)
    assert read_tree(folder) == {"a.jpg": b"changed"}
    assert read_tree(other_disk) == {}


def test_across_devices_a_stop_leaves_the_source_and_nothing_else(folder: Path, other_disk: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{other_disk}/b.jpg")
    with pytest.raises(Interrupted):
        fileops.relocate(move, lambda: True)
    assert read_tree(folder) == {"a.jpg": b"content"}
    assert read_tree(other_disk) == {}


def test_a_copy_that_differs_when_read_back_costs_nobody_the_original(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), put(folder / "b.jpg", b"c0ntent"))
    with pytest.raises(RowFailed, match="it was kept"):
        fileops.finish_relocation(move)
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"c0ntent"}


# --- removing --------------------------------------------------------------------------------------


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
    told: list[int] = []
    assert fileops.destroy(move, told.append) in ("cold", "cached")
    assert read_tree(folder) == {"b.jpg": b"content" * 1000}
    assert sum(told) == 7000


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
    put(Path(move.source), b"content" * 1000)
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


def append_to(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"!")


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
        fileops.destroy(move)
    assert (read_tree(folder), sorted(os.listdir(folder))) == before


@pytest.mark.parametrize(
    ("which", "edit"),
    [("the file", append_to), ("the file", edit_and_restore_the_time), ("its copy", append_to)],
)
def test_an_edit_while_it_is_compared_saves_it_even_if_the_time_is_restored(
    folder: Path, which: str, edit: Callable[[str], None]
) -> None:
    move = doomed(folder)
    once = iter([move.parked if which == "the file" else move.destination])

    def while_comparing(_: int) -> None:
        for path in once:
            edit(path)

    with pytest.raises(RowFailed):
        fileops.destroy(move, while_comparing)
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg"]


def test_a_stop_while_it_is_compared_keeps_it(folder: Path) -> None:
    move = doomed(folder, copy=b"x")
    put(folder / "a.jpg", b"x" * CHUNK * 2)
    put(folder / "b.jpg", b"x" * CHUNK * 2)
    move = order(move.source, move.destination)
    with pytest.raises(Interrupted):
        fileops.destroy(move, should_stop=lambda: True)
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg"]


def test_a_file_that_cannot_be_unlinked_gets_its_name_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = doomed(folder)

    def not_permitted(name: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", name)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", not_permitted)
        with pytest.raises(RowFailed, match="Operation not permitted"):
            fileops.destroy(move)
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg"]


def test_a_second_name_of_one_file_can_go_and_no_other(folder: Path) -> None:
    move = order(put(folder / "a.jpg", b"content"), f"{folder}/b.jpg")
    os.link(move.source, move.destination)
    fileops.drop_second_name(move)
    assert read_tree(folder) == {"b.jpg": b"content"}
    put(folder / "a.jpg", b"content")
    os.link(folder / "a.jpg", folder / "c.jpg")
    with pytest.raises(RowFailed):
        fileops.drop_second_name(move)
    os.unlink(folder / "c.jpg")
    with pytest.raises(RowFailed):
        fileops.drop_second_name(move)
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"content"}


def test_a_parked_file_gets_its_name_back_unless_somebody_has_it(folder: Path) -> None:
    path = f"{folder}/a.jpg"
    parked = fileops.parked_name(path, RUN_ID, 7)
    assert not fileops.unpark(path, parked)
    put(Path(parked), b"content")
    assert fileops.unpark(path, parked)
    assert read_tree(folder) == {"a.jpg": b"content"}
    put(Path(parked), b"other")
    assert not fileops.unpark(path, parked)
    assert Path(path).read_bytes() == b"content"
    assert Path(parked).read_bytes() == b"other"


# --- one folder under two names --------------------------------------------------------------------


def test_one_folder_is_recognised_under_two_names_and_two_are_told_apart(folder: Path) -> None:
    write_tree(folder, {"one/": b"", "other/": b""})
    os.symlink("one", folder / "link")
    assert fileops.sees_the_same_folder(f"{folder}/one", f"{folder}/link")
    assert fileops.sees_the_same_folder(f"{folder}/link", f"{folder}/one")
    assert not fileops.sees_the_same_folder(f"{folder}/one", f"{folder}/other")
    assert not fileops.sees_the_same_folder(f"{folder}/one", f"{folder}/missing")


def test_a_probe_leaves_no_file_and_the_folder_its_time(folder: Path) -> None:
    write_tree(folder, {"one/a.jpg": b"a", "other/": b""})
    for name in ("one", "other"):
        os.utime(folder / name, ns=(OLD, OLD))
    fileops.sees_the_same_folder(f"{folder}/one", f"{folder}/other")
    assert read_tree(folder) == {"one/a.jpg": b"a"}
    assert [os.stat(folder / name).st_mtime_ns for name in ("one", "other")] == [OLD, OLD]


def test_probes_of_dead_runs_on_this_machine_are_removed_and_no_others(folder: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no harmless way to ask whether a process lives: run the tests on Linux or macOS")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours = f"{fileops.PROBE_PREFIX}{fileops._host_mark()}"
    stale = f"{ours}-{dead.pid}-0011223344556677"
    kept = {
        f"{ours}-{os.getpid()}-0011223344556677": b"",
        f"{fileops.PROBE_PREFIX}00000000-{dead.pid}-0011223344556677": b"",
        f"{ours}-strange-name": b"",
        "a.jpg": b"a",
    }
    write_tree(folder, {stale: b"", **kept})
    fileops.remove_stale_probes(str(folder))
    fileops.remove_stale_probes(f"{folder}/missing")
    assert read_tree(folder) == kept


def test_two_runs_that_share_a_log_keep_each_others_lines(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with Appender(path, None, lines=False) as one, Appender(path, 0, lines=False) as other:
        for number in range(3):
            one.append(b"one %d\n" % number)
            other.append(b"other %d\n" % number)
    assert sorted(Path(path).read_text().splitlines()) == [f"{who} {n}" for who in ("one", "other") for n in range(3)]


def test_of_an_empty_original_and_the_empty_file_that_holds_its_name_the_younger_goes(folder: str) -> None:
    for name, seconds in (("original", 1_400_000_000), ("copy", 1_400_000_000), ("placeholder", 1_700_000_000)):
        Path(folder, name).touch()
        os.utime(Path(folder, name), (seconds, seconds))
    assert not fileops.remove_placeholder(f"{folder}/copy", f"{folder}/original")
    assert not fileops.remove_placeholder(f"{folder}/original", f"{folder}/placeholder")
    assert fileops.remove_placeholder(f"{folder}/placeholder", f"{folder}/original")


@pytest.mark.parametrize("path", ["", "not/absolute/and/not/there"])
def test_folders_without_a_beginning_are_refused_and_not_sought_for_ever(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        fileops.make_folders(path)


def test_a_folder_that_is_swapped_for_the_archive_costs_the_archive_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the rename and the look at what arrived, the target folder becomes a link to another's."""
    write_tree(folder, {"from/b.jpg": b"photo", "to/": b"", "archive/b.jpg": b"copy"})
    rename = fileops.rename_no_replace

    def rename_and_swap(source: str, destination: str) -> None:
        rename(source, destination)
        os.rename(folder / "to", folder / "away")
        os.symlink("archive", folder / "to")

    move = order(f"{folder}/from/b.jpg", f"{folder}/to/b.jpg")
    monkeypatch.setattr(fileops, "rename_no_replace", rename_and_swap)
    with pytest.raises(RowFailed, match="was replaced by another folder"):
        fileops.relocate(move)
    assert (folder / "archive/b.jpg").read_bytes() == b"copy"
    assert (folder / "away/b.jpg").read_bytes() == b"photo"

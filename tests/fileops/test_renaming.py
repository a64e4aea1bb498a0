"""Names are given without replacing anything, on every kind of file system."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.fileops.renaming import (
    _link_then_unlink,
    _rename_exclusive,
    rename_no_replace,
    restore_set_aside,
)
from common.fileops.temporary import set_aside_name
from tests.fileops.fault_actions import put
from tests.support.trees import read_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"


Way = Callable[[str, str], None]


def refuse(number: int) -> Way:
    """A file system that can't do it."""

    def cannot(source: str, destination: str) -> None:
        raise OSError(number, os.strerror(number), source, None, destination)

    return cannot


def look_then_rename(source: str, destination: str) -> None:
    """As on a file system that has neither an exclusive rename nor hard links."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_rename_exclusive", "_link_then_unlink"):
            patch.setattr(f"common.fileops.renaming.{name}", refuse(errno.EOPNOTSUPP))
        rename_no_replace(source, destination)


WAYS = {
    "exclusive rename": _rename_exclusive,
    "link, then unlink": _link_then_unlink,
    "look, then rename": look_then_rename,
    "whatever the file system has": rename_no_replace,
}
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


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP, errno.EIO])
@pytest.mark.parametrize("missing", [1, 2])
def test_b2_where_one_way_fails_the_next_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, missing: int
) -> None:
    for name in ("_rename_exclusive", "_link_then_unlink")[:missing]:
        monkeypatch.setattr(f"common.fileops.renaming.{name}", refuse(number))
    put(folder / "a", b"content")
    put(folder / "taken", b"stranger")
    with pytest.raises(FileExistsError):
        rename_no_replace(f"{folder}/a", f"{folder}/taken")
    rename_no_replace(f"{folder}/a", f"{folder}/b")
    assert read_tree(folder) == {"b": b"content", "taken": b"stranger"}


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.ENOENT])
def test_b2_an_error_that_every_way_would_meet_ends_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("common.fileops.renaming._rename_exclusive", refuse(number))
    put(folder / "a", b"content")
    with pytest.raises(OSError, match=os.strerror(number)):
        rename_no_replace(f"{folder}/a", f"{folder}/b")
    assert read_tree(folder) == {"a": b"content"}


def test_a2_no_file_is_ever_created_under_the_new_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder / "a", b"content")
    opened: list[str] = []
    plain_open = os.open

    def record_and_open(path: str, flags: int, mode: int = 0o777) -> int:
        opened.append(path)
        return plain_open(path, flags, mode)

    monkeypatch.setattr(os, "open", record_and_open)
    for way in WAYS.values():
        way(f"{folder}/a", f"{folder}/b")
        os.rename(folder / "b", folder / "a")
    assert not opened


def test_a_parked_file_gets_its_name_back_unless_somebody_has_it(folder: Path) -> None:
    path = f"{folder}/a.jpg"
    set_aside = set_aside_name(path, RUN_ID, 7)
    assert not restore_set_aside(path, set_aside)
    put(Path(set_aside), b"content")
    assert not restore_set_aside(path, set_aside)
    assert read_tree(folder) == {"a.jpg": b"content"}
    put(Path(set_aside), b"other")
    assert restore_set_aside(path, set_aside), "another file has its name"
    assert Path(path).read_bytes() == b"content"
    assert Path(set_aside).read_bytes() == b"other"


@pytest.mark.parametrize("stranger", ["symbolic link", "hard link"])
def test_a_parked_file_with_one_name_keeps_it_whatever_points_there(folder: Path, stranger: str) -> None:
    """A link under the old name that leads to the parked file is no second name of it."""
    path = f"{folder}/a.jpg"
    set_aside = set_aside_name(path, RUN_ID, 7)
    put(Path(set_aside), b"content")
    if stranger == "symbolic link":
        os.symlink(os.path.basename(set_aside), path)
    else:
        os.link(set_aside, path)
    assert restore_set_aside(path, set_aside) == (stranger == "symbolic link")
    assert Path(path).read_bytes() == b"content"
    assert os.path.exists(set_aside) == (stranger == "symbolic link")


def test_where_no_name_can_be_removed_the_refusal_is_told_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append-only folder on a file system without an exclusive rename: the content keeps its name."""

    def refuse_unlink(path: str) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)

    monkeypatch.setattr("common.fileops.renaming._rename_exclusive", refuse(errno.ENOSYS))
    monkeypatch.setattr("os.unlink", refuse_unlink)
    put(folder / "a", b"content")
    with pytest.raises(PermissionError) as refused:
        rename_no_replace(f"{folder}/a", f"{folder}/b")
    assert refused.value.filename == f"{folder}/a"
    assert (folder / "a").read_bytes() == b"content"

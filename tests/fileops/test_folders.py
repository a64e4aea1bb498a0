"""Folders are made, emptied and given back their times."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from common.fileops.folders import (
    make_folders,
    mark_quarantine,
    remove_empty_folder,
    remove_empty_folders_up_to,
    restore_folder,
)
from tests.fileops.fault_actions import put
from tests.support.trees import write_tree

OLD = 1_234_567_890_123_456_789


def test_folders_are_made_as_needed_and_a_file_in_the_way_is_an_error(folder: Path) -> None:
    make_folders(f"{folder}/a/b/c", 0o700)
    make_folders(f"{folder}/a/b/c")
    assert stat.S_IMODE(os.stat(folder / "a" / "b" / "c").st_mode) == 0o700
    put(folder / "file", b"x")
    with pytest.raises(OSError, match="file"):
        make_folders(f"{folder}/file/sub")
    assert (folder / "file").read_bytes() == b"x"


def test_empty_folders_go_up_to_the_root_but_not_the_root(folder: Path) -> None:
    write_tree(folder, {"root/a/b/c/": b"", "root/x/y/": b"", "root/x/photo.jpg": b"p"})
    root = f"{folder}/root"
    remove_empty_folders_up_to(f"{root}/a/b/c", root)
    remove_empty_folders_up_to(f"{root}/x/y", root)
    assert os.listdir(root) == ["x"]
    os.unlink(f"{root}/x/photo.jpg")
    remove_empty_folders_up_to(f"{root}/x", root)
    remove_empty_folders_up_to(root, root)
    assert os.path.isdir(root)


def test_that_an_empty_folder_cannot_be_removed_is_an_error_and_that_it_holds_something_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(folder, {"empty/": b"", "full/photo.jpg": b"p"})

    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, "refused", path)

    assert remove_empty_folder(f"{folder}/missing")
    monkeypatch.setattr(os, "rmdir", refuse)
    assert not remove_empty_folder(f"{folder}/full")
    with pytest.raises(PermissionError):
        remove_empty_folder(f"{folder}/empty")


def test_a_pruned_folder_comes_back_with_its_permissions_and_time(folder: Path) -> None:
    restore_folder(f"{folder}/a/b", 0o750, OLD)
    status = os.stat(folder / "a" / "b")
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o750, OLD)


def test_the_mark_of_a_quarantine_can_be_made_twice(folder: Path) -> None:
    mark_quarantine(str(folder))
    mark_quarantine(str(folder))
    assert os.listdir(folder) == [".media-quarantine"]


@pytest.mark.parametrize("path", ["", "not/absolute/and/not/there"])
def test_folders_without_a_beginning_are_refused_and_not_sought_for_ever(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        make_folders(path)

"""Walking a source: every entry is a file, a folder to enter, or something with a reason."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from common.organize.scan import FolderScan, NotScanned, scan_tree
from tests.support.trees import make_pipe, may_read_everything, write_tree


def scan(root: Path, skip_folders: Collection[str] = (), exclude: Sequence[str] = ()) -> list[FolderScan]:
    return list(scan_tree(str(root), skip_folders, exclude))


def names(folders: list[FolderScan], root: Path) -> list[str]:
    return [os.path.relpath(file.path, root) for folder in folders for file in folder.files]


def problems(folders: list[FolderScan]) -> list[NotScanned]:
    return [problem for folder in folders for problem in folder.not_scanned]


def test_files_come_in_the_order_of_their_names_with_size_and_time(tmp_path: Path) -> None:
    write_tree(tmp_path, {"b.jpg": b"bb", "a.jpg": b"a", "sub/c.jpg": b"ccc", "B.jpg": b"", "Sub/d.jpg": b"d"})
    os.utime(tmp_path / "a.jpg", ns=(1, 123_456_789))
    folders = scan(tmp_path)
    assert names(folders, tmp_path) == ["B.jpg", "a.jpg", "b.jpg", "Sub/d.jpg", "sub/c.jpg"]
    assert [file.size for folder in folders for file in folder.files] == [0, 1, 2, 1, 3]
    assert folders[0].files[1].mtime_ns == 123_456_789


def test_a_name_of_any_bytes_is_a_name(tmp_path: Path) -> None:
    hostile = [os.fsdecode(raw) for raw in (b"\xff\xfe.jpg", b"a\nb\r\"',;.jpg", b" .jpg", b"-rf.jpg")]
    write_tree(tmp_path, dict.fromkeys(hostile, b"x"))
    assert sorted(names(scan(tmp_path), tmp_path)) == sorted(hostile)


def test_links_and_pipes_are_told_and_not_followed(tmp_path: Path) -> None:
    write_tree(tmp_path / "root", {"a.jpg": b"a"})
    write_tree(tmp_path / "elsewhere", {"secret.jpg": b"s"})
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "folder-link")
    os.symlink(tmp_path / "elsewhere" / "secret.jpg", tmp_path / "root" / "link.jpg")
    os.symlink("nowhere", tmp_path / "root" / "broken.jpg")
    make_pipe(tmp_path / "root" / "pipe.jpg")
    folders = scan(tmp_path / "root")
    assert names(folders, tmp_path / "root") == ["a.jpg"]
    assert {os.path.basename(p.path): p.reason for p in problems(folders)} == {
        "folder-link": "symbolic link, not followed",
        "link.jpg": "symbolic link, not followed",
        "broken.jpg": "symbolic link, not followed",
        "pipe.jpg": "not a regular file",
    }
    assert not any(problem.failed for problem in problems(folders))


def test_a_folder_that_cannot_be_read_is_a_failure_and_the_rest_is_scanned(tmp_path: Path) -> None:
    if may_read_everything():
        pytest.skip("this user may read every folder: run the tests as another user than root, on Linux or macOS")
    write_tree(tmp_path, {"closed/a.jpg": b"a", "open/b.jpg": b"b"})
    os.chmod(tmp_path / "closed", 0)
    folders = scan(tmp_path)
    os.chmod(tmp_path / "closed", 0o700)
    assert names(folders, tmp_path) == ["open/b.jpg"]
    assert [(p.failed, p.reason) for p in problems(folders)] == [(True, "cannot read folder: Permission denied")]


def test_a_folder_that_went_away_is_a_failure(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/b.jpg": b"b", "c.jpg": b"c"})
    walk = scan_tree(str(tmp_path))
    assert [file.name for file in next(walk).files] == ["c.jpg"]
    os.unlink(tmp_path / "a" / "b.jpg")
    os.rmdir(tmp_path / "a")
    assert [p.failed for folder in walk for p in folder.not_scanned] == [True]


def test_what_belongs_to_a_system_is_counted_and_left_out(tmp_path: Path) -> None:
    ours = {".media-archive.json": b"", ".media-archive.lock": b"", ".media-quarantine/files/x.jpg": b"q"}
    theirs = {
        "Thumbs.db": b"",
        "._a.jpg": b"",
        ".DS_Store": b"",
        "@eaDir/a.jpg/thumb.jpg": b"",
        ".Trash-1000/b.jpg": b"",
    }
    write_tree(tmp_path, {**ours, **theirs, "a.jpg": b"a", ".hidden/b.jpg": b"b"})
    folders = scan(tmp_path)
    assert sorted(names(folders, tmp_path)) == [".hidden/b.jpg", "a.jpg"]
    found = {name for folder in folders for name in folder.system_entries}
    its_own = {".media-archive.json", ".media-archive.lock"}  # of its quarantine apply tells
    assert found == its_own | {"Thumbs.db", "._a.jpg", ".DS_Store", f"@eaDir{os.sep}", f".Trash-1000{os.sep}"}


def test_a_quarantine_of_any_name_is_known_by_the_mark_in_it(tmp_path: Path) -> None:
    run_id = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
    write_tree(tmp_path, {"put-away/.media-quarantine": b"", f"put-away/{run_id}/files/x.jpg": b"x", "a.jpg": b"a"})
    folders = scan(tmp_path)
    assert names(folders, tmp_path) == ["a.jpg"]
    assert [name for folder in folders for name in folder.system_entries] == [".media-quarantine", f"{run_id}/"]


def test_b14_a_mark_beside_photos_hides_none_of_them(tmp_path: Path) -> None:
    run_id = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
    write_tree(
        tmp_path,
        {"a/.media-quarantine": b"", "a/1.jpg": b"1", "b/.media-quarantine": b"", "b/2.jpg": b"2", "b/c/3.jpg": b"3"}
        | {f"b/{run_id}/files/x.jpg": b"x"},
    )
    assert names(scan(tmp_path), tmp_path) == ["a/1.jpg", "b/2.jpg", "b/c/3.jpg"]


def test_the_archive_inside_the_source_is_left_out_by_its_path(tmp_path: Path) -> None:
    write_tree(tmp_path, {"archive/2019/a.jpg": b"a", "sub/archive/b.jpg": b"b"})
    folders = scan(tmp_path, skip_folders={str(tmp_path / "archive")})
    assert names(folders, tmp_path) == ["sub/archive/b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("sub", ["a.jpg", "other/sub-b.jpg"]),
        ("sub/", ["a.jpg", "other/sub-b.jpg", "other/sub/d.jpg"]),
        ("other/s*b", ["a.jpg", "other/sub-b.jpg", "sub/c.jpg"]),
        ("[so]*", ["a.jpg"]),
        ("SUB", ["a.jpg", "other/sub-b.jpg", "other/sub/d.jpg", "sub/c.jpg"]),
    ],
)
def test_excluded_folders_are_not_entered(tmp_path: Path, pattern: str, left: list[str]) -> None:
    write_tree(tmp_path, {"a.jpg": b"", "sub/c.jpg": b"", "other/sub-b.jpg": b"", "other/sub/d.jpg": b""})
    folders = scan(tmp_path, exclude=(pattern,))
    assert sorted(names(folders, tmp_path)) == left


@pytest.mark.parametrize("pattern", ["*.png", "sub/b.*", "b.png"])
def test_excluded_files_are_left_out_with_the_pattern_as_the_reason(tmp_path: Path, pattern: str) -> None:
    write_tree(tmp_path, {"a.jpg": b"", "sub/b.png": b"", "sub/c.jpg": b""})
    folders = scan(tmp_path, exclude=(pattern,))
    assert names(folders, tmp_path) == ["a.jpg", "sub/c.jpg"]
    [left_out] = problems(folders)
    assert left_out.path == str(tmp_path / "sub" / "b.png")
    assert pattern in left_out.reason
    assert not left_out.failed

"""What is said of a pair: by its row alone, by a look, and by reading every byte. The decisions are tables."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import StoppedEarly
from common.manifests.rows import VERIFY, VerifyRow
from common.verify.verifier import PairVerifier, Verdict, check_row, check_stat
from tests.support.monitor import Monitor, disk_access

NUMBERS = {"row_id": "1", "group_id": "1", "size_bytes": "1"}
ROW = VERIFY.decode({**dict.fromkeys(VERIFY.columns, ""), **NUMBERS}, "")._replace(
    source_path="/source/a.jpg",
    destination_path="/archive/2019/a.jpg",
    source_root="/source",
    archive_root="/archive",
    archive_id="5d9f8d6e-7a0c-4d3b-9e55-0c6b8f1e2a4d",
    report_status="copied",
)


def look(inode: int = 1, size: int = 10, kind: int = stat.S_IFREG, device: int = 1) -> os.stat_result:
    """What ``lstat`` would tell of such a file."""
    return os.stat_result((kind | 0o644, inode, device, 1, 0, 0, size, 0, 0, 0))


def assert_verdict(verdict: Verdict | None, status: str) -> None:
    """The status is the expected one and has a reason; without a status nothing is decided yet."""
    assert (verdict[0] if verdict else "") == status
    assert verdict is None or verdict[1]


BEFORE = {
    "as it should be": ({}, ""),
    "already archived": ({"report_status": "already_archived"}, ""),
    "a duplicate": ({"report_status": "duplicate"}, ""),
    "moved": ({"report_status": "moved"}, ""),
    "fed back from unverified.csv": ({"report_status": "identical"}, ""),
    "only planned": ({"report_status": "planned"}, "not_archived"),
    "skipped": ({"report_status": "skipped"}, "not_archived"),
    "failed": ({"report_status": "failed"}, "not_archived"),
    "in an archive that was not begun": ({"archive_id": ""}, "not_archived"),
    "source elsewhere": ({"source_path": "/etc/passwd"}, "outside_root"),
    "source by way of ..": ({"source_path": "/source/../etc/passwd"}, "outside_root"),
    "source is its root": ({"source_path": "/source"}, "outside_root"),
    "source relative": ({"source_path": "a.jpg"}, "outside_root"),
    "source empty": ({"source_path": ""}, "outside_root"),
    "copy elsewhere": ({"destination_path": "/archive-2/a.jpg"}, "outside_root"),
    "copy by way of ..": ({"destination_path": "/archive/../a.jpg"}, "outside_root"),
    "no copy": ({"destination_path": ""}, "outside_root"),
    "one path for both": (
        {"source_root": "/", "source_path": "/archive/a.jpg", "destination_path": "/archive/a.jpg"},
        "same_file",
    ),
    "source in the archive": ({"source_root": "/", "source_path": "/archive/b.jpg"}, "outside_root"),
}


@pytest.mark.parametrize(("changes", "status"), BEFORE.values(), ids=BEFORE.keys())
def test_what_a_row_alone_tells(changes: dict[str, str], status: str) -> None:
    verdict = check_row(ROW._replace(**changes))  # type: ignore[arg-type]  # texts, all of them
    assert_verdict(verdict, status)


LOOKS = {
    "two files of one size": (look(1), look(2), "copied", ""),
    "one inode on two devices": (look(1), look(1, device=2), "copied", ""),
    "no copy": (look(1), None, "copied", "archive_missing"),
    "neither": (None, None, "copied", "archive_missing"),
    "no copy of a moved file": (None, None, "moved", "archive_missing"),
    "no source": (None, look(2), "copied", "source_missing"),
    "moved away": (None, look(2), "moved", ""),
    "moved and there again": (look(1), look(2), "moved", ""),
    "one file": (look(1), look(1), "copied", "same_file"),
    "one folder": (look(1, kind=stat.S_IFDIR), look(1, kind=stat.S_IFDIR), "copied", "same_file"),
    "the source is a link": (look(1, kind=stat.S_IFLNK), look(2), "copied", "not_regular"),
    "the copy is a link": (look(1), look(2, kind=stat.S_IFLNK), "copied", "not_regular"),
    "the copy of a moved file is a link": (None, look(2, kind=stat.S_IFLNK), "moved", "not_regular"),
    "the copy is a folder": (look(1), look(2, kind=stat.S_IFDIR), "copied", "not_regular"),
    "the source is a pipe": (look(1, kind=stat.S_IFIFO), look(2), "copied", "not_regular"),
    "other sizes": (look(1), look(2, size=11), "copied", "size_differs"),
    "an empty copy": (look(1), look(2, size=0), "copied", "size_differs"),
    "both empty": (look(1, size=0), look(2, size=0), "copied", ""),
}


@pytest.mark.parametrize(("source", "copy", "was", "status"), LOOKS.values(), ids=LOOKS.keys())
def test_what_a_look_tells(source: os.stat_result | None, copy: os.stat_result | None, was: str, status: str) -> None:
    assert_verdict(check_stat(ROW._replace(report_status=was), source, copy), status)


class Pair:
    """One file in a source and its copy in an archive, on disk."""

    def __init__(self, root: Path) -> None:
        self.source, self.copy = root / "source" / "a.jpg", root / "archive" / "2019" / "a.jpg"
        for path in (self.source, self.copy):
            path.parent.mkdir(parents=True)
            path.write_bytes(b"content")
        self.row = ROW._replace(
            source_path=str(self.source),
            destination_path=str(self.copy),
            source_root=str(root / "source"),
            archive_root=str(root / "archive"),
        )
        self.read: list[int] = []
        self.monitor = Monitor(self.read.append)

    def examine(self, row: VerifyRow | None = None, mount_points: frozenset[str] = frozenset()) -> VerifyRow:
        disk = disk_access(self.monitor)
        disk.mount_points = mount_points
        return PairVerifier(disk, cold=True, archive_only=False).verify(row or self.row)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_an_identical_pair_is_recorded_with_what_was_seen_of_it(pair: Pair) -> None:
    row = pair.examine()
    source, copy = os.stat(pair.source), os.stat(pair.copy)
    assert (row.status, row.reason, row.size_bytes) == ("identical", "", 7)
    assert row.sha256 == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert row.source_inode == f"{source.st_dev}:{source.st_ino}"
    assert row.archive_inode == f"{copy.st_dev}:{copy.st_ino}"
    assert row.verified_at
    assert (pair.monitor.files, sum(pair.read)) == (1, 7)


def test_a_row_whose_copy_is_missing_says_so(pair: Pair) -> None:
    os.unlink(pair.copy)
    row = pair.examine()
    assert row.status == "archive_missing"


def same_size(pair: Pair) -> None:
    pair.copy.write_bytes(b"c0ntent")


def hard_link(pair: Pair) -> None:
    pair.copy.unlink()
    os.link(pair.source, pair.copy)


def linked_source_folder(pair: Pair) -> None:
    pair.source.parent.rename(pair.source.parent.with_name("real"))
    pair.source.parent.mkdir()
    os.symlink(pair.source.parent.with_name("real"), pair.source.parent / "sub")
    pair.row = pair.row._replace(source_path=str(pair.source.parent / "sub" / "a.jpg"))


def linked_archive_folder(pair: Pair) -> None:
    pair.copy.parent.rename(pair.copy.parents[2] / "elsewhere")
    os.symlink(pair.copy.parents[2] / "elsewhere", pair.copy.parent)


def other_hash(pair: Pair) -> None:
    pair.row = pair.row._replace(sha256="0" * 64)


def archive_folder_is_a_link_to_the_source(pair: Pair) -> None:
    pair.copy.unlink()
    pair.copy.parent.rmdir()
    os.symlink(pair.source.parent, pair.copy.parent)


@pytest.mark.parametrize(
    ("happened", "status"),
    [
        (same_size, "content_differs"),
        (hard_link, "same_file"),
        (linked_source_folder, "outside_root"),
        (linked_archive_folder, "outside_root"),
        (other_hash, "content_differs"),
        (archive_folder_is_a_link_to_the_source, "same_file"),
    ],
)
def test_what_is_no_second_copy_is_not_called_identical(
    pair: Pair, happened: Callable[[Pair], None], status: str
) -> None:
    happened(pair)
    assert pair.examine().status == status


@pytest.mark.parametrize("which", ["source", "copy"])
def test_a_file_on_which_something_is_mounted_is_no_copy(pair: Pair, which: str) -> None:
    path = str(pair.source if which == "source" else pair.copy)
    assert pair.examine(mount_points=frozenset({path})).status == "not_regular"


def test_a_moved_file_is_proved_by_the_hash_that_the_move_recorded(pair: Pair) -> None:
    sha256 = pair.examine().sha256
    pair.source.unlink()
    moved = pair.row._replace(report_status="moved", sha256=sha256)
    assert pair.examine(moved).status == "archive_intact"
    assert pair.examine(moved._replace(sha256="")).status == "source_missing"
    pair.copy.write_bytes(b"c0ntent")
    assert pair.examine(moved).status == "content_differs"


def test_an_archive_folder_that_is_a_file_is_a_missing_copy(pair: Pair) -> None:
    pair.copy.unlink()
    pair.copy.parent.rmdir()
    pair.copy.parent.write_bytes(b"")
    assert pair.examine().status == "archive_missing"


def test_an_archive_that_cannot_be_looked_at_stops_the_run(pair: Pair) -> None:
    too_long = str(pair.copy.parent / ("x" * 300))
    with pytest.raises(StoppedEarly, match="check the disk"):
        pair.examine(pair.row._replace(destination_path=too_long))


def test_looking_leaves_both_folders_as_they_were(pair: Pair) -> None:
    times = {}
    for folder in (pair.source.parent, pair.copy.parent):
        os.utime(folder, ns=(1, 10**18))
        times[folder] = (os.stat(folder).st_mtime_ns, os.listdir(folder))
    pair.examine()
    assert times == {folder: (os.stat(folder).st_mtime_ns, os.listdir(folder)) for folder in times}

"""A copy is whole and durable or it is not there; a source that changes is no copy."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import ChangedWhileReading, Interrupted, NotRegular, RowFailed, StoppedEarly
from common.fileops.copying import commit_copy, copy_to_temporary
from common.fileops.os_errors import write_error
from common.hashing.chunks import CHUNK
from common.hashing.identity import identity_of
from tests.fileops.fault_actions import append_to, full_disk, put
from tests.support.monitor import Monitor
from tests.support.trees import make_pipe, read_tree

OLD = 1_234_567_890_123_456_789


def test_a_copy_has_the_content_time_permissions_and_extended_attributes_of_its_source(folder: Path) -> None:
    (folder / "target").mkdir()
    data = os.urandom(CHUNK + 7)
    source = put(folder / "a.jpg", data)
    os.chmod(source, 0o640)
    if sys.platform == "linux":
        os.setxattr(source, "user.tags", b"holiday\0beach")
    os.utime(source, ns=(5, OLD))
    counts: list[int] = []
    staged = copy_to_temporary(source, f"{folder}/target", Monitor(counts.append))
    staged.sync()
    commit_copy(staged, f"{folder}/target/b.jpg")
    status = os.stat(folder / "target" / "b.jpg")
    assert read_tree(folder / "target") == {"b.jpg": data}
    assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (OLD, 0o640)
    assert staged.sha256 == hashlib.sha256(data).hexdigest()
    assert staged.identity == identity_of(os.stat(source))
    assert staged.unsupported_attributes == ()
    assert sum(counts) == len(data)
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
        staged = copy_to_temporary(source, str(folder))
    staged.discard()
    assert staged.unsupported_attributes == ("extended attribute user.tags",)


def test_a_copy_that_finds_its_name_taken_leaves_the_stranger_and_can_be_discarded(folder: Path) -> None:
    source = put(folder / "a.jpg", b"content")
    put(folder / "b.jpg", b"stranger")
    staged = copy_to_temporary(source, str(folder))
    with pytest.raises(FileExistsError):
        commit_copy(staged, f"{folder}/b.jpg")
    staged.discard()
    staged.discard()
    assert read_tree(folder) == {"a.jpg": b"content", "b.jpg": b"stranger"}


def change(path: str) -> Callable[[int], None]:
    once = iter(["!"])

    def now(_: int) -> None:
        with open(path, "a") as file:
            file.write(next(once, ""))

    return now


def test_a_source_that_changes_while_it_is_copied_fails_and_leaves_nothing(folder: Path) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    with pytest.raises(ChangedWhileReading):
        copy_to_temporary(source, f"{folder}/target", Monitor(change(source)))
    assert os.listdir(folder / "target") == []


def test_a_source_that_grows_all_the_while_is_not_copied_without_end(folder: Path) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    calls = iter(range(100))

    def grow(_: int) -> None:
        next(calls)  # fails the test instead of filling the disk
        append_to(source)

    with pytest.raises(ChangedWhileReading):
        copy_to_temporary(source, f"{folder}/target", Monitor(grow))
    assert os.listdir(folder / "target") == []


def test_a_stop_while_copying_leaves_nothing(folder: Path) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    with pytest.raises(Interrupted):
        copy_to_temporary(source, f"{folder}/target", Monitor(stop=lambda: True))
    assert os.listdir(folder / "target") == []


def test_a_full_disk_stops_the_run_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "target").mkdir()
    source = put(folder / "a.jpg", b"x" * 100)
    monkeypatch.setattr("common.fileops.copying.write_all", full_disk)
    with pytest.raises(
        StoppedEarly, match=r"a\.jpg does not fit into .*target: it has 100 bytes, and the disk or the quota is full"
    ):
        copy_to_temporary(source, f"{folder}/target")
    assert os.listdir(folder / "target") == []


def test_a_source_that_is_missing_a_link_or_a_pipe_fails_its_row(folder: Path) -> None:
    (folder / "target").mkdir()
    put(folder / "real.jpg", b"x")
    os.symlink("real.jpg", folder / "link.jpg")
    make_pipe(folder / "pipe.jpg")
    for name, kind in {"missing.jpg": RowFailed, "link.jpg": RowFailed, "pipe.jpg": NotRegular}.items():
        with pytest.raises(kind):
            copy_to_temporary(f"{folder}/{name}", f"{folder}/target")
    assert os.listdir(folder / "target") == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StoppedEarly), (errno.EIO, StoppedEarly), (errno.EROFS, StoppedEarly), (errno.EACCES, RowFailed)],
)
def test_errors_that_the_next_file_would_meet_as_well_stop_the_run(number: int, kind: type[Exception]) -> None:
    assert type(write_error("/a", OSError(number, os.strerror(number)))) is kind


def test_a_copy_whose_closing_fails_is_removed(folder: Path) -> None:
    put(folder / "a.jpg", b"content")
    staged = copy_to_temporary(f"{folder}/a.jpg", str(folder))
    os.close(staged.fd)  # so that closing it fails, as it does on a disk that tells only then that it is full
    staged.discard()
    assert read_tree(folder) == {"a.jpg": b"content"}

"""A lock keeps a second run out, and nothing of it outlives the process that held it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadInput, Locked
from common.fileops.locking import Lock, lock_unless_read_only
from tests.support.scripts import ROOT

HOLD = """import sys, time
from common.fileops.locking import Lock

lock = Lock(sys.argv[1])
print(1, flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds ``run.lock`` by now."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run.lock")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield process
        process.kill()


def test_a_second_process_is_refused_until_the_first_is_killed_and_nothing_is_to_be_cleaned(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    path = tmp_path / "run.lock"
    with pytest.raises(Locked, match="another run is at work here"):
        Lock(str(path))
    holder.kill()
    holder.wait()
    with Lock(str(path)):
        assert path.exists()


def test_a_lock_can_be_taken_again_after_its_block_but_not_within(tmp_path: Path) -> None:
    path = str(tmp_path / "run.lock")
    with Lock(path), pytest.raises(Locked):
        Lock(path)
    with Lock(path):
        pass


def test_the_lock_file_stays_so_that_two_runs_always_meet_at_the_same_one(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with Lock(str(path)):
        inode = path.stat().st_ino
    with Lock(str(path)):
        assert path.stat().st_ino == inode


def test_a_lock_that_cannot_be_made_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing.run\.lock: cannot make the lock file"):
        Lock(str(tmp_path / "missing" / "run.lock"))


def test_a_link_is_not_taken_for_a_lock_file(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"p")
    os.symlink(tmp_path / "photo.jpg", tmp_path / "run.lock")
    with pytest.raises(BadInput):
        Lock(str(tmp_path / "run.lock"))


def test_where_files_can_be_written_the_lock_is_a_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "run.lock")
    with lock_unless_read_only(path), pytest.raises(Locked):
        Lock(path)


def test_a_file_system_mounted_read_only_needs_no_lock() -> None:
    read_only = next((folder for folder in ("/sys", "/proc/sys", "/sys/fs/cgroup") if is_read_only(folder)), None)
    if read_only is None:
        pytest.skip("no folder is mounted read-only: run the tests in a container, where /sys is")
    with lock_unless_read_only(f"{read_only}/run.lock"):
        assert not os.path.lexists(f"{read_only}/run.lock")


def is_read_only(folder: str) -> bool:
    if sys.platform == "win32" or not os.path.isdir(folder):
        return False
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def test_b13_a_pipe_or_a_link_is_no_lock_and_the_advice_fits(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no named pipes in folders")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(BadInput, match="is no regular file; move it away, then run again"):
            Lock(str(tmp_path / name))

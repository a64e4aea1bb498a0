"""One folder under two names is recognised, and what killed runs left of their probing is cleared away."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import StoppedEarly
from common.fileops.mounts import SameDirectoryCheck, _host_id
from common.fileops.temporary import PROBE_PREFIX
from tests.support.trees import read_tree, write_tree

OLD = 1_234_567_890_123_456_789


@pytest.fixture
def stale() -> str:
    """The name of a probe whose process is gone."""
    if sys.platform == "win32":
        pytest.skip("Windows has no harmless way to ask whether a process lives: run the tests on Linux or macOS")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    return f"{PROBE_PREFIX}{_host_id()}-{dead.pid}-0011223344556677"


def test_one_folder_is_recognised_under_two_names_as_often_as_it_is_asked(tmp_path: Path) -> None:
    write_tree(tmp_path, {"one/": b"", "other/": b""})
    os.symlink("one", tmp_path / "link")
    check = SameDirectoryCheck()
    for _ in range(2):
        assert check.same_directory(f"{tmp_path}/one", f"{tmp_path}/link")
        assert not check.same_directory(f"{tmp_path}/one", f"{tmp_path}/other")


def test_probes_of_killed_runs_go_from_both_folders_before_these_are_probed(tmp_path: Path, stale: str) -> None:
    write_tree(tmp_path, {f"one/{stale}": b"", f"other/{stale}": b"", "one/a.jpg": b"a"})
    for name in ("one", "other"):
        os.utime(tmp_path / name, ns=(OLD, OLD))
    assert not SameDirectoryCheck().same_directory(f"{tmp_path}/one", f"{tmp_path}/other")
    assert read_tree(tmp_path) == {"one/a.jpg": b"a"}
    assert [os.stat(tmp_path / name).st_mtime_ns for name in ("one", "other")] == [OLD, OLD]


def test_a_folder_can_be_cleared_without_being_probed(tmp_path: Path, stale: str) -> None:
    write_tree(tmp_path, {stale: b"", "a.jpg": b"a"})
    check = SameDirectoryCheck()
    check.remove_stale_probes(str(tmp_path))
    check.remove_stale_probes(f"{tmp_path}/missing")
    assert read_tree(tmp_path) == {"a.jpg": b"a"}


def test_a_folder_in_which_nothing_more_can_be_made_is_not_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses the probe, but a file can be removed from it: so nobody may go on there."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    real = os.open

    def full(path: str, flags: int, mode: int = 0o777, **rest: int) -> int:
        if ".media-probe-" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return real(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StoppedEarly, match="free some space"):
        SameDirectoryCheck().same_directory(str(tmp_path / "one"), str(tmp_path / "other"))

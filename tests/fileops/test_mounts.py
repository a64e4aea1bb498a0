"""One folder under two names is recognised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.fileops.mounts import _host_id, is_same_directory, remove_stale_probes
from common.fileops.temporary import PROBE_PREFIX
from tests.support.trees import read_tree, write_tree

OLD = 1_234_567_890_123_456_789


def test_one_folder_is_recognised_under_two_names_and_two_are_told_apart(folder: Path) -> None:
    write_tree(folder, {"one/": b"", "other/": b""})
    os.symlink("one", folder / "link")
    assert is_same_directory(f"{folder}/one", f"{folder}/link")
    assert is_same_directory(f"{folder}/link", f"{folder}/one")
    assert not is_same_directory(f"{folder}/one", f"{folder}/other")
    assert not is_same_directory(f"{folder}/one", f"{folder}/missing")


def test_a_probe_leaves_no_file_and_the_folder_its_time(folder: Path) -> None:
    write_tree(folder, {"one/a.jpg": b"a", "other/": b""})
    for name in ("one", "other"):
        os.utime(folder / name, ns=(OLD, OLD))
    is_same_directory(f"{folder}/one", f"{folder}/other")
    assert read_tree(folder) == {"one/a.jpg": b"a"}
    assert [os.stat(folder / name).st_mtime_ns for name in ("one", "other")] == [OLD, OLD]


def test_probes_of_dead_runs_on_this_machine_are_removed_and_no_others(folder: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no harmless way to ask whether a process lives: run the tests on Linux or macOS")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours = f"{PROBE_PREFIX}{_host_id()}"
    stale = f"{ours}-{dead.pid}-0011223344556677"
    kept = {
        f"{ours}-{os.getpid()}-0011223344556677": b"",
        f"{PROBE_PREFIX}00000000-{dead.pid}-0011223344556677": b"",
        f"{ours}-strange-name": b"",
        f"{ours}-99999999999999999999-0011223344556677": b"",
        "a.jpg": b"a",
    }
    write_tree(folder, {stale: b"", **kept})
    remove_stale_probes(str(folder))
    remove_stale_probes(f"{folder}/missing")
    assert read_tree(folder) == kept

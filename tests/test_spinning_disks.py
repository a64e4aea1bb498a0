"""How many files at a time suit the disks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.concurrency import DEFAULT_JOBS, is_on_spinning_disk, suitable_jobs


@pytest.mark.parametrize("spinning", ["/source", "/archive"])
def test_one_spinning_disk_is_enough_to_go_through_the_files_one_by_one(spinning: str) -> None:
    jobs, reason = suitable_jobs(["/source", "/archive"], lambda path: path == spinning)
    assert (jobs, reason) == (1, f"{spinning} is on a spinning disk")


def test_other_disks_are_asked_for_several_files_at_a_time() -> None:
    assert suitable_jobs(["/source", "/archive"], lambda _path: False)[0] == DEFAULT_JOBS > 1


def test_what_says_nothing_of_itself_does_not_spin(tmp_path: Path) -> None:
    assert not is_on_spinning_disk("/proc/version")
    assert not is_on_spinning_disk(str(tmp_path / "not" / "there")) or os.path.isdir("/sys/dev/block")


def test_a_disk_that_says_it_spins_is_believed_and_a_virtual_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree of sysfs as a real machine has it, with the disk under the number of this folder's."""
    disks = tmp_path / "devices"
    for name, says in (("sda", "1\n"), ("vda", "1\n"), ("nvme0n1", "0\n")):
        (disks / name / "queue").mkdir(parents=True)
        (disks / name / "queue" / "rotational").write_text(says)
    (disks / "sda" / "sda1").mkdir()
    (disks / "sda" / "sda1" / "partition").write_text("1\n")
    real = os.path.realpath
    for place, spins in (("sda", True), ("sda/sda1", True), ("vda", False), ("nvme0n1", False), ("none", False)):
        found = str(disks / place)
        monkeypatch.setattr(
            os.path, "realpath", lambda path, found=found: found if path.startswith("/sys/dev") else real(path)
        )
        monkeypatch.setattr("sys.platform", "linux")
        assert is_on_spinning_disk(str(tmp_path)) is spins, place

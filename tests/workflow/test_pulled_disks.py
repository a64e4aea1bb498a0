"""A disk is pulled at a known moment of a run: nothing is recorded for it, and the same command comes to its end."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.archive import MountedDisks
from common.errors import StoppedEarly
from common.filesystems import block_devices_of
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, call
from tests.support.tables import read_rows, statuses
from tests.support.trees import archived, read_tree, write_tree

if sys.platform == "win32":
    pytest.skip("Windows has no mount", allow_module_level=True)

FOREVER = ("--delete-permanently", "--yes-really-delete")
PHOTOS = {f"{number:02}.jpg": jpeg(seed=number) for number in range(12)}
COUNT = len(PHOTOS)


class Disk:
    """A folder that is mounted at another one, and can be pulled."""

    def __init__(self, content: Path, point: Path) -> None:
        self.content, self.point = content, point
        content.mkdir(parents=True)
        point.mkdir(parents=True, exist_ok=True)

    def plug_in(self) -> None:
        if subprocess.run(["mount", "--bind", self.content, self.point], check=False, capture_output=True).returncode:
            pytest.skip("nothing can be mounted: run the tests as root on Linux")

    def pull(self) -> None:
        subprocess.run(["umount", "-l", self.point], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[Path], Disk]]:
    """Mounts a new disk at a folder."""
    disks: list[Disk] = []

    def mounted(point: Path) -> Disk:
        made = Disk(tmp_path / f"disk-{len(disks)}", point)
        disks.append(made)
        made.plug_in()
        return made

    yield mounted
    for made in reversed(disks):
        subprocess.run(["umount", "-l", made.point], check=False, capture_output=True)


@pytest.fixture
def usb(tmp_path: Path, disk: Callable[[Path], Disk]) -> Disk:
    """The disk of the source."""
    made = disk(tmp_path / "home" / "source")
    write_tree(made.point, PHOTOS)
    return made


@pytest.fixture
def home(tmp_path: Path, usb: Disk) -> Library:
    return Library.at(tmp_path / "home", {}, source=usb.point)


def pull_at(monkeypatch: pytest.MonkeyPatch, disk: Disk, name: str, number: int) -> None:
    """Pull a disk just before a function, named by its module and qualified name, is called for the n-th time."""
    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original, calls = getattr(owner, last), itertools.count(1)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == number:
            disk.pull()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, last, wrapped)


@pytest.fixture
def pulled_and_again(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a command while a disk is pulled: it must stop, and write nothing where it was; then runs it again."""

    def run(disk: Disk, name: str, number: int, script: str, line: tuple[Argument, ...]) -> None:
        folder = disk.content.parent
        with monkeypatch.context() as patches:
            pull_at(patches, disk, name, number)
            stopped = call(script, *line, "--jobs", "1", cwd=folder, expect=3)
        assert "mount " in stopped.error
        assert read_tree(disk.point) == {}
        disk.plug_in()
        call(script, *line, "--jobs", "1", cwd=folder)

    return run


@pytest.mark.parametrize("mode", ["report", "copy", "move"])
@pytest.mark.parametrize("number", [1, 5, COUNT])
def test_b3_the_source_is_pulled_while_its_files_are_dated(
    pulled_and_again: Callable[..., None], home: Library, usb: Disk, mode: str, number: int
) -> None:
    pulled_and_again(usb, "common.organize.dating_pool:_date_group", number, ORGANIZE, home.organize_line(mode))
    done = {"report": "planned", "copy": "copied", "move": "moved"}[mode]
    assert statuses(read_rows(home.report)) == {done: COUNT}


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_b3_the_source_is_pulled_while_its_files_are_stored(
    pulled_and_again: Callable[..., None], home: Library, usb: Disk, mode: str
) -> None:
    method = {"copy": "_copy", "move": "_move"}[mode]
    moment = f"common.organize.executor:CopyExecutor.{method}"
    pulled_and_again(usb, moment, 5, ORGANIZE, home.organize_line(mode))
    assert sorted(archived(home.archive).values()) == sorted(PHOTOS.values())
    assert "failed" not in statuses(read_rows(home.report))


@pytest.mark.parametrize("number", [1, 5, COUNT])
def test_b3_the_source_is_pulled_while_it_is_verified(
    pulled_and_again: Callable[..., None], home: Library, usb: Disk, number: int
) -> None:
    home.organize()
    moment = "common.verify.verifier:PairVerifier._verify_pair"
    pulled_and_again(usb, moment, number, VERIFY, home.verify_line())
    assert len(read_rows(home.verified)) == COUNT
    assert read_rows(home.unverified) == []


@pytest.mark.parametrize("options", [(), FOREVER])
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("common.apply.quarantine:_require_two_folders", 1),
        ("common.apply.run:ApplySession.__init__", 1),
        ("common.apply.run:ApplySession.begin", 1),
        ("common.apply.executor:TaskExecutor.apply_task", 5),
    ],
)
def test_b3_the_source_is_pulled_while_originals_are_taken(
    pulled_and_again: Callable[..., None], home: Library, usb: Disk, options: tuple[str, ...], name: str, number: int
) -> None:
    home.organize()
    home.verify()
    pulled_and_again(usb, name, number, APPLY, home.apply_line(*options))
    assert home.photos() == {}
    assert home.quarantined == ({} if options else PHOTOS)
    if not options:
        home.restore()
        assert home.photos() == PHOTOS


@pytest.mark.parametrize("number", [1, 5, COUNT])
def test_b3_the_disk_of_the_quarantine_is_pulled_in_a_purge(
    pulled_and_again: Callable[..., None], tmp_path: Path, disk: Callable[[Path], Disk], number: int
) -> None:
    home = Library.at(tmp_path / "home", PHOTOS)
    bin_disk = disk(tmp_path / "quarantine")
    home.organize()
    home.verify()
    home.apply("--quarantine-root", bin_disk.point)
    journal = bin_disk.point / home.run_id / "journal.csv"
    line = ("--manifest", journal, "--expected-run-id", "auto", *FOREVER)
    pulled_and_again(bin_disk, "common.apply.executor:TaskExecutor._purge", number, APPLY, line)
    assert "skipped" not in {row["phase"] for row in read_rows(journal.with_name("journal-purge.csv"))}
    assert list(bin_disk.point.rglob("*.jpg")) == []


def test_b3_the_source_is_pulled_while_files_are_restored_to_it(
    pulled_and_again: Callable[..., None], tmp_path: Path, home: Library, usb: Disk
) -> None:
    """Its empty mount point would take the rest: hidden, when the disk is back."""
    home.organize()
    home.verify()
    elsewhere = tmp_path / "elsewhere"
    home.apply("--quarantine-root", elsewhere)
    line = home.restore_line(elsewhere / home.run_id / "journal.csv")
    pulled_and_again(usb, "common.apply.executor:TaskExecutor._restore", 5, APPLY, line)
    assert home.photos() == PHOTOS


def test_b3_a_disk_below_a_source_that_is_named_by_a_link_is_missed(
    tmp_path: Path, disk: Callable[[Path], Disk]
) -> None:
    card = disk(tmp_path / "home" / "card")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "home")
    disks = MountedDisks(str(link))
    disks.require()
    card.pull()
    with pytest.raises(StoppedEarly, match="was taken away while this run was at work"):
        disks.require()


def test_b3_a_snapshot_below_the_source_that_is_unmounted_by_itself_is_no_disk(
    tmp_path: Path, disk: Callable[[Path], Disk]
) -> None:
    snapshot = disk(tmp_path / "home" / ".zfs" / "snapshot" / "daily")
    disks = MountedDisks(str(tmp_path / "home"))
    snapshot.pull()
    disks.require()


@pytest.mark.parametrize(("slaves", "found"), [(["sdx1"], {"dm-9", "sdx1"}), (["sdx1", "sdy1"], {"dm-9"})])
def test_b3_the_drives_below_a_volume_are_those_without_which_it_is_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slaves: list[str], found: set[str]
) -> None:
    volume = tmp_path / "dm-9"
    for name in slaves:
        (tmp_path / name).mkdir()
        (volume / "slaves").mkdir(parents=True, exist_ok=True)
        (volume / "slaves" / name).symlink_to(tmp_path / name)
    monkeypatch.setattr("common.filesystems._folder_in_sys", lambda _device: str(volume))
    assert {os.path.basename(folder) for folder in block_devices_of(str(tmp_path))} == found


def test_b3_a_folder_that_may_not_be_listed_is_no_disk_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    disks = MountedDisks(str(tmp_path))
    monkeypatch.setattr("common.archive.os.scandir", refuse)
    disks.require()

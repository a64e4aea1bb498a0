"""The archive's disk is away when a run goes on: its empty mount point is no archive, and none is founded there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from common.archive import MountedDisks
from common.errors import StoppedEarly
from common.filesystems import FileSystem, block_devices_of
from common.organize.run import BATCH_FILES
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import files_below, finish, start, wait_until
from tests.support.tables import read_rows, statuses
from tests.support.trees import archived, read_tree, snapshot, write_tree

if sys.platform == "win32":
    pytest.skip("Windows has no SIGKILL: run the tests on Linux or macOS", allow_module_level=True)

FOREVER = ("--delete-permanently", "--yes-really-delete")
COUNT = 2_500  # more than two batches: the kill comes in time
TREE = {f"IMG_{number:04d}.jpg": jpeg(datetime(2019, 5, 1), seed=number) for number in range(COUNT)}
FEW = 300  # enough to be stopped in the middle of
SOME = dict(list(TREE.items())[:FEW])


@contextmanager
def away(home: Library) -> Iterator[None]:
    """The disk is not mounted: an empty folder stands where it was."""
    aside = home.archive.with_name("elsewhere")
    os.rename(home.archive, aside)
    home.archive.mkdir()
    yield
    assert not list(home.archive.iterdir()), "something was written to the mount point"
    home.archive.rmdir()
    os.rename(aside, home.archive)


@pytest.fixture
def half_done(library: LibraryMaker) -> Library:
    """A move that was killed in its second batch."""
    home = library(TREE)
    process = start(scripts.ORGANIZE, *home.organize_line("move"), cwd=home.out)
    try:
        wait_until(lambda: files_below(home.archive) > BATCH_FILES, process)
    finally:
        process.kill()
        process.communicate()
    return home


def test_a_move_waits_for_its_archive_and_then_comes_to_its_end(half_done: Library) -> None:
    with away(half_done):
        before = snapshot(half_done.source)
        result = half_done.organize(mode="move", expect=3)
        assert "mount the disk" in result.error
        assert snapshot(half_done.source) == before
    half_done.organize(mode="move")
    assert sorted(archived(half_done.archive).values()) == sorted(TREE.values())
    half_done.verify(expect=0)
    half_done.restore(half_done.report)
    assert read_tree(half_done.source) == TREE


def test_a_new_photo_under_the_name_of_one_that_was_moved_is_not_passed_by(half_done: Library) -> None:
    """Cameras count from one again."""
    moved = half_done.source / "IMG_0000.jpg"
    assert not moved.exists()
    new = jpeg(datetime(2012, 5, 1), seed=COUNT + 1)
    moved.write_bytes(new)
    half_done.organize(mode="move")
    assert half_done.photos() == {}
    assert sorted(archived(half_done.archive).values()) == sorted([*TREE.values(), new])
    rows = read_rows(half_done.report)
    assert [row["status"] for row in rows if row["source_path"] == str(moved)] == ["moved", "moved"]
    assert len({row["row_id"] for row in rows}) == len(rows) == COUNT + 1


def test_a_plan_of_an_archive_waits_for_it(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    home.organize()
    plan = home.out / "plan.csv"
    (home.source / "b.jpg").write_bytes(jpeg(datetime(2019, 5, 1), seed=2))
    roots = ("--source", home.source, "--destination-root", home.archive)
    scripts.call(scripts.ORGANIZE, *roots, "--report-csv", plan, cwd=home.out)
    line = ("--from-report", plan, "--mode", "copy", "--report-csv", home.out / "done.csv")
    with away(home):
        result = scripts.call(scripts.ORGANIZE, *line, cwd=home.out, expect=3)
        assert "mount the disk" in result.error
    scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    assert len(archived(home.archive)) == 2


@pytest.mark.parametrize("stage", ["verify", "restore"])
def test_a_report_that_is_not_finished_is_no_input(half_done: Library, stage: str) -> None:
    """Its last batch would be left out without a word, and all of it where nothing is recorded yet."""
    restore = ("--manifest", half_done.report, "--expected-run-id", "auto", "--restore")
    script, line = {"verify": (scripts.VERIFY, half_done.verify_line()), "restore": (scripts.APPLY, restore)}[stage]
    before = snapshot(half_done.root)
    result = scripts.call(script, *line, cwd=half_done.out, expect=2)
    assert f"{half_done.report} is not finished" in result.error
    assert snapshot(half_done.root) == before


def test_verify_waits_for_the_source(library: LibraryMaker) -> None:
    """A disk that is away is no reason to write down that its files are missing."""
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    home.organize()
    home.source.rename(home.root / "elsewhere")
    assert f"{home.source} does not exist" in home.verify(expect=3).error
    (home.root / "elsewhere").rename(home.source)
    assert "1  identical" in home.verify().stdout


def test_an_archive_that_is_begun_is_told_of(library: LibraryMaker) -> None:
    """An empty mount point looks like a new archive: whoever expected an old one must see it."""
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    plan = ("--source", home.source, "--destination-root", home.archive, "--report-csv")
    told = scripts.call(scripts.ORGANIZE, *plan, home.out / "plan.csv", cwd=home.out)
    assert f"copy or move will begin a new archive: {home.archive}" in told.stdout
    assert f"a new archive was begun: {home.archive}" in home.organize().stdout
    told = scripts.call(scripts.ORGANIZE, *plan, home.out / "plan-2.csv", cwd=home.out)
    assert "new archive" not in told.stdout


def test_a_plan_that_is_not_finished_is_not_carried_out(half_done: Library) -> None:
    line = ("--from-report", half_done.report, "--mode", "copy", "--report-csv", half_done.out / "copy.csv")
    result = scripts.call(scripts.ORGANIZE, *line, cwd=half_done.out, expect=2)
    assert f"{half_done.report} is not finished" in result.error


@pytest.mark.parametrize(
    "names",
    [
        ["#recycle/old.jpg"],
        ["DCIM/card/"],
        ["DCIM/.DS_Store"],
        [".media-quarantine/.media-quarantine", ".media-quarantine/3f2504e0-4f89-41d3-9a0c-0305e82c3301/journal.csv"],
    ],
)
def test_b15_a_source_in_which_there_is_nothing_to_scan_is_a_disk_that_is_away(
    library: LibraryMaker, names: list[str]
) -> None:
    """Folders on which disks are mounted, and what a run left that met no disk, are no source."""
    home = library({name: b"x" for name in names if not name.endswith("/")})
    for name in names:
        (home.source / os.path.dirname(name)).mkdir(parents=True, exist_ok=True)
    for mode in ("report", "copy", "move"):
        assert "the source is empty: is its disk mounted?" in home.organize(mode=mode, expect=3).error
    assert not home.archive.exists()
    assert list(home.out.iterdir()) == []


def test_b15_a_source_that_is_meant_to_be_empty_is_no_fault(library: LibraryMaker) -> None:
    home = library({"note.txt": b"the camera's cards go here"})
    home.organize(mode="move")


def test_b15_a_source_from_which_all_was_quarantined_is_there(ready: Library) -> None:
    ready.apply()
    (ready.out / "report.csv.state.json").unlink()
    ready.report.unlink()
    assert f"there is nothing in {ready.source}" in ready.organize().stdout


def test_b15_a_source_from_which_all_was_deleted_is_there(ready: Library) -> None:
    ready.apply(*FOREVER)
    (ready.out / "report.csv.state.json").unlink()
    ready.report.unlink()
    assert f"there is nothing in {ready.source}" in ready.organize().stdout


@pytest.mark.parametrize("has_state", [True, False])
def test_b2_a_journal_that_a_cloud_mount_has_not_uploaded_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, ready: Library, has_state: bool
) -> None:
    """As after a driver with a write cache was killed: for a while its files are empty."""
    ready.apply("--limit", "2")
    whole = ready.journal.read_bytes()
    ready.journal.write_bytes(b"")
    [state] = ready.journal.parent.glob("*.state.json")
    if not has_state:
        state.rename(ready.out / "state")
    cloud = FileSystem(str(ready.source), "fuse.rclone", "remote:")
    with monkeypatch.context() as patches:
        patches.setattr("common.apply.run.file_system_of", lambda _path: cloud)
        assert "wait until what is in its cache is uploaded" in ready.apply(expect=3).error
    ready.journal.write_bytes(whole)
    if not has_state:
        (ready.out / "state").rename(state)
    ready.apply()
    assert ready.photos() == {}


def test_b15_the_archive_inside_a_source_is_no_source(library: LibraryMaker) -> None:
    home = library({})
    inside = Library(home.root, home.source, home.source / "archive", home.out)
    inside.archive.mkdir()
    (inside.archive / "note.txt").write_bytes(b"x")
    inside.organize(expect=3)
    (inside.source / "a.jpg").write_bytes(jpeg())
    inside.organize(mode="move")
    (inside.out / "report.csv.state.json").unlink()
    inside.report.unlink()
    inside.organize()


def test_an_archive_that_is_given_as_the_source_is_told_of(library: LibraryMaker) -> None:
    """Archives may be joined, but a mistaken --source must be seen before every photo is taken out of an archive."""
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    assert "ARCHIVE ITSELF" not in home.organize().stdout + home.verify().stdout
    swapped = Library(home.root, home.archive, home.root / "other", home.root / "swapped")
    swapped.out.mkdir()
    warning = f"THE SOURCE IS AN ARCHIVE ITSELF: {home.archive}"
    assert warning in swapped.organize("--dry-run").stdout
    assert warning in swapped.organize().stdout
    assert warning in swapped.verify().stdout
    assert warning in swapped.apply("--dry-run").stdout


def test_an_archive_in_an_archive_is_told_of(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    home.organize()
    for what, source, archive in (
        ("ARCHIVE", home.source, home.archive / "2019"),
        ("SOURCE", home.archive / "2019", home.root / "new"),
    ):
        line = ("--source", source, "--destination-root", archive, "--dry-run")
        told = scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
        assert f"THE {what} LIES IN ANOTHER ARCHIVE: {home.archive}" in told.stdout


@contextmanager
def stopped_when(
    condition: Callable[[], bool], script: str, *args: scripts.Argument, cwd: Path, told: str = "mount the disk"
) -> Iterator[None]:
    """A run that stands still while the block is at work, and then must say that a disk is away (exit 3)."""
    process = start(script, *args, "--jobs", "1", cwd=cwd)
    assert wait_until(condition, process), "was quicker than the stop signal"
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)
    assert told in finish(process, expect=3).error


@pytest.fixture
def mounted_source(tmp_path: Path) -> Iterator[Library]:
    """A library whose source is mounted, and can be taken away by ``umount -l``."""
    home = Library.at(tmp_path / "home", {}, source=tmp_path / "home" / "source")
    write_tree(tmp_path / "disk", SOME)
    if subprocess.run(["mount", "--bind", tmp_path / "disk", home.source], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted: run the tests as root on Linux")
    yield home
    subprocess.run(["umount", "-l", home.source], check=False, capture_output=True)


@pytest.mark.parametrize("mode", ["report", "copy"])
def test_b3_a_source_that_is_pulled_while_it_is_read_leaves_no_row_that_says_so(
    mounted_source: Library, mode: str
) -> None:
    home = mounted_source
    begun = home.out if mode == "report" else home.archive

    def is_at_work() -> bool:
        return files_below(begun) > (0 if mode == "report" else 50)

    with stopped_when(
        is_at_work, scripts.ORGANIZE, *home.organize_line(mode), cwd=home.out, told="mount the disk again"
    ):
        subprocess.run(["umount", "-l", home.source], check=True)
    assert "failed" not in statuses(read_rows(home.report))
    subprocess.run(["mount", "--bind", home.root.parent / "disk", home.source], check=True)
    home.organize(mode=mode)
    assert statuses(read_rows(home.report)) == {"planned" if mode == "report" else "copied": FEW}


@pytest.mark.parametrize("roots", [1, 2])
def test_b3_a_disk_that_is_mounted_below_the_source_is_missed(mounted_source: Library, roots: int) -> None:
    home = mounted_source
    disks = MountedDisks(str(home.source), str(home.root)) if roots == 2 else MountedDisks(str(home.root))
    disks.require()
    subprocess.run(["umount", "-l", home.source], check=True)
    with pytest.raises(StoppedEarly, match="was taken away while this run was at work"):
        disks.require()


def test_b3_a_drive_that_is_unplugged_is_missed_though_its_file_system_stays_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under btrfs and LUKS: folders are still listed, from memory, and files can't be read."""
    drive = tmp_path / "sys" / "sdb1"
    drive.mkdir(parents=True)
    monkeypatch.setattr("common.archive.block_devices_of", lambda _path: [str(drive)])
    disks = MountedDisks(str(tmp_path))
    disks.require()
    drive.rmdir()
    with pytest.raises(StoppedEarly, match="was unplugged while this run was at work"):
        disks.require()


def test_b3_the_drive_below_a_file_system_with_a_device_number_of_its_own_is_found(tmp_path: Path) -> None:
    if not shutil.which("mkfs.btrfs"):
        pytest.skip("mkfs.btrfs is missing: apt install btrfs-progs")
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(128 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], check=False, capture_output=True).returncode:
        pytest.skip("no image can be mounted: run the tests as root on Linux with btrfs and loop devices")
    try:
        devices = block_devices_of(str(folder))
    finally:
        subprocess.run(["umount", folder], check=True)
    assert [os.path.basename(device)[:4] for device in devices] == ["loop"]


@pytest.mark.parametrize(("mode", "disk"), [("copy", "source"), ("move", "archive")])
def test_a_disk_that_goes_away_while_files_are_stored_leaves_no_row_that_says_so(
    library: LibraryMaker, mode: str, disk: str
) -> None:
    home = library(SOME)
    folder = home.source if disk == "source" else home.archive
    aside = folder.with_name("elsewhere")
    line = home.organize_line(mode)
    with stopped_when(lambda: files_below(home.archive) > 50, scripts.ORGANIZE, *line, cwd=home.out):
        folder.rename(aside)
    if folder.exists():  # the mount point, on which a folder was made and nothing else
        assert not read_tree(folder)
        shutil.rmtree(folder)
    aside.rename(folder)
    home.organize(mode=mode)
    assert statuses(read_rows(home.report)) == {"copied" if mode == "copy" else "moved": FEW}
    assert sorted(archived(home.archive).values()) == sorted(SOME.values())


@pytest.mark.parametrize("way", ["purge", "quarantine"])
def test_an_archive_that_goes_away_while_originals_are_taken_leaves_no_row_that_says_so(
    library: LibraryMaker, way: str
) -> None:
    """The same command takes the rest; rows that had failed would have been passed by, with exit 0."""
    home = library(SOME)
    home.organize()
    home.verify()
    line: tuple[scripts.Argument, ...] = home.apply_line()
    if way == "purge":
        home.apply()
        line = ("--manifest", home.journal, "--expected-run-id", "auto", *FOREVER)
    place = home.quarantined_files if way == "purge" else home.source
    aside = home.archive.with_name("elsewhere")
    with stopped_when(lambda: files_below(place) < FEW - 50, scripts.APPLY, *line, cwd=home.out):
        home.archive.rename(aside)
    aside.rename(home.archive)
    scripts.call(scripts.APPLY, *line, cwd=home.out)
    assert home.photos() == {}
    assert len(home.quarantined) == (FEW if way == "quarantine" else 0)


def test_the_empty_mount_point_of_a_source_that_is_away_is_no_source_of_missing_files(ready: Library) -> None:
    away = ready.source.rename(ready.root / "away")
    ready.source.mkdir()
    assert "the source is empty: is its disk mounted?" in ready.apply(expect=3).error
    assert list(ready.source.iterdir()) == []
    ready.source.rmdir()
    away.rename(ready.source)
    ready.apply()
    assert ready.photos() == {}

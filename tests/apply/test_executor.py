"""Taking one original out of the source and bringing it back, on real files, also where a killed run stopped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from common.apply.executor import TaskExecutor, clear_leftovers
from common.apply.tasks import Task, quarantine_path
from common.fileops.temporary import TEMPORARY_PREFIX, set_aside_name
from common.manifests.rows import VERIFY
from common.manifests.statuses import Action
from common.timestamps import mtime_text
from tests.support.monitor import disk_access
from tests.support.trees import read_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
SHA256 = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"  # of b"content"


class Home:
    """A verified pair, and the task that takes its original."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source, self.copy = root / "source" / "a.jpg", root / "archive" / "a.jpg"
        for path in (self.source, self.copy):
            path.parent.mkdir()
            path.write_bytes(b"content")
        self.quarantined = Path(quarantine_path(str(root / "q"), RUN_ID, str(self.source)))
        source, copy = os.stat(self.source), os.stat(self.copy)
        blank = VERIFY.decode(dict.fromkeys(VERIFY.columns, "0"), "")
        row = blank._replace(
            run_id=RUN_ID,
            row_id=7,
            source_path=str(self.source),
            destination_path=str(self.copy),
            source_root=str(root / "source"),
            archive_root=str(root / "archive"),
            archive_id="an archive",
            size_bytes=7,
            source_mtime=mtime_text(source.st_mtime_ns),
            sha256=SHA256,
            source_inode=f"{source.st_dev}:{source.st_ino}",
            archive_inode=f"{copy.st_dev}:{copy.st_ino}",
            archive_mtime=mtime_text(copy.st_mtime_ns),
            verified_at="2024-05-01T12:34:56Z",
        )
        self.task = Task(Action.QUARANTINE, str(self.source), str(self.quarantined), row)
        self.delete = replace(self.task, action=Action.DELETE)
        self.restore = Task(Action.RESTORE, str(self.quarantined), str(self.source), row)
        self.purge = Task(Action.PURGE, str(self.quarantined), "", row)

    def executor(self, *, oldest_allowed: str = "", mount_points: frozenset[str] = frozenset()) -> TaskExecutor:
        disk = disk_access()
        disk.mount_points = mount_points
        return TaskExecutor(disk, oldest_allowed=oldest_allowed)

    def is_applied(self, task: Task) -> bool:
        """Whether the task has been carried out, as the disk shows: the journals say nothing."""
        return self.executor().is_applied(task, lambda _row_id: False)

    def do(
        self,
        task: Task,
        interrupted_before: bool = False,
        oldest_allowed: str = "",
        mount_points: frozenset[str] = frozenset(),
    ) -> str:
        outcome = self.executor(oldest_allowed=oldest_allowed, mount_points=mount_points).apply_task(
            task, interrupted_before
        )
        assert bool(outcome.reason) or outcome.phase == "done"
        return outcome.phase

    def where(self) -> set[str]:
        """In which of the three places the content stands."""
        files = read_tree(self.root)
        assert set(files.values()) <= {b"content"}, files
        return {name.split(os.sep)[0] for name in files}


def recorded(task: Task, mtime_ns: int) -> Task:
    """The same task, with another modification time in its row."""
    return replace(task, row=task.row._replace(source_mtime=mtime_text(mtime_ns)))


def folder_task(home: Home, path: str, permissions: str) -> Task:
    """The task to make a pruned folder again."""
    return Task(Action.RESTORE_FOLDER, "", str(home.root / path), home.task.row._replace(reason=permissions))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_an_original_goes_into_the_quarantine_and_comes_back_as_it_was(home: Home) -> None:
    before = os.stat(home.source)
    assert home.do(home.task) == "done"
    assert home.where() == {"archive", "q"}
    assert home.is_applied(home.task)
    assert home.do(home.restore) == "done"
    after = os.stat(home.source)
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)
    assert home.where() == {"archive", "source"}
    assert home.is_applied(home.restore)


def test_a_purge_destroys_what_is_in_the_quarantine_and_only_once(home: Home) -> None:
    assert home.do(home.purge) == "skipped"
    assert home.where() == {"archive", "source"}
    home.do(home.task)
    assert home.do(home.purge) == "done"
    assert home.where() == {"archive"}
    assert home.do(home.purge) == "skipped"
    assert home.do(home.purge, interrupted_before=True) == "done"


def test_a_deletion_destroys_the_original_alone(home: Home) -> None:
    assert home.do(home.delete) == "done"
    assert home.where() == {"archive"}
    assert home.do(home.delete, interrupted_before=True) == "done"
    assert home.do(home.delete) == "failed"


def test_a_preview_changes_nothing(home: Home) -> None:
    before = sorted(read_tree(home.root).items())
    for task, phase in ((home.task, "done"), (home.delete, "done"), (home.restore, "skipped"), (home.purge, "skipped")):
        assert home.executor().preview(task).phase == phase
    assert sorted(read_tree(home.root).items()) == before
    assert not (home.root / "q").exists()


def test_a_preview_of_an_original_that_is_gone_says_so(home: Home) -> None:
    home.source.unlink()
    outcome = home.executor().preview(home.task)
    assert (outcome.phase, outcome.reason) == ("failed", "there is no such file in the source any more")


def copy_gone(home: Home) -> None:
    home.copy.unlink()


def copy_edited(home: Home) -> None:
    home.copy.write_bytes(b"Content")


def source_edited(home: Home) -> None:
    home.source.write_bytes(b"Content")


def source_is_a_link(home: Home) -> None:
    home.source.rename(home.root / "real.jpg")
    home.source.symlink_to(home.root / "real.jpg")


def source_folder_is_a_link(home: Home) -> None:
    home.source.parent.rename(home.root / "real")
    (home.root / "source").mkdir()
    (home.root / "source" / "sub").symlink_to(home.root / "real")
    path = str(home.root / "source/sub/a.jpg")
    home.task = replace(home.task, from_path=path, row=home.task.row._replace(source_path=path))
    home.delete = replace(home.task, action=Action.DELETE)


def copy_is_the_source(home: Home) -> None:
    home.copy.unlink()
    os.link(home.source, home.copy)


def edited_behind_its_time(home: Home) -> None:
    status = os.stat(home.copy)
    home.copy.write_bytes(b"Content")
    os.utime(home.copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced_behind_its_time(home: Home) -> None:
    status = os.stat(home.copy)
    home.copy.rename(home.root / "old.jpg")
    home.copy.write_bytes(b"Content")
    os.utime(home.copy, ns=(status.st_atime_ns, status.st_mtime_ns))


REASONS_TO_KEEP = [copy_gone, copy_edited, source_edited, source_is_a_link, source_folder_is_a_link]
REASONS_TO_KEEP += [copy_is_the_source, replaced_behind_its_time]


@pytest.mark.parametrize("act", ["quarantine", "delete"])
@pytest.mark.parametrize("happened", REASONS_TO_KEEP)
def test_whatever_is_not_as_verified_stays_where_it_is(home: Home, happened: Callable[[Home], None], act: str) -> None:
    happened(home)
    before = read_tree(home.root)
    assert home.do(home.task if act == "quarantine" else home.delete) == "failed"
    assert read_tree(home.root) == before


def test_a_copy_edited_behind_its_time_is_found_out_before_anything_is_destroyed(home: Home) -> None:
    edited_behind_its_time(home)
    before = read_tree(home.root)
    assert home.do(home.delete) == "failed"
    assert read_tree(home.root) == before


def test_a_mount_point_an_old_proof_and_one_folder_seen_twice_are_reasons_to_keep(home: Home) -> None:
    for path in (str(home.source), str(home.copy)):
        assert home.do(home.task, mount_points=frozenset({path})) == "failed"
    assert home.do(home.task, oldest_allowed="2024-05-02T00:00:00Z") == "failed"
    assert home.where() == {"archive", "source"}
    assert home.do(home.task, oldest_allowed="2024-05-01T00:00:00Z") == "done"


@pytest.mark.parametrize("act", ["quarantine", "restore"])
def test_a_stranger_in_the_new_place_is_not_touched(home: Home, act: str) -> None:
    task = home.task
    if act == "restore":
        home.do(home.task)
        task = home.restore
    Path(task.to_path).parent.mkdir(parents=True, exist_ok=True)
    for stranger in (b"strange", b""):
        Path(task.to_path).write_bytes(stranger)
        before = read_tree(home.root)
        assert home.do(task) == "failed"
        assert read_tree(home.root) == before


def test_what_was_changed_in_the_quarantine_is_neither_restored_nor_purged(home: Home) -> None:
    home.do(home.task)
    home.quarantined.write_bytes(b"changed in between")
    before = read_tree(home.root)
    assert home.do(home.restore) == "failed"
    assert home.do(home.purge) == "failed"
    assert read_tree(home.root) == before


def test_a_link_in_the_quarantine_does_not_lead_to_the_archive(home: Home) -> None:
    home.quarantined.parent.parent.mkdir(parents=True)
    home.quarantined.parent.symlink_to(home.copy.parent)
    home.source.unlink()
    os.utime(home.copy, ns=(1, os.stat(home.copy).st_mtime_ns))
    task = recorded(home.restore, os.stat(home.copy).st_mtime_ns)
    assert home.do(task) == "failed"
    assert home.do(replace(task, action=Action.PURGE, to_path="")) == "failed"
    assert home.copy.read_bytes() == b"content"


def test_a_link_in_the_quarantine_leads_to_nobody_elses_copy(home: Home) -> None:
    home.quarantined.parent.parent.mkdir(parents=True)
    elsewhere = home.root / "elsewhere"
    elsewhere.mkdir()
    shutil.copy2(home.source, elsewhere)
    home.quarantined.parent.symlink_to(elsewhere)
    home.source.unlink()
    for task in (home.purge, home.restore):
        assert home.do(task) == "failed"
        assert home.where() == {"archive", "elsewhere"}


def linked(task: Task) -> None:
    os.link(task.from_path, task.to_path)


def copied(task: Task) -> None:
    shutil.copy2(task.from_path, task.to_path)


def parked_behind_a_copy(task: Task) -> None:
    copied(task)
    os.rename(task.from_path, set_aside_name(task.from_path, task.row.run_id, task.row.row_id))


def renamed(task: Task) -> None:
    os.rename(task.from_path, task.to_path)


@pytest.mark.parametrize("act", ["quarantine", "delete", "restore"])
@pytest.mark.parametrize("left", [linked, copied, parked_behind_a_copy, renamed])
def test_a_task_given_again_finishes_what_a_killed_run_left(home: Home, act: str, left: Callable[[Task], None]) -> None:
    task = {"quarantine": home.task, "delete": home.delete, "restore": home.restore}[act]
    if act == "restore":
        home.do(home.task)
    home.quarantined.parent.mkdir(parents=True, exist_ok=True)
    left(task)
    assert home.do(task, interrupted_before=True) == "done"
    left_at = {"quarantine": {"archive", "q"}, "delete": {"archive"}, "restore": {"archive", "source"}}
    assert home.where() == left_at[act]
    assert not [name for name in read_tree(home.root) if ".media-" in name]


def test_a_pruned_folder_is_made_again_with_its_permissions_and_time(home: Home) -> None:
    task = folder_task(home, "source/sub", "750")
    assert not home.is_applied(task)
    assert home.do(task) == "done"
    status = os.stat(home.root / "source" / "sub")
    assert (status.st_mode & 0o777, mtime_text(status.st_mtime_ns)) == (0o750, task.row.source_mtime)


def test_what_a_killed_run_left_is_cleared_before_and_not_while_other_tasks_are_at_work(home: Home) -> None:
    """Tasks that run side by side share folders: one must not take the temporary file of the other away."""
    folder = os.path.dirname(home.task.to_path)
    os.makedirs(folder)
    of_another = os.path.join(folder, f"{TEMPORARY_PREFIX}0123456789abcdef")
    with open(of_another, "wb"):
        pass
    assert home.do(home.task, interrupted_before=True) == "done"
    assert os.path.exists(of_another)
    clear_leftovers([home.task])
    assert not os.path.exists(of_another)


def test_a_purge_that_was_killed_and_taken_back_has_destroyed_nothing(home: Home) -> None:
    """The intention in the journal stands without an outcome, but the file is in the source again."""
    home.do(home.task)
    home.do(home.restore)
    assert home.do(home.purge, interrupted_before=True) == "skipped"
    assert home.where() == {"archive", "source"}


@pytest.mark.parametrize("act", ["purge", "restore"])
def test_a_link_to_the_parked_file_is_no_reason_to_destroy_it(home: Home, act: str) -> None:
    """A run was killed while a file was parked; somebody made a link to it under its name, and the copy is gone."""
    home.do(home.task)
    set_aside = Path(set_aside_name(str(home.quarantined), RUN_ID, 7))
    os.rename(home.quarantined, set_aside)
    home.quarantined.symlink_to(set_aside.name)
    home.copy.unlink()
    assert home.do({"purge": home.purge, "restore": home.restore}[act], interrupted_before=True) == "failed"
    assert set_aside.read_bytes() == b"content"


def test_another_file_in_the_place_of_an_original_does_not_count_as_restored(home: Home) -> None:
    home.do(home.task)
    home.quarantined.unlink()
    home.source.write_bytes(b"foreign")
    assert not home.is_applied(home.restore)
    outcome = home.executor().apply_task(home.restore, False)
    assert (outcome.phase, outcome.reason) == ("skipped", "another file, or an edited one, is in its place")


def test_a_pruned_folder_is_not_made_again_behind_a_link(home: Home) -> None:
    private = home.root / "private"
    private.mkdir(mode=0o700)
    (home.root / "source" / "sub").symlink_to(private)
    for path in ("source/sub", "source/sub/deeper"):
        task = folder_task(home, path, "755")
        before = os.stat(private)
        assert not home.is_applied(task)
        assert home.do(task) == "failed"
        assert (os.stat(private).st_mode, os.stat(private).st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
        assert not list(private.iterdir())


def test_a_path_too_long_for_the_quarantine_fails_its_row_alone(home: Home) -> None:
    task = replace(home.task, to_path=str(home.root / "q" / "/".join(["d" * 200] * 30) / "a.jpg"))
    clear_leftovers([task])
    assert not home.is_applied(task)
    outcome = home.executor().apply_task(task, False)
    assert outcome.phase == "failed"
    assert "too long" in outcome.reason
    assert home.where() == {"archive", "source"}
    home.source.unlink()
    assert not home.is_applied(task)
    assert home.do(task) == "failed"


@pytest.mark.parametrize(("away_ns", "given_back"), [(1, True), (1_999_999_999, True), (3_000_000_000, False)])
def test_a_restore_mends_a_rounded_time_and_believes_no_other(home: Home, away_ns: int, given_back: bool) -> None:
    """What differs by more than a file system rounds stands in a manifest that was edited."""
    home.do(home.task)
    kept = os.stat(home.quarantined).st_mtime_ns
    assert home.do(recorded(home.restore, kept + away_ns)) == "done"
    assert os.stat(home.source).st_mtime_ns == (kept + away_ns if given_back else kept)

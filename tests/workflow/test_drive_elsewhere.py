"""The drive or the archive is mounted at another place today: --source-now-at and --archive-now-at.

A folder that is renamed stands for a drive with another mount point.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from common.manifests.reasons import parse_roots
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.refusals import refused
from tests.support.scripts import Argument, Result, files_below, start, wait_until
from tests.support.tables import read_rows, set_cell, statuses, write_rows
from tests.support.trees import archived, read_tree, snapshot

if sys.platform == "win32":
    pytest.skip("Windows keeps no folder renamable while a test runs in it", allow_module_level=True)

TREE = {
    "a.jpg": jpeg(datetime(2019, 5, 1), seed=1),
    "trip/b.jpg": jpeg(datetime(2018, 5, 1), seed=2),
    "trip/again.jpg": jpeg(datetime(2018, 5, 1), seed=2),
    'odd "name\\"; x\n.jpg': jpeg(datetime(2017, 5, 1), seed=3),
}
MANY = 400
FOREVER = ("--delete-permanently", "--yes-really-delete")


class Drives:
    """A library whose source and archive wander: every call is told where they are today."""

    def __init__(self, home: Library) -> None:
        self.home = home
        self.recorded = home.source, home.archive
        self.run_id = home.run_id

    @property
    def source(self) -> Path:
        return self.home.source

    @property
    def options(self) -> tuple[Argument, ...]:
        return ("--source-now-at", self.home.source, "--archive-now-at", self.home.archive)

    def wander(self, source: str = "", archive: str = "") -> None:
        """Mount source or archive under another name, in the same parent folder."""
        for name, new in (("source", source), ("archive", archive)):
            if new:
                target = self.home.root / new
                getattr(self.home, name).rename(target)
                self.home = replace(self.home, **{name: target})

    @property
    def journal(self) -> Path:
        return self.home.quarantine / self.run_id / "journal.csv"

    @property
    def quarantined(self) -> dict[str, bytes]:
        """What the quarantine holds, by its path below the recorded source."""
        return read_tree(Path(f"{self.home.quarantine}/{self.run_id}/files{self.recorded[0]}"))

    def verify(self, *args: Argument, expect: scripts.Codes = 0) -> Result:
        return self.home.verify(*self.options, *args, expect=expect)

    def apply(self, *args: Argument, expect: scripts.Codes = 0) -> Result:
        return self.home.apply(*self.options, *args, expect=expect)

    def with_journal(self, *args: Argument, expect: scripts.Codes = 0) -> Result:
        line = ("--manifest", self.journal, "--expected-run-id", "auto", *args, *self.options)
        return scripts.call(scripts.APPLY, *line, cwd=self.home.out, expect=expect)

    def restore(self, *args: Argument, expect: scripts.Codes = 0) -> Result:
        return self.with_journal("--restore", *args, expect=expect)

    def purge(self, *args: Argument, expect: scripts.Codes = 0) -> Result:
        return self.with_journal(*FOREVER, *args, expect=expect)


@pytest.fixture
def copied(library: LibraryMaker) -> Drives:
    """The source is stored, and nothing is verified."""
    home = library(TREE)
    home.organize()
    return Drives(home)


@pytest.fixture
def verified(copied: Drives) -> Drives:
    """All is verified where it was stored."""
    copied.home.verify()
    return copied


# --- verify ----------------------------------------------------------------------------------------


def test_b6_verify_finds_both_at_their_new_places_and_apply_needs_no_option(copied: Drives) -> None:
    copied.wander("USB1", "disk2")
    result = copied.verify()
    rows = read_rows(copied.home.verified)
    assert statuses(rows) == {"identical": len(TREE)}
    assert {row["source_root"] for row in rows} == {str(copied.source)}
    assert {row["archive_root"] for row in rows} == {str(copied.home.archive)}
    for row in rows:
        assert row["source_path"].startswith(f"{copied.source}/")
        assert row["destination_path"].startswith(f"{copied.home.archive}/")
    assert "now-at" not in result.stdout  # the next command needs none
    assert f"the source is {copied.source} today, not {copied.recorded[0]}" in result.stdout
    assert f"the archive is {copied.home.archive} today, not {copied.recorded[1]}" in result.stdout
    copied.home.apply()
    assert copied.home.photos() == {}
    copied.home.restore()
    assert copied.home.photos() == TREE


def test_b6_the_archive_alone_is_checked_at_its_new_place(verified: Drives) -> None:
    verified.wander(archive="disk2")
    line = ("--input-csv", verified.home.verified, "--archive-only")
    assert "media-archive.json is missing" in scripts.call(
        scripts.VERIFY, *line, cwd=verified.home.out, expect=3
    ).error  # fmt: skip
    result = scripts.call(scripts.VERIFY, *line, "--archive-now-at", verified.home.archive, cwd=verified.home.out)
    assert f"{len(TREE)}  archive intact" in result.stdout


def test_b6_verify_goes_on_at_the_same_place_alone(copied: Drives) -> None:
    """Its outputs name the present places: those of two would be mixed."""
    copied.wander("USB1")
    result = copied.verify("--limit", "1")
    assert f"--source-now-at {copied.source}" in result.stdout.splitlines()[-1]
    copied.wander("USB2")
    naming = "belongs to a call with another --offset, --limit, --archive-only, --source-now-at or --archive-now-at"
    refused(copied.home, scripts.VERIFY, *copied.home.verify_line(*copied.options, "--limit", "1"), naming=naming)
    copied.wander("USB1")
    copied.verify()
    assert {row["source_root"] for row in read_rows(copied.home.verified)} == {str(copied.source)}


def test_b6_an_unnamed_verification_at_another_place_begins_anew(copied: Drives) -> None:
    line = ("--input-csv", copied.home.report)
    copied.wander("USB1")
    scripts.call(scripts.VERIFY, *line, *copied.options, "--limit", "1", cwd=copied.home.out)
    copied.wander("USB2")
    result = scripts.call(scripts.VERIFY, *line, *copied.options, cwd=copied.home.out)
    assert f"{len(TREE)}  identical" in result.stdout


def test_b6_a_plan_of_a_place_that_is_left_is_not_advised(library: LibraryMaker) -> None:
    """Organize would look for the source where it was: only a new plan helps."""
    home = library(TREE)
    home.organize(mode="report")
    assert "--from-report" in home.verify(expect=1).stdout
    home.verified.unlink()
    drives_at = home.source.rename(home.root / "USB1")
    for path in home.out.glob("*verified*"):
        path.unlink()
    (home.out / "SHA256SUMS").unlink()
    told = home.verify("--source-now-at", drives_at, expect=1).stdout
    assert "--from-report" not in told
    assert "organize it again" in told


def test_b6_a_verification_of_the_recorded_place_may_name_it(copied: Drives) -> None:
    copied.verify("--limit", "1")
    copied.home.verify()
    assert statuses(read_rows(copied.home.verified)) == {"identical": len(TREE)}


def test_b6_a_row_outside_its_root_is_not_let_in_by_another_root(copied: Drives) -> None:
    """Its path lies in the present root only by chance."""
    copied.wander("USB1")
    rows = read_rows(copied.home.report)
    set_cell(0, "source_path", str(copied.source / "a.jpg"))(rows)
    write_rows(copied.home.report, rows)
    refused(copied.home, scripts.VERIFY, *copied.home.verify_line(*copied.options), naming="does not lie in its root")


# --- apply -----------------------------------------------------------------------------------------


def test_b6_the_whole_flow_at_a_new_place_for_each_stage(verified: Drives) -> None:
    times = snapshot(verified.source)
    verified.wander("USB1", "disk1")
    dry = verified.apply("--dry-run")
    assert f"would quarantine: {verified.source}" in dry.stdout
    result = verified.apply("--prune-empty-dirs")
    assert verified.home.photos() == {}
    assert verified.quarantined == TREE
    verified.wander("USB2", "disk2")
    verified.restore()
    assert verified.home.photos() == TREE
    assert {name: entry for name, entry in snapshot(verified.source).items() if ".media" not in name} == times
    assert archived(verified.home.archive)
    for option in verified.options[::2]:
        assert all(str(option) in line for line in result.stdout.splitlines() if line.startswith("to "))


def test_b6_the_printed_commands_work_as_they_are(verified: Drives) -> None:
    verified.wander("USB1", "disk1")
    printed = verified.apply().stdout
    (line,) = (line for line in printed.splitlines() if line.startswith("to bring all back: "))
    assert os.system(line.removeprefix("to bring all back: ") + " >/dev/null") == 0
    assert verified.home.photos() == TREE


def test_b6_the_journal_names_both_places(verified: Drives) -> None:
    recorded_source, recorded_archive = map(str, verified.recorded)
    verified.wander('USB "1"\\', "disk1")
    verified.apply("--prune-empty-dirs")
    rows = read_rows(verified.journal)
    assert {row["source_root"] for row in rows} == {recorded_source}
    assert {row["archive_root"] for row in rows} == {recorded_archive}
    for row in rows:
        assert row["source_path"].startswith(f"{recorded_source}/")
        assert row["from_path"].startswith(f"{verified.source}/")
        if row["phase"] == "planned":
            assert parse_roots(row["reason"]) == (str(verified.source), str(verified.home.archive))
        elif row["action"] == "quarantine":
            assert row["destination_path"].startswith(f"{recorded_archive}/")
            assert row["to_path"].startswith(f"{verified.home.quarantine}/{verified.run_id}/files{recorded_source}/")
            assert row["reason"] == ""
    verified.wander("USB2")
    verified.restore()
    assert verified.home.photos() == TREE


def test_b6_a_drive_that_is_back_in_its_place_needs_no_option(verified: Drives) -> None:
    verified.wander("USB1", "disk1")
    verified.apply("--prune-empty-dirs")
    verified.wander(verified.recorded[0].name, verified.recorded[1].name)
    verified.home.restore(verified.journal)
    assert verified.home.photos() == TREE


def test_b6_a_drive_that_was_in_its_place_is_restored_elsewhere(verified: Drives) -> None:
    verified.home.apply("--prune-empty-dirs")
    verified.wander("USB1")
    line = ("--restore", "--manifest", verified.journal, "--expected-run-id", "auto")
    refused(verified.home, scripts.APPLY, *line, naming="add --source-now-at DIR", code=3)
    scripts.call(scripts.APPLY, *line, "--source-now-at", verified.source, cwd=verified.home.out)
    assert verified.home.photos() == TREE


def many() -> dict[str, bytes]:
    return {f"{n % 5}/IMG_{n:03d}.jpg": jpeg(datetime(2015, 5, 1), seed=n) for n in range(MANY)}


@pytest.fixture
def many_verified(library: LibraryMaker) -> Drives:
    """Enough photos for a run to be killed in the midst of them, all in one batch."""
    home = library(many())
    home.organize()
    home.verify()
    return Drives(home)


def kill_in_the_middle(drives: Drives, line: tuple[Argument, ...], left: int) -> None:
    """Start apply, and kill it once at most ``left`` photos are in the source (at least, if they come back)."""
    process = start(scripts.APPLY, *line, cwd=drives.home.out)
    comes_back = "--restore" in line
    wait_until(
        lambda: (files_below(drives.source) >= left) if comes_back else files_below(drives.source) <= left, process
    )
    process.kill()
    process.communicate()
    assert 0 < len(drives.home.photos()) < MANY, "was quicker than the kill"


def assert_one_outcome_a_file(journal: Path, action: str) -> None:
    """Every file has one intention and one outcome, wherever the drive was at each of them."""
    rows = [row for row in read_rows(journal) if row["action"] == action]
    for phase in ("planned", "done"):
        row_ids = [row["row_id"] for row in rows if row["phase"] == phase]
        assert len(row_ids) == len(set(row_ids)) == MANY


def test_b6_a_quarantine_in_batches_goes_on_at_a_third_place(many_verified: Drives) -> None:
    drives = many_verified
    drives.wander("USB1", "disk1")
    drives.apply("--limit", "100", "--prune-empty-dirs")
    drives.wander("USB2", "disk2")
    assert drives.apply("--prune-empty-dirs", "--json").count("quarantined") == MANY - 100
    assert drives.quarantined == many()
    assert os.listdir(drives.source) == [".media-quarantine"]
    assert_one_outcome_a_file(drives.journal, "quarantine")
    drives.wander("USB3")
    result = drives.restore("--json")
    assert result.count("restored") + result.count("done before") == MANY + 5  # with five folders
    assert drives.home.photos() == many()


def test_b6_a_killed_run_goes_on_at_a_third_and_a_fourth_place(many_verified: Drives) -> None:
    drives = many_verified
    before = drives.home.source_snapshot()
    for number, left in enumerate((MANY * 3 // 4, MANY // 2, MANY // 4)):
        drives.wander(f"USB-{number}", f"disk-{number}")
        kill_in_the_middle(drives, drives.home.apply_line(*drives.options, "--prune-empty-dirs"), left)
    drives.wander("USB", "disk")
    drives.apply("--prune-empty-dirs")
    assert drives.quarantined == many()
    assert os.listdir(drives.source) == [".media-quarantine"]
    assert_one_outcome_a_file(drives.journal, "quarantine")
    for number, left in enumerate((MANY // 4, MANY // 2)):
        drives.wander(f"back-{number}")
        line = ("--manifest", drives.journal, "--expected-run-id", "auto", "--restore", *drives.options)
        kill_in_the_middle(drives, line, left)
    drives.wander("back")
    drives.restore()
    assert_one_outcome_a_file(drives.journal.with_name("journal-restore.csv"), "restore")
    assert drives.home.source_snapshot() == before


def test_b6_a_half_done_restore_goes_on_at_another_place(verified: Drives) -> None:
    verified.apply("--prune-empty-dirs")
    verified.wander("USB1")
    verified.restore("--limit", "3")
    assert 0 < len(verified.home.photos()) < len(TREE)
    verified.wander("USB2")
    verified.restore()
    assert verified.home.photos() == TREE


def test_b6_a_quarantine_outside_the_drive(verified: Drives) -> None:
    """It stays where it is while the drive wanders."""
    quarantine = verified.home.root / "q"
    verified.wander("USB1")
    verified.apply("--quarantine-root", quarantine)
    verified.wander("USB2")
    line = ("--manifest", quarantine / verified.run_id / "journal.csv", "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *line, "--restore", *verified.options, cwd=verified.home.out)
    assert verified.home.photos() == TREE
    verified.wander("USB3")
    verified.apply("--quarantine-root", quarantine)
    verified.wander("USB4", "disk4")
    scripts.call(scripts.APPLY, *line, *FOREVER, *verified.options, cwd=verified.home.out)
    assert os.listdir(quarantine / verified.run_id / "files") == []


def test_b6_permanent_deletion_at_another_place(verified: Drives) -> None:
    verified.wander("USB1", "disk1")
    verified.apply(*FOREVER)
    assert verified.home.photos() == {}
    assert verified.quarantined == {}
    assert set(archived(verified.home.archive).values()) == set(TREE.values())


def test_b6_a_purge_from_the_journal_at_another_place(verified: Drives) -> None:
    verified.wander("USB1", "disk1")
    verified.apply()
    verified.wander("USB2", "disk2")
    verified.purge()
    assert os.listdir(verified.home.quarantine / verified.run_id / "files") == []
    assert set(archived(verified.home.archive).values()) == set(TREE.values())
    result = verified.restore("--json")
    assert result.count("skipped") == len(TREE)


def test_b6_the_report_of_a_move_is_taken_back_elsewhere(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize(mode="move")
    drives = Drives(home)
    drives.wander("USB1", "disk1")
    drives.home.restore(home.report, *drives.options)
    assert drives.home.photos() == TREE
    assert len(archived(drives.home.archive)) == 0
    rows = read_rows(home.report.with_name("report-restore.csv"))
    assert {row["source_root"] for row in rows} == {str(drives.recorded[0])}
    assert all(row["to_path"].startswith(f"{drives.source}/") for row in rows)


def test_b6_another_file_of_the_same_size_and_time_is_not_taken(verified: Drives) -> None:
    """Its inode may be anything on another day: contents decide."""
    verified.wander("USB1")
    victim = verified.source / "a.jpg"
    status = victim.stat()
    with open(victim, "r+b") as file:  # the same inode as well
        file.write(b"X" * 4)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = verified.apply(expect=1)
    assert "changed since it was verified" in result.stderr
    assert list(verified.home.photos()) == ["a.jpg"]


def test_b6_an_archive_copy_that_rotted_is_read_before_an_original_is_taken(verified: Drives) -> None:
    verified.wander(archive="disk1")
    copy = next(verified.home.archive.rglob("a.jpg"))
    status = copy.stat()
    with open(copy, "r+b") as file:
        file.write(b"X" * 4)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    verified.apply(expect=1)
    assert list(verified.home.photos()) == ["a.jpg"]


# --- what is refused -------------------------------------------------------------------------------


def lines_of(drives: Drives, script: str) -> tuple[Argument, ...]:
    return drives.home.verify_line() if script == scripts.VERIFY else drives.home.apply_line()


@pytest.mark.parametrize("script", [scripts.VERIFY, scripts.APPLY])
def test_b6_another_archive_at_the_place_is_refused(
    library: LibraryMaker, copied: Drives, script: str, tmp_path: Path
) -> None:
    if script == scripts.APPLY:
        copied.home.verify()
    other = Library.at(tmp_path / "other", {"z.jpg": jpeg(seed=9)})
    other.organize()
    line = (*lines_of(copied, script), "--archive-now-at", other.archive)
    refused(copied.home, script, *line, naming="holds another archive", code=3)


@pytest.mark.parametrize("script", [scripts.VERIFY, scripts.APPLY])
@pytest.mark.parametrize("root", ["source", "archive"])
def test_b6_a_root_that_is_away_names_the_option(copied: Drives, script: str, root: str) -> None:
    if script == scripts.APPLY:
        copied.home.verify()
    line = lines_of(copied, script)
    copied.wander(**{root: "away"})
    result = scripts.call(script, *line, cwd=copied.home.out, expect=3)
    assert f"or, if it is mounted elsewhere today, add --{root}-now-at DIR" in result.error
    assert len(result.stderr.strip().splitlines()) == 1


def test_b6_a_purge_of_a_quarantine_that_is_away_names_the_option(verified: Drives) -> None:
    verified.home.apply()
    verified.wander("USB1")
    line = ("--manifest", verified.journal, "--expected-run-id", "auto", *FOREVER)
    refused(verified.home, scripts.APPLY, *line, naming="add --source-now-at DIR", code=3)


@pytest.mark.parametrize("script", [scripts.VERIFY, scripts.APPLY])
@pytest.mark.parametrize("option", ["--source-now-at", "--archive-now-at"])
def test_b6_a_folder_that_does_not_exist_is_refused(copied: Drives, script: str, option: str) -> None:
    if script == scripts.APPLY:
        copied.home.verify()
    for path in (copied.home.root / "none", copied.home.report):
        refused(copied.home, script, *lines_of(copied, script), option, path, naming=option)


@pytest.mark.parametrize("script", [scripts.VERIFY, scripts.APPLY])
def test_b6_originals_in_the_archive_are_refused(copied: Drives, script: str) -> None:
    if script == scripts.APPLY:
        copied.home.verify()
    for folder in (copied.home.archive, copied.home.archive / "2019"):
        line = (*lines_of(copied, script), "--source-now-at", folder)
        refused(copied.home, script, *line, naming="is no place of the originals")


def test_b6_an_option_that_is_not_needed_is_accepted(verified: Drives) -> None:
    verified.home.apply()
    other = verified.home.root / "no archive"
    other.mkdir()
    verified.home.restore(verified.journal, "--archive-now-at", other)
    assert verified.home.photos() == TREE


def test_b6_an_archive_in_the_source_wanders_with_it(library: LibraryMaker) -> None:
    home = library(TREE)
    home = replace(home, archive=home.source / "archive")
    home.organize()
    home.verify()
    drives = Drives(home)
    drives.wander("USB1")
    drives.home = replace(drives.home, archive=drives.source / "archive")
    drives.apply()
    assert drives.quarantined == TREE
    drives.wander("USB2")
    drives.home = replace(drives.home, archive=drives.source / "archive")
    drives.restore()
    assert {name: data for name, data in drives.home.photos().items() if not name.startswith("archive/")} == TREE

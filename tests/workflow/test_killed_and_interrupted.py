"""Killed or interrupted at any moment, the same command line again finishes the work, once."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import Argument, files_below, finish, start, wait_until
from tests.support.tables import assert_each_row_once, read_rows, statuses
from tests.support.trees import archived, contents, read_tree

if sys.platform == "win32":
    pytest.skip("Windows has no SIGKILL and no SIGSTOP: run the tests on Linux or macOS", allow_module_level=True)

COUNT = 300  # more than one batch
TREE = {f"{n % 7}/IMG_{n:03d}.jpg": jpeg(datetime(2010 + n % 3, 5, 1), seed=n, size=6_000) for n in range(COUNT)}
TREE["copy/again.jpg"] = TREE["0/IMG_000.jpg"]
TREE["other/IMG_001.jpg"] = jpeg(datetime(2011, 6, 1), seed=COUNT)
MOMENTS = (1, COUNT // 3, COUNT - 40)

Line = tuple[Argument, ...]


@pytest.fixture
def home(library: LibraryMaker) -> Library:
    return library(TREE)


def at_least(count: int, folder: Path) -> bool:
    return files_below(folder) >= count


def at_most(count: int, folder: Path) -> bool:
    return files_below(folder) <= count


def kill_when(condition: Callable[[], bool], script: str, line: Line, cwd: Path) -> bool:
    """Start the script, SIGKILL it once ``condition`` holds; False when it was quicker."""
    process = start(script, *line, cwd=cwd)
    try:
        wait_until(condition, process)
    finally:
        process.kill()
        process.communicate()
    return process.returncode == -signal.SIGKILL


def kill_after(seconds: float, script: str, line: Line, cwd: Path) -> bool:
    """Start the script, SIGKILL it after a while; False when it was quicker."""
    deadline = time.monotonic() + seconds
    return kill_when(lambda: time.monotonic() > deadline, script, line, cwd)


def organize_to_the_end(line: Line, cwd: Path) -> None:
    """Run the same command line again. Should the kill have come too late, the report is finished and refused (2)."""
    finish(start(scripts.ORGANIZE, *line, cwd=cwd), expect=(0, 2))


def assert_nothing_lost(home: Library) -> None:
    """Every distinct content of the source is still, whole, in the source, the archive or the quarantine."""
    there = {*read_tree(home.source).values(), *archived(home.archive).values()}
    assert set(TREE.values()) <= there


def tear(table: Path) -> None:
    """Add half a row, as a power cut may leave it."""
    with open(table, "ab") as file:
        file.write(b'"half a row","that was ne')


def assert_every_json_parses(*folders: Path) -> None:
    for folder in folders:
        for path in folder.rglob("*.json"):
            json.loads(path.read_bytes())


def told(report: Path) -> list[tuple[str, ...]]:
    """What a report says, apart from where and when it was made."""
    rows = read_rows(report)
    assert_each_row_once(rows)
    return [
        (
            row["row_id"],
            os.path.relpath(row["source_path"], row["source_root"]),
            os.path.relpath(row["destination_path"], row["archive_root"]),
            row["status"],
            row["reason"],
            row["sha256"],
        )
        for row in rows
    ]


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_organize_killed_again_and_again_ends_as_an_undisturbed_run(library: LibraryMaker, mode: str) -> None:
    undisturbed, home = library(TREE), library(TREE)
    undisturbed.organize(mode=mode)
    hits = 0
    for moment in MOMENTS:
        condition = partial(at_least, moment, home.archive)
        hits += kill_when(condition, scripts.ORGANIZE, home.organize_line(mode), home.out)
        tear(home.report)
        assert_nothing_lost(home)
        assert_every_json_parses(home.out)
    assert hits, "no run was caught at work"
    organize_to_the_end(home.organize_line(mode), home.out)
    assert read_tree(home.source) == read_tree(undisturbed.source)
    assert archived(home.archive) == archived(undisturbed.archive)
    assert told(home.report) == told(undisturbed.report)


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_organize_killed_without_a_named_report_finds_its_own_again(library: LibraryMaker, mode: str) -> None:
    undisturbed, home = library(TREE), library(TREE)
    undisturbed.organize(mode=mode)
    line = ("--source", home.source, "--destination-root", home.archive, "--mode", mode)
    hits = 0
    for moment in MOMENTS[:2]:
        condition = partial(at_least, moment, home.archive)
        hits += kill_when(condition, scripts.ORGANIZE, line, home.out)
    assert hits, "no run was caught at work"
    finish(start(scripts.ORGANIZE, *line, cwd=home.out))
    (report,) = home.out.glob("report-*.csv")
    assert read_tree(home.source) == read_tree(undisturbed.source)
    assert archived(home.archive) == archived(undisturbed.archive)
    assert told(report) == told(undisturbed.report)


def test_organize_killed_at_any_time_leaves_no_temporary_files_in_the_end(home: Library) -> None:
    began = time.monotonic()
    finish(start(scripts.ORGANIZE, *home.organize_line("copy"), cwd=home.out))
    duration = time.monotonic() - began
    other = Library(home.root, home.source, home.root / "archive-2", home.root / "out-2")
    other.out.mkdir()
    for part in (0.4, 0.55, 0.7, 0.85):
        kill_after(duration * part, scripts.ORGANIZE, other.organize_line("copy"), other.out)
    organize_to_the_end(other.organize_line("copy"), other.out)
    assert archived(other.archive) == archived(home.archive)
    strays = [name for name in read_tree(other.archive) if os.path.basename(name).startswith(".")]
    assert all(name.startswith(".media-archive") for name in strays), strays
    assert told(other.report) == told(home.report)


def test_a_second_copy_onto_the_finished_archive_stores_nothing_twice(home: Library) -> None:
    line = ("--source", home.source, "--destination-root", home.archive, "--mode", "copy")
    scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    stored = read_tree(home.archive)
    (first,) = home.out.glob("report-*.csv")
    scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    assert read_tree(home.archive) == stored
    (second,) = set(home.out.glob("report-*.csv")) - {first}
    assert set(statuses(read_rows(second))) <= {"already_archived", "duplicate"}
    verified = scripts.call(scripts.VERIFY, "--input-csv", second, "--json", cwd=home.out)
    assert verified.count("identical") == len(TREE)


def test_the_same_command_with_its_finished_report_stores_and_overwrites_nothing(home: Library) -> None:
    home.organize()
    stored, report = read_tree(home.archive), home.report.read_bytes()
    home.organize(expect=(0, 2))
    assert read_tree(home.archive) == stored
    assert home.report.read_bytes() == report


def test_verify_killed_again_and_again_ends_with_each_row_once(home: Library) -> None:
    home.organize()
    (home.archive / "2011/IMG_001.jpg").unlink()
    began = time.monotonic()
    finish(start(scripts.VERIFY, *home.verify_line(), cwd=home.out), expect=1)
    duration = time.monotonic() - began
    outputs = [home.verified, home.unverified, home.out / "SHA256SUMS"]
    once = [outputs[0].stat().st_size, outputs[1].stat().st_size, outputs[2].read_bytes()]
    for path in home.out.iterdir():
        if not path.name.startswith("report"):
            path.unlink()
    hits = int(kill_when(home.verified.exists, scripts.VERIFY, home.verify_line(), home.out))
    for part in (0.5, 0.65, 0.8, 0.9):
        hits += kill_after(duration * part, scripts.VERIFY, home.verify_line(), home.out)
        assert_every_json_parses(home.out)
    assert hits, "no run was caught at work"
    finish(start(scripts.VERIFY, *home.verify_line(), cwd=home.out), expect=1)
    verified, unverified = read_rows(home.verified), read_rows(home.unverified)
    assert_each_row_once(verified + unverified)
    assert statuses(verified) == {"identical": len(TREE) - 1}
    assert statuses(unverified) == {"archive_missing": 1}
    assert (home.out / "SHA256SUMS").read_bytes() == once[2]


def test_verify_in_batches_that_are_killed_loses_no_row(home: Library) -> None:
    """Each batch may die; the state file always says where to go on."""
    home.organize()
    line = home.verify_line("--limit", "80")
    for part in (0.15, 0.25, 0.35):
        finish(start(scripts.VERIFY, *line, cwd=home.out))
        kill_after(part, scripts.VERIFY, line, home.out)
        tear(home.verified)
        tear(home.unverified)
        tear(home.out / "SHA256SUMS")
    for _ in range(0, len(TREE), 80):
        home.verify("--limit", "80")
    assert len(read_rows(home.verified)) == len(TREE)
    assert_each_row_once(read_rows(home.verified))
    assert read_rows(home.unverified) == []
    assert len(set((home.out / "SHA256SUMS").read_text().splitlines())) == COUNT + 1


def test_quarantine_killed_again_and_again_takes_every_file_and_gives_every_file_back(home: Library) -> None:
    home.organize()
    home.verify()
    before = home.source_snapshot()
    hits = 0
    for moment in MOMENTS:
        condition = partial(at_least, moment, home.quarantined_files)
        hits += kill_when(condition, scripts.APPLY, home.apply_line(), home.out)
        assert_nothing_lost(home)
        assert_every_json_parses(home.out, home.quarantine)
    assert hits, "no run was caught at work"
    finish(start(scripts.APPLY, *home.apply_line(), cwd=home.out))
    assert home.quarantined == TREE
    assert home.photos() == {}
    restore = ("--restore", "--manifest", home.journal, "--expected-run-id", "auto")
    for moment in MOMENTS[:2]:
        condition = partial(at_least, moment, home.source)
        kill_when(condition, scripts.APPLY, restore, home.out)
        assert_nothing_lost(home)
    finish(start(scripts.APPLY, *restore, cwd=home.out))
    assert home.source_snapshot() == before


def test_a_quarantine_that_was_killed_half_way_can_be_restored_at_once(home: Library) -> None:
    home.organize()
    home.verify()
    before = home.source_snapshot()
    kill_when(partial(at_least, COUNT // 2, home.quarantined_files), scripts.APPLY, home.apply_line(), home.out)
    home.restore(expect=(0, 1))
    assert home.source_snapshot() == before


def test_permanent_deletion_killed_half_way_finishes_and_never_touches_the_archive(home: Library) -> None:
    home.organize()
    home.verify()
    stored = read_tree(home.archive)
    line = home.apply_line("--delete-permanently", "--yes-really-delete")
    for left in (COUNT - 1, COUNT // 2):
        kill_when(partial(at_most, left, home.source), scripts.APPLY, line, home.out)
        assert read_tree(home.archive).items() >= stored.items()  # a probe for aliases may be left for now
    finish(start(scripts.APPLY, *line, cwd=home.out))
    assert home.photos() == {}
    assert read_tree(home.archive) == stored


def test_a_killed_deletion_gone_on_with_in_smaller_batches_and_several_jobs_fails_no_row(home: Library) -> None:
    """What the killed call had destroyed behind the new limit is known to be its own work."""
    home.organize()
    home.verify()
    delete = home.apply_line("--delete-permanently", "--yes-really-delete", "--json")
    assert kill_when(partial(at_most, COUNT // 2, home.source), scripts.APPLY, delete, home.out)
    told = {"complete": False}
    while not told["complete"]:
        told = json.loads(finish(start(scripts.APPLY, *delete, "--limit", "5", "--jobs", "4", cwd=home.out)).stdout)
        assert "failed" not in told["counts"]
    assert home.photos() == {}


def test_a_killed_quarantine_widens_no_deletion(home: Library) -> None:
    """What another act had begun is nothing that this one must finish."""
    home.organize()
    home.verify()
    assert kill_when(partial(at_least, 3, home.quarantined_files), scripts.APPLY, home.apply_line(), home.out)
    before = {**home.photos(), **home.quarantined}
    home.apply("--limit", "1", "--delete-permanently", "--yes-really-delete")
    assert len({**home.photos(), **home.quarantined}) == len(before) - 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_say_130_leave_whole_files_and_finish_when_run_again(
    home: Library, number: signal.Signals
) -> None:
    def interrupt(condition: Callable[[], bool], script: str, line: Line) -> None:
        process = start(script, *line, cwd=home.out)
        assert wait_until(condition, process), "was quicker than the signal"
        process.send_signal(number)
        stopped = finish(process, expect=130)
        assert "again" in stopped.stderr, "does not say that running it again goes on"
        assert_nothing_lost(home)
        assert_every_json_parses(home.out, home.quarantine)
        finish(start(script, *line, cwd=home.out))

    before = home.source_snapshot()
    interrupt(partial(at_least, 20, home.archive), scripts.ORGANIZE, home.organize_line("copy"))
    assert statuses(read_rows(home.report)) == {"copied": len(TREE) - 1, "duplicate": 1}
    interrupt(home.verified.exists, scripts.VERIFY, home.verify_line())
    assert_each_row_once(read_rows(home.verified))
    assert statuses(read_rows(home.verified)) == {"identical": len(TREE)}
    interrupt(partial(at_least, 20, home.quarantined_files), scripts.APPLY, home.apply_line())
    assert home.quarantined == TREE
    restore = ("--restore", "--manifest", home.journal, "--expected-run-id", "auto")
    interrupt(partial(at_least, 20, home.source), scripts.APPLY, restore)
    assert home.source_snapshot() == before


def test_an_interrupted_copy_leaves_a_report_that_parses_and_tells_the_truth(home: Library) -> None:
    process = start(scripts.ORGANIZE, *home.organize_line("copy"), cwd=home.out)
    assert wait_until(partial(at_least, 20, home.archive), process), "was quicker than the signal"
    process.send_signal(signal.SIGINT)
    finish(process, expect=130)
    for row in read_rows(home.report):
        if row["status"] == "copied":
            assert Path(row["destination_path"]).read_bytes() == Path(row["source_path"]).read_bytes()
    assert contents(archived(home.archive)).most_common(1)[0][1] == 1


def second_run_is_kept_out(condition: Callable[[], bool], script: str, line: Line, cwd: Path) -> None:
    """Stop a run in the middle (SIGSTOP), try the same again, then let the first one finish."""
    first = start(script, *line, cwd=cwd)
    assert wait_until(condition, first), "was quicker than the stop signal"
    first.send_signal(signal.SIGSTOP)
    try:
        refused = scripts.call(script, *line, cwd=cwd, expect=4)
        assert refused.error, "says nothing"
    finally:
        first.send_signal(signal.SIGCONT)
    finish(first)


def test_a_second_run_of_the_same_script_is_kept_out_while_the_first_is_at_work(home: Library) -> None:
    second_run_is_kept_out(partial(at_least, 1, home.archive), scripts.ORGANIZE, home.organize_line("copy"), home.out)
    assert_each_row_once(read_rows(home.report))
    assert contents(archived(home.archive)) == dict.fromkeys(TREE.values(), 1)
    second_run_is_kept_out(home.verified.exists, scripts.VERIFY, home.verify_line(), home.out)
    assert statuses(read_rows(home.verified)) == {"identical": len(TREE)}
    assert_each_row_once(read_rows(home.verified))
    second_run_is_kept_out(partial(at_least, 1, home.quarantined_files), scripts.APPLY, home.apply_line(), home.out)
    assert home.quarantined == TREE


def test_two_copies_into_one_archive_at_once_keep_out_of_each_others_way(home: Library) -> None:
    """Another report and another source, but one archive: the second one waits for its turn."""
    other = Library.at(home.root / "other", {"z.jpg": jpeg(seed=9999)})
    other = Library(other.root, other.source, home.archive, other.out)
    first = start(scripts.ORGANIZE, *home.organize_line("copy"), cwd=home.out)
    assert wait_until(partial(at_least, 1, home.archive), first), "was quicker than the stop signal"
    first.send_signal(signal.SIGSTOP)
    try:
        other.organize(expect=4)
    finally:
        first.send_signal(signal.SIGCONT)
    finish(first)
    other.organize()
    assert contents(archived(home.archive)) == dict.fromkeys((*TREE.values(), jpeg(seed=9999)), 1)


def test_a_file_that_appears_at_a_destination_while_the_run_is_at_work_is_never_replaced(home: Library) -> None:
    last = home.archive / "2012/IMG_299.jpg"
    process = start(scripts.ORGANIZE, *home.organize_line("copy", "--jobs", "1"), cwd=home.out)
    assert wait_until(partial(at_least, 1, home.archive), process), "was quicker than the stop signal"
    process.send_signal(signal.SIGSTOP)
    try:
        late = not last.exists()
        if late:
            last.parent.mkdir(exist_ok=True)
            last.write_bytes(b"somebody else's")
    finally:
        process.send_signal(signal.SIGCONT)
    finish(process, expect=(0, 1))
    assert late, "was quicker than the rival"
    assert last.read_bytes() == b"somebody else's"
    assert_nothing_lost(home)
    told_row = next(row for row in read_rows(home.report) if row["source_path"].endswith("IMG_299.jpg"))
    if told_row["status"] == "copied":
        assert Path(told_row["destination_path"]).read_bytes() == TREE["5/IMG_299.jpg"]

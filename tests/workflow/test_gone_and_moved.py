"""Things that stood in the way of a later command, or were not there for it, and what it needs all the same."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime

import pytest

from common.manifests.state import _seal_of
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import read_rows, statuses, write_rows

FOREVER = ("--delete-permanently", "--yes-really-delete")


def from_journal(home: Library, *args: scripts.Argument, expect: scripts.Codes = 0) -> scripts.Result:
    return scripts.call(scripts.APPLY, *args, "--expected-run-id", "auto", cwd=home.out, expect=expect)


def test_a_purge_needs_no_source(ready: Library) -> None:
    """A memory card is sold or formatted long before the weeks of waiting are over."""
    ready.apply("--quarantine-root", ready.root / "q")
    shutil.rmtree(ready.source)
    [journal] = (ready.root / "q").glob("*/journal.csv")
    assert "mount the disk" in from_journal(ready, "--manifest", journal, "--restore", expect=3).error
    assert "6  purged" in from_journal(ready, "--manifest", journal, *FOREVER).stdout
    assert not list((ready.root / "q").glob("*/files/*"))


@pytest.mark.parametrize("action", [FOREVER, ("--restore",)], ids=["purge", "restore"])
def test_a_quarantine_that_was_moved_is_not_taken_for_an_empty_one(ready: Library, action: tuple[str, ...]) -> None:
    ready.apply()
    moved = ready.root / "moved"
    os.rename(ready.quarantine, moved)
    [journal] = moved.glob("*/journal.csv")
    told = from_journal(ready, "--manifest", journal, *action, expect=3)
    assert f"{ready.quarantine / ready.run_id}/ does not exist" in told.error
    os.rename(moved, ready.quarantine)
    from_journal(ready, "--manifest", ready.journal, *action)


def test_a_move_is_taken_back_by_a_report_that_lies_in_the_archive(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    before = home.source_snapshot()
    (home.archive / "reports").mkdir(parents=True)
    line = ("--source", home.source, "--destination-root", home.archive, "--mode", "move", "--report-csv")
    report = home.archive / "reports" / "r.csv"
    scripts.call(scripts.ORGANIZE, *line, report, cwd=home.out)
    from_journal(home, "--manifest", report, "--restore")
    assert home.source_snapshot() == before


def test_a_quarantine_in_the_archive_is_refused_also_where_a_link_leads_there(ready: Library) -> None:
    real = ready.root / "real"
    os.rename(ready.archive, real)
    ready.archive.symlink_to(real)
    assert "lies in the archive" in ready.apply("--quarantine-root", real / "q", expect=2).error


def test_what_was_destroyed_is_not_told_to_be_brought_back(ready: Library) -> None:
    ready.apply(*FOREVER)
    told = ready.apply().stdout
    assert "6  done before" in told
    assert "to bring all back" not in told


def test_a_plan_of_an_archive_without_marker_is_to_be_carried_out_first(library: LibraryMaker) -> None:
    """Photos that somebody put in place by hand: apply would refuse what nothing tells from an empty mount point."""
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    (home.archive / "2019").mkdir(parents=True)
    shutil.copy2(home.source / "a.jpg", home.archive / "2019" / "a.jpg")
    planned = home.organize(mode="report")
    assert "1  already archived" in planned.stdout
    carry_out = f"--from-report {home.report} --mode copy"
    assert carry_out in planned.stdout
    told = home.verify(expect=1)
    assert statuses(read_rows(home.unverified)) == {"not_archived": 1}
    assert carry_out in told.stdout
    done = home.out / "done.csv"
    line = ("--from-report", home.report, "--mode", "copy", "--report-csv", done)
    scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    outputs = ("--verified-out", home.out / "v.csv", "--unverified-out", home.out / "u.csv")
    scripts.call(scripts.VERIFY, "--input-csv", done, *outputs, cwd=home.out)
    from_journal(home, "--manifest", home.out / "v.csv")
    assert home.photos() == {}


def test_a_plan_for_an_archive_that_is_not_mounted_calls_nothing_missing(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(datetime(2019, 5, 1), seed=1)})
    (home.archive / "2019").mkdir(parents=True)
    shutil.copy2(home.source / "a.jpg", home.archive / "2019" / "a.jpg")
    home.organize(mode="report")
    shutil.rmtree(home.archive / "2019")
    home.verify(expect=1)
    assert statuses(read_rows(home.unverified)) == {"not_archived": 1}


@pytest.mark.parametrize("stage", ["organize", "verify"])
def test_a_state_without_its_tables_does_not_block_who_names_no_files(six: Library, stage: str) -> None:
    """Whoever removes a report wants a new one."""
    organize = ("--source", six.source, "--destination-root", six.archive, "--mode", "copy")
    scripts.call(scripts.ORGANIZE, *organize, cwd=six.out)
    [report] = six.out.glob("report-*.csv")
    if stage == "verify":
        line: tuple[scripts.Argument, ...] = (scripts.VERIFY, "--input-csv", report, "--limit", "2")
        scripts.call(str(line[0]), *line[1:], cwd=six.out)
        for table in (*six.out.glob("*verified-*.csv"), six.out / "SHA256SUMS"):
            table.unlink()
    else:
        line = (scripts.ORGANIZE, *organize)
        state = report.with_name(report.name + ".state.json")
        state.write_text(unfinished(state.read_text()))
        report.unlink()
    scripts.call(str(line[0]), *line[1:], cwd=six.out)


@pytest.mark.parametrize("stage", ["organize", "verify", "apply"])
def test_a_state_without_its_table_is_named_where_files_are(six: Library, stage: str) -> None:
    six.organize()
    six.verify("--limit", "2")
    six.verify()
    if stage == "organize":
        six.report.unlink()
        told = six.organize(expect=2)
    elif stage == "verify":
        six.verified.unlink()
        told = six.verify(expect=2)
    else:
        six.apply("--limit", "2")
        six.journal.unlink()
        told = six.apply("--limit", "2", expect=2)
    assert "is gone, but its state file" in told.error
    assert "move that state file and the other outputs away" in told.error


def unfinished(state: str) -> str:
    """A state as it was before the run came to its end."""
    document = json.loads(state)
    document["complete"] = False
    del document["seal"]
    return json.dumps({**document, "seal": _seal_of(document)})


def test_what_is_not_archived_of_a_report_that_was_carried_out_is_no_plan_to_carry_out(six: Library) -> None:
    six.organize()
    first, *others = read_rows(six.report)
    write_rows(six.report, [{**first, "status": "failed"}, *others])
    again = "for what is not archived: organize it again, then verify the new report"
    assert again in six.verify(expect=1).stdout
    outputs = ("--verified-out", six.out / "v.csv", "--unverified-out", six.out / "u.csv")
    fed_back = scripts.call(scripts.VERIFY, "--input-csv", six.unverified, *outputs, cwd=six.out, expect=1)
    assert again in fed_back.stdout


def test_that_an_archive_is_begun_is_said_before_anything_is_copied(six: Library) -> None:
    """So that a run which is ended early has said it as well: the destination may be mistyped, or a disk be missing."""
    told = f"a new archive is begun: {six.archive}"
    assert told in six.organize().stderr
    assert told not in six.organize("--report-csv", "other.csv").stderr

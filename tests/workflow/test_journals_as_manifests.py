"""A journal given to apply: what was quarantined is brought back, or destroyed, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.fileops import moving
from common.fileops.copying import StagedCopy, copy_to_temporary
from common.manifests.integrity import seal
from common.manifests.rows import VERIFY
from tests.support import scripts
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.tables import read_rows, write_rows
from tests.support.trees import contents, read_tree, set_mtime, snapshot, swap, write_tree

FOREVER = ("--delete-permanently", "--yes-really-delete")
P3 = jpeg(seed=3)
OTHER = jpeg(seed=33)  # another content of the same size


def test_a_journal_purges_the_quarantine_only_with_both_flags(ready: Library) -> None:
    ready.apply()
    archive, photos = snapshot(ready.archive), ready.quarantined
    line = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *line, "--delete-permanently", cwd=ready.out, expect=2)
    scripts.call(scripts.APPLY, *line, *FOREVER, "--dry-run", cwd=ready.out)
    assert ready.quarantined == photos
    scripts.call(scripts.APPLY, *line, *FOREVER, cwd=ready.out)
    assert ready.quarantined == {}
    assert snapshot(ready.archive) == archive


def test_a_quarantined_file_whose_archive_copy_was_damaged_is_not_purged(ready: Library) -> None:
    ready.apply()
    swap(ready.archive_path("p3.jpg"), OTHER)
    ready.archive_path("p4.jpg").unlink()
    line = ("--manifest", ready.journal, "--expected-run-id", "auto")
    told = scripts.call(scripts.APPLY, *line, *FOREVER, "--dry-run", cwd=ready.out, expect=1)
    assert "p4.jpg is gone" in told.stdout  # what a look tells; the damage shows only when it is read
    scripts.call(scripts.APPLY, *line, *FOREVER, cwd=ready.out, expect=1)
    assert ready.quarantined == {"p3.jpg": P3, "p4.jpg": jpeg(seed=4)}
    for options in (("--dry-run",), ()):
        told = ready.restore(None, *options, "--json")
        assert told.summary["counts"] == {"rows": 6, "skipped": 4, ("would be " if options else "") + "restored": 2}
        assert told.stderr == ""
    assert ready.photos() == {"p3.jpg": P3, "p4.jpg": jpeg(seed=4)}


def test_a_quarantined_file_that_was_changed_is_not_purged(ready: Library) -> None:
    ready.apply()
    swap(Path(f"{ready.quarantine}/{ready.run_id}/files{ready.source}/p3.jpg"), OTHER)
    line = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *line, *FOREVER, cwd=ready.out, expect=1)
    assert ready.quarantined == {"p3.jpg": OTHER}


def test_a_journal_as_manifest_without_the_flags_changes_nothing(ready: Library) -> None:
    ready.apply()
    before = ready.quarantined, ready.photos()
    line = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *line, cwd=ready.out, expect=(0, 2))
    assert (ready.quarantined, ready.photos()) == before


def test_restoring_never_overwrites_what_has_come_to_stand_in_the_source(ready: Library) -> None:
    ready.apply()
    (ready.source / "p3.jpg").write_bytes(b"a new photo")
    ready.restore(expect=1)
    assert ready.photos() == {f"p{n}.jpg": jpeg(seed=n) for n in (1, 2, 4, 5, 6)} | {"p3.jpg": b"a new photo"}
    assert ready.quarantined == {"p3.jpg": P3}
    (ready.source / "p3.jpg").unlink()
    ready.restore()
    assert ready.photos()["p3.jpg"] == P3


def test_a_dry_run_of_restore_changes_nothing(ready: Library) -> None:
    ready.apply()
    before = snapshot(ready.root)
    ready.restore(None, "--dry-run")
    assert snapshot(ready.root) == before


def test_restoring_twice_and_quarantining_again_after_a_new_verification_works(ready: Library) -> None:
    before = ready.source_snapshot()
    ready.apply()
    ready.restore()
    ready.restore(expect=(0, 1))
    assert ready.source_snapshot() == before
    set_mtime(ready.source / "p1.jpg", datetime(2016, 6, 15, tzinfo=UTC))
    before = ready.source_snapshot()
    second = ready.root / "second"
    second.mkdir()
    line = ("--input-csv", ready.report, "--verified-out", second / "v.csv", "--unverified-out", second / "u.csv")
    scripts.call(scripts.VERIFY, *line, cwd=second)
    scripts.call(scripts.APPLY, "--manifest", second / "v.csv", "--expected-run-id", "auto", cwd=second)
    assert ready.photos() == {}
    ready.restore()
    assert ready.source_snapshot() == before


def test_the_same_manifest_after_a_restore_is_applied_anew_or_refused_but_never_called_done(ready: Library) -> None:
    ready.apply()
    ready.restore()
    result = ready.apply(expect=(0, 1, 2))
    assert (ready.photos() == {}) == (result.code == 0)


def test_a_quarantine_on_another_file_system_works_and_can_be_restored(ready_across: Library) -> None:
    home, root = ready_across, ready_across.root / "quarantine"
    before = home.source_snapshot()
    told = home.apply("--quarantine-root", root)
    assert "on another file system than the quarantine: 6 files" in told.stderr
    assert "copied to another file system, and removed from the one before: 6 files" in told.stdout
    assert home.photos() == {}
    kept = read_tree(Path(f"{root}/{home.run_id}/files{home.source}"))
    assert kept == {f"p{n}.jpg": jpeg(seed=n) for n in range(1, 7)}
    home.restore(root / home.run_id / "journal.csv", "--accept-cached-reads")
    assert home.source_snapshot() == before


def test_what_the_file_system_of_the_quarantine_can_not_hold_is_in_the_summary(
    ready_across: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_to_temporary

    def copy_without_attributes(*args: Any) -> StagedCopy:
        return replace(copy(*args), unsupported_attributes=("extended attributes",))

    monkeypatch.setattr(moving, "copy_to_temporary", copy_without_attributes)
    told = ready_across.apply("--quarantine-root", ready_across.root / "quarantine").stdout
    assert "the file system could not hold: extended attributes" in told


def test_restoring_from_a_quarantine_needs_no_archive(ready: Library) -> None:
    """A dead archive disk is the very reason to want the originals back."""
    before = ready.source_snapshot()
    ready.apply()
    shutil.rmtree(ready.archive)
    ready.restore()
    assert ready.source_snapshot() == before


def test_restoring_between_two_batches_gives_back_what_was_taken_and_no_more(ready: Library) -> None:
    before = ready.source_snapshot()
    ready.apply("--limit", "3")
    ready.restore()
    assert ready.source_snapshot() == before
    ready.apply()
    assert ready.photos() == {}
    ready.restore()
    assert ready.source_snapshot() == before


def test_restoring_after_a_purge_says_what_is_gone_and_invents_nothing(ready: Library) -> None:
    ready.apply()
    journal = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *journal, *FOREVER, cwd=ready.out)
    archive = snapshot(ready.archive)
    told = ready.restore()
    assert "purged before: 6 files, gone for good" in told.stdout
    reasons = {
        row["reason"] for row in read_rows(Path(ready.journal).with_name("journal-restore.csv")) if row["reason"]
    }
    assert f"it was purged, and is gone for good; its archive copy is {ready.archive_path('p3.jpg')}" in reasons
    assert ready.photos() == {}
    assert snapshot(ready.archive) == archive


def test_what_somebody_took_out_of_the_quarantine_is_a_failure_of_its_restore(ready: Library) -> None:
    ready.apply()
    Path(f"{ready.quarantine}/{ready.run_id}/files{ready.source}/p3.jpg").unlink()
    told = ready.restore(expect=1)
    assert (
        f"neither in the quarantine nor in its place; its archive copy is {ready.archive_path('p3.jpg')}" in told.stderr
    )


def test_purging_after_a_restore_destroys_nothing(ready: Library) -> None:
    before = ready.source_snapshot()
    ready.apply()
    ready.restore()
    journal = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *journal, *FOREVER, cwd=ready.out, expect=(0, 1))
    assert ready.source_snapshot() == before


def test_quarantining_again_after_a_batch_was_brought_back_takes_all_of_it(ready: Library) -> None:
    ready.apply("--limit", "2")
    ready.restore()
    again = ready.apply("--json").summary
    assert (again["complete"], again["counts"]["quarantined"]) == (True, 6)
    assert ready.photos() == {}


def test_batches_after_a_batch_was_brought_back_begin_with_it(ready: Library) -> None:
    ready.apply("--limit", "2")
    ready.restore()
    for _ in range(3):
        ready.apply("--limit", "2")
    assert ready.photos() == {}


def test_a_plan_is_nothing_to_be_taken_back(six: Library) -> None:
    six.organize(mode="report")
    line = ("--manifest", six.report, "--expected-run-id", "auto", "--restore")
    assert "is a plan: nothing was moved" in scripts.call(scripts.APPLY, *line, cwd=six.out, expect=2).error


def test_what_was_purged_is_done_before_and_no_failure_of_the_next_call(ready: Library) -> None:
    ready.apply()
    journal = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *journal, *FOREVER, cwd=ready.out)
    write_tree(ready.source, {"p3.jpg": b"somebody's new photo"})
    for options in (("--dry-run",), ()):
        again = ready.apply(*options, "--json", expect=1).summary
        assert again["counts"] == {"rows": 6, "failed": 1, "done before": 5}
    assert ready.photos() == {"p3.jpg": b"somebody's new photo"}


@pytest.mark.parametrize("flags", [("--restore",), FOREVER], ids=["restore", "purge"])
def test_a_dry_run_tells_what_the_run_will_do_of_files_that_changed_and_names_that_are_taken(
    ready: Library, flags: tuple[str, ...]
) -> None:
    ready.apply()
    write_tree(ready.source, {"p1.jpg": b"somebody's new photo"})
    ready.apply(expect=1)  # its intention for p1 fails, and stands in the journal once more
    swap(Path(f"{ready.quarantine}/{ready.run_id}/files{ready.source}/p2.jpg"), jpeg(seed=2, size=999))
    line: tuple[scripts.Argument, ...] = ("--manifest", ready.journal, "--expected-run-id", "auto", *flags, "--json")
    told = scripts.call(scripts.APPLY, *line, "--dry-run", cwd=ready.out, expect=1).summary["counts"]
    came = scripts.call(scripts.APPLY, *line, cwd=ready.out, expect=1).summary["counts"]
    assert {name.removeprefix("would be "): number for name, number in told.items()} == came


def test_a_dry_run_of_a_restore_knows_the_same_file_under_both_names(ready: Library) -> None:
    """A killed restore leaves it so, and the next one finishes it."""
    ready.apply()
    shutil.copy2(f"{ready.quarantine}/{ready.run_id}/files{ready.source}/p2.jpg", ready.source / "p2.jpg")
    assert "6  would be restored" in ready.restore(None, "--dry-run").stdout
    assert "6  restored" in ready.restore().stdout


def test_an_old_proof_does_not_destroy_what_is_in_the_quarantine_already(ready: Library) -> None:
    rows = read_rows(ready.verified)
    old = [seal(VERIFY.decode({**row, "verified_at": "2020-01-01T00:00:00Z"}, "here")) for row in rows]
    write_rows(ready.verified, [VERIFY.as_text(row) for row in old])
    ready.apply()
    told = ready.apply("--max-age", "3", *FOREVER, expect=1)
    assert "longer ago than --max-age" in told.stderr
    assert set(contents(ready.photos())) | set(contents(read_tree(ready.quarantine))) >= {jpeg(seed=1), jpeg(seed=6)}


def test_a_damaged_journal_of_a_purge_stops_a_restore_that_has_begun_and_is_bad_input_before(ready: Library) -> None:
    """Exit code 2 says that nothing was changed."""
    ready.apply()
    journal = ("--manifest", ready.journal, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *journal, *FOREVER, cwd=ready.out)
    purge = ready.journal.with_name("journal-purge.csv")
    purge.write_bytes(purge.read_bytes().replace(b'"purge"', b'"Purge"', 1))
    for options, code in ((("--dry-run",), 2), ((), 3)):
        assert "does not follow the one before" in ready.restore(None, *options, expect=code).error

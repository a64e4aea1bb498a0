"""``--limit`` and ``--offset`` of apply: no call takes more than it was asked for, whatever other calls have left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import Argument
from tests.support.tables import read_rows, write_rows

FOREVER = ("--delete-permanently", "--yes-really-delete")
COUNT = 60


@pytest.fixture
def ready(library: LibraryMaker) -> Library:
    """Sixty photos, copied and verified."""
    home = library({f"{n % 5}/IMG_{n:03d}.jpg": jpeg(seed=n) for n in range(COUNT)})
    home.organize()
    home.verify()
    return home


def told(home: Library, *options: Argument) -> dict[str, int]:
    """The counts of a call."""
    counts = json.loads(home.apply(*options, "--json").stdout)["counts"]
    assert isinstance(counts, dict)
    return counts


def left(home: Library) -> int:
    return len(home.photos())


def narrowed(home: Library, rows: slice) -> Path:
    """A manifest of some of the rows."""
    path = home.out / "narrowed.csv"
    write_rows(path, read_rows(home.verified)[rows])
    return path


def test_a_shard_between_two_batches_widens_neither(ready: Library) -> None:
    for options, taken in ((("--limit", "5"), 5), (("--offset", "30", "--limit", "20"), 20), (("--limit", "5"), 5)):
        before = left(ready)
        ready.apply(*options, *FOREVER)
        assert before - left(ready) == taken, options


def test_a_shard_that_is_looked_at_once_more_is_the_same_shard(ready: Library) -> None:
    shard = ("--offset", str(COUNT - 3))
    ready.apply(*shard)
    ready.restore()
    assert left(ready) == COUNT
    before = set(ready.photos())
    ready.apply(*shard)
    last = {Path(row["source_path"]).name for row in read_rows(ready.verified)[-3:]}
    assert {Path(name).name for name in before - set(ready.photos())} == last


def test_a_narrowed_manifest_between_two_batches_widens_neither(ready: Library) -> None:
    ready.apply("--limit", "3", *FOREVER)
    line = ("--manifest", narrowed(ready, slice(40, 41)), "--expected-run-id", "auto", *FOREVER)
    scripts.call(scripts.APPLY, *line, cwd=ready.out)
    before = left(ready)
    ready.apply("--limit", "3", *FOREVER)
    assert before - left(ready) == 3


def test_what_was_deleted_quarantined_and_restored_in_turns_is_told_as_it_is(ready: Library) -> None:
    """Outcomes that other calls have written since are no outcomes of this one."""
    ready.apply("--limit", "5", *FOREVER)
    ready.apply()
    assert told(ready, *FOREVER)["deleted"] == COUNT - 5
    assert ready.quarantined == {}


def test_the_last_batch_remembers_what_had_failed_before(ready: Library) -> None:
    first = Path(read_rows(ready.verified)[0]["source_path"])
    kept = first.read_bytes()
    first.write_bytes(kept + b"!")
    assert "1  failed" in ready.apply("--limit", "30", expect=1).stdout
    told = ready.apply("--limit", "30", expect=1)
    assert "failed in the calls before: 1 file" in told.stdout
    assert "--limit" not in told.stdout.split("for what failed", 1)[1]


def test_a_quarantine_gone_on_with_after_a_restore_takes_everything_again(ready: Library) -> None:
    ready.apply("--limit", "5")
    ready.apply("--offset", "20", "--limit", "20")
    ready.restore()
    ready.apply()
    assert left(ready) == 0
    ready.apply()  # all rows once more
    assert left(ready) == 0


def test_the_manifest_of_an_unfinished_verification_is_applied_and_called_that(library: LibraryMaker) -> None:
    home = library({f"p{n}.jpg": jpeg(seed=n) for n in range(1, 5)})
    home.organize()
    home.verify("--limit", "2")
    assert "this verification has not come to its end" in home.apply().stderr
    assert left(home) == 2
    home.verify()
    assert "has not come to its end" not in home.apply(expect=(0, 1)).stderr
    assert left(home) == 0


def test_a_quiet_dry_run_says_its_summary_alone(ready: Library) -> None:
    assert ready.apply("--dry-run", "--quiet").stdout.startswith("quarantine (dry run): ")
    assert scripts.call(
        scripts.ORGANIZE, *ready.organize_line("copy")[:-2], "--dry-run", "--quiet", cwd=ready.out
    ).stdout.startswith("copy (dry run): ")


def test_a_dry_run_of_the_next_batch_tells_of_as_many_rows_as_the_run(ready: Library) -> None:
    ready.apply("--limit", "7")
    assert told(ready, "--limit", "7", "--dry-run") == {"rows": 7, "would be quarantined": 7}
    assert told(ready, "--limit", "7") == {"rows": 7, "quarantined": 7}


def test_a_dry_run_of_deletion_tells_of_what_is_in_the_quarantine_and_of_what_is_gone(ready: Library) -> None:
    ready.apply("--limit", "10")
    assert told(ready, *FOREVER, "--dry-run") == {"rows": COUNT, "would be deleted": COUNT}
    ready.apply(*FOREVER)
    assert told(ready, *FOREVER, "--dry-run") == {"rows": COUNT, "done before": COUNT}


def test_what_a_shard_has_destroyed_is_done_before_for_the_batches_behind_its_checkpoint(ready: Library) -> None:
    ready.apply("--limit", "2", *FOREVER)
    ready.apply("--offset", "4", "--limit", "8", *FOREVER)
    ready.apply("--limit", "2", *FOREVER)
    assert told(ready, "--limit", "8", *FOREVER) == {"rows": 8, "done before": 8}


def test_batches_begin_anew_once_a_restore_has_brought_all_back(six: Library) -> None:
    six.organize()
    six.verify()
    six.apply("--limit", "6")
    assert "NOTHING WAS DONE" in six.apply("--limit", "6").stdout
    six.restore()
    said = six.apply("--limit", "3").stdout
    assert "3  quarantined" in said
    assert "left to do: 3 rows" in said
    six.apply("--limit", "3")
    assert not six.photos()


def test_the_report_of_a_copy_has_nothing_to_take_back_and_says_so(six: Library) -> None:
    six.organize()
    assert "nothing was moved by this report" in six.restore(six.report).stdout


def test_what_is_not_archived_is_to_be_organized_and_not_verified_again_and_again(six: Library) -> None:
    six.organize(mode="report")
    said = six.verify(expect=1).stdout
    assert f"--from-report {six.report} --mode copy" in said
    assert "for what is not verified" not in said


def test_files_that_were_to_be_left_out_hide_no_step_for_what_is_not_verified(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(seed=1), "notes.txt": b"no media", "more.txt": b"no media either"})
    home.organize()
    home.archive_path("a.jpg").write_bytes(jpeg(seed=2))
    said = home.verify(expect=1).stdout
    assert "for what is not verified" in said
    assert "for what is not archived" not in said

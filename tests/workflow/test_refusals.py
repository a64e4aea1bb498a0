"""What is refused: one sentence that names the file, the exit code of the contract, and nothing changed on disk."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import Argument, Result
from tests.support.tables import Row, by_name, read_rows, statuses, write_rows
from tests.support.trees import snapshot

OTHER_RUN = "12345678-1234-4234-8234-123456789abc"
Call = Callable[..., Result]


@pytest.fixture
def ready(six: Library) -> Library:
    """Six photos, copied and verified."""
    six.organize()
    six.verify()
    return six


def refused(home: Library, script: str, *args: Argument, naming: str, code: int = 2) -> Result:
    """The run is refused with one sentence and changes nothing anywhere below the library's root."""
    before = snapshot(home.root)
    result = scripts.call(script, *args, cwd=home.root, expect=code)
    assert snapshot(home.root) == before
    assert naming in result.error, result.stderr
    told = [line for line in result.stderr.splitlines() if not line.startswith(("usage:", " "))]
    assert len(told) == 1, result.stderr
    return result


def verify_line(manifest: Path) -> tuple[Argument, ...]:
    return ("--input-csv", manifest, "--verified-out", manifest.with_suffix(".v"), "--unverified-out",
            manifest.with_suffix(".u"))  # fmt: skip


def apply_line(manifest: Path, run_id: str = "auto") -> tuple[Argument, ...]:
    return ("--manifest", manifest, "--expected-run-id", run_id)


def edited(original: Path, change: Callable[[list[Row]], object]) -> Path:
    """A copy of a manifest beside it, after ``change`` was let loose on its rows."""
    rows = read_rows(original)
    change(rows)
    return write_rows(original.with_name("edited.csv"), rows)


def set_cell(number: int, column: str, value: str) -> Callable[[list[Row]], object]:
    return lambda rows: rows[number].update({column: value})


def repeat_row(rows: list[Row]) -> None:
    rows.insert(3, rows[1])


def drop_column(column: str) -> Callable[[list[Row]], object]:
    return lambda rows: [row.pop(column) for row in rows]


# What apply refuses as a whole.


def test_apply_refuses_another_run_id_than_the_expected_one(ready: Library) -> None:
    result = refused(ready, scripts.APPLY, *apply_line(ready.verified, OTHER_RUN), naming=str(ready.verified))
    assert OTHER_RUN in result.error


@pytest.mark.parametrize("expected", ["auto", "own"])
def test_apply_refuses_mixed_run_ids(ready: Library, expected: str) -> None:
    mixed = edited(ready.verified, set_cell(4, "run_id", OTHER_RUN))
    line = apply_line(mixed, ready.run_id if expected == "own" else expected)
    refused(ready, scripts.APPLY, *line, naming=str(mixed))


@pytest.mark.parametrize("run_id", ["", "nonsense", "AUTO", OTHER_RUN.upper()])
def test_apply_refuses_an_expected_run_id_that_is_none(ready: Library, run_id: str) -> None:
    refused(ready, scripts.APPLY, *apply_line(ready.verified, run_id), naming="run")


def test_apply_requires_the_expected_run_id(ready: Library) -> None:
    refused(ready, scripts.APPLY, "--manifest", ready.verified, naming="--expected-run-id")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "archive_intact"),
        ("source_path", "/etc/passwd"),
        ("destination_path", "/etc/passwd"),
        ("sha256", ""),
        ("sha256", "0" * 64),
        ("sha256", "abc"),
        ("size_bytes", "0"),
        ("size_bytes", "7.24E+02"),
        ("source_mtime", "2015-06-15"),
        ("source_root", "/"),
        ("archive_root", "/"),
        ("archive_id", ""),
        ("row_id", "99"),
        ("row_seal", ""),
        ("row_seal", "0" * 64),
    ],
)
def test_apply_refuses_a_changed_cell(ready: Library, column: str, value: str) -> None:
    changed = edited(ready.verified, set_cell(2, column, value))
    refused(ready, scripts.APPLY, *apply_line(changed), naming=str(changed))


def test_apply_refuses_a_status_made_identical_by_hand(ready: Library) -> None:
    ready.archive_path("p3.jpg").unlink()
    second = ready.root / "second"
    second.mkdir()
    line = ("--input-csv", ready.report, "--verified-out", second / "v.csv", "--unverified-out", second / "u.csv")
    scripts.call(scripts.VERIFY, *line, cwd=second, expect=1)
    forged = edited(second / "u.csv", set_cell(0, "status", "identical"))
    refused(ready, scripts.APPLY, *apply_line(forged), naming=str(forged))


def test_apply_refuses_a_duplicated_row(ready: Library) -> None:
    refused(ready, scripts.APPLY, *apply_line(twice := edited(ready.verified, repeat_row)), naming=str(twice))


def test_apply_refuses_a_missing_column_by_name(ready: Library) -> None:
    for column in ("run_id", "row_id", "source_path", "destination_path", "status", "sha256", "row_seal"):
        short = edited(ready.verified, drop_column(column))
        result = refused(ready, scripts.APPLY, *apply_line(short), naming=str(short))
        assert column in result.error


def test_a_row_cut_out_of_the_middle_of_the_bytes_is_refused(ready: Library) -> None:
    data = ready.verified.read_bytes()
    middle = len(data) // 2
    cut = ready.out / "cut.csv"
    cut.write_bytes(data[:middle] + data[middle + 60 :])
    refused(ready, scripts.APPLY, *apply_line(cut), naming=str(cut))


# What every stage refuses to read.


BAD_FILES = {
    "empty": b"",
    "blank": b"\n\n",
    "only a mark": b"\xef\xbb\xbf",
    "binary": bytes(range(256)) * 64,
    "NUL-filled": bytes(4096),
    "a photo": jpeg(),
    "another table": b'"name","age"\r\n"x","1"\r\n',
    "JSON": b'{"run_id": "x"}',
    "one endless line": b"x" * 300_000,
    "an open quote": b'"run_id","row_id\n' + b"1,2,3\n" * 50_000,
    "UTF-16": '"run_id","row_id"\n'.encode("utf-16"),
}


@pytest.mark.parametrize("stage", ["verify", "apply", "restore"])
@pytest.mark.parametrize("what", list(BAD_FILES))
def test_a_file_that_is_no_manifest_is_refused_by_name(library: LibraryMaker, stage: str, what: str) -> None:
    home = library({"a.jpg": jpeg()})
    bad = home.out / "bad.csv"
    bad.write_bytes(BAD_FILES[what])
    if stage == "verify":
        refused(home, scripts.VERIFY, *verify_line(bad), naming=str(bad))
    else:
        restore = ("--restore",) if stage == "restore" else ()
        refused(home, scripts.APPLY, *apply_line(bad), *restore, naming=str(bad))


@pytest.mark.parametrize("stage", ["verify", "apply", "restore"])
def test_a_missing_manifest_or_a_folder_in_its_place_is_refused_by_name(library: LibraryMaker, stage: str) -> None:
    home = library({"a.jpg": jpeg()})
    for bad in (home.out / "absent.csv", home.source):
        if stage == "verify":
            line = ("--input-csv", bad, "--verified-out", home.out / "v", "--unverified-out", home.out / "u")
            refused(home, scripts.VERIFY, *line, naming=str(bad))
        else:
            restore = ("--restore",) if stage == "restore" else ()
            refused(home, scripts.APPLY, *apply_line(bad), *restore, naming=str(bad))


def test_verify_refuses_mixed_run_ids(six: Library) -> None:
    six.organize()
    mixed = edited(six.report, set_cell(4, "run_id", OTHER_RUN))
    refused(six, scripts.VERIFY, *verify_line(mixed), naming=str(mixed))


def test_verify_refuses_a_run_id_that_is_none(six: Library) -> None:
    six.organize()
    bad = edited(six.report, lambda rows: [row.update(run_id="1234") for row in rows])
    refused(six, scripts.VERIFY, *verify_line(bad), naming=str(bad))


def test_verify_refuses_a_missing_column_by_name(six: Library) -> None:
    six.organize()
    for column in ("run_id", "row_id", "source_path", "destination_path", "source_root", "archive_root", "sha256"):
        short = edited(six.report, drop_column(column))
        result = refused(six, scripts.VERIFY, *verify_line(short), naming=str(short))
        assert column in result.error


def test_verify_never_lets_a_duplicated_row_through_twice(six: Library) -> None:
    six.organize()
    twice = edited(six.report, repeat_row)
    refused(six, scripts.VERIFY, *verify_line(twice), naming=str(twice))


@pytest.mark.parametrize("digest", ["abc", "0" * 63, "G" * 64, "A" * 64])
def test_verify_never_calls_a_row_with_a_bad_hash_identical(six: Library, digest: str) -> None:
    """rmlint#672: two empty checksums compared equal."""
    six.organize()
    bad = edited(six.report, set_cell(2, "sha256", digest))
    scripts.call(scripts.VERIFY, *verify_line(bad), cwd=six.root, expect=(1, 2))
    if (verified := bad.with_suffix(".v")).exists():
        assert "p3.jpg" not in by_name(read_rows(verified))


def test_a_changed_hash_in_the_report_is_noticed(six: Library) -> None:
    six.organize()
    bad = edited(six.report, set_cell(2, "sha256", "0" * 64))
    scripts.call(scripts.VERIFY, *verify_line(bad), cwd=six.root, expect=1)
    assert "p3.jpg" not in by_name(read_rows(bad.with_suffix(".v")))
    assert list(by_name(read_rows(bad.with_suffix(".u")))) == ["p3.jpg"]


# What every stage takes in its stride.


def test_a_spreadsheets_bom_crlf_and_quotes_are_accepted_by_verify_and_apply(six: Library) -> None:
    six.organize()
    write_rows(six.report, read_rows(six.report), spreadsheet=True)
    six.verify()
    write_rows(six.verified, read_rows(six.verified), spreadsheet=True)
    six.apply()
    assert six.photos() == {}


def test_unknown_extra_columns_are_ignored(six: Library) -> None:
    six.organize()
    write_rows(six.report, [{"my notes": "keep", **row, "more": "x"} for row in read_rows(six.report)])
    six.verify()
    write_rows(six.verified, [{"my notes": "keep", **row, "more": "x"} for row in read_rows(six.verified)])
    six.apply()
    assert six.photos() == {}


def torn(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])


@pytest.mark.parametrize("cut", [2, 5, 40, 120])
def test_a_torn_last_row_of_a_report_is_dropped_with_a_warning(six: Library, cut: int) -> None:
    six.organize()
    torn(six.report, cut)
    result = six.verify(expect=1)
    assert str(six.report) in result.stderr
    assert list(by_name(read_rows(six.verified))) == [f"p{n}.jpg" for n in range(1, 6)]
    assert read_rows(six.unverified) == []


@pytest.mark.parametrize("cut", [2, 5, 40, 120])
def test_a_torn_last_row_of_a_verified_manifest_is_dropped_with_a_warning(ready: Library, cut: int) -> None:
    torn(ready.verified, cut)
    result = ready.apply(expect=1)
    assert str(ready.verified) in result.stderr
    assert list(ready.photos()) == ["p6.jpg"]


@pytest.mark.parametrize("cut", [2, 5, 40, 120])
def test_a_torn_last_row_of_a_journal_does_not_keep_anything_from_being_restored(ready: Library, cut: int) -> None:
    before = ready.source_snapshot()
    ready.apply()
    torn(ready.journal, cut)
    ready.restore(expect=(0, 1))
    assert ready.source_snapshot() == before


# Journals.


def test_a_changed_cell_in_a_journal_is_refused(ready: Library) -> None:
    ready.apply()
    rows = read_rows(ready.journal)
    for column in rows[1]:
        changed = edited(ready.journal, set_cell(1, column, f"{rows[1][column]}0"))
        refused(ready, scripts.APPLY, *apply_line(changed), "--restore", naming=str(changed))


@pytest.mark.parametrize("change", [repeat_row, list[Row].reverse, lambda rows: rows.pop(1)])
def test_a_journal_with_rows_repeated_reordered_or_removed_is_refused(
    ready: Library, change: Callable[[list[Row]], object]
) -> None:
    ready.apply()
    changed = edited(ready.journal, change)
    refused(ready, scripts.APPLY, *apply_line(changed), "--restore", naming=str(changed))


def test_restore_refuses_the_journal_of_another_run(ready: Library) -> None:
    ready.apply()
    refused(ready, scripts.APPLY, *apply_line(ready.journal, OTHER_RUN), "--restore", naming=str(ready.journal))


def test_a_foreign_file_in_the_journals_place_is_kept_and_nothing_is_taken(ready: Library) -> None:
    ready.journal.parent.mkdir(parents=True)
    ready.journal.write_bytes(b"not a journal\n")
    photos = ready.photos()
    refusal = ready.apply(expect=2)
    assert str(ready.journal) in refusal.error
    assert ready.journal.read_bytes() == b"not a journal\n"
    assert ready.photos() == photos


# State files.


def state_of(content: bytes) -> dict[str, bytes]:
    """A valid state file and what may have become of it."""
    other = json.loads(content)
    other["run_id"] = OTHER_RUN
    return {
        "empty": b"",
        "NUL-filled": bytes(len(content)),
        "half": content[: len(content) // 2],
        "foreign JSON": b'{"name": "somebody else"}',
        "a list": b"[]",
        "another run": json.dumps(other).encode(),
        "binary": bytes(range(256)),
    }


STATES = ["empty", "NUL-filled", "half", "foreign JSON", "a list", "another run", "binary"]


@pytest.mark.parametrize("what", STATES)
def test_verify_refuses_a_state_file_that_is_not_its_own_and_keeps_it(six: Library, what: str) -> None:
    six.organize()
    state = six.out / "my.state.json"
    line = six.verify_line("--limit", "2", "--state-file", state)
    scripts.call(scripts.VERIFY, *line, cwd=six.out)
    good = state.read_bytes()
    state.write_bytes(state_of(good)[what])
    refused(six, scripts.VERIFY, *line, naming=str(state))
    state.write_bytes(good)
    scripts.call(scripts.VERIFY, *six.verify_line("--state-file", state), cwd=six.out)
    assert len(read_rows(six.verified)) == 6


@pytest.mark.parametrize("what", STATES)
def test_apply_refuses_a_state_file_that_is_not_its_own_and_keeps_it(ready: Library, what: str) -> None:
    state = ready.out / "my.state.json"
    line = ready.apply_line("--limit", "2", "--state-file", state)
    scripts.call(scripts.APPLY, *line, cwd=ready.out)
    good = state.read_bytes()
    state.write_bytes(state_of(good)[what])
    refused(ready, scripts.APPLY, *line, naming=str(state))
    state.write_bytes(good)
    scripts.call(scripts.APPLY, *ready.apply_line("--state-file", state), cwd=ready.out)
    assert ready.photos() == {}


@pytest.mark.parametrize("what", STATES)
def test_organize_refuses_a_state_file_that_is_not_its_own_and_keeps_it(six: Library, what: str) -> None:
    six.organize()
    (state,) = six.out.glob("report.csv.state.json")
    state.write_bytes(state_of(state.read_bytes())[what])
    kept = state.read_bytes()
    refused(six, scripts.ORGANIZE, *six.organize_line("copy"), naming=str(six.out / "report.csv"))
    assert state.read_bytes() == kept


def test_a_manifest_that_changed_between_two_batches_is_refused(ready: Library) -> None:
    state = ready.out / "apply.state.json"
    line = ready.apply_line("--limit", "2", "--state-file", state)
    scripts.call(scripts.APPLY, *line, cwd=ready.out)
    write_rows(ready.verified, read_rows(ready.verified)[1:])
    refused(ready, scripts.APPLY, *line, naming=str(state))


def test_a_report_that_changed_between_two_batches_is_refused(six: Library) -> None:
    six.organize()
    six.verify("--limit", "2")
    write_rows(six.report, read_rows(six.report)[1:])
    refused(six, scripts.VERIFY, *six.verify_line("--limit", "2"), naming=str(six.out))


# Outputs.


def test_organize_never_overwrites_an_output_that_exists(six: Library) -> None:
    six.report.write_bytes(b"somebody else's file")
    refused(six, scripts.ORGANIZE, *six.organize_line("copy"), naming=str(six.report))
    refused(six, scripts.ORGANIZE, *six.organize_line("report"), naming=str(six.report))


@pytest.mark.parametrize("taken", ["verified.csv", "unverified.csv"])
def test_verify_never_overwrites_an_output_that_exists(six: Library, taken: str) -> None:
    six.organize()
    (six.out / taken).write_bytes(b"somebody else's file")
    refused(six, scripts.VERIFY, *six.verify_line(), naming=str(six.out / taken))


def test_verify_refuses_to_write_over_its_own_input(six: Library) -> None:
    six.organize()
    line = ("--input-csv", six.report, "--verified-out", six.report, "--unverified-out", six.unverified)
    refused(six, scripts.VERIFY, *line, naming=str(six.report))
    line = ("--input-csv", six.report, "--verified-out", six.verified, "--unverified-out", six.verified)
    refused(six, scripts.VERIFY, *line, naming=str(six.verified))


# Options.


@pytest.mark.parametrize("script", [scripts.ORGANIZE, scripts.VERIFY, scripts.APPLY])
def test_an_unknown_option_is_refused(ready: Library, script: str) -> None:
    lines = {
        scripts.ORGANIZE: ready.organize_line(),
        scripts.VERIFY: ready.verify_line(),
        scripts.APPLY: ready.apply_line(),
    }
    refused(ready, script, *lines[script], "--no-such-option", naming="--no-such-option")
    refused(ready, script, naming="required")


@pytest.mark.parametrize(
    "options",
    [
        ("--delete-permanent",),
        ("--yes",),
        ("--limit", "-1"),
        ("--limit", "many"),
        ("--offset", "-1"),
        ("--jobs", "0"),
        ("--delete-permanently", "--yes-really-delete", "--restore"),
    ],
)
def test_apply_refuses_abbreviated_senseless_and_contradicting_options(
    ready: Library, options: tuple[str, ...]
) -> None:
    refused(ready, scripts.APPLY, *ready.apply_line(*options), naming=options[0])


@pytest.mark.parametrize("options", [("--limit", "-1"), ("--offset", "x"), ("--hash", "md5"), ("--jobs", "0")])
def test_verify_refuses_senseless_options(six: Library, options: tuple[str, ...]) -> None:
    six.organize()
    refused(six, scripts.VERIFY, *six.verify_line(*options), naming=options[0])


@pytest.mark.parametrize(
    "options",
    [
        ("--mode", "delete"),
        ("--media-kind", "music"),
        ("--date-from", "yesterday"),
        ("--date-to", "2019-02-30"),
        ("--date-sources", "horoscope"),
        ("--layout", "../%Y"),
        ("--layout", "/%Y"),
        ("--layout", "%Y/%Q"),
        ("--timezone", "Mars/Olympus"),
        ("--jobs", "-2"),
    ],
)
def test_organize_refuses_senseless_options(six: Library, options: tuple[str, ...]) -> None:
    refused(six, scripts.ORGANIZE, *six.organize_line("copy", *options), naming=options[0])


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_the_report_of_a_run_that_acted_is_no_plan_to_be_carried_out(six: Library, mode: str) -> None:
    """What it calls copied or moved may have been taken back since: carrying it out would claim and do nothing."""
    six.organize(mode=mode)
    options = ("--from-report", six.report, "--mode", "copy", "--report-csv", six.out / "again.csv")
    refused(six, scripts.ORGANIZE, *options, naming="not a plan")


def test_organize_refuses_a_date_range_that_ends_before_it_begins(six: Library) -> None:
    options = ("--date-from", "2020-01-01", "--date-to", "2019-12-31")
    refused(six, scripts.ORGANIZE, *six.organize_line("copy", *options), naming="--date-")


@pytest.mark.parametrize("mode", ["report", "copy", "move"])
def test_organize_refuses_roots_that_are_one_another(six: Library, mode: str) -> None:
    (six.root / "link").symlink_to(six.source)
    (six.source / "sub").mkdir()
    for source, destination in (
        (six.source, six.source),
        (six.source, six.root / "link"),
        (six.root / "link", six.source),
        (six.source, six.root / "out/../source"),
        (six.source / "sub", six.source),
        (six.source / "sub", six.root),
    ):
        line = ("--source", source, "--destination-root", destination, "--mode", mode, "--report-csv", six.report)
        refused(six, scripts.ORGANIZE, *line, naming=str(six.source))


def test_organize_refuses_a_source_that_is_missing_or_no_folder(six: Library) -> None:
    for source in (six.root / "absent", six.source / "p1.jpg"):
        line = ("--source", source, "--destination-root", six.archive, "--mode", "copy", "--report-csv", six.report)
        refused(six, scripts.ORGANIZE, *line, naming=str(source))


def test_organize_refuses_a_destination_that_is_a_file(six: Library) -> None:
    six.archive.write_bytes(b"a file")
    refused(six, scripts.ORGANIZE, *six.organize_line("copy"), naming=str(six.archive))


def test_a_huge_field_in_a_manifest_is_refused_and_not_swallowed(ready: Library) -> None:
    huge = edited(ready.verified, set_cell(2, "reason", "x" * (csv.field_size_limit() + 10)))
    refused(ready, scripts.APPLY, *apply_line(huge), naming=str(huge))


def test_a_row_for_a_file_that_failed_never_stands_in_the_way_of_the_others(six: Library) -> None:
    (six.source / "p3.jpg").unlink()
    (six.source / "p3.jpg").symlink_to(six.root / "nowhere")
    six.organize(expect=(0, 1))
    six.verify(expect=(0, 1))
    assert statuses(read_rows(six.verified)) == {"identical": 5}


# --- files that are named by mistake ----------------------------------------------------------------


def test_a_photo_or_a_report_named_as_the_log_is_not_added_to(six: Library) -> None:
    six.organize()
    before = six.source_snapshot()
    photo = six.source / "p1.jpg"
    said = scripts.call(scripts.VERIFY, *six.verify_line("--log-file", photo), cwd=six.out, expect=2)
    assert said.error.endswith("is no log of this project; choose another --log-file")
    assert six.source_snapshot() == before
    report = six.report.read_bytes()
    scripts.call(scripts.VERIFY, *six.verify_line("--log-file", six.report), cwd=six.out, expect=2)
    assert six.report.read_bytes() == report


def test_a_file_full_of_zeros_at_first_is_not_begun_anew_for_an_empty_report(six: Library) -> None:
    empty, image = six.root / "empty", six.out / "disc.iso"
    empty.mkdir()
    image.write_bytes(bytes(40_000) + b"content")
    before = image.read_bytes()
    line = ("--source", empty, "--destination-root", six.archive, "--mode", "copy", "--report-csv", six.report)
    scripts.call(scripts.ORGANIZE, *line, cwd=six.out)
    scripts.call(scripts.VERIFY, "--input-csv", six.report, "--verified-out", image, cwd=six.out, expect=2)
    assert image.read_bytes() == before


def test_a_persons_file_under_the_temporary_name_of_a_state_is_not_replaced(six: Library) -> None:
    six.organize()
    precious = six.out / "mine.tmp"
    precious.write_text("precious")
    said = six.verify("--state-file", six.out / "mine", expect=2)
    assert "is in the way and none of ours" in said.error
    assert precious.read_text() == "precious"


def test_the_journal_is_no_place_for_the_state(six: Library) -> None:
    six.organize()
    six.verify()
    journal = six.quarantine / six.run_id / "journal.csv"
    assert "choose another --state-file" in six.apply("--state-file", journal, expect=2).error
    assert len(six.photos()) == 6


def test_two_outputs_that_are_one_file_through_a_linked_folder_are_refused(six: Library) -> None:
    six.organize()
    (six.out / "one").mkdir()
    os.symlink("one", six.out / "other")
    outputs = ("--verified-out", six.out / "one/v.csv", "--unverified-out", six.out / "other/v.csv")
    said = scripts.call(scripts.VERIFY, "--input-csv", six.report, *outputs, cwd=six.out, expect=2)
    assert "is named for two things at once" in said.error


# Places that no scan looks into, or that hold what is not ours.


@pytest.mark.parametrize("layout", [".media-quarantine/%Y", "%Y/@eaDir", "lost+found"])
def test_organize_refuses_a_layout_that_no_later_scan_would_see(six: Library, layout: str) -> None:
    result = refused(six, scripts.ORGANIZE, *six.organize_line("copy", "--layout", layout), naming=layout)
    assert "no scan looks into" in result.stderr


def test_organize_refuses_a_plan_into_a_folder_that_no_later_scan_would_see(six: Library) -> None:
    six.organize(mode="report")
    hidden = str(six.archive / "@eaDir" / "a.jpg")
    plan = edited(six.report, set_cell(0, "destination_path", hidden))
    line = ("--from-report", plan, "--mode", "copy", "--report-csv", six.out / "done.csv")
    refused(six, scripts.ORGANIZE, *line, naming=hidden)


def test_apply_refuses_a_quarantine_that_would_hide_other_files(ready: Library) -> None:
    """The mark of a quarantine keeps every later scan out: photos beside it would never be found again."""
    other = ready.root / "other"
    other.mkdir()
    (other / "photo.jpg").write_bytes(jpeg())
    refused(ready, scripts.APPLY, *ready.apply_line("--quarantine-root", other), naming=str(other))
    empty = ready.root / "disk"
    (empty / "lost+found").mkdir(parents=True)
    ready.apply("--quarantine-root", empty, "--limit", "2")
    ready.apply("--quarantine-root", empty)


def test_apply_that_cannot_lock_the_archive_makes_no_quarantine(ready: Library) -> None:
    lock = ready.archive / ".media-archive.lock"
    lock.unlink()
    lock.mkdir()
    refused(ready, scripts.APPLY, *ready.apply_line(), naming=str(lock))
    assert not ready.quarantine.exists()


def test_a_marker_that_nests_without_end_is_refused(ready: Library) -> None:
    (ready.archive / ".media-archive.json").write_text("[" * 60_000)
    refused(ready, scripts.VERIFY, *ready.verify_line(), naming=".media-archive.json")


def test_a_table_from_a_spreadsheet_that_writes_semicolons_is_told_apart_from_a_foreign_file(six: Library) -> None:
    six.organize(mode="report")
    table = six.out / "semicolons.csv"
    table.write_bytes(six.report.read_bytes().replace(b'","', b";").replace(b'"', b""))
    line = ("--from-report", table, "--mode", "copy", "--report-csv", six.out / "done.csv")
    assert "save it anew with commas" in refused(six, scripts.ORGANIZE, *line, naming=str(table)).error


def test_a_file_is_no_quarantine_root(ready: Library) -> None:
    result = refused(
        ready, scripts.APPLY, *ready.apply_line("--quarantine-root", ready.report), naming=str(ready.report)
    )
    assert "--quarantine-root" in result.error


def test_a_dry_run_refuses_the_quarantine_that_the_run_would_refuse(ready: Library) -> None:
    inside = ready.archive / "q"
    refused(ready, scripts.APPLY, *ready.apply_line("--quarantine-root", inside, "--dry-run"), naming=str(inside))


def test_a_quarantine_is_no_source_and_no_archive(ready: Library) -> None:
    """No scan looks into one, so all would seem to be in order."""
    ready.apply("--quarantine-root", ready.root / "q")
    (ready.root / "photos").mkdir()
    for source, archive in ((ready.root / "q", ready.root / "new"), (ready.root / "photos", ready.root / "q")):
        refused(
            ready, scripts.ORGANIZE, "--source", source, "--destination-root", archive, naming="is a quarantine, into"
        )


def test_the_file_of_another_step_is_named_for_what_it_is(ready: Library) -> None:
    refused(ready, scripts.APPLY, *apply_line(ready.report), naming="is a report of organize: verify it first")
    ready.apply()
    ready.restore()
    restored = ready.journal.with_name("journal-restore.csv")
    again = apply_line(restored)
    refused(ready, scripts.APPLY, *again, "--restore", naming="give the journal.csv beside it")


@pytest.mark.parametrize("option", [("--max-age", "3"), ("--prune-empty-dirs",)])
def test_an_option_that_would_not_hold_is_refused(ready: Library, option: tuple[str, ...]) -> None:
    ready.apply()
    purge = ("--manifest", ready.journal, "--expected-run-id", "auto", "--delete-permanently", "--yes-really-delete")
    refused(ready, scripts.APPLY, *purge, *option, naming=f"{option[0]} goes with a verified.csv, not with a journal")


def test_the_review_page_takes_no_name_of_another_output(six: Library) -> None:
    """It is written last: by then the photos would have been moved."""
    page = ("--review-html", six.report)
    refused(six, scripts.ORGANIZE, *six.organize_line("move"), *page, naming="choose another --review-html")
    six.organize()
    for name in (six.verified, six.unverified, six.verified.with_name("SHA256SUMS")):
        refused(six, scripts.VERIFY, *six.verify_line("--review-html", name), naming="choose another --review-html")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody remove a current folder")
@pytest.mark.parametrize("script", [scripts.ORGANIZE, scripts.VERIFY, scripts.APPLY])
def test_a_current_folder_that_is_gone_is_named(tmp_path: Path, script: str) -> None:
    """A cron job on a disk that was taken away."""
    gone = tmp_path / "gone"
    gone.mkdir()
    command = [
        "sh",
        "-c",
        'rmdir "$PWD"; exec "$@"',
        "sh",
        sys.executable,
        str(scripts.ROOT / f"{script}.py"),
        "--quiet",
    ]
    done = subprocess.run(command, cwd=gone, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the current folder can't be told" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_argument_with_a_nul_byte_is_refused(ready: Library) -> None:
    arguments = ready.out / "wide.args"
    arguments.write_bytes(f"--manifest\n{ready.verified}\n--expected-run-id\nauto\n".encode("utf-16-le"))
    refused(ready, scripts.APPLY, f"@{arguments}", naming="NUL byte")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not take its zone from TZ in this form")
def test_a_machine_whose_time_zone_is_none_is_told_so(six: Library) -> None:
    told = scripts.run(scripts.ORGANIZE, *six.organize_line(), cwd=six.out, expect=2, env={"TZ": "XXX25"})
    assert "this machine's time zone" in told.stderr


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are UTF-8 there, whatever the locale")
def test_a_locale_of_an_older_encoding_is_refused(six: Library, tmp_path: Path) -> None:
    """Names would be written as other bytes than they have, and nothing could be found by them again."""
    if shutil.which("localedef") is None:
        pytest.skip("no localedef to make a locale with: install the package of the C library's tools (libc-bin)")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE")], capture_output=True, check=False
    )
    if not (tmp_path / "de_DE").is_dir():
        pytest.skip(f"no locale can be made here ({made.stderr.decode()[:60]!r}): install the package locales")
    older = {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE", "PYTHONUTF8": "0"}
    told = scripts.run(scripts.ORGANIZE, *six.organize_line(), cwd=six.out, expect=2, env=older)
    assert "set PYTHONUTF8=1" in told.stderr
    assert not six.report.exists()
    scripts.run(scripts.ORGANIZE, *six.organize_line(), cwd=six.out, env={**older, "PYTHONUTF8": "1"})

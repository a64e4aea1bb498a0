"""Manifests, states and journals that are refused, or read in spite of their form. Nothing on disk is changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.refusals import apply_line, refused, verify_line
from tests.support.scripts import Result
from tests.support.tables import Row, by_name, edited, read_rows, set_cell, statuses, write_rows

OTHER_RUN = "12345678-1234-4234-8234-123456789abc"


Call = Callable[..., Result]


def repeat_row(rows: list[Row]) -> None:
    rows.insert(3, rows[1])


def drop_column(column: str) -> Callable[[list[Row]], object]:
    return lambda rows: [row.pop(column) for row in rows]


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


def test_a_huge_field_in_a_manifest_is_refused_and_not_swallowed(ready: Library) -> None:
    huge = edited(ready.verified, set_cell(2, "reason", "x" * (csv.field_size_limit() + 10)))
    refused(ready, scripts.APPLY, *apply_line(huge), naming=str(huge))


def test_a_row_for_a_file_that_failed_never_stands_in_the_way_of_the_others(six: Library) -> None:
    (six.source / "p3.jpg").unlink()
    (six.source / "p3.jpg").symlink_to(six.root / "nowhere")
    six.organize(expect=(0, 1))
    six.verify(expect=(0, 1))
    assert statuses(read_rows(six.verified)) == {"identical": 5}


def test_a_marker_that_nests_without_end_is_refused(ready: Library) -> None:
    (ready.archive / ".media-archive.json").write_text("[" * 60_000)
    refused(ready, scripts.VERIFY, *ready.verify_line(), naming=".media-archive.json")


def test_a_table_from_a_spreadsheet_that_writes_semicolons_is_told_apart_from_a_foreign_file(six: Library) -> None:
    six.organize(mode="report")
    table = six.out / "semicolons.csv"
    table.write_bytes(six.report.read_bytes().replace(b'","', b";").replace(b'"', b""))
    line = ("--from-report", table, "--mode", "copy", "--report-csv", six.out / "done.csv")
    assert "save it anew with commas" in refused(six, scripts.ORGANIZE, *line, naming=str(table)).error


def test_the_file_of_another_step_is_named_for_what_it_is(ready: Library) -> None:
    refused(ready, scripts.APPLY, *apply_line(ready.report), naming="is a report of organize: verify it first")
    ready.apply()
    ready.restore()
    restored = ready.journal.with_name("journal-restore.csv")
    again = apply_line(restored)
    refused(ready, scripts.APPLY, *again, "--restore", naming="give the journal.csv beside it")

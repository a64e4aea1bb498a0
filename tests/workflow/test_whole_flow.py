"""Report, copy, verify in batches, quarantine, restore: every file accounted for, the source as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg, mp4
from tests.support.tables import assert_each_row_once, by_name, read_rows, statuses, write_rows
from tests.support.trees import archived, contents, read_tree, snapshot, write_tree

TREE = {
    "phone/IMG_1.jpg": jpeg(datetime(2018, 5, 1, 10, 0), seed=1),
    "phone/IMG_2.jpg": jpeg(datetime(2019, 5, 1, 10, 0), seed=2),
    "phone/holiday/IMG_3.jpg": jpeg(datetime(2019, 8, 1, 10, 0), seed=3),
    "phone/clip.mp4": mp4(datetime(2020, 3, 3, 12, 0), seed=4),
    "backup/IMG_1.jpg": jpeg(datetime(2018, 5, 1, 10, 0), seed=1),  # the same content
    "camera/IMG_1.jpg": jpeg(datetime(2018, 6, 1, 10, 0), seed=5),  # the same name
    "undated.jpg": jpeg(None, seed=6),
    "broken.jpg": b"this is no picture",
    "empty.jpg": b"",
    "notes.txt": b"not media",
    "Thumbs.db": b"left out",
    "phone/.DS_Store": b"left out",
    "@eaDir/IMG_1.jpg": jpeg(seed=7),
}
MEDIA = {name: data for name, data in TREE.items() if name.endswith((".jpg", ".mp4")) and "@eaDir" not in name}
COLUMNS = (
    "run_id row_id source_path destination_path source_root archive_root archive_id media_kind group_id "
    "size_bytes source_mtime capture_date date_source review status reason sha256"
).split()
OUTCOMES = ("copied", "moved", "planned", "already_archived", "duplicate", "skipped", "failed")


@pytest.fixture
def home(library: LibraryMaker) -> Library:
    return library(TREE)


def assert_adds_up(result: scripts.Result) -> None:
    """Scanned is the sum of what became of it."""
    assert result.count("scanned") == sum(result.count(outcome) for outcome in OUTCOMES)


def test_report_changes_nothing_but_its_own_report(home: Library) -> None:
    before = snapshot(home.root)
    result = home.organize("--json", mode="report")
    after = snapshot(home.root)
    assert {name: entry for name, entry in after.items() if not name.startswith("out/")} == {
        name: entry for name, entry in before.items() if not name.startswith("out/")
    }
    assert_adds_up(result)
    assert result.count("scanned") == len(MEDIA) + 1  # notes.txt is a row, system files are not


def test_report_is_the_default_mode(home: Library) -> None:
    line = ("--source", home.source, "--destination-root", home.archive)
    scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    assert not home.archive.exists()
    (report,) = home.out.glob("report-*.csv")
    assert report.name.endswith(f"-{read_rows(report)[0]['run_id'][:8]}.csv")


def test_a_report_has_every_column_of_the_contract_in_every_row(home: Library) -> None:
    home.organize(mode="report")
    rows = read_rows(home.report)
    assert list(rows[0])[: len(COLUMNS)] == COLUMNS
    assert [row["row_id"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
    assert len({row["run_id"] for row in rows}) == 1
    for row in rows:
        assert (row["destination_path"] == "") <= (row["status"] in ("skipped", "failed")), row
        assert row["source_root"] == str(home.source)
        assert row["archive_root"] == str(home.archive)
        assert int(row["size_bytes"]) == Path(row["source_path"]).stat().st_size
        assert row["reason"] or row["status"] not in ("skipped", "failed", "duplicate"), row


def test_report_dry_run_and_copy_tell_the_same_plan(home: Library) -> None:
    def plan(report: Path) -> dict[str, tuple[str, str, str, str]]:
        return {
            row["source_path"]: (row["destination_path"], row["capture_date"], row["date_source"], row["review"])
            for row in read_rows(report)
        }

    home.organize(mode="report")
    planned = plan(home.report)
    home.report.rename(home.out / "planned.csv")
    shutil.rmtree(home.out)
    home.out.mkdir()
    home.organize("--dry-run")
    assert not archived(home.archive)
    if home.report.exists():
        assert plan(home.report) == planned
        shutil.rmtree(home.out)
        home.out.mkdir()
    home.organize()
    assert plan(home.report) == planned


def test_copy_archives_every_content_once_by_year_and_leaves_the_source_alone(home: Library) -> None:
    before = home.source_snapshot()
    result = home.organize("--json")
    assert home.source_snapshot() == before
    assert_adds_up(result)
    stored = archived(home.archive)
    assert contents(stored) == dict.fromkeys(MEDIA.values(), 1)
    rows = read_rows(home.report)
    assert_each_row_once(rows)
    counts = statuses(rows)
    assert all(result.count(status) == counts[status] for status in OUTCOMES)
    assert counts["skipped"] == counts["duplicate"] == 1
    for row in rows:
        if row["status"] in ("copied", "duplicate"):
            assert Path(row["destination_path"]).read_bytes() == Path(row["source_path"]).read_bytes()
    assert (home.archive / "2019/IMG_2.jpg").read_bytes() == TREE["phone/IMG_2.jpg"]
    assert (home.archive / "2019/IMG_3.jpg").read_bytes() == TREE["phone/holiday/IMG_3.jpg"]
    assert len(list((home.archive / "2018").iterdir())) == 2


def test_an_archived_copy_keeps_its_modification_time_and_permissions(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg()})
    (home.source / "a.jpg").chmod(0o640)
    home.organize()
    original, copy = (home.source / "a.jpg").stat(), (home.archive / "2019/a.jpg").stat()
    assert (copy.st_mtime_ns, copy.st_mode) == (original.st_mtime_ns, original.st_mode)


def test_an_undated_file_goes_by_its_mtime_and_is_flagged_for_review(library: LibraryMaker) -> None:
    home = library({"scan.jpg": jpeg(None), "sure.jpg": jpeg(seed=1)})
    home.organize()
    rows = by_name(read_rows(home.report))
    assert rows["scan.jpg"]["date_source"] == "filesystem:mtime"
    assert rows["scan.jpg"]["review"]
    assert not rows["sure.jpg"]["review"]
    assert (home.archive / "2015/scan.jpg").exists()


def test_five_batches_of_verify_prove_every_file_and_sha256sum_agrees(home: Library) -> None:
    home.organize()
    before = home.source_snapshot()
    rows = read_rows(home.report)
    provable = [row for row in rows if row["status"] != "skipped"]
    for _ in range(0, len(rows), 2):
        home.verify("--limit", "2", expect=(0, 1))
    assert home.source_snapshot() == before
    verified = read_rows(home.verified)
    assert_each_row_once(verified)
    assert {row["source_path"] for row in verified} == {row["source_path"] for row in provable}
    assert statuses(verified) == {"identical": len(provable)}
    assert statuses(read_rows(home.unverified)) == {"not_archived": 1}
    assert {row["run_id"] for row in verified} == {rows[0]["run_id"]}
    assert {row["read_mode"] for row in verified} <= {"cold", "cached"}
    if shutil.which("sha256sum"):
        checked = ["sha256sum", "--check", "--strict", "--quiet", str(home.out / "SHA256SUMS")]
        assert subprocess.run(checked, cwd=home.archive, capture_output=True, check=False).returncode == 0
    sums = (home.out / "SHA256SUMS").read_text().splitlines()
    assert len(set(sums)) == len(archived(home.archive))


def test_batches_give_the_same_manifest_as_one_run(home: Library) -> None:
    def without_time(path: Path) -> list[dict[str, str]]:
        return [{k: v for k, v in row.items() if k not in ("verified_at", "row_seal")} for row in read_rows(path)]

    home.organize()
    home.verify(expect=(0, 1))
    at_once = without_time(home.verified), without_time(home.unverified)
    sums = (home.out / "SHA256SUMS").read_bytes()
    for path in home.out.iterdir():
        if not path.name.startswith("report"):
            path.unlink()
    for _ in range(len(read_rows(home.report))):
        home.verify("--limit", "1", expect=(0, 1))
    assert (without_time(home.verified), without_time(home.unverified)) == at_once
    assert (home.out / "SHA256SUMS").read_bytes() == sums


def test_verifying_a_finished_manifest_again_adds_nothing(home: Library) -> None:
    home.organize()
    home.verify(expect=(0, 1))
    before = snapshot(home.out)
    home.verify(expect=(0, 1))
    after = snapshot(home.out)
    for name in ("verified.csv", "unverified.csv", "SHA256SUMS"):
        assert after[name].content == before[name].content


def test_a_dry_run_of_apply_changes_nothing(home: Library) -> None:
    home.organize()
    home.verify(expect=(0, 1))
    before = snapshot(home.root)
    result = home.apply("--dry-run", "--json")
    assert snapshot(home.root) == before
    assert result.stdout


def test_quarantine_takes_the_verified_files_and_restore_gives_the_source_back_exactly(home: Library) -> None:
    home.organize()
    home.verify(expect=(0, 1))
    before, photos = home.source_snapshot(), home.photos()
    stored = read_tree(home.archive)
    home.apply("--json")
    assert home.quarantined == MEDIA
    assert home.photos() == {name: data for name, data in photos.items() if name not in MEDIA}
    assert read_tree(home.archive) == stored
    assert not (home.quarantine / home.run_id).stat().st_mode & 0o077, "others may look into the quarantine"
    home.restore()
    assert home.source_snapshot() == before
    assert home.quarantined == {}
    assert read_tree(home.archive) == stored


def test_quarantine_in_batches_takes_each_file_once_and_restore_brings_all_back(home: Library) -> None:
    home.organize()
    home.verify(expect=(0, 1))
    before = home.source_snapshot()
    total = len(read_rows(home.verified))
    taken = 0
    while taken < total:
        home.apply("--limit", "3")
        taken = min(taken + 3, total)
        assert len(home.quarantined) == taken
    assert home.quarantined == MEDIA
    home.restore()
    assert home.source_snapshot() == before


def test_the_quarantine_is_left_out_of_the_next_scan(six: Library) -> None:
    six.organize()
    six.verify()
    six.apply()
    again = Library(six.root, six.source, six.archive, six.root / "again")
    again.out.mkdir()
    assert again.organize("--json").count("scanned") == 0


def test_an_archive_inside_the_source_is_never_scanned(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg()})
    inside = Library(home.root, home.source, home.source / "sorted", home.out)
    inside.organize()
    again = Library(home.root, home.source, home.source / "sorted", home.root / "again")
    again.out.mkdir()
    assert again.organize("--json").count("scanned") == 1
    assert archived(inside.archive) == {"2019/a.jpg": jpeg()}


@pytest.mark.parametrize("mode", ["report", "copy", "move"])
def test_b15_an_empty_source_is_taken_for_a_disk_that_is_not_mounted(library: LibraryMaker, mode: str) -> None:
    home = library({})
    assert "is its disk mounted?" in home.organize(mode=mode, expect=3).error
    assert not home.archive.exists()
    assert not list(home.out.iterdir())


def test_default_names_carry_a_person_through_all_three_stages_in_one_folder(home: Library) -> None:
    """A second verification in the same folder (of unverified.csv) is part of the usual way, too."""
    before = home.source_snapshot()
    scripts.call(
        scripts.ORGANIZE, "--source", home.source, "--destination-root", home.archive, "--mode", "copy", cwd=home.out
    )
    (report,) = home.out.glob("report-*.csv")
    run_id = read_rows(report)[0]["run_id"]
    lost = Path(by_name([r for r in read_rows(report) if "IMG_3" in r["source_path"]])["IMG_3.jpg"]["destination_path"])
    lost.rename(home.root / "kept-apart")
    scripts.call(scripts.VERIFY, "--input-csv", report, cwd=home.root, expect=1)
    (verified,) = home.out.glob("verified-*.csv")
    (unverified,) = home.out.glob("unverified-*.csv")
    assert statuses(read_rows(unverified)) == {"archive_missing": 1, "not_archived": 1}
    (home.root / "kept-apart").rename(lost)
    scripts.call(scripts.VERIFY, "--input-csv", unverified, cwd=home.root, expect=(0, 1))
    (second,) = set(home.out.glob("verified-*.csv")) - {verified}
    assert statuses(read_rows(second)) == {"identical": 1}
    for manifest in (verified, second):
        scripts.call(scripts.APPLY, "--manifest", manifest, "--expected-run-id", run_id, cwd=home.root)
    assert read_tree(Path(f"{home.quarantine}/{run_id}/files{home.source}")) == MEDIA
    journal = home.quarantine / run_id / "journal.csv"
    home.restore(journal)
    assert home.source_snapshot() == before


def test_the_three_scripts_run_as_processes_and_print_results_on_stdout_alone(home: Library) -> None:
    before = home.source_snapshot()
    results = [
        scripts.run(scripts.ORGANIZE, *home.organize_line("copy", "--json"), cwd=home.out),
        scripts.run(scripts.VERIFY, *home.verify_line("--json"), cwd=home.out, expect=(0, 1)),
        scripts.run(scripts.APPLY, *home.apply_line("--json"), cwd=home.out),
    ]
    restore = ("--restore", "--manifest", home.journal, "--expected-run-id", home.run_id, "--json")
    results.append(scripts.run(scripts.APPLY, *restore, cwd=home.out))
    for result in results:
        assert isinstance(json.loads(result.stdout), dict)
        assert "\x1b" not in result.stdout + result.stderr, "escape codes outside a terminal"
    assert home.source_snapshot() == before


@pytest.mark.parametrize("script", [scripts.ORGANIZE, scripts.VERIFY, scripts.APPLY])
def test_help_says_how_to_use_the_script_and_what_its_exit_codes_mean(script: str, tmp_path: Path) -> None:
    shown = scripts.run(script, "--help", cwd=tmp_path).stdout
    assert script in shown
    assert "130" in shown
    assert list(tmp_path.iterdir()) == []


def test_rows_that_a_person_removed_from_a_manifest_are_left_alone(six: Library) -> None:
    six.organize()
    six.verify()
    write_rows(six.verified, [row for row in read_rows(six.verified) if "p3" not in row["source_path"]])
    six.apply()
    assert sorted(six.quarantined) == ["p1.jpg", "p2.jpg", "p4.jpg", "p5.jpg", "p6.jpg"]
    assert list(six.photos()) == ["p3.jpg"]


def test_duplicates_keep_stores_each_file_even_with_the_same_content(library: LibraryMaker) -> None:
    home = library({"a/x.jpg": jpeg(), "b/y.jpg": jpeg(), "c/x.jpg": jpeg()})
    home.organize("--duplicates", "keep")
    assert statuses(read_rows(home.report))["copied"] >= 2
    assert {"2019/x.jpg", "2019/y.jpg"} <= set(archived(home.archive))
    home.verify()
    home.apply()
    assert home.photos() == {}


def test_media_kind_types_and_exclude_leave_out_what_they_say(library: LibraryMaker) -> None:
    tree = {"a.jpg": jpeg(seed=1), "b.png": jpeg(seed=2), "c.mp4": mp4(), "no/d.jpg": jpeg(seed=3)}
    for options, expected in (
        (("--media-kind", "images"), {"a.jpg", "b.png", "d.jpg"}),
        (("--media-kind", "videos"), {"c.mp4"}),
        (("--types", ".jpg"), {"a.jpg", "d.jpg"}),
        (("--exclude", "no"), {"a.jpg", "b.png", "c.mp4"}),
    ):
        home = library(tree)
        home.organize(*options)
        assert {Path(name).name for name in archived(home.archive)} == expected, options


def test_a_date_range_includes_its_first_and_last_day(library: LibraryMaker) -> None:
    days = {f"{day}.jpg": jpeg(datetime(2019, 7, day, 23, 59), seed=day) for day in range(10, 16)}
    home = library(days)
    home.organize("--date-from", "2019-07-11", "--date-to", "2019-07-14")
    assert {Path(name).name for name in archived(home.archive)} == {"11.jpg", "12.jpg", "13.jpg", "14.jpg"}


def test_a_layout_names_the_folders(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(datetime(2019, 7, 14))})
    home.organize("--layout", "%Y/%m")
    assert archived(home.archive) == {"2019/07/a.jpg": jpeg(datetime(2019, 7, 14))}


def test_new_photos_join_an_archive_that_is_there(six: Library) -> None:
    six.organize()
    write_tree(six.source, {"p7.jpg": jpeg(seed=7), "sub/p1.jpg": jpeg(seed=8)})
    more = Library(six.root, six.source, six.archive, six.root / "more")
    more.out.mkdir()
    more.organize()
    assert statuses(read_rows(more.report)) == {"already_archived": 6, "copied": 2}
    assert contents(archived(six.archive)) == contents(six.photos())
    more.verify()
    assert statuses(read_rows(more.verified)) == {"identical": 8}


def test_quiet_says_nothing_beside_the_summary(six: Library) -> None:
    assert six.organize("--quiet").stderr == ""
    assert six.verify("--quiet").stderr == ""
    assert six.apply("--quiet").stderr == ""
    assert six.restore(None, "--quiet").stderr == ""


def test_a_log_file_is_added_to_and_never_begun_anew(six: Library) -> None:
    log = six.out / "media.log"
    log.write_text("2024-05-01T12:34:56Z kept\n")
    six.organize("--log-file", log)
    six.verify("--log-file", log)
    six.apply("--log-file", log)
    text = log.read_text()
    assert text.startswith("2024-05-01T12:34:56Z kept\n")
    assert all(name in text for name in ("report.csv", "verified.csv", "journal.csv"))


def test_all_three_stages_can_be_run_from_within_the_source_itself(six: Library) -> None:
    """A person opens a terminal in the folder of photos: all files of ours land among them."""
    photos = six.photos()
    for _ in range(2):
        line = ("--source", ".", "--destination-root", "../archive", "--mode", "copy", "--json")
        report = scripts.call(scripts.ORGANIZE, *line, cwd=six.source).summary["outputs"]["report"]
        verified = scripts.call(scripts.VERIFY, "--input-csv", report, "--json", cwd=six.source, expect=(0, 1))
        manifest = verified.summary["outputs"]["verified"]
        assert statuses(read_rows(Path(manifest))) == {"identical": 6}
        scripts.call(scripts.APPLY, "--manifest", manifest, "--expected-run-id", "auto", cwd=six.source)
        assert not set(six.photos()) & set(photos)
        journal = six.quarantine / read_rows(Path(manifest))[0]["run_id"] / "journal.csv"
        six.restore(journal)
        assert six.photos().items() >= photos.items()
    assert contents(archived(six.archive)) == contents(photos)


def test_a_chain_without_new_files_runs_through(six: Library) -> None:
    """The second night of a chain: all was quarantined in the first, so nothing is found, verified or applied."""
    six.organize()
    six.verify()
    six.apply()
    report, verified, unverified = six.out / "second.csv", six.out / "v2.csv", six.out / "u2.csv"
    organize = ("--source", six.source, "--destination-root", six.archive, "--mode", "copy", "--report-csv", report)
    scripts.call(scripts.ORGANIZE, *organize, cwd=six.out)
    for _ in range(2):
        verify = ("--input-csv", report, "--verified-out", verified, "--unverified-out", unverified, "--json")
        summary = scripts.call(scripts.VERIFY, *verify, cwd=six.out).summary
        assert summary["counts"] == {"rows": 0}
        assert read_rows(verified) == read_rows(unverified) == []
        scripts.call(scripts.APPLY, "--manifest", verified, "--expected-run-id", "auto", cwd=six.out)

"""Options and paths that are refused: one sentence that names the cause, exit code 2, and nothing changed on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.refusals import refused
from tests.support.tables import edited, set_cell
from tests.support.trees import write_tree


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


def test_a_look_at_a_plan_writes_no_report_and_refuses_a_name_for_one(six: Library) -> None:
    six.organize(mode="report")
    line = ("--from-report", six.report, "--report-csv", six.out / "again.csv")
    refused(six, scripts.ORGANIZE, *line, naming="--report-csv")


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
    below = ("--source", six.source, "--destination-root", six.archive / "2019", "--report-csv", six.report)
    refused(six, scripts.ORGANIZE, *below, naming=f"{six.archive} is no folder")


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
    write_tree(empty, {"left out/note.txt": b""})
    image.write_bytes(bytes(40_000) + b"content")
    before = image.read_bytes()
    line = ("--source", empty, "--destination-root", six.archive, "--mode", "copy", "--report-csv", six.report)
    scripts.call(scripts.ORGANIZE, *line, "--exclude", "left out", cwd=six.out)
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


@pytest.mark.parametrize("layout", [".media-quarantine/%Y", "%Y/@eaDir", "lost+found"])
def test_organize_refuses_a_layout_that_no_later_scan_would_see(six: Library, layout: str) -> None:
    result = refused(six, scripts.ORGANIZE, *six.organize_line("copy", "--layout", layout), naming=layout)
    assert "no copy counts as archived" in result.stderr


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

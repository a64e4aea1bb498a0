"""``examples/verify_batch.sh``, the cron line and the systemd units: overlap, kill and reboot do no harm."""

from __future__ import annotations

import configparser
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.fileops.locking import Lock
from tests.examples.running import EXAMPLES, as_any_run_finds_it, kill, need, run_example, start_example
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import ROOT, Result, finish, wait_until
from tests.support.tables import assert_each_row_once, read_rows, statuses
from tests.support.trees import snapshot

CRONTAB = EXAMPLES / "media-verify.crontab"
UNITS = EXAMPLES / "systemd"
SERVICE = UNITS / "media-verify.service"
REPORT_IN_EXAMPLES = "/srv/photo-manifests/2024-05/report.csv"
PROJECT_IN_EXAMPLES = "/opt/media-archive"


@pytest.fixture
def photos(library: LibraryMaker) -> Library:
    """Ten photos, copied into the archive and not verified."""
    made = library({f"p{seed}.jpg": jpeg(seed=seed) for seed in range(10)})
    made.organize()
    return made


@pytest.fixture
def many(library: LibraryMaker) -> Library:
    """Enough photos, copied and not verified, to kill a batch in the middle."""
    made = library({f"p{seed}.jpg": jpeg(seed=seed) for seed in range(700)})
    made.organize("--quiet")
    return made


def batch(photos: Library, rows: int = 4, expect: int = 0) -> Result:
    return run_example("verify_batch.sh", photos.report, rows, cwd=photos.root, expect=expect)


def assert_silent(result: Result) -> None:
    assert (result.stdout, result.stderr) == ("", "")


def assert_all_identical(photos: Library, rows: int) -> None:
    verified = read_rows(photos.verified)
    assert statuses(verified) == {"identical": rows}
    assert_each_row_once(verified)
    assert read_rows(photos.unverified) == []


def test_batches_are_silent_until_the_last_one_which_speaks_once(photos: Library) -> None:
    assert_silent(batch(photos))
    assert_silent(batch(photos))
    last = batch(photos)
    assert "rows 1 to 10 of 10" in last.stdout
    assert "NOTHING WAS READ" not in last.stdout
    before = snapshot(photos.root)
    assert_silent(batch(photos))
    assert snapshot(photos.root) == before
    assert_all_identical(photos, 10)


@pytest.mark.campaign
def test_batches_make_the_manifest_that_one_run_makes(photos: Library) -> None:
    for _ in range(3):
        batch(photos)
    one = photos.out / "one"
    photos.verify("--verified-out", one / "verified.csv", expect=2)  # the folder is not there yet
    one.mkdir()
    photos.verify("--verified-out", one / "verified.csv", "--unverified-out", one / "unverified.csv")
    assert as_any_run_finds_it(read_rows(photos.verified)) == as_any_run_finds_it(read_rows(one / "verified.csv"))
    assert (photos.out / "SHA256SUMS").read_bytes() == (one / "SHA256SUMS").read_bytes()


def test_while_another_batch_is_at_work_a_batch_is_silent_and_touches_nothing(photos: Library) -> None:
    batch(photos)
    before = snapshot(photos.root)
    with Lock(f"{photos.verified}.state.json.lock"):
        assert_silent(batch(photos, expect=4))
        assert snapshot(photos.root) == before
    batch(photos)
    batch(photos)
    assert_all_identical(photos, 10)


@pytest.mark.campaign
def test_batches_that_begin_at_the_same_moment_verify_each_row_once(many: Library) -> None:
    batch(many, rows=10)
    ticks = [start_example("verify_batch.sh", many.report, 400, cwd=many.root) for _ in range(3)]
    results = [finish(tick, expect=(0, 4)) for tick in ticks]
    assert {result.stderr for result in results} == {""}
    batch(many, rows=5000)
    assert_all_identical(many, 700)


@pytest.mark.campaign
def test_after_a_kill_or_a_reboot_the_next_batch_goes_on_with_what_was_left_behind(many: Library) -> None:
    tick = start_example("verify_batch.sh", many.report, 5000, cwd=many.root)
    assert wait_until(lambda: many.verified.exists() and many.verified.stat().st_size > 10_000, tick)
    kill(tick)
    with open(many.verified, "ab") as file:
        file.write(b'"half a row, "')  # what a power cut leaves behind the last checkpoint
    assert Path(f"{many.verified}.state.json.lock").exists()
    assert not (many.out / "verify.done").exists()
    batch(many, rows=5000)
    assert_all_identical(many, 700)


def test_a_batch_says_when_rows_need_a_person_and_again_at_the_end(photos: Library) -> None:
    with open(photos.archive_path("p1.jpg"), "ab") as file:
        file.write(b"rot")
    first = batch(photos, expect=1)
    assert str(photos.unverified) in first.stdout
    assert_silent(batch(photos))
    last = batch(photos, expect=1)
    assert "1  size differs" in last.stdout
    assert_silent(batch(photos))


@pytest.mark.campaign
def test_a_disk_that_is_not_mounted_is_said_each_time_and_verification_goes_on_when_it_is_back(photos: Library) -> None:
    batch(photos)
    away = photos.root / "unmounted"
    photos.archive.rename(away)
    photos.archive.mkdir()
    for _ in range(2):
        result = run_example("verify_batch.sh", photos.report, 4, cwd=photos.root, expect=(2, 3))
        assert str(photos.archive) in result.stdout
    photos.archive.rmdir()
    away.rename(photos.archive)
    batch(photos)
    batch(photos)
    assert_all_identical(photos, 10)


def test_a_new_report_under_the_old_name_is_not_taken_for_done(photos: Library) -> None:
    batch(photos, rows=100)
    rows = photos.report.read_bytes()
    photos.report.write_bytes(rows.replace(b"copied", b"already_archived"))
    os.utime(photos.report, ns=(2**62, 2**62))
    assert "is not the file that the state file" in batch(photos, expect=2).stdout


@pytest.mark.campaign
def test_a_stopped_service_ends_at_a_checkpoint_and_the_next_start_goes_on(many: Library) -> None:
    tick = start_example("verify_batch.sh", many.report, 5000, cwd=many.root)
    assert wait_until(lambda: many.verified.exists() and many.verified.stat().st_size > 10_000, tick)
    if sys.platform != "win32":
        os.killpg(tick.pid, signal.SIGTERM)  # what systemd does: to each process of the unit
    assert "interrupted; what is done is recorded" in finish(tick, expect=130).stdout
    with Lock(f"{many.verified}.state.json.lock"):
        pass  # nobody is left at work
    batch(many, rows=5000)
    assert_all_identical(many, 700)


# --- the cron line -----------------------------------------------------------------------------------


def cron_command(text: str) -> str:
    """The command of the one line in a crontab that is no comment and no variable (crontab(5): five fields of time)."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#") and "=" not in line.split()[0]]
    assert len(lines) == 1
    return lines[0].split(None, 5)[5]


def installed(text: str, report: Path) -> str:
    """An example with its paths replaced by those of this test, as a person does who pastes it."""
    assert text.count(REPORT_IN_EXAMPLES) == 1
    return text.replace(REPORT_IN_EXAMPLES, str(report)).replace(PROJECT_IN_EXAMPLES, str(ROOT))


def test_the_cron_line_works_in_the_bare_surroundings_that_cron_gives(tmp_path: Path) -> None:
    photos = Library.at(tmp_path / "with spaces", {"a.jpg": jpeg()})
    photos.organize()
    command = installed(cron_command(CRONTAB.read_text()), photos.report)
    assert "%" not in command.replace("\\%", "")
    environment = {"HOME": str(tmp_path), "LOGNAME": "you", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    environment["PYTHON"] = sys.executable  # the tests' own: elsewhere .venv is found beside the example
    ended = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, cwd="/", capture_output=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"identical" in ended.stdout
    assert_all_identical(photos, 1)


@pytest.mark.campaign
def test_cron_accepts_the_crontab_and_would_refuse_a_wrong_one(tmp_path: Path) -> None:
    crontab = need("crontab", "cron")
    if b"-n" not in subprocess.run([crontab, "-h"], capture_output=True, check=False).stderr:
        pytest.skip("this crontab has no dry run (-n); that of Debian and Ubuntu has: apt install cron")
    wrong = tmp_path / "wrong"
    wrong.write_text(CRONTAB.read_text().replace("*/15 1-6", "*/15 1-66"))
    subprocess.run([crontab, "-n", CRONTAB], check=True, capture_output=True)
    assert subprocess.run([crontab, "-n", wrong], check=False, capture_output=True).returncode != 0


# --- the systemd units ---------------------------------------------------------------------------------


def unit(path: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=True)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep capitals
    parsed.read_string(path.read_text())
    return parsed


def test_what_the_service_starts_verifies_a_batch(photos: Library) -> None:
    command = shlex.split(installed(unit(SERVICE)["Service"]["ExecStart"], photos.report))
    ended = finish(subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    assert "identical" in ended.stdout
    assert_all_identical(photos, 10)


def test_the_service_counts_a_lock_and_a_shutdown_as_success_and_rows_to_look_at_as_failure() -> None:
    assert unit(SERVICE)["Service"]["SuccessExitStatus"].split() == ["4", "130"]


@pytest.mark.campaign
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    analyze = need("systemd-analyze", "systemd")
    for path in UNITS.iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace(PROJECT_IN_EXAMPLES, str(ROOT)))
    units = [str(tmp_path / "media-verify.service"), str(tmp_path / "media-verify.timer")]
    good = subprocess.run([analyze, "--man=no", "verify", *units], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    service = tmp_path / "media-verify.service"
    service.write_text(service.read_text().replace("Nice=19", "Nise=19"))
    bad = subprocess.run([analyze, "--man=no", "verify", *units], capture_output=True, text=True, check=False)
    assert "Nise" in bad.stderr


@pytest.mark.campaign
def test_systemd_understands_when_the_timer_rings() -> None:
    analyze = need("systemd-analyze", "systemd")
    when = unit(UNITS / "media-verify.timer")["Timer"]["OnCalendar"]
    line = [analyze, "calendar", "--base-time=2024-05-10 06:44", "--iterations=2", when]
    said = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"}).stdout
    assert "2024-05-10 06:45:00" in said
    assert "2024-05-11 01:00:00" in said

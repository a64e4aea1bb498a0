"""``examples/verify_shards.sh``: GNU parallel on this machine, and over ssh hosts that share the files."""

from __future__ import annotations

import getpass
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.running import as_any_run_finds_it, kill, need, run_example, start_example
from tests.support import scripts
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.scripts import wait_until
from tests.support.tables import assert_each_row_once, read_rows, statuses
from tests.support.trees import may_read_everything

pytestmark = pytest.mark.campaign


def copied(root: Path, photos: int) -> Library:
    """Copied photos, and one file that is left out, in folders with names that break careless scripts."""
    library = Library.at(
        root / 'it\'s "my" $HOME & co', {f"p{n}.jpg": jpeg(seed=n) for n in range(photos)} | {"notes.txt": b"notes"}
    )
    library.organize("--quiet")
    return library


def assert_merged_as_one_run(photos: Library, folder: Path) -> None:
    photos.verify()
    merged = folder / "merged"
    assert as_any_run_finds_it(read_rows(merged / "verified.csv")) == as_any_run_finds_it(read_rows(photos.verified))
    assert as_any_run_finds_it(read_rows(merged / "unverified.csv")) == as_any_run_finds_it(
        read_rows(photos.unverified)
    )
    assert (merged / "SHA256SUMS").read_bytes() == (photos.out / "SHA256SUMS").read_bytes()
    line = ("--manifest", merged / "verified.csv", "--expected-run-id", "auto", "--json")
    quarantined = scripts.call(scripts.APPLY, *line, cwd=photos.out).count("quarantined")
    assert quarantined == len(read_rows(photos.verified)) > 0


def job_log(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "shards.log").read_text().splitlines()[1:]]


def test_shards_side_by_side_give_the_manifest_of_one_run(tmp_path: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 21)
    folder = photos.out / "shards of it"
    line = (photos.report, folder, "4", "--jobs", "2")
    run_example("verify_shards.sh", *line, cwd=tmp_path)
    assert len(job_log(folder)) == 4
    assert_merged_as_one_run(photos, folder)
    assert "exists already" in run_example("verify_shards.sh", *line, cwd=tmp_path, expect=2).stderr


def test_rows_that_need_a_person_are_no_failed_shard(tmp_path: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 5)
    with open(photos.archive_path("p1.jpg"), "ab") as file:
        file.write(b"rot")
    run_example("verify_shards.sh", photos.report, photos.out / "s", "9", cwd=tmp_path, expect=1)
    assert statuses(read_rows(photos.out / "s" / "merged" / "verified.csv")) == {"identical": 4}


def test_a_missing_disk_stops_the_shards_and_nothing_is_merged(tmp_path: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 5)
    away = photos.root / "away"
    photos.archive.rename(away)
    line = (photos.report, photos.out / "s", "2")
    run_example("verify_shards.sh", *line, cwd=tmp_path, expect=(2, 3))
    assert not (photos.out / "s" / "merged").exists()
    away.rename(photos.archive)
    run_example("verify_shards.sh", *line, cwd=tmp_path)
    assert_merged_as_one_run(photos, photos.out / "s")


def test_killed_in_the_middle_the_same_line_goes_on(tmp_path: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 800)
    folder = photos.out / "s"
    line = (photos.report, folder, "3", "--jobs", "2")
    process = start_example("verify_shards.sh", *line, cwd=tmp_path)
    assert wait_until(lambda: any(f.stat().st_size > 10_000 for f in folder.glob("shards/*/verified.csv")), process)
    kill(process)
    assert not (folder / "merged").exists()
    # parallel gives its jobs process groups of their own: one that outlived the kill holds its lock a moment longer.
    for _ in range(20):
        result = run_example("verify_shards.sh", *line, cwd=tmp_path, expect=(0, 3, 4))
        if result.code == 0:
            break
    assert_each_row_once(read_rows(folder / "merged" / "verified.csv"))
    assert_merged_as_one_run(photos, folder)


def test_a_shard_that_was_killed_is_told_from_one_that_ended(tmp_path: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 6)
    suicidal = tmp_path / "python"
    suicidal.write_text(f'#!/bin/sh\ncase "$*" in *"--offset 4"*) kill -9 $$ ;; esac\nexec "{sys.executable}" "$@"\n')
    suicidal.chmod(0o755)
    line = (photos.report, photos.out / "s", "4")
    run_example("verify_shards.sh", *line, cwd=tmp_path, expect=3, env={"PYTHON": str(suicidal)})
    assert not (photos.out / "s" / "merged").exists()
    run_example("verify_shards.sh", *line, cwd=tmp_path)
    assert_merged_as_one_run(photos, photos.out / "s")


def test_a_number_of_shards_that_is_none_is_refused(tmp_path: Path) -> None:
    for shards in ("--jobs", "0", "a[$(touch made)]"):
        line = (tmp_path / "report.csv", tmp_path / "s", shards)
        assert run_example("verify_shards.sh", *line, cwd=tmp_path, expect=2).error.startswith("usage:")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_parallel_would_change_is_refused(tmp_path: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 1)
    result = run_example("verify_shards.sh", photos.report, photos.out / "{}", "2", cwd=tmp_path, expect=2)
    assert "can't go through parallel" in result.stderr


# --- ssh -------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ssh_config(tmp_path: Path) -> Iterator[Path]:
    """An ssh server of this test's own on a high port, with throwaway keys, that answers to two names of hosts."""
    server, _, keygen = (
        need("sshd", "openssh-server"),
        need("ssh", "openssh-client"),
        need("ssh-keygen", "openssh-client"),
    )
    separated = Path("/run/sshd")
    if may_read_everything():
        separated.mkdir(mode=0o755, exist_ok=True)  # sshd of root wants this folder; a boot makes it
    home = tmp_path / "ssh"
    home.mkdir(mode=0o700)
    for key in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", home / key], check=True)
    (home / "user.pub").rename(home / "authorized")
    port = free_port()
    (home / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized\n"
        "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    (home / "config").write_text(
        f"Host nas-one nas-two\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {home}/user\n  IdentitiesOnly yes\n  BatchMode yes\n  ConnectTimeout 10\n"
        f"  StrictHostKeyChecking no\n  UserKnownHostsFile {home}/known\n  LogLevel ERROR\n"
    )
    with open(home / "log", "wb") as log:
        process = subprocess.Popen([server, "-D", "-e", "-f", home / "sshd_config"], stderr=log)
    try:
        assert wait_until(lambda: b"Server listening" in (home / "log").read_bytes(), process), "sshd did not start"
        yield home / "config"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def test_hosts_that_share_the_files_share_the_work(tmp_path: Path, ssh_config: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 21)
    folder = photos.out / "s"
    hosts = ("--jobs", "1", "--ssh", f"ssh -F {ssh_config}", "--sshlogin", "nas-one,nas-two")
    run_example("verify_shards.sh", photos.report, folder, "4", *hosts, cwd=tmp_path)
    assert {row[1] for row in job_log(folder)} == {"nas-one", "nas-two"}
    assert_merged_as_one_run(photos, folder)


def test_a_host_that_does_not_answer_is_said_and_the_others_finish_later(tmp_path: Path, ssh_config: Path) -> None:
    need("parallel", "parallel")
    photos = copied(tmp_path, 8)
    folder = photos.out / "s"
    ssh_config.write_text(ssh_config.read_text() + "Host nas-gone\n  HostName 127.0.0.1\n  Port 1\n  BatchMode yes\n")
    hosts = ("--jobs", "1", "--ssh", f"ssh -F {ssh_config}", "--sshlogin")
    result = run_example(
        "verify_shards.sh", photos.report, folder, "4", *hosts, "nas-one,nas-gone", cwd=tmp_path, expect=3
    )
    assert "not all shards came to their end" in result.stderr
    assert not (folder / "merged").exists()
    run_example("verify_shards.sh", photos.report, folder, "4", *hosts, "nas-one", cwd=tmp_path)
    assert_merged_as_one_run(photos, folder)

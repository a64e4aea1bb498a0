"""Tables that grow, and small files that are replaced whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from common.errors import BadInput, StoppedEarly
from common.fileops.writing import Appender, write_atomically
from common.filesystems import FileSystem
from tests.fileops.fault_actions import full_disk, put
from tests.support.library import Library
from tests.support.scripts import ORGANIZE, VERIFY, Argument, call
from tests.support.trees import read_tree, snapshot


def test_a_table_whose_closing_fails_stops_the_run_and_says_which(folder: Path) -> None:
    file = Appender(f"{folder}/out.csv")
    os.close(file._fd)
    with pytest.raises(StoppedEarly, match=r"out\.csv: cannot close: .*run again"):
        file.close()


HEAD = b'"a","b"\n'


def test_a_new_file_grows_and_counts(folder: Path) -> None:
    path = f"{folder}/out.csv"
    with Appender(path, start=HEAD) as file:
        file.append(HEAD)
        file.append(b"row 1\n")
        file.sync()
        assert file.length == len(HEAD) + 6
    assert Path(path).read_bytes() == HEAD + b"row 1\n"


def test_a_file_that_exists_is_not_begun_again(folder: Path) -> None:
    path = put(folder / "out.csv", b"somebody's")
    with pytest.raises(BadInput, match="exists already"):
        Appender(path, start=HEAD)
    with pytest.raises(BadInput, match="exists already"):
        Appender(path, 0, start=HEAD)
    assert read_tree(folder) == {"out.csv": b"somebody's"}


@pytest.mark.parametrize("left", [b"", HEAD[:1], HEAD[:-1], HEAD])
def test_a_beginning_that_a_killed_run_left_is_begun_anew(folder: Path, left: bytes) -> None:
    path = put(folder / "out.csv", left)
    with Appender(path, 0, start=HEAD) as file:
        assert file.length == 0
        file.append(HEAD)
    assert Path(path).read_bytes() == HEAD


@pytest.mark.parametrize("left", [HEAD + b"r", b"X" + HEAD[1:], HEAD[1:]])
def test_any_other_beginning_is_somebody_elses_unless_it_is_known_as_ours(folder: Path, left: bytes) -> None:
    path = put(folder / "out.csv", left)
    with pytest.raises(BadInput, match="exists already"):
        Appender(path, 0, start=HEAD)
    assert Path(path).read_bytes() == left
    with Appender(path, 0, start=HEAD, ours=True):
        pass
    assert Path(path).read_bytes() == b""


def test_what_stands_behind_the_checkpoint_is_cut_off(folder: Path) -> None:
    path = put(folder / "out.csv", HEAD + b"row 1\n" + b"row 2 and ha")
    with Appender(path, len(HEAD) + 6, start=HEAD) as file:
        file.append(b"row 2\n")
    assert Path(path).read_bytes() == HEAD + b"row 1\nrow 2\n"


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (HEAD + b"row 1\n", 100),  # shorter than recorded
        (HEAD + b"row 1\n", 3),  # recorded within the header
        (HEAD + b"row 1\n", len(HEAD) + 3),  # recorded within a row
        (b"\xff\xd8\xff\xe0 a photo\nwith a line", len(b"\xff\xd8\xff\xe0 a photo\n")),  # no such table
        (b"", 7),
    ],
)
def test_a_file_that_is_not_as_the_state_says_is_refused_and_left_as_it_is(
    folder: Path, data: bytes, length: int
) -> None:
    path = put(folder / "out.csv", data)
    with pytest.raises(BadInput, match="state file says"):
        Appender(path, length, start=HEAD)
    assert Path(path).read_bytes() == data


def test_a_missing_file_that_the_state_knows_is_not_made_anew(folder: Path) -> None:
    with pytest.raises(BadInput, match="cannot open it for writing"):
        Appender(f"{folder}/out.csv", len(HEAD), start=HEAD)
    assert os.listdir(folder) == []


def test_nothing_is_appended_through_a_link(folder: Path) -> None:
    photo = put(folder / "photo.jpg", HEAD)
    os.symlink(photo, folder / "out.csv")
    for length in (None, 0, len(HEAD)):
        with pytest.raises(BadInput):
            Appender(f"{folder}/out.csv", length, start=HEAD, ours=True)
    assert Path(photo).read_bytes() == HEAD


def test_a_full_disk_while_appending_stops_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Appender(f"{folder}/out.csv") as file:
        monkeypatch.setattr("common.fileops.writing.write_all", full_disk)
        with pytest.raises(StoppedEarly, match=r"out\.csv: cannot write: No space left"):
            file.append(b"row")
        assert file.length == 0


def test_a_small_file_is_replaced_whole_and_a_half_written_one_leaves_the_old(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{folder}/state.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert read_tree(folder) == {"state.json": b"two"}
    monkeypatch.setattr("common.fileops.writing.write_all", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"three")
    assert Path(path).read_bytes() == b"two"


def test_two_runs_that_share_a_log_keep_each_others_lines(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with Appender(path, None, lines=False) as one, Appender(path, 0, lines=False) as other:
        for number in range(3):
            one.append(b"one %d\n" % number)
            other.append(b"other %d\n" % number)
    assert sorted(Path(path).read_text().splitlines()) == [f"{who} {n}" for who in ("one", "other") for n in range(3)]


def test_b2_where_files_cannot_be_extended_outputs_are_refused_before_anything_changes(
    monkeypatch: pytest.MonkeyPatch, ready: Library
) -> None:
    """As on an rclone mount without a write cache."""
    cloud = FileSystem(str(ready.out), "fuse.rclone", "remote:")
    monkeypatch.setattr("common.fileops.writing.file_system_of", lambda _folder: cloud)

    def refuse(_fd: int, _length: int) -> None:
        raise OSError(errno.ESPIPE, "Illegal seek")

    before = snapshot(ready.root)
    report = ready.out / "other.csv"
    lines: dict[str, tuple[Argument, ...]] = {
        ORGANIZE: ("--source", ready.source, "--destination-root", ready.root / "new", "--report-csv", report),
        VERIFY: ("--input-csv", ready.report, "--verified-out", ready.out / "v.csv"),
    }
    for mode in ("report", "copy", "move"):
        lines[f"{ORGANIZE} {mode}"] = (*lines[ORGANIZE], "--mode", mode)
    with monkeypatch.context() as patches:
        patches.setattr("common.fileops.writing.os.ftruncate", refuse)
        for script, line in lines.items():
            stopped = call(script.split()[0], *line, cwd=ready.root, expect=2)
            assert "files there can't be extended" in stopped.error
            assert "--vfs-cache-mode writes" in stopped.error
            assert snapshot(ready.root) == before
    for script, line in lines.items():
        if " " not in script:
            call(script, *line, cwd=ready.root)

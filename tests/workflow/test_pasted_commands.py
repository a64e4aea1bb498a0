"""What a summary tells to do next can be pasted into a shell, whatever the folders are called, and does it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg, mp4
from tests.support.scripts import APPLY, ORGANIZE, VERIFY
from tests.support.tables import read_rows
from tests.support.trees import contents, read_tree, write_tree

TREE = {
    "p1.jpg": jpeg(datetime(2018, 5, 1), seed=1),
    "p2.jpg": jpeg(datetime(2019, 5, 1), seed=2),
    "clip.mp4": mp4(datetime(2020, 3, 3), seed=4),
}
HOSTILE = os.fsdecode(b'it\'s "my" $HOME `ls` \\ caf\xe9 \x1b[31m\n & more')

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs bash, and names that Windows can't hold")


def step(text: str, begins: str = "next: ") -> str:
    """The command of the one line of a summary that begins so."""
    [line] = [line for line in text.splitlines() if line.startswith(begins)]
    return re.sub(r"^.*?(?=\S*python)", "", line)


def steps(text: str) -> list[str]:
    """The beginnings of the lines that hold a command."""
    return [line.split(":")[0] for line in text.splitlines() if ".py " in line]


def pasted(command: str, folder: Path, expect: int = 0) -> str:
    """What a command line prints to standard output when it is typed into bash."""
    assert command.isprintable()
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, check=False, timeout=60)
    told = done.stdout.decode("utf-8", "backslashreplace")
    assert done.returncode == expect, told + done.stderr.decode("utf-8", "backslashreplace")
    return told


def test_the_whole_way_can_be_gone_by_pasting_what_is_told(tmp_path: Path) -> None:
    home = Library.at(tmp_path / HOSTILE, TREE)
    run = scripts.run(ORGANIZE, "--source", home.source, "--destination-root", home.archive, "--dry-run", cwd=home.out)
    assert not list(home.out.iterdir())
    reported = pasted(step(run.stdout), home.out)
    copied = pasted(step(reported), home.out)
    verified = pasted(step(copied), home.out)
    previewed = pasted(step(verified), home.out)
    quarantined = pasted(step(previewed), home.out)
    assert contents(read_tree(home.archive)) >= contents(TREE)
    assert home.photos() == {}
    restored = pasted(step(quarantined, "to bring all back: "), home.out)
    assert home.photos() == TREE
    assert steps(restored) == []
    again = pasted(step(previewed), home.out)
    purged = pasted(step(again, "to free the space: "), home.out)
    assert steps(purged) == []
    assert home.photos() == {}
    assert not contents(read_tree(home.source / ".media-quarantine")) & contents(TREE)


def test_a_move_is_verified_and_taken_back_by_pasting(library: LibraryMaker) -> None:
    home = library(TREE)
    moved = scripts.run(ORGANIZE, *home.organize_line("move"), cwd=home.out).stdout
    assert steps(moved) == ["next", "to take the move back"]
    assert steps(pasted(step(moved), home.out)) == []  # nothing is left in the source to be applied
    pasted(step(moved, "to take the move back: "), home.out)
    assert home.photos() == TREE


def test_batches_go_on_by_pasting(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize()
    told = scripts.run(VERIFY, *home.verify_line("--limit", "2"), cwd=home.out).stdout
    told = pasted(step(told), home.out)
    assert "rows 1 to 3 of 3" in told
    told = scripts.run(APPLY, *home.apply_line("--limit", "2"), cwd=home.out).stdout
    pasted(step(told), home.out)
    assert home.photos() == {}


def test_what_failed_is_done_by_pasting_once_its_cause_is_mended(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize(mode="report")
    (home.source / "p1.jpg").rename(home.root / "away.jpg")
    line = ("--from-report", home.report, "--mode", "copy", "--report-csv", home.out / "copied.csv")
    told = scripts.run(ORGANIZE, *line, cwd=home.out, expect=1).stdout
    assert steps(told) == ["next", "for what failed, when its cause is mended"]
    assert "failed: 1 row; the reason column tells why" in told
    (home.root / "away.jpg").rename(home.source / "p1.jpg")
    told = pasted(step(told, "for what failed"), home.out)
    assert contents(read_tree(home.archive)) >= contents(TREE)

    report = Path(re.findall(r"^report: (.+)$", told, re.MULTILINE)[0])
    copy = Path(next(row["destination_path"] for row in read_rows(report) if row["source_path"].endswith("p1.jpg")))
    copy.rename(home.root / "away.jpg")
    told = pasted(step(told), home.out, expect=1)
    assert steps(told) == ["next", "for what is not verified, when its cause is mended"]
    (home.root / "away.jpg").rename(copy)
    assert steps(pasted(step(told, "for what is not verified"), home.out)) == ["next"]


def test_what_apply_left_alone_is_looked_at_again_by_pasting(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize()
    home.verify()
    stamp = (home.source / "p1.jpg").stat()
    os.utime(home.source / "p1.jpg", ns=(1, 1))
    told = scripts.run(APPLY, *home.apply_line(), cwd=home.out, expect=1).stdout
    assert "failed: 1 file, not touched; the reasons are above and in the journal" in told
    os.utime(home.source / "p1.jpg", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    pasted(step(told, "for what failed"), home.out)
    assert home.photos() == {}


def test_what_was_edited_since_the_plan_is_stored_by_pasting(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize(mode="report")
    write_tree(home.source, {"p1.jpg": jpeg(seed=77, size=900)})
    line = ("--from-report", home.report, "--mode", "copy", "--report-csv", home.out / "copied.csv")
    told = scripts.run(ORGANIZE, *line, cwd=home.out, expect=1).stdout
    assert steps(told) == ["next", "for what this plan can't do any more, a new one"]
    planned = pasted(step(told, "for what this plan"), home.out)
    pasted(step(planned, "next: look at the report, then "), home.out)
    assert contents(read_tree(home.archive)) >= contents(read_tree(home.source))


def test_what_was_edited_since_it_was_verified_is_stored_and_taken_by_pasting(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize()
    home.verify()
    edited = jpeg(seed=77, size=900)
    write_tree(home.source, {"p1.jpg": edited})
    told = scripts.run(APPLY, *home.apply_line(), cwd=home.out, expect=1).stdout
    stored = pasted(step(told, "for what was changed since it was verified, store it as it is now"), home.out)
    quarantined = pasted(step(pasted(step(pasted(step(stored), home.out)), home.out)), home.out)
    assert "1  quarantined" in quarantined
    assert home.photos() == {}
    assert edited in contents(read_tree(home.archive))


def test_what_a_purge_kept_since_its_copy_went_bad_is_stored_anew_by_pasting(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize()
    home.verify()
    told = scripts.run(APPLY, *home.apply_line(), cwd=home.out).stdout
    home.archive_path("p1.jpg").write_bytes(b"went bad")
    purged = pasted(step(told, "to free the space: "), home.out, expect=1)
    pasted(step(purged, "what was kept may be the only good copy"), home.out)
    home.report.rename(home.out / "first.csv")
    (home.out / "report.csv.state.json").unlink()
    home.organize()
    assert contents(read_tree(home.archive)) >= contents(TREE)


def test_nothing_is_told_to_be_done_where_there_is_nothing_to_do(library: LibraryMaker) -> None:
    home = library({"notes.txt": b"no media"})
    assert steps(home.organize(mode="report").stdout) == []
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    assert steps(home.organize().stdout) == []
    told = home.verify()
    assert steps(told.stdout) == []

    home = library(TREE)
    home.organize()
    home.verify()
    home.apply()
    assert steps(home.apply("--dry-run").stdout) == []


def test_a_name_that_nobody_can_read_is_shown_but_never_breaks_the_terminal(library: LibraryMaker) -> None:
    home = library({})
    write_tree(home.source, {HOSTILE + ".jpg": TREE["p1.jpg"]})
    told = home.organize("--dry-run").stdout
    assert "\x1b" not in told
    assert len(told.splitlines()) == len([line for line in told.splitlines() if line.isprintable()])

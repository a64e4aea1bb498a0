"""Collisions and names that break lesser tools, through all three stages and back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import assert_each_row_once, read_rows, statuses
from tests.support.trees import archived, contents, make_pipe, read_tree, snapshot, write_tree

NAMES = (
    "new\nline.jpg",
    "\nfirst.jpg",
    "carriage\rreturn.jpg",
    "both\r\nof them.jpg",
    'double"quote.jpg',
    '"quoted".jpg',
    "apostrophe's.jpg",
    "comma,comma.jpg",
    "semicolon;rm -rf.jpg",
    "back\\slash.jpg",
    "back\\nslash.jpg",
    "tab\tbed.jpg",
    "-rf.jpg",
    "--help.jpg",
    "=1+1.jpg",
    "@here.jpg",
    "%s%d%n.jpg",
    "{run_id}.jpg",
    "$HOME `id`.jpg",
    "#comment.jpg",
    "*.jpg",
    " leading space.jpg",
    "space before dot .jpg",
    "two..dots.jpg",
    "escape\x1b[31m.jpg",
    "next\x85line.jpg",
    "unit\x1fseparator\x1c.jpg",
    "line\u2028separator.jpg",
    "right\u202eto left.jpg",
    "\ufeffmark.jpg",
    "😀.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    os.fsdecode(b"\xff\xfe\x80.jpg"),
    os.fsdecode(b"cut \xf0\x9f\x98.jpg"),
    "x" * 246 + ".jpg",
    "é" * 123 + ".jpg",
    "<img src=x onerror=alert(1)>.jpg",
)
FOLDERS = ("plain", 'new\nline\r,"quoted" \\', os.fsdecode(b"latin \xe9"), "2019")

linux_names = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="needs a file system that takes any byte in a name, as Linux has"
)


def assert_names_are_apart(archive: Path) -> None:
    """No two names in one folder differ only by case or by Unicode form."""
    seen = Counter(unicodedata.normalize("NFC", name).casefold() for name in archived(archive))
    assert max(seen.values()) == 1, seen.most_common(3)


def through_all_stages(home: Library) -> None:
    """Copy, verify, quarantine and restore; nothing may be lost, left out or changed on the way."""
    before, photos = home.source_snapshot(), home.photos()
    home.organize()
    rows = read_rows(home.report)
    assert_each_row_once(rows)
    assert {row["source_path"] for row in rows} == {f"{home.source}/{name}" for name in photos}
    assert contents(archived(home.archive)) == dict.fromkeys(photos.values(), 1)
    assert_names_are_apart(home.archive)
    home.verify()
    verified = read_rows(home.verified)
    assert_each_row_once(verified)
    assert statuses(verified) == {"identical": len(photos)}
    if shutil.which("sha256sum"):
        check = ["sha256sum", "--check", "--strict", "--quiet", str(home.out / "SHA256SUMS")]
        checked = subprocess.run(check, cwd=home.archive, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    home.apply()
    assert home.quarantined == photos
    assert home.photos() == {}
    home.restore()
    assert home.source_snapshot() == before


@linux_names
def test_hostile_names_go_through_all_three_stages_and_back(library: LibraryMaker) -> None:
    through_all_stages(library({f"{FOLDERS[i % 4]}/{name}": jpeg(seed=i) for i, name in enumerate(NAMES)}))


@linux_names
def test_a_hostile_name_keeps_its_name_in_the_archive(library: LibraryMaker) -> None:
    home = library({name: jpeg(seed=seed) for seed, name in enumerate(NAMES)})
    home.organize()
    assert archived(home.archive) == {f"2019/{name}": jpeg(seed=seed) for seed, name in enumerate(NAMES)}


@linux_names
def test_hostile_names_of_the_roots_themselves_go_through(tmp_path: Path) -> None:
    root = tmp_path / 'a "b",\nc\r' / os.fsdecode(b"\xe9\xff")
    through_all_stages(Library.at(root, {"a.jpg": jpeg(seed=1), "b/a.jpg": jpeg(seed=2)}))


@linux_names
def test_one_accented_name_in_two_unicode_forms_is_two_files_with_two_names(library: LibraryMaker) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "Zoë.jpg"), unicodedata.normalize("NFD", "Zoë.jpg")
    through_all_stages(library({composed: jpeg(seed=1), decomposed: jpeg(seed=2)}))


@linux_names
def test_names_that_differ_only_by_case_are_kept_apart(library: LibraryMaker) -> None:
    names = ("IMG.JPG", "img.jpg", "Img.jpg", "STRASSE.jpg", "straße.jpg")
    through_all_stages(library({name: jpeg(seed=seed) for seed, name in enumerate(names)}))


@linux_names
def test_hostile_names_survive_where_there_is_no_locale_as_under_cron(library: LibraryMaker) -> None:
    env = {"LC_ALL": "C", "LANG": ""}
    home = library({f"{FOLDERS[i % 4]}/{name}": jpeg(seed=i) for i, name in enumerate(NAMES)})
    before, photos = home.source_snapshot(), home.photos()
    scripts.run(scripts.ORGANIZE, *home.organize_line("copy", "--verbose"), cwd=home.out, env=env)
    scripts.run(scripts.VERIFY, *home.verify_line("--verbose"), cwd=home.out, env=env)
    assert statuses(read_rows(home.verified)) == {"identical": len(photos)}
    scripts.run(scripts.APPLY, *home.apply_line("--dry-run"), cwd=home.out, env=env)
    scripts.run(scripts.APPLY, *home.apply_line("--verbose"), cwd=home.out, env=env)
    assert home.quarantined == photos
    home.restore()
    assert home.source_snapshot() == before


@linux_names
def test_a_python_that_was_told_to_know_only_ascii_names_does_no_harm(library: LibraryMaker) -> None:
    """Rare, and it may be refused; but never half done, and never a fault."""
    env = {"LC_ALL": "C", "LANG": "", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    home = library({"é.jpg": jpeg(seed=1), "a.jpg": jpeg(seed=2)})
    home.organize()
    home.verify()
    os.rename(home.verified, home.out / "good.csv")
    (home.out / "verified.csv.state.json").unlink()
    home.unverified.unlink()
    result = scripts.run(scripts.VERIFY, *home.verify_line(), cwd=home.out, env=env, expect=(0, 2))
    if result.code == 0:
        assert statuses(read_rows(home.verified)) == {"identical": 2}
    photos = home.photos()
    line = ("--manifest", home.out / "good.csv", "--expected-run-id", "auto")
    result = scripts.run(scripts.APPLY, *line, cwd=home.out, env=env, expect=(0, 2))
    assert home.photos() == ({} if result.code == 0 else photos)


def test_same_named_different_files_of_two_folders_are_both_archived(library: LibraryMaker) -> None:
    through_all_stages(library({"a/IMG_1.jpg": jpeg(seed=1), "b/IMG_1.jpg": jpeg(seed=2)}))


def test_the_later_of_two_same_names_carries_the_start_of_its_hash(library: LibraryMaker) -> None:
    home = library({"a/IMG_1.jpg": jpeg(seed=1), "b/IMG_1.jpg": jpeg(seed=2)})
    home.organize()
    hashes = [row["sha256"] for row in read_rows(home.report)]
    names = sorted(archived(home.archive))
    assert "2019/IMG_1.jpg" in names
    assert set(names) <= {"2019/IMG_1.jpg", *(f"2019/IMG_1~{digest[:8]}.jpg" for digest in hashes)}
    assert len(names) == 2


def test_a_name_too_long_for_a_suffix_still_gets_one(library: LibraryMaker) -> None:
    """255 bytes are the most that a file system takes; temporary names and suffixes must fit as well."""
    names = ("x" * 251 + ".jpg", "é" * 125 + "x.jpg")
    places = [f"{folder}/{name}" for folder in "abc" for name in names]
    through_all_stages(library({place: jpeg(seed=seed) for seed, place in enumerate(places)}))


def test_three_hundred_files_of_one_name_are_all_archived_in_any_order(library: LibraryMaker) -> None:
    tree = {f"{number:03d}/DSC_0001.jpg": jpeg(seed=number) for number in range(300)}
    turned = {f"{299 - number:03d}/DSC_0001.jpg": jpeg(seed=number) for number in range(300)}
    first, second = library(tree), library(turned)
    through_all_stages(first)
    second.organize()
    assert contents(archived(second.archive)) == contents(archived(first.archive))
    before = snapshot(first.archive)
    again = Library(first.root, first.source, first.archive, first.root / "again")
    again.out.mkdir()
    again.organize()
    assert statuses(read_rows(again.report)) == {"already_archived": 300}
    assert snapshot(first.archive) == before


def test_an_archive_that_grew_in_two_steps_has_the_same_contents_as_one_made_at_once(library: LibraryMaker) -> None:
    tree = {f"{number:02d}/IMG.jpg": jpeg(seed=number % 15) for number in range(30)}  # each content twice
    at_once = library(tree)
    at_once.organize()
    late = library({name: data for name, data in tree.items() if name >= "10"})
    late.organize()
    early = Library.at(late.root / "early", {name: data for name, data in tree.items() if name < "10"})
    early = Library(early.root, early.source, late.archive, early.out)
    early.organize()
    assert contents(archived(late.archive)) == contents(archived(at_once.archive)) == dict.fromkeys(tree.values(), 1)


def test_equal_size_start_and_end_are_not_enough_to_call_two_files_the_same(library: LibraryMaker) -> None:
    """Cheap comparisons may only tell files apart."""
    start, end = jpeg(), bytes(300_000)
    tree = {"a.jpg": start + bytes(300_000) + b"1" + end, "b.jpg": start + bytes(300_000) + b"2" + end}
    home = library(tree)
    home.organize()
    assert statuses(read_rows(home.report)) == {"copied": 2}
    assert contents(archived(home.archive)) == dict.fromkeys(tree.values(), 1)


def test_a_duplicate_says_which_row_it_repeats(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(), "b.jpg": jpeg()})
    home.organize()
    first, second = read_rows(home.report)
    assert (first["status"], second["status"]) == ("copied", "duplicate")
    assert second["reason"] == "same content as row 1"
    assert second["destination_path"] == first["destination_path"]


def test_a_strange_file_that_stands_in_the_archive_is_never_replaced(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(seed=1)})
    (home.archive / "2019").mkdir(parents=True)
    (home.archive / "2019/a.jpg").write_bytes(b"was here before")
    home.organize()
    stored = read_tree(home.archive)
    assert stored["2019/a.jpg"] == b"was here before"
    assert jpeg(seed=1) in stored.values()
    home.verify()


def test_a_folder_with_the_name_of_a_photo_is_stepped_around(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(seed=1)})
    (home.archive / "2019/a.jpg").mkdir(parents=True)
    home.organize()
    assert contents(archived(home.archive)) == {jpeg(seed=1): 1}
    home.verify()


def test_links_in_the_source_are_never_followed(library: LibraryMaker, tmp_path: Path) -> None:
    home = library({"a.jpg": jpeg(seed=1)})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.jpg").write_bytes(jpeg(seed=2))
    (home.source / "folder").symlink_to(tmp_path / "elsewhere")
    (home.source / "leaf.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    (home.source / "loop").symlink_to(home.source)
    before = snapshot(home.source)
    home.organize(expect=(0, 1))
    assert contents(archived(home.archive)) == {jpeg(seed=1): 1}
    assert snapshot(home.source) == before


def test_special_files_in_the_source_do_not_stop_or_hang_a_run(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(seed=1)})
    make_pipe(home.source / "pipe.jpg")
    home.organize(expect=(0, 1))
    assert contents(archived(home.archive)) == {jpeg(seed=1): 1}


def test_a_companion_is_compared_with_the_archive_and_not_with_the_current_folder(library: LibraryMaker) -> None:
    photo = jpeg(seed=1)
    home = library({"IMG.jpg": photo, "IMG.xmp": b"<rating=3/>"})
    home.organize()
    write_tree(home.source, {"IMG.xmp": b"<rating=5/>"})
    write_tree(home.out, {"IMG.xmp": b"<rating=5/>"})  # from where the script is called
    home.report.rename(home.out / "first.csv")
    (home.out / "report.csv.state.json").unlink()
    home.organize()
    assert b"<rating=5/>" in contents(read_tree(home.archive))


@pytest.mark.parametrize("mode", ["copy", "report"])
def test_equal_companions_that_are_spelled_differently_are_stored_once(library: LibraryMaker, mode: str) -> None:
    photo = jpeg(seed=1)
    home = library({"a/IMG.jpg": photo, "a/IMG.xmp": b"<x/>", "b/IMG.jpg": photo, "b/IMG.XMP": b"<x/>"})
    home.organize(mode=mode)
    rows = read_rows(home.report)
    assert [row["status"] for row in rows[2:]] == ["duplicate", "duplicate"]
    assert rows[3]["destination_path"] == rows[1]["destination_path"]
    if mode == "report":
        line = ("--from-report", home.report, "--mode", "copy", "--report-csv", home.out / "copied.csv")
        scripts.call(scripts.ORGANIZE, *line, cwd=home.out)
    assert sorted(read_tree(home.archive / "2019")) == ["IMG.jpg", "IMG.xmp"]

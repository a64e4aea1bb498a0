"""What has lost people's photos elsewhere, each as a named test: quick ones, with the plain tests.

The number is that of the row in the table of incidents in docs/safety.md, the project named is where it happened.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

from common.manifests import seal_of
from tests.campaign.moments import at_call, moments_of, start_child, wait_for
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, call
from tests.support.tables import Row, read_rows, statuses, write_rows
from tests.support.trees import archived, contents, read_tree, snapshot, write_tree

DELETE = ("--delete-permanently", "--yes-really-delete")
CHUNK = 1 << 20


@pytest.fixture
def ready(six: Library) -> Library:
    """Six photos, copied and verified."""
    six.organize()
    six.verify()
    return six


def sealed(row: Row, **changes: str) -> Row:
    """A row as a forger would change it: with a seal that fits."""
    changed = row | changes
    return changed | {"row_seal": seal_of(changed)}


def write_quietly(path: Path, data: bytes) -> None:
    """Change a file in place and give it its old times back."""
    status = path.stat()
    with open(path, "r+b") as file:
        file.write(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def state_of_files(library: Library) -> tuple[object, object]:
    return snapshot(library.source), snapshot(library.archive)


# --- manifests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["", "e3b0c442", "E" * 64, "g" * 64, " " * 64], ids=repr)
def test_incident_04_rmlint_a_hash_that_is_none_never_compares_equal(ready: Library, bad: str) -> None:
    rows = read_rows(ready.verified)
    write_rows(ready.verified, [sealed(row, sha256=bad) for row in rows])
    before = state_of_files(ready)
    assert "sha256" in ready.apply(*DELETE, expect=2).error
    assert state_of_files(ready) == before


@pytest.mark.parametrize("side", ["source", "archive"])
def test_incident_05_fclones_other_content_behind_the_same_size_and_time_is_not_destroyed(
    ready: Library, side: str
) -> None:
    path = ready.source / "p3.jpg" if side == "source" else ready.archive_path("p3.jpg")
    original = (ready.source / "p3.jpg").read_bytes()
    write_quietly(path, original[:-1] + b"?")
    kept = (ready.source / "p3.jpg").read_bytes()
    ready.apply(*DELETE, expect=1)
    assert ready.photos() == {"p3.jpg": kept}


def test_incident_09_elodie_only_identical_rows_are_ever_acted_on(six: Library) -> None:
    six.organize()
    six.archive_path("p1.jpg").unlink()
    six.archive_path("p2.jpg").write_bytes(b"short")
    write_quietly(six.archive_path("p3.jpg"), jpeg(seed=33))
    six.verify(expect=1)
    unproved = {name: data for name, data in six.photos().items() if name in ("p1.jpg", "p2.jpg", "p3.jpg")}

    six.apply()
    assert six.photos() == unproved

    # Not even when somebody puts the unproved rows, whole and sealed, into a manifest.
    write_rows(six.verified, [*read_rows(six.verified), *read_rows(six.unverified)])
    six.apply("--state-file", six.out / "another.state.json", expect=2)
    assert six.photos() == unproved


def test_incident_10_osxphotos_an_accented_name_in_one_form_is_never_taken_for_the_other(
    library: LibraryMaker,
) -> None:
    composed, decomposed = "caf\u00e9.jpg", "cafe\u0301.jpg"
    both = library({composed: jpeg(seed=1), decomposed: jpeg(seed=2)})
    before = both.source_snapshot()
    both.organize()
    both.verify()
    both.apply()
    assert both.photos() == {}
    assert contents(both.quarantined) == contents({"1": jpeg(seed=1), "2": jpeg(seed=2)})
    both.restore()
    assert both.source_snapshot() == before

    one = library({decomposed: jpeg(seed=3)})
    one.organize()
    one.verify()
    (row,) = read_rows(one.verified)
    write_rows(one.verified, [sealed(row, source_path=str(one.source / composed))])
    one.apply(expect=1)
    assert one.photos() == {decomposed: jpeg(seed=3)}


def test_incident_11_osxphotos_a_partial_run_never_widens_what_is_taken(six: Library) -> None:
    six.organize()
    six.verify("--limit", "4")
    assert len(read_rows(six.verified)) == 4
    six.apply("--offset", "1", "--limit", "2")
    assert set(six.photos()) == {"p1.jpg", "p4.jpg", "p5.jpg", "p6.jpg"}
    six.apply("--state-file", six.out / "the rest.state.json", expect=(0, 1))
    assert set(six.photos()) == {"p5.jpg", "p6.jpg"}


def test_incident_15_hashdeep_a_missing_copy_does_not_pass_because_an_identical_one_stands_elsewhere(
    ready: Library,
) -> None:
    for name in ("p1.jpg", "p2.jpg"):
        copy = ready.archive_path(name)
        copy.rename(copy.with_name(f"elsewhere {name}"))
    outputs = ("--verified-out", ready.out / "again.csv", "--unverified-out", ready.out / "not again.csv")
    call(VERIFY, "--input-csv", ready.report, *outputs, cwd=ready.out, expect=1)
    assert statuses(read_rows(ready.out / "not again.csv")) == {"archive_missing": 2}

    ready.apply(*DELETE, expect=1)
    assert set(ready.photos()) == {"p1.jpg", "p2.jpg"}


def test_incident_16_hashdeep_and_python_a_line_end_in_a_name_splits_no_record(library: LibraryMaker) -> None:
    names = ["a\nb.jpg", "a\rb.jpg", "a\r\nb.jpg", 'a","b.jpg', '"\n', os.fsdecode(b"\xe9\n.jpg")]
    names[4] += ".jpg"
    home = library({name: jpeg(seed=seed) for seed, name in enumerate(names)})
    before = home.source_snapshot()
    home.organize()
    home.verify()
    home.apply()
    for table in (home.report, home.verified, home.journal):
        told = {os.path.relpath(row["source_path"], home.source) for row in read_rows(table)}
        assert told == set(names), table.name
    assert home.photos() == {}
    home.restore()
    assert home.source_snapshot() == before


def _changed(rows: list[Row]) -> list[Row]:
    return [rows[0] | {"size_bytes": "1"}, *rows[1:]]


def _doubled(rows: list[Row]) -> list[Row]:
    return [*rows, rows[2]]


@pytest.mark.parametrize("spoil", [_changed, _doubled])
def test_incident_17_ascmhl_a_changed_or_doubled_row_is_refused(
    ready: Library, spoil: Callable[[list[Row]], list[Row]]
) -> None:
    write_rows(ready.verified, spoil(read_rows(ready.verified)))
    before = state_of_files(ready)
    ready.apply(expect=2)
    assert state_of_files(ready) == before


def test_incident_17_ascmhl_reordered_rows_are_the_same_rows_and_a_cut_one_is_left_out(ready: Library) -> None:
    write_rows(ready.verified, read_rows(ready.verified)[::-1])
    ready.verified.write_bytes(ready.verified.read_bytes()[:-40])
    result = ready.apply(expect=1)
    assert "cut short" in result.stderr
    assert set(ready.photos()) == {"p1.jpg"}


# --- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, CHUNK, 2 * CHUNK + 500, -1])
def test_incident_18_rclone_one_differing_byte_anywhere_is_found(library: LibraryMaker, position: int) -> None:
    home = library({"large.jpg": jpeg(size=3 * CHUNK)})
    home.organize()
    data = bytearray((home.source / "large.jpg").read_bytes())
    data[position] ^= 1
    write_quietly(home.archive_path("large.jpg"), bytes(data))
    home.verify(expect=1)
    assert statuses(read_rows(home.unverified)) == {"content_differs": 1}


def test_incident_18_rclone_nothing_is_verified_without_a_full_read_of_both(library: LibraryMaker) -> None:
    counter = Path("/proc/self/io")
    if not counter.exists():
        pytest.skip("no /proc/self/io: how much a process reads is counted on Linux only")
    size = 8 * CHUNK
    home = library({"large.jpg": jpeg(size=size)})
    home.organize()
    before = int(counter.read_text().split()[1])
    home.verify()
    assert int(counter.read_text().split()[1]) - before >= 2 * size


def test_incident_20_borg_a_file_edited_behind_the_reading_is_not_called_identical(library: LibraryMaker) -> None:
    """Its size and time are those of before: as after an edit within one tick of the clock."""
    home = library({"large.jpg": jpeg(size=2 * CHUNK)})
    home.organize("--jobs", "1")
    names = moments_of(lambda: home.verify("--jobs", "1"))
    for path in home.out.glob("*verif*"):
        path.unlink()
    with at_call("readv", names.count("readv"), lambda: write_quietly(home.source / "large.jpg", b"edited")):
        home.verify("--jobs", "1", expect=1)
    assert read_rows(home.verified) == []


def test_incident_20_borg_a_file_edited_behind_the_reading_is_not_destroyed(library: LibraryMaker) -> None:
    """The file is under another name by then: the editor has it open since before."""
    first, second = (library({"large.jpg": jpeg(size=2 * CHUNK)}) for _ in range(2))
    for home in (first, second):
        home.organize()
        home.verify()
    names = moments_of(lambda: first.apply(*DELETE, "--jobs", "1"))
    with open(second.source / "large.jpg", "r+b", buffering=0) as editor:
        status = os.fstat(editor.fileno())

        def edit() -> None:
            editor.write(b"edited")
            os.utime(editor.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))

        with at_call("readv", names.count("readv"), edit):
            second.apply(*DELETE, "--jobs", "1", expect=1)
    assert second.photos()["large.jpg"].startswith(b"edited")


# --- two runs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [(), DELETE], ids=["quarantine", "delete"])
def test_incident_21_git_annex_two_runs_on_one_manifest_take_each_file_once(
    ready: Library, action: tuple[str, ...]
) -> None:
    before = ready.photos()
    children = [start_child(APPLY, *ready.apply_line(*action), cwd=ready.out) for _ in range(2)]
    codes = [wait_for(child) for child in children]
    assert 0 in codes
    assert set(codes) <= {0, 4}
    assert ready.photos() == {}
    assert contents(archived(ready.archive)) == contents(before)
    if not action:
        assert ready.quarantined == before


def test_incident_21_git_annex_two_archives_of_each_other_never_drop_both_copies(library: LibraryMaker) -> None:
    here = library({"2019/a.jpg": jpeg(seed=1), "2019/b.jpg": jpeg(seed=2)})
    there = Library(here.root, here.archive, here.source, here.root / "out of the other")
    there.out.mkdir()
    for side in (here, there):
        side.organize()
    for side in (here, there):
        side.verify()
    children = [start_child(APPLY, *side.apply_line(*DELETE), cwd=side.out) for side in (here, there)]
    assert {wait_for(child) for child in children} <= {0, 1, 4}
    left = set(archived(here.source).values()) | set(archived(here.archive).values())
    assert left == {jpeg(seed=1), jpeg(seed=2)}


# --- moving and removing ---------------------------------------------------------------------------


def test_incident_25_rclone_only_folders_that_this_run_emptied_are_removed_and_never_a_root(
    library: LibraryMaker,
) -> None:
    home = library(
        {"year/emptied/a.jpg": jpeg(seed=1), "kept/b.jpg": jpeg(seed=2), "kept/note.txt": b"", "was empty/": b""}
    )
    home.organize()
    home.verify(expect=(0, 1))
    home.apply("--prune-empty-dirs")
    folders = {name for name, entry in home.source_snapshot().items() if entry.kind == "folder"}
    assert folders == {"kept", "was empty"}

    alone = library({"a.jpg": jpeg(seed=3)})
    alone.organize()
    alone.verify()
    alone.apply("--prune-empty-dirs", *DELETE)
    assert alone.source.is_dir()
    assert alone.archive.is_dir()


@pytest.mark.parametrize("mode", ["copy", "move"])
@pytest.mark.parametrize("duplicates", ["skip", "keep"])
@pytest.mark.parametrize("names", [("one/IMG.jpg", "two/IMG.jpg"), ("IMG.jpg", "img.JPG")], ids=["same", "case"])
def test_incident_26_sortphotos_two_files_of_one_name_are_both_archived(
    library: LibraryMaker, mode: str, duplicates: str, names: tuple[str, str]
) -> None:
    tree = {names[0]: jpeg(seed=1), names[1]: jpeg(seed=2)}
    home = library(tree)
    home.organize("--duplicates", duplicates, mode=mode)
    assert contents(archived(home.archive)) == contents(tree)
    assert home.photos() == (tree if mode == "copy" else {})


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_incident_26_sortphotos_the_namesake_of_an_archived_photo_joins_it(library: LibraryMaker, mode: str) -> None:
    home = library({"IMG.jpg": jpeg(seed=1)})
    home.organize(mode=mode)
    write_tree(home.source, {"IMG.jpg": jpeg(seed=2)})
    line = ("--source", home.source, "--destination-root", home.archive, "--mode", mode)
    call(ORGANIZE, *line, "--report-csv", home.out / "second.csv", cwd=home.out)
    assert contents(archived(home.archive)) == contents({"1": jpeg(seed=1), "2": jpeg(seed=2)})


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_incident_27_elodie_what_stands_at_the_destination_is_never_overwritten(six: Library, mode: str) -> None:
    write_tree(six.archive, {"2019/p1.jpg": b"a stranger's only copy", "2019/P2.JPG": b"another"})
    before = contents(read_tree(six.archive)) + contents(six.photos())
    six.organize(mode=mode)
    now = contents(archived(six.archive)) + (contents(six.photos()) if mode == "move" else contents({}))
    assert now == before


def test_incident_28_phockup_nothing_is_removed_without_the_flag_for_it(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(seed=1), "again/a.jpg": jpeg(seed=1), "empty/": b""})
    before = home.source_snapshot()
    home.organize(mode="report")
    home.report.unlink()
    home.report.with_name("report.csv.state.json").unlink()
    home.organize()
    home.verify()
    assert home.source_snapshot() == before
    home.apply("--delete-permanently", expect=2)
    assert home.source_snapshot() == before
    home.apply()
    home.restore()
    assert home.source_snapshot() == before


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (ORGANIZE, ["--source", "s", "--destination-root", "d"]),
        (VERIFY, ["--input-csv", "r.csv"]),
        (APPLY, ["--manifest", "v.csv", "--expected-run-id", "auto"]),
    ],
)
def test_incident_28_phockup_options_are_frozen_and_of_the_type_they_say(script: str, line: list[str]) -> None:
    options = importlib.import_module(script).parse(line)
    types = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if types[field.name] in (bool, int, str):
            assert type(value) is types[field.name], f"{field.name} is {value!r}"
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(options, field.name, value)

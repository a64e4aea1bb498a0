"""What has lost people's photos elsewhere, each as a named test: quick ones, with the plain tests.

The number is that of the row in the table of incidents in docs/safety.md, the project named is where it happened.
"""

from __future__ import annotations

import dataclasses
import errno
import importlib
import os
import signal
import struct
import time
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.fileops.locking import Lock
from common.fileops.renaming import rename_no_replace
from common.fileops.temporary import SET_ASIDE_PREFIX
from common.manifests.integrity import seal_of
from tests.campaign.syscall_points import at_call, each_moment, in_a_child, moments_of, start_child, wait_for
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, call, start
from tests.support.tables import Row, read_rows, statuses, write_rows
from tests.support.trees import archived, contents, read_tree, snapshot, write_tree

DELETE = ("--delete-permanently", "--yes-really-delete")
CHUNK = 1 << 20


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


# --- states and locks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil", [lambda _: b"", lambda good: bytes(len(good)), lambda good: good[:40], lambda _: b"[1]"]
)
def test_incident_23_a_state_file_of_zeros_or_torn_is_refused_and_never_begun_anew(
    six: Library, spoil: Callable[[bytes], bytes]
) -> None:
    """Empty, filled with NULs, half, foreign: after a power cut, or by a slip of the hand."""
    six.organize()
    six.verify("--limit", "3")
    state = next(six.out.glob("verified*.state.json"))
    good = state.read_bytes()
    state.write_bytes(spoil(good))
    before = snapshot(six.root)
    assert str(state) in six.verify(expect=2).error
    assert snapshot(six.root) == before

    state.write_bytes(good)
    six.verify()
    assert len(read_rows(six.verified)) == 6


def test_incident_24_the_lock_of_a_killed_run_keeps_nobody_out(library: LibraryMaker) -> None:
    first, second = (library({"a.jpg": jpeg(seed=1), "b.jpg": jpeg(seed=2)}) for _ in range(2))
    for home in (first, second):
        home.organize()
        home.verify()
    names = moments_of(lambda: first.apply("--jobs", "1"))
    taking = names.index("renameat2") + 1
    assert in_a_child(APPLY, *second.apply_line("--jobs", "1"), cwd=second.out, kill_at=taking) == -signal.SIGKILL
    assert list(second.quarantine.rglob("lock"))
    second.apply()
    assert second.photos() == {}
    assert len(second.quarantined) == 2


def test_incident_24_a_lock_holds_though_its_file_is_found_by_another_run(ready: Library) -> None:
    """A lock file that each run replaces locks nothing: both would hold a file of their own."""
    ready.apply("--limit", "1")
    before = state_of_files(ready)
    lock = ready.journal.with_name("lock")
    inode = lock.stat().st_ino
    with Lock(str(lock)):
        for _ in range(2):
            assert "another run is at work" in ready.apply(expect=4).error
    assert state_of_files(ready) == before
    assert lock.stat().st_ino == inode
    ready.apply()
    assert ready.photos() == {}


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


def _directory(*entries: bytes, then: int = 0) -> bytes:
    """A TIFF file of one directory; ``then`` is where the next one is said to stand."""
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", then)


HUGE = 0xFFFFFFF0
MONSTERS = {
    "empty": b"",
    "a directory that follows itself": _directory(struct.pack("<HHII", 0x9003, 2, 20, 8), then=8),
    "a text of 4 GB": _directory(struct.pack("<HHII", 0x9003, 2, HUGE, 8)),
    "directories of 4 GB": _directory(
        struct.pack("<HHII", 0x8769, 13, HUGE, HUGE), struct.pack("<HHII", 1, 12, HUGE, 8)
    ),
    "a JPEG with nothing in it": b"\xff\xd8\xff\xe1\xff\xffExif\0\0" + _directory(then=8),
    "boxes of no size": b"\0\0\0\x18ftypheic" + bytes(4000),
    "a box of 16 EB": b"\0\0\0\x18ftypqt  " + bytes(12) + b"\0\0\0\x01moov" + b"\x7f" + b"\xff" * 7 + bytes(99),
    "a picture of 4 GB": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0" + bytes(99),
    "a chunk of 4 GB": b"RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xff" + bytes(99),
}


def test_incident_29_sortphotos_no_file_holds_a_run_up_or_eats_its_memory(library: LibraryMaker) -> None:
    """Each of them under each of the endings, in one run: within 30 s and 400 MB, and the good photo gets its date."""
    endings = (
        "jpg",
        "tif",
        "png",
        "webp",
        "heic",
        "mp4",
        "mov",
        "mkv",
        "avi",
        "cr2",
        "dng",
        "avif",
        "cr3",
        "wmv",
        "mts",
    )
    files = {f"{number}.{ending}": data for number, data in enumerate(MONSTERS.values()) for ending in endings}
    home = library({**files, "good.jpg": jpeg()})
    began = time.monotonic()
    process = start(ORGANIZE, *home.organize_line("report"), cwd=home.out)
    try:
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            assert time.monotonic() - began < 30, "it hangs"
            time.sleep(0.02)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode in (0, 1)
    assert used.ru_maxrss < 400_000, f"{used.ru_maxrss} kB"
    rows = {os.path.basename(row["source_path"]): row for row in read_rows(home.report)}
    assert rows.keys() >= {*files, "good.jpg"}
    assert rows["good.jpg"]["date_source"].startswith("exif")


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


@contextmanager
def failing(name: str, number: int, folder: Path, below: str = "") -> Iterator[None]:
    """Within this block, a call on a descriptor of a file below a folder (with ``below`` in its path) fails."""
    real = getattr(os, name)

    def call(fd: int, *args: object) -> object:
        path = os.readlink(f"/proc/self/fd/{fd}")
        if path.startswith(f"{folder}/") and below in path:
            raise OSError(number, os.strerror(number))
        return real(fd, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, call)
        yield


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_incident_06_czkawka_the_original_stays_until_its_replacement_is_in_place(
    tmp_path: Path, other_disk: Path, step: str
) -> None:
    home = Library.at(tmp_path / "library", {f"p{n}.jpg": jpeg(seed=n) for n in range(1, 7)}, other_disk / "source")
    before = home.photos()
    with failing(step, errno.ENOSPC, home.archive, ".media-tmp-"):
        result = home.organize(mode="move", expect=3)
    assert str(home.archive) in result.error
    assert home.photos() == before
    assert archived(home.archive) == {}
    home.organize(mode="move")
    assert home.photos() == {}
    assert contents(archived(home.archive)) == contents(before)


def test_incident_07_czkawka_a_roll_back_that_fails_is_loud_and_says_where_the_file_is(ready: Library) -> None:
    """Its copy is another by now, so it is kept; but while it was looked at, a stranger took its name."""
    photo = (ready.source / "p3.jpg").read_bytes()
    write_quietly(ready.archive_path("p3.jpg"), photo[:-1] + b"?")
    stranger = ready.quarantined_files / "p3.jpg"
    parked = []

    def take_the_name() -> None:
        if not stranger.exists() and (held := list(stranger.parent.glob(f"{SET_ASIDE_PREFIX}*-3"))):
            parked.extend(held)
            stranger.write_bytes(b"a stranger's")

    with each_moment(lambda _number, _name: take_the_name()):
        result = ready.apply(*DELETE, "--jobs", "1", expect=3)
    assert str(parked[0]) in result.error
    assert str(stranger) in result.error
    assert parked[0].read_bytes() == photo
    assert stranger.read_bytes() == b"a stranger's"

    stranger.unlink()
    ready.apply(*DELETE, expect=1)
    assert ready.photos() == {"p3.jpg": photo}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_incident_12_trash_cli_a_move_between_disks_may_be_interrupted_at_any_moment(
    ready_across: Library, number: signal.Signals
) -> None:
    ready, elsewhere = ready_across, ready_across.root / "q"
    before = ready.source_snapshot()
    photos = contents(ready.photos())
    line = ready.apply_line("--quarantine-root", elsewhere, "--jobs", "1")
    journal = elsewhere / ready.run_id / "journal.csv"
    names = moments_of(lambda: call(APPLY, *line, cwd=ready.out))
    telling = [moment for moment, name in enumerate(names, 1) if name in ("renameat2", "unlink", "write")]
    ready.restore(journal, "--accept-cached-reads")
    for moment in telling[len(telling) // 2 :][:9]:  # all of one file, and more
        ended = in_a_child(APPLY, *line, cwd=ready.out, kill_at=moment, how=number)
        assert ended in ((-signal.SIGKILL, 0) if number == signal.SIGKILL else (0, 130))
        there = contents(read_tree(ready.source)) + contents(read_tree(elsewhere))
        assert there.keys() >= photos.keys(), f"lost at moment {moment}"
        call(APPLY, *line, cwd=ready.out)
        assert ready.photos() == {}
        ready.restore(journal, "--accept-cached-reads")
        assert ready.source_snapshot() == before
        assert not [path for path in elsewhere.rglob(".media-*") if path.name != ".media-quarantine"]


def test_incident_13_trash_cli_when_the_source_can_not_be_changed_no_copy_is_left_astray(
    ready_across: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move between disks copies first: if the original may not go then, the copy must be of use, or gone."""
    ready, elsewhere = ready_across, ready_across.root / "q"
    before = ready.source_snapshot()
    quarantine = ("--quarantine-root", elsewhere)
    rename = rename_no_replace

    def as_if_read_only(source: str, destination: str) -> None:
        if os.path.dirname(destination) == str(ready.source):
            raise PermissionError(errno.EACCES, "Permission denied", source, None, destination)
        rename(source, destination)

    with monkeypatch.context() as patch:
        patch.setattr("common.fileops.moving.rename_no_replace", as_if_read_only)
        result = ready.apply(*quarantine, expect=1)
    assert "Permission denied" in result.stderr
    assert {name: entry for name, entry in ready.source_snapshot().items() if entry.kind == "file"} == {
        name: entry for name, entry in before.items() if entry.kind == "file"
    }
    assert not list(elsewhere.rglob(".media-tmp-*"))

    ready.apply(*quarantine)
    assert ready.photos() == {}
    ready.restore(elsewhere / ready.run_id / "journal.csv", "--accept-cached-reads")
    assert ready.source_snapshot() == before
    assert not list(elsewhere.rglob("*.jpg"))


@pytest.mark.parametrize("action", ["delete", "purge"])
def test_incident_14_rclone_when_the_copy_can_not_be_read_back_nothing_is_deleted_and_the_run_stops(
    ready: Library, action: str
) -> None:
    line = ready.apply_line(*DELETE)
    if action == "purge":
        ready.apply()
        line = ("--manifest", ready.journal, "--expected-run-id", "auto", *DELETE)
    before = contents({**ready.photos(), **ready.quarantined})
    copies = contents(archived(ready.archive))
    with failing("readv", errno.EIO, ready.archive):
        result = call(APPLY, *line, cwd=ready.out, expect=3)
    assert str(ready.archive) in result.error
    assert contents({**ready.photos(), **ready.quarantined}) == before
    assert contents(archived(ready.archive)) == copies
    call(APPLY, *line, cwd=ready.out)
    assert contents({**ready.photos(), **ready.quarantined}) == contents({})


def test_incident_22_send2trash_where_no_quarantine_can_be_made_nothing_is_taken(ready: Library) -> None:
    (ready.out / "a file").write_bytes(b"")
    for root in (ready.out / "a file" / "q", Path("/proc/q")):
        before = snapshot(ready.root)
        for action in ((), DELETE):
            assert str(root) in ready.apply("--quarantine-root", root, *action, expect=2).error
        assert snapshot(ready.root) == before


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

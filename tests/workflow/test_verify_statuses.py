"""Every status that verify can give a pair of files, each made to happen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import assert_each_row_once, by_name, read_rows, statuses, write_rows
from tests.support.trees import MTIME, make_pipe, may_read_everything, read_tree, set_mtime, snapshot

GOOD = ("p1.jpg", "p2.jpg", "p4.jpg", "p5.jpg", "p6.jpg")
"""All of ``six`` but ``p3.jpg``, which the tests here spoil."""


def missing_in_the_archive(source: Path, archived: Path) -> None:
    archived.unlink()


def missing_in_the_source(source: Path, archived: Path) -> None:
    source.unlink()


def longer_in_the_archive(source: Path, archived: Path) -> None:
    archived.write_bytes(archived.read_bytes() + b"!")


def shorter_in_the_source(source: Path, archived: Path) -> None:
    source.write_bytes(source.read_bytes()[:-1])


def empty_in_the_archive(source: Path, archived: Path) -> None:
    archived.write_bytes(b"")


def one_bit_off_with_the_old_time(source: Path, archived: Path) -> None:
    data = bytearray(archived.read_bytes())
    data[-1] ^= 1
    archived.write_bytes(data)
    set_mtime(archived, MTIME)


def both_changed_alike(source: Path, archived: Path) -> None:
    """Identical to each other, but not what was archived: the recorded hash says so."""
    source.write_bytes(jpeg(seed=77))
    archived.write_bytes(jpeg(seed=77))


def hard_link(source: Path, archived: Path) -> None:
    archived.unlink()
    os.link(source, archived)


def symlink_to_the_source(source: Path, archived: Path) -> None:
    archived.unlink()
    archived.symlink_to(source)


def symlink_to_the_archive(source: Path, archived: Path) -> None:
    source.unlink()
    source.symlink_to(archived)


def a_pipe_in_the_archive(source: Path, archived: Path) -> None:
    archived.unlink()
    make_pipe(archived)


def a_folder_in_the_archive(source: Path, archived: Path) -> None:
    archived.unlink()
    archived.mkdir()


def a_folder_in_the_source(source: Path, archived: Path) -> None:
    source.unlink()
    source.mkdir()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (missing_in_the_archive, "archive_missing"),
        (missing_in_the_source, "source_missing"),
        (longer_in_the_archive, "size_differs"),
        (shorter_in_the_source, "size_differs"),
        (empty_in_the_archive, "size_differs"),
        (one_bit_off_with_the_old_time, "content_differs"),
        (both_changed_alike, "content_differs"),
        (hard_link, "same_file"),
        (symlink_to_the_source, "same_file not_regular"),
        (symlink_to_the_archive, "same_file not_regular"),
        (a_pipe_in_the_archive, "not_regular"),
        (a_folder_in_the_archive, "not_regular"),
        (a_folder_in_the_source, "not_regular"),
    ],
)
def test_a_spoiled_pair_gets_its_status_and_is_never_taken(
    six: Library, spoil: Callable[[Path, Path], None], expected: str
) -> None:
    six.organize()
    spoil(six.source / "p3.jpg", six.archive_path("p3.jpg"))
    before = snapshot(six.source)
    six.verify(expect=1)
    (row,) = read_rows(six.unverified)
    assert row["source_path"].endswith("p3.jpg")
    assert row["status"] in expected.split()
    assert row["reason"]
    assert sorted(by_name(read_rows(six.verified))) == list(GOOD)
    assert snapshot(six.source) == before
    six.apply()
    assert sorted(six.quarantined) == list(GOOD)
    assert {k: v for k, v in snapshot(six.source).items() if k == "p3.jpg"} == {
        k: v for k, v in before.items() if k == "p3.jpg"
    }


def test_identical_rows_carry_the_facts_that_apply_looks_at_again(six: Library) -> None:
    six.organize()
    six.verify()
    for row in read_rows(six.verified):
        source, archive = Path(row["source_path"]).stat(), Path(row["destination_path"]).stat()
        assert row["status"] == "identical"
        assert row["size_bytes"] == str(source.st_size)
        assert row["source_inode"] == f"{source.st_dev}:{source.st_ino}"
        assert row["archive_inode"] == f"{archive.st_dev}:{archive.st_ino}"
        assert len(row["sha256"]) == 64
        assert row["row_seal"]
        assert row["verified_at"]


def test_a_year_folder_that_is_a_link_into_the_source_is_never_verified(library: LibraryMaker) -> None:
    """rsync and jdupes destroy the only copy when archive and source are one folder under two names."""
    home = library({"2019/a.jpg": jpeg(seed=1), "2019/b.jpg": jpeg(seed=2)})
    home.organize()
    (home.archive / "2019").rename(home.root / "old")
    (home.archive / "2019").symlink_to(home.source / "2019")
    home.verify(expect=(1, 2, 3))
    assert not home.verified.exists() or read_rows(home.verified) == []
    if home.unverified.exists():
        assert set(statuses(read_rows(home.unverified))) <= {"same_file", "outside_root", "not_regular"}
    assert home.photos() == {"2019/a.jpg": jpeg(seed=1), "2019/b.jpg": jpeg(seed=2)}


def test_an_archive_root_that_has_become_a_link_to_the_source_is_never_verified(library: LibraryMaker) -> None:
    home = library({"2019/a.jpg": jpeg(seed=1)})
    home.organize()
    marker = (home.archive / ".media-archive.json").read_bytes()
    (home.source / ".media-archive.json").write_bytes(marker)
    home.archive.rename(home.root / "old")
    home.archive.symlink_to(home.source)
    home.verify(expect=(1, 2, 3))
    assert not home.verified.exists() or read_rows(home.verified) == []


def edited(home: Library, **cells: str) -> None:
    """Change cells of the row of p3.jpg in the report, as a person or a faulty script might."""
    rows = read_rows(home.report)
    for row in rows:
        if row["source_path"].endswith("p3.jpg"):
            row.update(cells)
    write_rows(home.report, rows)


def test_a_path_outside_its_root_is_refused_for_that_row(six: Library) -> None:
    six.organize()
    outside = six.root / "outside.jpg"
    outside.write_bytes(jpeg(seed=3))
    for cells in (
        {"destination_path": str(outside)},
        {"destination_path": f"{six.archive}/../outside.jpg"},
        {"source_path": str(outside)},
        {"source_path": f"{six.source}/../outside.jpg"},
    ):
        report = six.report.read_bytes()
        edited(six, **cells)
        six.verify(expect=(1, 2))
        if six.unverified.exists():
            assert statuses(read_rows(six.unverified)) == {"outside_root": 1}
        for name in ("verified.csv", "unverified.csv", "SHA256SUMS", "verified.csv.state.json"):
            (six.out / name).unlink(missing_ok=True)
        six.report.write_bytes(report)


def test_a_link_on_the_way_out_of_the_root_is_refused(six: Library) -> None:
    six.organize()
    (six.root / "outside").mkdir()
    six.archive_path("p3.jpg").rename(six.root / "outside/p3.jpg")
    (six.archive / "way").symlink_to(six.root / "outside")
    edited(six, destination_path=f"{six.archive}/way/p3.jpg")
    six.verify(expect=1)
    assert set(statuses(read_rows(six.unverified))) <= {"outside_root", "not_regular"}
    assert sorted(by_name(read_rows(six.verified))) == list(GOOD)


def test_source_and_archive_as_one_path_in_a_row_are_refused(six: Library) -> None:
    six.organize()
    edited(six, destination_path=str(six.source / "p3.jpg"))
    six.verify(expect=(1, 2))
    if six.verified.exists():
        assert sorted(by_name(read_rows(six.verified))) == list(GOOD)


def test_planned_rows_of_a_mere_report_are_not_archived(six: Library) -> None:
    six.organize()
    again = Library(six.root, six.source, six.archive, six.root / "again")
    again.out.mkdir()
    (six.source / "new.jpg").write_bytes(jpeg(seed=50))
    again.organize(mode="report")
    again.verify(expect=1)
    rows = by_name(read_rows(again.verified) + read_rows(again.unverified))
    assert len(rows) == 7
    assert rows["new.jpg"]["status"] in ("not_archived", "archive_missing")


@pytest.mark.skipif(may_read_everything(), reason="root may read everything: run the tests as another user")
def test_a_file_that_cannot_be_read_is_a_read_error_and_not_a_difference(six: Library) -> None:
    six.organize()
    spoiled = six.archive_path("p3.jpg")
    spoiled.chmod(0)
    six.verify(expect=(1, 3))
    spoiled.chmod(0o644)
    if six.unverified.exists():
        assert set(statuses(read_rows(six.unverified))) <= {"read_error"}
    assert sorted(by_name(read_rows(six.verified))) != sorted((*GOOD, "p3.jpg"))


def test_unverified_rows_can_be_fed_back_once_their_cause_is_mended(six: Library) -> None:
    six.organize()
    apart = six.root / "apart.jpg"
    six.archive_path("p3.jpg").rename(apart)
    six.verify(expect=1)
    apart.rename(six.archive_path("p3.jpg"))
    second = six.root / "second"
    second.mkdir()
    line = ("--input-csv", six.unverified, "--verified-out", second / "v.csv", "--unverified-out", second / "u.csv")
    scripts.call(scripts.VERIFY, *line, cwd=second)
    (row,) = read_rows(second / "v.csv")
    assert (row["status"], row["run_id"]) == ("identical", six.run_id)
    scripts.call(scripts.APPLY, "--manifest", second / "v.csv", "--expected-run-id", "auto", cwd=second)
    assert list(six.quarantined) == ["p3.jpg"]


def test_an_unverified_file_given_to_apply_moves_nothing(six: Library) -> None:
    six.organize()
    six.archive_path("p3.jpg").unlink()
    six.verify(expect=1)
    photos = six.photos()
    line = ("--manifest", six.unverified, "--expected-run-id", "auto")
    scripts.call(scripts.APPLY, *line, cwd=six.out, expect=(0, 1, 2))
    assert six.photos() == photos


def test_a_missing_archive_marker_stops_before_anything_is_called_missing(six: Library) -> None:
    """An unmounted disk is an error of the surroundings, not a million missing files."""
    six.organize()
    six.archive.rename(six.root / "unplugged")
    six.archive.mkdir()
    stopped = six.verify(expect=3)
    assert str(six.archive) in stopped.error
    assert not six.unverified.exists() or read_rows(six.unverified) == []
    six.archive.rmdir()
    six.verify(expect=3)
    (six.root / "unplugged").rename(six.archive)
    six.verify()
    assert statuses(read_rows(six.verified)) == {"identical": 6}


def test_the_marker_of_another_archive_stops_verify_and_apply(six: Library, library: LibraryMaker) -> None:
    other = library({"x.jpg": jpeg(seed=30)})
    other.organize()
    six.organize()
    own = (six.archive / ".media-archive.json").read_bytes()
    (six.archive / ".media-archive.json").write_bytes((other.archive / ".media-archive.json").read_bytes())
    six.verify(expect=3)
    assert not six.unverified.exists() or read_rows(six.unverified) == []
    (six.archive / ".media-archive.json").write_bytes(own)
    six.verify()
    (six.archive / ".media-archive.json").write_bytes((other.archive / ".media-archive.json").read_bytes())
    photos = six.photos()
    stopped = six.apply(expect=3)
    assert str(six.archive) in stopped.error
    assert six.photos() == photos
    (six.archive / ".media-archive.json").unlink()
    six.apply(expect=3)
    assert six.photos() == photos
    (six.archive / ".media-archive.json").write_bytes(own)
    six.apply()
    assert six.photos() == {}


def test_limit_and_offset_count_manifest_rows(six: Library) -> None:
    six.organize()
    six.verify("--offset", "2", "--limit", "3")
    assert [row["row_id"] for row in read_rows(six.verified)] == ["3", "4", "5"]
    assert_each_row_once(read_rows(six.verified))


def test_verify_reads_and_never_writes_in_source_and_archive(six: Library) -> None:
    six.organize()
    source, archive = snapshot(six.source), snapshot(six.archive)
    six.verify()
    assert (snapshot(six.source), snapshot(six.archive)) == (source, archive)
    assert read_tree(six.source).keys() == {f"p{n}.jpg" for n in range(1, 7)}


def test_cached_reads_are_recorded_as_such(six: Library) -> None:
    six.organize()
    six.verify("--read-mode", "cached")
    assert {row["read_mode"] for row in read_rows(six.verified)} == {"cached"}


def test_shards_that_begin_at_the_same_moment_keep_apart(library: LibraryMaker) -> None:
    home = library({f"p{number:02}.jpg": jpeg(seed=number) for number in range(40)})
    home.organize()
    processes = []
    for offset in range(0, 40, 10):
        outputs = ("--verified-out", home.out / f"v{offset}.csv", "--unverified-out", home.out / f"u{offset}.csv")
        line = ("--input-csv", home.report, *outputs, "--offset", str(offset), "--limit", "10")
        processes.append(scripts.start(scripts.VERIFY, *line, cwd=home.out))
    for process in processes:
        scripts.finish(process)
    for offset in range(0, 40, 10):
        assert len((home.out / f"SHA256SUMS.v{offset}.csv").read_text().splitlines()) == 10

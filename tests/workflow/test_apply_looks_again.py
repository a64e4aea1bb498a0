"""Apply believes a manifest only as far as the disk still agrees with it at the moment of effect."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.manifests.integrity import seal
from common.manifests.rows import VERIFY
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import Row, read_rows, write_rows
from tests.support.trees import read_tree, snapshot, swap, write_tree

FOREVER = ("--delete-permanently", "--yes-really-delete")


P3 = jpeg(seed=3)


OTHER = jpeg(seed=33)  # another content of the same size


def source_rewritten(source: Path, archived: Path) -> None:
    source.write_bytes(jpeg(seed=99, size=900))


def source_touched(source: Path, archived: Path) -> None:
    os.utime(source)


def source_replaced_by_another_file(source: Path, archived: Path) -> None:
    status = source.stat()
    new = source.with_name("new.tmp")
    new.write_bytes(OTHER)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(source)


def source_became_a_link_to_the_archive(source: Path, archived: Path) -> None:
    source.unlink()
    source.symlink_to(archived)


def source_became_a_hard_link_to_the_archive(source: Path, archived: Path) -> None:
    source.unlink()
    os.link(archived, source)


def archived_removed(source: Path, archived: Path) -> None:
    archived.unlink()


def archived_rewritten(source: Path, archived: Path) -> None:
    archived.write_bytes(b"truncated")


def archived_touched_with_another_content(source: Path, archived: Path) -> None:
    archived.write_bytes(OTHER)


def archived_became_a_link_to_the_source(source: Path, archived: Path) -> None:
    archived.unlink()
    archived.symlink_to(source)


def archived_became_a_hard_link_to_the_source(source: Path, archived: Path) -> None:
    archived.unlink()
    os.link(source, archived)


def archived_became_a_folder(source: Path, archived: Path) -> None:
    archived.unlink()
    archived.mkdir()


CHANGES = [
    source_rewritten,
    source_touched,
    source_replaced_by_another_file,
    source_became_a_link_to_the_archive,
    source_became_a_hard_link_to_the_archive,
    archived_removed,
    archived_rewritten,
    archived_touched_with_another_content,
    archived_became_a_link_to_the_source,
    archived_became_a_hard_link_to_the_source,
    archived_became_a_folder,
]


@pytest.mark.parametrize("flags", [(), FOREVER], ids=["quarantine", "permanent"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_after_verification_stays_in_place_and_the_rest_goes_on(
    ready: Library, change: Callable[[Path, Path], None], flags: tuple[str, ...]
) -> None:
    archived = ready.archive_path("p3.jpg")
    change(ready.source / "p3.jpg", archived)
    before = snapshot(ready.source)["p3.jpg"]
    result = ready.apply(*flags, expect=1)
    assert "p3.jpg" in result.stdout + result.stderr + ready.journal.read_text()
    assert snapshot(ready.source)["p3.jpg"] == before
    assert [name for name in os.listdir(ready.source) if name.endswith(".jpg")] == ["p3.jpg"]


@pytest.mark.parametrize("flags", [(), FOREVER], ids=["quarantine", "permanent"])
def test_a_source_that_is_gone_already_is_no_reason_to_stop(ready: Library, flags: tuple[str, ...]) -> None:
    (ready.source / "p3.jpg").unlink()
    ready.apply(*flags, expect=(0, 1))
    assert ready.photos() == {}
    assert len(read_tree(ready.archive)) >= 6


def test_permanent_deletion_needs_both_flags(ready: Library) -> None:
    before = snapshot(ready.root)
    refused = ready.apply("--delete-permanently", expect=2)
    assert "--yes-really-delete" in refused.error
    assert snapshot(ready.root) == before


def test_permanent_deletion_with_both_flags_destroys_the_sources_and_never_the_archive(ready: Library) -> None:
    archive = snapshot(ready.archive)
    ready.apply(*FOREVER)
    assert ready.photos() == {}
    assert ready.quarantined == {}
    assert snapshot(ready.archive) == archive


def test_a_dry_run_of_permanent_deletion_changes_nothing(ready: Library) -> None:
    before = snapshot(ready.root)
    ready.apply(*FOREVER, "--dry-run")
    assert snapshot(ready.root) == before


def test_archive_bytes_swapped_behind_unchanged_facts_are_noticed_before_permanent_deletion(ready: Library) -> None:
    """fclones#84: same size, same time, other content."""
    swap(ready.archive_path("p3.jpg"), OTHER)
    ready.apply(*FOREVER, expect=1)
    assert ready.photos() == {"p3.jpg": P3}


def test_source_bytes_swapped_behind_unchanged_facts_are_noticed_before_permanent_deletion(ready: Library) -> None:
    swap(ready.source / "p3.jpg", OTHER)
    ready.apply(*FOREVER, expect=1)
    assert ready.photos() == {"p3.jpg": OTHER}


def test_both_sides_swapped_alike_are_noticed_by_the_recorded_hash(ready: Library) -> None:
    swap(ready.source / "p3.jpg", OTHER)
    swap(ready.archive_path("p3.jpg"), OTHER)
    ready.apply(*FOREVER, expect=1)
    assert ready.photos() == {"p3.jpg": OTHER}


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        (("--limit", "2"), "12"),
        (("--offset", "4"), "56"),
        (("--offset", "2", "--limit", "3"), "345"),
        (("--offset", "6"), ""),
        (("--offset", "100", "--limit", "1"), ""),
        (("--limit", "0"), ""),
        (("--limit", "100"), "123456"),
    ],
)
@pytest.mark.parametrize("flags", [(), FOREVER], ids=["quarantine", "permanent"])
def test_offset_and_limit_never_widen_what_is_taken(
    ready: Library, options: tuple[str, ...], taken: str, flags: tuple[str, ...]
) -> None:
    ready.apply(*options, *flags, expect=(0, 2) if not taken else 0)
    assert sorted(ready.photos()) == [f"p{n}.jpg" for n in "123456" if n not in taken]


def test_a_shard_behind_the_last_row_is_complete_at_once(ready: Library) -> None:
    """A chain that calls until all is complete must come to an end."""
    for offset in ("6", "100"):
        told = ready.apply("--offset", offset, "--limit", "5", "--json")
        assert json.loads(told.stdout)["complete"]


def test_a_quarantine_that_cannot_be_made_is_refused_and_nothing_is_deleted(ready: Library) -> None:
    """send2trash#94: never fall back to deleting."""
    (ready.root / "quarantine").write_bytes(b"a file stands here")
    photos = ready.photos()
    refused = ready.apply("--quarantine-root", ready.root / "quarantine", expect=(2, 3))
    assert str(ready.root / "quarantine") in refused.error
    assert ready.photos() == photos


def test_a_quarantine_name_that_is_taken_is_never_overwritten(ready: Library) -> None:
    taken = Path(f"{ready.quarantine}/{ready.run_id}/files{ready.source}/p3.jpg")
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"somebody else's")
    ready.apply(expect=1)
    assert taken.read_bytes() == b"somebody else's"
    assert ready.photos() == {"p3.jpg": P3}


def test_apply_again_on_a_finished_manifest_changes_nothing_more(ready: Library) -> None:
    ready.apply()
    journal, photos = ready.journal.read_bytes(), ready.quarantined
    ready.apply(expect=(0, 1))
    assert ready.quarantined == photos
    assert ready.journal.read_bytes().startswith(journal)


def test_batches_that_are_all_done_say_that_nothing_was_done(ready: Library) -> None:
    assert "NOTHING WAS DONE" not in ready.apply("--limit", "100").stdout
    assert "NOTHING WAS DONE" in ready.apply("--limit", "100").stdout


@pytest.mark.parametrize("jobs", ["1", "8"])
@pytest.mark.parametrize("way", ["deleted", "purged"])
def test_names_of_one_file_do_not_seem_changed_by_each_others_end(library: LibraryMaker, way: str, jobs: str) -> None:
    """To remove one name moves the change time of all of them, and that is what tells of an edit."""
    home = library({"a.jpg": jpeg(seed=1, size=2_000_000)})
    for number in range(12):
        os.link(home.source / "a.jpg", home.source / f"{number}.jpg")
    home.organize()
    home.verify()
    if way == "purged":
        home.apply()
        journal = ("--manifest", home.journal, "--expected-run-id", "auto")
        told = scripts.call(scripts.APPLY, *journal, *FOREVER, "--jobs", jobs, cwd=home.out)
    else:
        told = home.apply(*FOREVER, "--jobs", jobs)
    assert f"13  {way}" in told.stdout
    assert home.photos() == {}


def test_two_verified_rows_of_one_content_are_both_taken_and_one_copy_is_left(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(), "b/a.jpg": jpeg()})
    home.organize()
    home.verify()
    assert len(read_rows(home.verified)) == 2
    home.apply(*FOREVER)
    assert home.photos() == {}
    assert jpeg() in read_tree(home.archive).values()


@pytest.mark.parametrize("flags", [(), FOREVER], ids=["quarantine", "permanent"])
@pytest.mark.parametrize("side", ["source", "archive"])
def test_a_folder_that_has_become_a_link_to_the_other_side_is_seen(
    library: LibraryMaker, side: str, flags: tuple[str, ...]
) -> None:
    home = library({"2019/a.jpg": jpeg(seed=1), "2019/b.jpg": jpeg(seed=2)})
    home.organize()
    home.verify()
    one, other = (home.source, home.archive) if side == "source" else (home.archive, home.source)
    (one / "2019").rename(home.root / "was here")
    (one / "2019").symlink_to(other / "2019")
    photos, archive = read_tree(home.source), read_tree(home.archive)
    home.apply(*flags, expect=(1, 2, 3))
    assert read_tree(home.source).items() >= photos.items()
    assert read_tree(home.archive).items() >= archive.items()
    assert read_tree(home.root / "was here") == {"a.jpg": jpeg(seed=1), "b.jpg": jpeg(seed=2)}


def test_a_file_that_was_refused_is_taken_once_it_is_verified_anew(ready: Library) -> None:
    os.utime(ready.source / "p3.jpg")
    before = ready.source_snapshot()
    ready.apply(expect=1)
    second = ready.root / "second"
    second.mkdir()
    line = ("--input-csv", ready.report, "--verified-out", second / "v.csv", "--unverified-out", second / "u.csv")
    scripts.call(scripts.VERIFY, *line, cwd=second, expect=1)
    assert [row["source_path"] for row in read_rows(second / "v.csv")] == [str(ready.source / "p3.jpg")]
    scripts.call(scripts.APPLY, "--manifest", second / "v.csv", "--expected-run-id", "auto", cwd=second)
    assert ready.photos() == {}
    ready.restore()
    assert ready.source_snapshot() == before


@pytest.mark.parametrize("tail", ["nothing of it", "half a row", "all but its end", "zeros"])
def test_batches_go_on_after_a_power_cut_left_a_broken_end_of_the_journal(ready: Library, tail: str) -> None:
    before = ready.source_snapshot()
    ready.apply("--limit", "3")
    row = ready.journal.read_bytes().splitlines()[-1]
    left = {"nothing of it": b"", "half a row": row[: len(row) // 2], "all but its end": row[:-1], "zeros": bytes(700)}
    with open(ready.journal, "ab") as journal:
        journal.write(left[tail])
    ready.apply(expect=(0, 1))
    assert ready.photos() == {}
    ready.restore()
    assert ready.source_snapshot() == before


def resealed(row: Row, **cells: str) -> Row:
    """A row with other cells and a seal that fits them: what a faulty program of ours might have written."""
    return VERIFY.as_text(seal(VERIFY.decode({**row, **cells}, "the test")))


@pytest.mark.parametrize("flags", [(), FOREVER], ids=["quarantine", "permanent"])
@pytest.mark.parametrize(
    "cells",
    [
        {"source_path": "{root}/outside.jpg"},
        {"source_path": "{root}/source/../outside.jpg"},
        {"source_path": "{root}/source/way/outside.jpg"},
        {"source_path": "{root}/source"},
        {"source_path": "source/p3.jpg"},
        {"source_path": ""},
        {"destination_path": "{root}/outside.jpg"},
        {"destination_path": "{root}/archive/../outside.jpg"},
        {"destination_path": "{root}/archive/way/outside.jpg"},
        {"destination_path": "{root}/source/p3.jpg"},
        {"destination_path": "{root}/archive/2019/p1.jpg"},
        {"destination_path": ""},
        {"source_root": "/"},
        {"source_root": ""},
        {"source_root": "{root}/archive"},
        {"source_root": "{root}/archive", "source_path": "{root}/archive/2019/p3.jpg"},
        {"archive_root": "{root}/source", "destination_path": "{root}/source/p3.jpg"},
        {"archive_root": "/"},
        {"archive_root": ""},
        {"archive_id": ""},
        {"status": "archive_intact"},
        {"status": "size_differs"},
        {"status": "planned"},
        {"sha256": ""},
        {"sha256": "0" * 64, "size_bytes": "0"},
        {"size_bytes": "0"},
    ],
    ids=lambda cells: " ".join(f"{column}={value[:40]}" for column, value in cells.items()),
)
def test_even_a_sealed_row_is_believed_only_inside_its_roots_and_when_identical(
    ready: Library, cells: dict[str, str], flags: tuple[str, ...]
) -> None:
    write_tree(ready.root, {"outside.jpg": P3})  # the same bytes and time: only its place is wrong
    (ready.source / "way").symlink_to(ready.root)
    (ready.archive / "way").symlink_to(ready.root)
    rows = read_rows(ready.verified)
    rows[2] = resealed(rows[2], **{column: value.format(root=ready.root) for column, value in cells.items()})
    write_rows(ready.verified, rows)
    archive = snapshot(ready.archive)
    ready.apply(*flags, expect=(0, 1, 2, 3) if "status" in cells or "sha256" in cells else (1, 2, 3))
    assert snapshot(ready.archive) == archive
    assert ready.photos()["p3.jpg"] == P3
    assert (ready.root / "outside.jpg").read_bytes() == P3


def test_a_quarantine_around_the_source_is_refused(six: Library) -> None:
    six.organize()
    six.verify()
    for root in (six.source, six.source.parent):
        assert "choose a folder of its own" in six.apply("--quarantine-root", root, expect=2).error
    assert len(six.photos()) == 6


def test_a4_nothing_is_destroyed_whose_archive_is_in_memory(other_disk: Path) -> None:
    if other_disk.parent != Path("/dev/shm"):
        pytest.skip("no file system in memory: /dev/shm is missing")
    home = Library.at(other_disk / "home", {"p1.jpg": jpeg(seed=1)})
    home.organize()
    home.verify()
    for line in ((*FOREVER, "--dry-run"), FOREVER, (*FOREVER, "--accept-cached-reads")):
        assert "the archive is in memory (tmpfs)" in home.apply(*line, expect=2).error
    assert len(home.photos()) == 1


def test_a4_no_quarantine_is_made_in_memory(ready: Library, other_disk: Path) -> None:
    if other_disk.parent != Path("/dev/shm"):
        pytest.skip("no file system in memory: /dev/shm is missing")
    refused = ready.apply("--quarantine-root", other_disk / "q", "--accept-cached-reads", expect=2)
    assert "is in memory" in refused.error
    assert len(ready.photos()) == 6


def test_a5_a_copy_that_memory_may_have_answered_for_is_no_proof(
    ready: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.hashing.compare.drop_cache", lambda *_, **__: False)
    assert "read from memory, not from the storage medium; it was kept" in ready.apply(*FOREVER, expect=1).stderr
    assert len(ready.photos()) == 6
    told = ready.apply(*FOREVER, "--accept-cached-reads").stdout
    assert "destroyed after the archive copies were read from memory, not from the medium: 6 files" in told
    assert ready.photos() == {}

"""Move: the source empties into the archive, and its report alone brings everything back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg, mp4
from tests.support.tables import read_rows, statuses
from tests.support.trees import archived, contents, read_tree, snapshot

TREE = {
    "a/IMG_1.jpg": jpeg(datetime(2018, 5, 1), seed=1),
    "b/IMG_1.jpg": jpeg(datetime(2018, 6, 1), seed=2),
    "b/c/IMG_2.jpg": jpeg(datetime(2019, 6, 1), seed=3),
    "clip.mp4": mp4(datetime(2020, 3, 3), seed=4),
    "notes.txt": b"no media",
}
MOVED = {name: data for name, data in TREE.items() if name != "notes.txt"}


def move_verify_apply_restore(home: Library, *terms: str) -> None:
    before = home.source_snapshot()
    result = home.organize("--json", mode="move")
    assert result.count("moved") == len(MOVED)
    assert read_tree(home.source) == {"notes.txt": b"no media"}
    assert contents(archived(home.archive)) == contents(MOVED)
    for row in read_rows(home.report):
        if row["status"] == "moved":
            assert Path(row["destination_path"]).stat().st_mtime_ns == before[_name(home, row)].mtime_ns

    home.verify(expect=(0, 1))
    assert statuses(read_rows(home.verified)) == {"archive_intact": len(MOVED)}

    stored = read_tree(home.archive)
    home.apply(expect=(0, 1))
    home.apply("--delete-permanently", "--yes-really-delete", expect=(0, 1, 2))
    assert read_tree(home.archive) == stored, "apply touched the only copies"

    home.restore(home.report, *terms)
    assert home.source_snapshot() == before


def _name(home: Library, row: dict[str, str]) -> str:
    return row["source_path"].removeprefix(f"{home.source}/")


def test_move_on_one_file_system_and_back(library: LibraryMaker) -> None:
    move_verify_apply_restore(library(TREE))


def test_move_across_file_systems_and_back(tmp_path: Path, other_disk: Path) -> None:
    home = Library.at(tmp_path / "library", TREE, source=other_disk / "source")
    move_verify_apply_restore(home, "--accept-cached-reads")  # the other disk may be memory


def test_what_was_moved_away_whole_needs_nothing_more(library: LibraryMaker) -> None:
    home = library({"p1.jpg": jpeg(seed=1)})
    home.organize(mode="move")
    home.verify()
    assert list(home.source.iterdir()) == []
    home.apply()


def test_a_dry_run_of_move_moves_nothing(library: LibraryMaker) -> None:
    home = library(TREE)
    before = home.source_snapshot()
    home.organize("--dry-run", mode="move")
    assert home.source_snapshot() == before
    assert archived(home.archive) == {}


def test_duplicates_stay_in_place_when_moving_and_are_cleared_by_verify_and_apply(library: LibraryMaker) -> None:
    home = library({"a.jpg": jpeg(), "b.jpg": jpeg(), "c.jpg": jpeg(seed=1)})
    before = home.source_snapshot()
    home.organize(mode="move")
    assert home.photos() == {"b.jpg": jpeg()}
    home.verify()
    assert statuses(read_rows(home.verified)) == {"archive_intact": 2, "identical": 1}
    stored = read_tree(home.archive)
    home.apply(expect=(0, 1))
    assert home.quarantined == {"b.jpg": jpeg()}
    assert read_tree(home.archive) == stored
    home.restore()
    home.restore(home.report)
    assert home.source_snapshot() == before


def test_moving_onto_an_archive_that_has_the_files_leaves_them_for_verify(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize()
    again = Library(home.root, home.source, home.archive, home.root / "again")
    again.out.mkdir()
    before = home.source_snapshot()
    stored = read_tree(home.archive)
    again.organize(mode="move")
    assert home.source_snapshot() == before
    assert read_tree(home.archive) == stored
    assert statuses(read_rows(again.report)) == {"already_archived": len(MOVED), "skipped": 1}


def test_a_damaged_archive_copy_of_a_moved_file_is_not_intact(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize(mode="move")
    damaged = home.archive_path("b/c/IMG_2.jpg")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    home.archive_path("clip.mp4").unlink()
    home.verify(expect=1)
    assert statuses(read_rows(home.verified)) == {"archive_intact": 2}
    bad = statuses(read_rows(home.unverified))
    assert bad["content_differs"] == 1
    assert bad["archive_missing"] + bad["source_missing"] == 1


def test_restoring_a_move_never_overwrites_what_has_come_to_stand_in_the_source(library: LibraryMaker) -> None:
    home = library(TREE)
    home.organize(mode="move")
    home.source.joinpath("clip.mp4").write_bytes(b"a new clip")
    home.restore(home.report, expect=1)
    assert home.photos() == {**TREE, "clip.mp4": b"a new clip"}
    assert MOVED["clip.mp4"] in archived(home.archive).values()


def test_restoring_a_move_twice_changes_nothing_more(library: LibraryMaker) -> None:
    home = library(TREE)
    before = home.source_snapshot()
    home.organize(mode="move")
    home.restore(home.report)
    tree = snapshot(home.root)
    home.restore(home.report, expect=(0, 1))
    assert home.source_snapshot() == before
    assert {k: v for k, v in snapshot(home.root).items() if "archive/" in k} == {
        k: v for k, v in tree.items() if "archive/" in k
    }


def test_an_edited_copy_is_dated_by_the_sidecar_of_its_original_which_moves_with_it(
    library: LibraryMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {number: f'{{"photoTakenTime": {{"timestamp": "{1271345678 + number}"}}}}'.encode() for number in range(9)}
    home = library(
        {
            name: data
            for number, sidecar in taken.items()
            for name, data in {
                f"photo({number}).jpg": jpeg(None, seed=number),
                f"photo.jpg({number}).json": sidecar,
                f"photo-edited({number}).jpg": jpeg(None, seed=100 + number),
            }.items()
        }
    )
    # Each batch is moved before the next group is asked for.
    monkeypatch.setattr("common.organize.run.BATCH_FILES", 2)
    assert home.organize("--json", "--jobs", "1", mode="move").count("moved") == 27
    assert {Path(row["destination_path"]).parent.name for row in read_rows(home.report)} == {"2010"}
    batch = [row["source_path"].removeprefix(f"{home.source}/") for row in read_rows(home.report)][:3]
    assert batch == ["photo(0).jpg", "photo.jpg(0).json", "photo-edited(0).jpg"]

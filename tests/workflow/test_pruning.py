"""Folders that a run emptied are removed when that is asked for, and no others."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter

import pytest

from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import read_rows
from tests.support.trees import read_tree

FOREVER = ("--delete-permanently", "--yes-really-delete")


def test_pruning_removes_only_the_folders_that_this_run_emptied_and_never_a_root(library: LibraryMaker) -> None:
    tree = {
        "all/photos/a.jpg": jpeg(seed=1),
        "some/b.jpg": jpeg(seed=2),
        "some/notes.txt": b"stays",
        "some/was empty before/": b"",
        "deep/er/and/deeper/c.jpg": jpeg(seed=3),
        "deep/empty/": b"",
    }
    home = library(tree)
    before = home.source_snapshot()
    home.organize()
    home.verify(expect=(0, 1))
    home.apply("--prune-empty-dirs")
    assert sorted(name for name, entry in home.source_snapshot().items() if entry.kind == "folder") == [
        "deep",
        "deep/empty",
        "some",
        "some/was empty before",
    ]
    home.restore()
    assert home.source_snapshot() == before


@pytest.mark.parametrize("options", [(), ("--prune-empty-dirs",)], ids=["quarantine tidied", "source pruned"])
def test_an_empty_folder_that_cannot_be_removed_is_named_and_the_same_line_again_removes_it(
    library: LibraryMaker, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    home = library({"a/b/c.jpg": jpeg(seed=1), "a/d.jpg": jpeg(seed=2)})
    home.organize()
    home.verify()
    rmdir = os.rmdir
    refused: list[str] = []

    def refuse_once(path: str) -> None:
        if not refused and path.endswith("a/b"):
            refused.append(path)
            raise PermissionError(errno.EACCES, "refused", path)
        rmdir(path)

    monkeypatch.setattr(os, "rmdir", refuse_once)
    result = home.apply(*FOREVER, *options, expect=1)
    assert refused
    assert f"{refused[0]}: cannot remove this empty folder" in result.stderr
    assert home.photos() == {}

    home.apply(*FOREVER, *options)
    assert not home.quarantined_files.parent.exists()
    assert (home.source / "a").exists() == (not options)


def test_folders_that_were_pruned_twice_stand_once_in_the_journal_of_the_second_restore(library: LibraryMaker) -> None:
    home = library({"a/b/c.jpg": jpeg(seed=1)})
    before = home.source_snapshot()
    home.organize()
    home.verify()
    counts = []
    for _ in range(2):
        home.apply("--prune-empty-dirs")
        assert not (home.source / "a").exists()
        home.restore()
        assert home.source_snapshot() == before
        rows = read_rows(home.journal.with_name("journal-restore.csv"))
        counts.append(Counter((row["action"], row["phase"]) for row in rows))
    once = {
        (action, phase): n for action, n in (("restore", 1), ("restore_folder", 2)) for phase in ("planned", "done")
    }
    assert counts[0] == once
    assert counts[1] - counts[0] == once


def test_pruning_keeps_the_source_root_when_everything_is_gone(ready: Library) -> None:
    shutil.rmtree(ready.root / "quarantine", ignore_errors=True)
    ready.apply("--prune-empty-dirs", "--quarantine-root", ready.root / "quarantine")
    assert ready.source.is_dir()
    assert read_tree(ready.source) == {}


def test_without_pruning_emptied_folders_stay(library: LibraryMaker) -> None:
    home = library({"a/b/c.jpg": jpeg()})
    home.organize()
    home.verify()
    home.apply()
    assert (home.source / "a/b").is_dir()


def test_permanent_deletion_prunes_as_well(library: LibraryMaker) -> None:
    home = library({"a/b/c.jpg": jpeg(), "empty/": b""})
    home.organize()
    home.verify()
    home.apply(*FOREVER, "--prune-empty-dirs")
    assert not (home.source / "a").exists()
    assert (home.source / "empty").is_dir()


def test_only_folders_that_the_run_emptied_are_pruned_and_none_behind_a_link(library: LibraryMaker) -> None:
    home = library({"gone/a.jpg": jpeg(seed=1), "p/q/b.jpg": jpeg(seed=2), "kept/c.jpg": jpeg(seed=3)})
    home.organize()
    home.verify()
    (home.source / "gone/a.jpg").unlink()
    shutil.rmtree(home.source / "p")
    outside = home.root / "outside"
    (outside / "q").mkdir(parents=True)
    os.symlink(outside, home.source / "p")
    home.apply("--prune-empty-dirs", expect=1)
    assert (outside / "q").is_dir()
    assert (home.source / "gone").is_dir()
    assert not (home.source / "kept").exists()

"""A disk that is mounted below the source, and one that is mounted read-only: said before, and never half done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.trees import contents, read_tree, write_tree

FOREVER = ("--delete-permanently", "--yes-really-delete")


def mount(*arguments: str | Path) -> None:
    """Mount something; the test is skipped where that can't be done."""
    if os.name == "nt" or subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted: run the tests as root on Linux")


@pytest.fixture
def with_card(tmp_path: Path) -> Iterator[Library]:
    """A library with a card mounted in its source, organized and verified."""
    home = Library.at(tmp_path / "home", {"p1.jpg": jpeg(seed=1), "p2.jpg": jpeg(seed=2)})
    card = home.source / "card"
    card.mkdir()
    mount("-t", "tmpfs", "none", card)
    try:
        write_tree(card, {"p3.jpg": jpeg(seed=3), "p4.jpg": jpeg(seed=4), "notes.txt": b"not a photo"})
        home.organize()
        home.verify()
        yield home
    finally:
        subprocess.run(["umount", "-l", card], check=False, capture_output=True)


def test_b4_how_many_files_leave_their_disk_is_said_before_and_after(with_card: Library) -> None:
    photos = contents(read_tree(with_card.source))
    told = with_card.apply("--dry-run")
    assert "would be copied to another file system, and removed from the one before: 2 files" in told.stdout
    told = with_card.apply()
    assert "on another file system than the quarantine: 2 files" in told.stderr
    assert "copied to another file system, and removed from the one before: 2 files" in told.stdout
    assert [name for name in with_card.photos() if name.endswith(".jpg")] == []
    with_card.restore(None, "--accept-cached-reads")  # the card of this test is memory
    assert contents(read_tree(with_card.source)) >= photos


def test_b4_what_came_from_a_card_is_not_brought_back_into_its_empty_folder(with_card: Library) -> None:
    card = with_card.source / "card"
    with_card.apply()
    subprocess.run(["umount", "-l", card], check=True)
    told = with_card.restore(None, "--accept-cached-reads", expect=3).error
    assert f"mounted at {card}, and nothing is mounted there now" in told
    assert list(card.iterdir()) == []


def test_b4_a_bad_archive_copy_keeps_the_original_on_its_card(with_card: Library) -> None:
    copy = with_card.archive_path("card/p3.jpg")
    status = copy.stat()
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "differs from it; it was kept" in with_card.apply(expect=1).stderr
    assert sorted(path.name for path in (with_card.source / "card").glob("*.jpg")) == ["p3.jpg"]


@pytest.fixture
def read_only_source(ready: Library) -> Iterator[Library]:
    mount("--bind", ready.source, ready.source)
    mount("-o", "remount,ro,bind", ready.source)
    yield ready
    subprocess.run(["umount", "-l", ready.source], check=True)


@pytest.mark.parametrize("line", [(), FOREVER, ("--quarantine-root", "q")])
def test_b7_from_a_read_only_source_nothing_is_promised_and_nothing_begun(
    read_only_source: Library, line: tuple[str, ...]
) -> None:
    before = sorted(read_only_source.root.rglob("*"))
    for more in (("--dry-run",), ()):
        told = read_only_source.apply(*line, *more, expect=2).error
        assert f"{read_only_source.source}: the source can't be changed" in told
        assert "mounted read-only" in told
    assert sorted(read_only_source.root.rglob("*")) == before

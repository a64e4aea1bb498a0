"""Folders and files that the user who runs the scripts may read and not change, or not even read."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import another_user
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.scripts import APPLY, VERIFY
from tests.support.tables import by_name, read_rows
from tests.support.trees import snapshot

if sys.platform == "win32":
    pytest.skip("Windows has no such users: run the tests on Linux or macOS", allow_module_level=True)


@contextmanager
def shared_library(source: Path | None = None) -> Iterator[Library]:
    """Three photos, copied, in a place that every user may enter."""
    place = Path(tempfile.mkdtemp(prefix="media-tests-"))
    try:
        another_user.need_way_to(place)
        home = Library.at(place, {f"p{seed}.jpg": jpeg(seed=seed) for seed in (1, 2, 3)}, source)
        home.organize()
        for root in (place, home.source):
            another_user.open_to_all(root)
        home.out.chmod(0o777)
        yield home
        for folder in (home.source, home.archive):
            folder.chmod(0o755)
    finally:
        shutil.rmtree(place)


@pytest.fixture
def shared() -> Iterator[Library]:
    with shared_library() as home:
        yield home


def test_one_copy_that_may_not_be_read_fails_its_row_and_the_rest_is_verified(shared: Library) -> None:
    """To run again would mend nothing, and what stands behind that row would never be reached."""
    locked = shared.archive_path("p2.jpg")
    locked.chmod(0)
    another_user.run(VERIFY, *shared.verify_line(), cwd=shared.out, expect=1)
    assert by_name(read_rows(shared.unverified))["p2.jpg"]["status"] == "read_error"
    assert sorted(by_name(read_rows(shared.verified))) == ["p1.jpg", "p3.jpg"]


def test_who_may_only_read_the_archive_can_quarantine_photos_of_his_own(shared: Library) -> None:
    shared.archive.chmod(0o555)
    (shared.archive / ".media-archive.lock").chmod(0o444)
    shared.source.chmod(0o777)
    another_user.run(VERIFY, *shared.verify_line(), cwd=shared.out)
    applied = another_user.run(APPLY, *shared.apply_line(), cwd=shared.out)
    assert "3  quarantined" in applied.stdout
    another_user.run(APPLY, *shared.restore_line(), cwd=shared.out)
    assert len(shared.photos()) == 3


def test_what_cannot_be_taken_out_of_its_folder_leaves_no_copy_in_a_quarantine_elsewhere(
    other_disk: Path,
) -> None:
    """A purge of such a copy would say that the original is gone."""
    another_user.need_way_to(other_disk)
    other_disk.chmod(0o755)
    with shared_library(other_disk / "source") as home:
        home.source.chmod(0o555)
        before = snapshot(home.source)
        another_user.run(VERIFY, *home.verify_line(), cwd=home.out)
        elsewhere = home.out / "q"
        another_user.run(APPLY, *home.apply_line("--quarantine-root", elsewhere), cwd=home.out, expect=1)
        assert snapshot(home.source) == before
        assert not list(elsewhere.glob("*/files/**/*.jpg"))


@pytest.mark.parametrize("line", [("--delete-permanently", "--yes-really-delete"), ()])
def test_b11_one_copy_that_may_not_be_read_fails_its_row_and_the_rest_goes(
    shared: Library, line: tuple[str, ...]
) -> None:
    shared.source.chmod(0o777)
    another_user.run(VERIFY, *shared.verify_line(), cwd=shared.out)
    locked = shared.archive_path("p2.jpg")
    locked.chmod(0)
    another_user.run(APPLY, *shared.apply_line(*line), cwd=shared.out, expect=1 if line else 0)
    assert sorted(shared.photos()) == (["p2.jpg"] if line else [])
    locked.chmod(0o644)

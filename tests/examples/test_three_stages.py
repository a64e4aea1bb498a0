"""``examples/three_stages.sh``: copy, verify, quarantine, and a stop at the first stage that is not clean."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from common.fileops.locking import Lock
from tests.examples.running import kill, run_example, start_example
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.scripts import wait_until
from tests.support.tables import read_rows, statuses
from tests.support.trees import archived, contents, read_tree

PHOTOS = {f"p{seed}.jpg": jpeg(seed=seed) for seed in range(1, 6)}
STAGES = ("organize", "verify", "quarantine")


def chain(library: Library) -> tuple[Path, Path, Path]:
    return library.source, library.archive, library.out


def done(library: Library) -> list[Path]:
    return sorted(library.out.glob("done-*"))


def quarantined(library: Library) -> dict[str, bytes]:
    return {name: data for name, data in read_tree(library.quarantine).items() if name.endswith(".jpg")}


def test_every_photo_ends_in_the_archive_and_in_quarantine_whatever_the_folders_are_called(tmp_path: Path) -> None:
    library = Library.at(tmp_path / 'it\'s a "name" $HOME\n* ', {**PHOTOS, "a 'b\nc\".jpg": jpeg(seed=9)})
    before = contents(read_tree(library.source))
    run_example("three_stages.sh", *chain(library), cwd=tmp_path)
    assert contents(archived(library.archive)) == before
    assert contents(quarantined(library)) == before
    assert library.photos() == {}
    assert not (library.out / "current").exists()
    assert statuses(read_rows(done(library)[0] / "verified.csv")) == {"identical": 6}


@pytest.mark.campaign
def test_paths_may_be_relative_and_begin_with_a_dash(tmp_path: Path) -> None:
    library = Library.at(tmp_path, PHOTOS, source=tmp_path / "-photos")
    run_example("three_stages.sh", "-photos", "archive", "-work", cwd=tmp_path)
    assert contents(archived(library.archive)) == contents(PHOTOS)


@pytest.mark.campaign
def test_the_next_call_begins_anew_and_takes_what_is_new(library: LibraryMaker) -> None:
    photos = library(PHOTOS)
    run_example("three_stages.sh", *chain(photos), cwd=photos.root)
    (photos.source / "new.jpg").write_bytes(jpeg(seed=99))
    run_example("three_stages.sh", *chain(photos), cwd=photos.root)
    assert contents(archived(photos.archive)) == contents({**PHOTOS, "new": jpeg(seed=99)})
    assert len(done(photos)) == 2


def test_a_night_without_new_photos_is_a_good_night(library: LibraryMaker) -> None:
    photos = library({"notes.txt": b"no media"})
    run_example("three_stages.sh", *chain(photos), cwd=photos.root)
    assert len(done(photos)) == 1


def test_b15_a_source_that_is_not_mounted_is_no_good_night(library: LibraryMaker) -> None:
    photos = library({})
    result = run_example("three_stages.sh", *chain(photos), cwd=photos.root, expect=3)
    assert "the source is empty: is its disk mounted?" in result.stderr
    assert not photos.archive.exists()


def test_bad_input_ends_it_at_the_first_stage_with_that_stages_status(library: LibraryMaker) -> None:
    photos = library(PHOTOS)
    photos.archive.write_bytes(b"not a folder")
    result = run_example("three_stages.sh", *chain(photos), cwd=photos.root, expect=2)
    assert result.error == "three_stages: stopped at organize, exit status 2"
    assert photos.photos() == PHOTOS
    assert run_example("three_stages.sh", photos.source, cwd=photos.root, expect=2).error.startswith("usage:")


def python_that_spoils(photos: Library, name: str) -> str:
    """A Python that, asked to verify, first damages a photo in the archive."""
    wrapper = photos.root / "python"
    damaged = shlex.quote(str(photos.archive / "2019" / name))
    wrapper.write_text(
        f"#!/bin/sh\ncase $1 in *verify_media_archive.py) [ -e damaged ] || printf x >>{damaged}; : >damaged ;; esac\n"
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    wrapper.chmod(0o755)
    return str(wrapper)


def test_nothing_is_quarantined_while_a_row_wants_a_person_and_then_only_what_is_proved(library: LibraryMaker) -> None:
    photos = library(PHOTOS)
    env = {"PYTHON": python_that_spoils(photos, "p2.jpg")}
    for _ in range(2):
        result = run_example("three_stages.sh", *chain(photos), cwd=photos.root, expect=1, env=env)
        assert "stopped at verify, exit status 1" in result.stderr
        assert photos.photos() == PHOTOS
        assert not photos.quarantine.exists()
    command = result.error.partition(": ")[2]
    assert shlex.split(command) == ["touch", str(photos.out / "current" / "verify.clean")]
    (photos.out / "current" / "verify.clean").touch()
    run_example("three_stages.sh", *chain(photos), cwd=photos.root)
    assert list(photos.photos()) == ["p2.jpg"]


def test_while_another_run_is_at_work_it_ends_with_4_and_touches_nothing(library: LibraryMaker) -> None:
    photos = library(PHOTOS)
    (photos.out / "current").mkdir()
    with Lock(str(photos.out / "current" / "report.csv.lock")):
        run_example("three_stages.sh", *chain(photos), cwd=photos.root, expect=4)
        assert photos.photos() == PHOTOS
        assert archived(photos.archive) == {}
    run_example("three_stages.sh", *chain(photos), cwd=photos.root)
    assert contents(archived(photos.archive)) == contents(PHOTOS)


@pytest.mark.campaign
def test_killed_in_any_stage_the_same_line_finishes_it(library: LibraryMaker) -> None:
    photos = library({f"p{seed}.jpg": jpeg(seed=seed) for seed in range(300)})
    before = contents(read_tree(photos.source))
    current = photos.out / "current"
    begun = {
        "organize": (current / "report.csv").exists,
        "verify": (current / "verified.csv").exists,
        # Names alone: what is at work removes temporary files while they are looked at.
        "quarantine": lambda: any(photos.quarantine.rglob("*.jpg")),
    }
    for stage in STAGES:
        process = start_example("three_stages.sh", *chain(photos), cwd=photos.root)
        assert wait_until(begun[stage], process), f"it ended before {stage}: {process.communicate()}"
        kill(process)
    run_example("three_stages.sh", *chain(photos), cwd=photos.root)
    assert contents(archived(photos.archive)) == contents(quarantined(photos)) == before
    assert photos.photos() == {}

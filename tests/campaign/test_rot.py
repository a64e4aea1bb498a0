"""Bytes flipped on the medium, good ones in the cache: a cold read sees it, so nothing good is destroyed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.campaign.bit_rot import flip_a_byte, photo, stands_on, warm
from tests.campaign.figures import RecordPoints
from tests.campaign.invariants import Contents, contents_of, lost_contents
from tests.campaign.loop_images import Disk, mounted, require_file_system
from tests.campaign.planted_bugs import NO_COLD_READ, plant
from tests.campaign.product import Line, Product
from tests.campaign.scale import FULL
from tests.campaign.stopped_runs import Stopper
from tests.campaign.strace_points import require_strace
from tests.support import scripts
from tests.support.library import Library
from tests.support.tables import by_name, read_rows
from tests.support.trees import read_tree, write_tree

pytestmark = pytest.mark.campaign

PHOTOS = {f"p{seed}.jpg": photo(seed) for seed in range(1, 6)}
HIT = "p3.jpg"
FOR_GOOD = ("--delete-permanently", "--yes-really-delete")
# btrfs would notice by its own checksums (see the last test): here it must be as blind as the others.
BLIND = {"ext4": "rw", "xfs": "rw", "btrfs": "nodatasum"}
SYSTEMS = list(BLIND) if FULL else ["ext4", "btrfs"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Photos on one disk, their archive on another, both mounted."""

    near: Disk
    far: Disk
    library: Library
    before: Contents

    def rot(self, where: str) -> None:
        """Flip a byte of one photo on the medium, in the archive or on the source's disk; the cache is warm."""
        for disk in (self.near, self.far):
            disk.sync()
        warm(self.near.mount_point, self.far.mount_point)
        assert flip_a_byte(self.far if where == "archive" else self.near, PHOTOS[HIT])

    def forget(self) -> None:
        """Mount both disks anew, so that what is seen from now on is what is on the medium."""
        for disk in (self.near, self.far):
            disk.unmount()
            disk.mount(BLIND[disk.system.name])

    def purge(self, expect: int) -> scripts.Result:
        journal = ("--manifest", self.library.journal, "--expected-run-id", "auto")
        return scripts.call(scripts.APPLY, *journal, *FOR_GOOD, cwd=self.library.out, expect=expect)

    @property
    def originals(self) -> dict[str, bytes]:
        return self.library.photos()


@contextmanager
def shelf_on(system: str, folder: Path, options: str) -> Iterator[Shelf]:
    kind = require_file_system(system, folder)
    near, far = (Disk(kind, folder / f"{name}.img", folder / name) for name in ("near", "far"))
    for disk in (near, far):
        disk.format()
    with mounted(near, far, options=options):
        library = Library(folder, near.mount_point / "source", far.mount_point / "archive", folder / "out")
        library.out.mkdir()
        write_tree(library.source, PHOTOS)
        yield Shelf(near, far, library, contents_of(library.source))


@pytest.fixture(params=SYSTEMS)
def shelf(request: pytest.FixtureRequest, tmp_path: Path, record_points: RecordPoints) -> Iterator[Shelf]:
    """A shelf; in the end, read from the medium, one good copy of each photo must be there."""
    with shelf_on(request.param, tmp_path, BLIND[request.param]) as made:
        yield made
        made.forget()
        lost = lost_contents(made.before, made.library.source, made.library.archive)
        record_points("rot", 1, len(lost))
        assert not lost, lost


@pytest.mark.parametrize("where", ["source", "archive"])
def test_verify_says_content_differs(shelf: Shelf, where: str) -> None:
    shelf.library.organize()
    shelf.rot(where)
    shelf.library.verify(expect=1)
    require_only_the_hit_differs(shelf.library)


def require_only_the_hit_differs(library: Library) -> None:
    rows = by_name(read_rows(library.unverified))
    assert {name: row["status"] for name, row in rows.items()} == {HIT: "content_differs"}
    assert set(by_name(read_rows(library.verified))) == PHOTOS.keys() - {HIT}


def test_the_campaign_sees_a_missing_cold_read(tmp_path: Path) -> None:
    with shelf_on("ext4", tmp_path, "rw") as shelf, Product(plant(NO_COLD_READ, tmp_path / "bug")) as product:
        shelf.library.organize()
        shelf.rot("archive")
        product.run(Line(scripts.VERIFY, shelf.library.verify_line(), shelf.library.out))
        with pytest.raises(AssertionError):
            require_only_the_hit_differs(shelf.library)


def test_incident_31_the_cache_says_match_and_the_medium_says_mismatch(shelf: Shelf) -> None:
    shelf.library.organize()
    shelf.rot("archive")
    cached = ("--input-csv", shelf.library.report, "--read-mode", "cached", "--verified-out")
    result = scripts.call(
        scripts.VERIFY, *cached, shelf.library.out / "cached.csv", cwd=shelf.library.out, expect=(0, 1)
    )
    if result.code:
        pytest.skip("the kernel dropped the good page before it was read: give the machine more free memory")
    assert by_name(read_rows(shelf.library.out / "cached.csv"))[HIT]["read_mode"] == "cached"
    shelf.library.verify(expect=1)
    assert by_name(read_rows(shelf.library.unverified))[HIT]["status"] == "content_differs"


def test_rot_in_the_source_before_the_copy_is_found_at_the_latest_by_verify(shelf: Shelf) -> None:
    shelf.rot("source")
    shelf.library.organize()
    shelf.library.verify(expect=1)
    assert by_name(read_rows(shelf.library.unverified))[HIT]["status"] == "content_differs"


@pytest.mark.parametrize("where", ["source", "archive"])
def test_permanent_deletion_keeps_the_original(shelf: Shelf, where: str) -> None:
    shelf.library.organize()
    shelf.library.verify()
    shelf.rot(where)
    shelf.library.apply(*FOR_GOOD, expect=1)
    assert set(shelf.originals) == {HIT}


def test_a_manifest_verified_from_the_cache_destroys_nothing_that_the_medium_lost(shelf: Shelf) -> None:
    shelf.library.organize()
    shelf.rot("archive")
    # The kernel may have dropped the good page meanwhile: then even this verify sees the damage.
    shelf.library.verify("--read-mode", "cached", expect=(0, 1))
    shelf.library.apply(*FOR_GOOD, expect=(0, 1))
    assert set(shelf.originals) == {HIT}


@pytest.mark.parametrize("where", ["source", "archive"])
def test_a_quarantine_after_rot_can_be_undone(shelf: Shelf, where: str) -> None:
    shelf.library.organize()
    shelf.library.verify()
    shelf.rot(where)
    shelf.library.apply(expect=(0, 1))
    shelf.library.restore()
    assert set(shelf.originals) == set(PHOTOS)
    if where == "archive":
        assert shelf.originals == PHOTOS


@pytest.mark.parametrize("where", ["quarantine", "archive"])
def test_purging_keeps_what_is_the_only_good_copy_or_has_none(shelf: Shelf, where: str) -> None:
    shelf.library.organize()
    shelf.library.verify()
    shelf.library.apply()
    shelf.rot(where)
    shelf.purge(expect=1)
    assert set(shelf.library.quarantined) == {HIT}


def test_a_scrub_finds_rot_in_the_archive_when_the_originals_are_gone(shelf: Shelf) -> None:
    shelf.library.organize()
    shelf.library.verify()
    shelf.library.apply()
    shelf.rot("archive")
    scrub = ("--archive-only", "--input-csv", shelf.library.verified, "--verified-out", shelf.library.out / "scrub.csv")
    unverified = shelf.library.out / "rotten.csv"
    scripts.call(scripts.VERIFY, *scrub, "--unverified-out", unverified, cwd=shelf.library.out, expect=1)
    assert {name: row["status"] for name, row in by_name(read_rows(unverified)).items()} == {HIT: "content_differs"}
    shelf.library.restore()


def test_a_move_across_devices_keeps_the_original_when_its_copy_rots_before_it_is_compared(shelf: Shelf) -> None:
    require_strace()
    flipped: list[int] = []

    def rot_once(stop: int) -> None:
        if not flipped and stands_on(shelf.far, PHOTOS[HIT]):
            flipped.append(flip_a_byte(shelf.far, PHOTOS[HIT]))

    line = Line(scripts.ORGANIZE, shelf.library.organize_line("move", "--jobs", "1"), shelf.library.out)
    with Product() as product:
        result = product.run(line, Stopper(rot_once))
    assert flipped
    assert result.code == 1, result.stderr
    assert shelf.originals[HIT] == PHOTOS[HIT]
    assert by_name(read_rows(shelf.library.report))[HIT]["status"] == "failed"


def test_a_restore_across_devices_keeps_the_quarantined_file_when_it_can_not_be_read_back_alike(shelf: Shelf) -> None:
    root = shelf.far.mount_point / "quarantine"
    shelf.library.organize()
    shelf.library.verify()
    shelf.library.apply("--quarantine-root", root)
    for disk in (shelf.near, shelf.far):
        disk.sync()
    warm(root)
    assert flip_a_byte(shelf.far, PHOTOS[HIT]) == 2  # in the archive and in the quarantine: the cache alone is good
    shelf.library.restore(root / shelf.library.run_id / "journal.csv", expect=1)
    assert {Path(name).name for name in read_tree(root) if name.endswith(".jpg")} == {HIT}
    assert shelf.originals == PHOTOS


@pytest.mark.parametrize("where", ["source", "archive"])
def test_a_file_system_that_notices_by_itself_stops_the_run_or_fails_the_row(
    where: str, tmp_path: Path, record_points: RecordPoints
) -> None:
    """btrfs answers EIO for a block whose checksum is wrong: of an archive that can't be read nothing is destroyed."""
    with shelf_on("btrfs", tmp_path, "rw") as shelf:
        shelf.library.organize()
        shelf.library.verify()
        shelf.rot(where)
        shelf.library.apply(*FOR_GOOD, expect=1 if where == "source" else 3)
        kept = {path.name for path in shelf.library.source.rglob("*.jpg")}
        assert HIT in kept
        if where == "archive":
            (shelf.library.archive_path(HIT)).unlink()  # it can't be read: it counts for nothing
            record_points("rot", 1, len(lost_contents(shelf.before, shelf.library.source, shelf.library.archive)))
            assert not lost_contents(shelf.before, shelf.library.source, shelf.library.archive)


def test_copies_that_share_their_blocks_with_the_original_are_told_of(tmp_path: Path) -> None:
    """A reflink is a copy in name only: a block that rots takes both."""
    with shelf_on("btrfs", tmp_path, "rw") as shelf:
        on_one_disk = replace(shelf.library, archive=shelf.near.mount_point / "archive")
        on_one_disk.organize()
        copy = on_one_disk.archive_path(HIT)
        copy.unlink()
        subprocess.run(["cp", "-p", "--reflink=always", on_one_disk.source / HIT, copy], check=True)
        told = on_one_disk.verify().stderr
        assert "warning: 1 archive files share their blocks on the disk with their source" in told
        assert str(copy) in told

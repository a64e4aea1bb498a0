"""Only what lies where a layout puts files, on the archive's own disk, counts as archived."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.manifests.integrity import chain_of, first_chain, seal
from common.manifests.rows import VERIFY
from tests.support import scripts
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.tables import by_name, read_rows, statuses, write_rows
from tests.support.trees import write_tree

BINS = (
    "@Recycle #recycle .recycle RECYCLER RECYCLED $RECYCLE.BIN .snapshots .snapshot #snapshot @Recently-Snapshot "
    "~snapshot .zfs .stversions .dropbox.cache .Trash-1000 .Trashes @eaDir lost+found found.000 _NAS_Recycle_RAID "
    "files_trashbin Backups.backupdb .hidden"
).split()
FOREVER = ("--delete-permanently", "--yes-really-delete")


def organized_beside(home: Library, place: str) -> dict[str, str]:
    """The row of the only photo, where the archive holds its content at a place."""
    home.organize()
    [row] = read_rows(home.report)
    stored = Path(row["destination_path"])
    write_tree(home.archive, {f"{place}/2019/{stored.name}": stored.read_bytes()})
    stored.unlink()
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    home.organize(mode="report")
    [row] = read_rows(home.report)
    return row


@pytest.mark.parametrize("folder", BINS)
def test_a7_a_copy_in_a_bin_or_a_snapshot_does_not_count(library_of_one: Library, folder: str) -> None:
    row = organized_beside(library_of_one, folder)
    assert row["status"] == "planned"
    assert f"/{folder}/" not in row["destination_path"]


def test_a7_a_copy_in_no_year_folder_does_not_count_and_is_named(library_of_one: Library) -> None:
    home = library_of_one
    home.organize()
    [row] = read_rows(home.report)
    stored = Path(row["destination_path"])
    write_tree(home.archive, {"Backup/old.jpg": stored.read_bytes()})
    stored.unlink()
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    home.organize(mode="report")
    [row] = read_rows(home.report)
    assert row["status"] == "planned"
    assert "Backup/old.jpg, which does not count as archived: it lies in no year folder" in row["review"]


def test_a7_folders_of_another_layout_count_for_who_uses_it(library_of_one: Library) -> None:
    home = library_of_one
    home.organize("--layout", "photos/%B")
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    home.organize("--layout", "photos/%B", mode="report")
    assert statuses(read_rows(home.report)) == {"already_archived": 1}


@pytest.mark.parametrize(
    "folder", ["timeshift/snapshots/2024-01-01_10-00-01", "daily.0", "Recycle Bin", "_gsdata_", "2024-05-01-120000"]
)
def test_a7_older_versions_in_an_archive_are_no_copies_though_a_source_is_scanned_there(
    library_of_one: Library, folder: str
) -> None:
    assert organized_beside(library_of_one, folder)["status"] == "planned"
    write_tree(library_of_one.source, {f"{folder}/p2.jpg": jpeg(seed=2)})
    library_of_one.report.unlink()
    (library_of_one.out / "report.csv.state.json").unlink()
    library_of_one.organize()
    assert set(by_name(read_rows(library_of_one.report))) == {"p1.jpg", "p2.jpg"}


@pytest.mark.parametrize(
    "folder", ["Recycling", "Snapshots 2012", "timeshift", "daily", "Trashed art", "bin", "2019-05"]
)
def test_a7_folders_of_a_person_are_scanned_and_count(library_of_one: Library, folder: str) -> None:
    row = organized_beside(library_of_one, folder)
    assert row["status"] == "already_archived"
    write_tree(library_of_one.source, {f"{folder}/p2.jpg": jpeg(seed=2)})
    library_of_one.report.unlink()
    (library_of_one.out / "report.csv.state.json").unlink()
    library_of_one.organize()
    assert set(by_name(read_rows(library_of_one.report))) == {"p1.jpg", "p2.jpg"}


@pytest.mark.parametrize("layout", ["%Y%m%d", "%Y%m", "%Y-%m-%d", "photos %Y"])
def test_a7_a_copy_in_a_folder_that_a_layout_has_made_is_verified(library_of_one: Library, layout: str) -> None:
    """Also one that organize found there, and did not store itself."""
    home = library_of_one
    home.organize("--layout", layout)
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    home.organize("--layout", layout)
    assert statuses(read_rows(home.report)) == {"already_archived": 1}
    home.verify()
    assert statuses(read_rows(home.verified)) == {"identical": 1}


def test_a7_what_verify_advises_for_a_layout_without_a_year_works(library_of_one: Library) -> None:
    home = library_of_one
    for layout, expected in (("%B", 0), ("%B", 1), ("%Y/%B", 0)):
        for path in home.out.iterdir():
            path.unlink()
        home.organize("--layout", layout)
        home.verify(expect=expected)
        if expected:
            assert "with %Y in --layout" in read_rows(home.unverified)[0]["reason"]


def test_a7_the_dry_run_of_a_purge_says_so_too(library_of_one: Library) -> None:
    home = library_of_one
    home.organize()
    home.verify()
    home.apply()
    rows = read_rows(home.journal)
    moved = home.archive / "@Recycle" / "p1.jpg"
    moved.parent.mkdir()
    os.rename(rows[0]["destination_path"], moved)
    chain = first_chain(home.run_id)
    for row in rows:
        row["destination_path"] = str(moved)
        chain = row["chain"] = chain_of(row, chain)
    write_rows(home.journal, rows)
    line = ("--manifest", home.journal, "--expected-run-id", "auto", *FOREVER)
    for dry_run in (("--dry-run",), ()):
        result = scripts.call(scripts.APPLY, *line, *dry_run, cwd=home.out, expect=1)
        assert "a hidden folder or a bin" in result.stdout + result.stderr
    assert len(home.quarantined) == 1


@pytest.mark.parametrize("folder", ["@Recycle", ".hidden", ".stversions/2019"])
def test_a7_verify_and_apply_take_no_copy_in_a_bin_for_proof(library_of_one: Library, folder: str) -> None:
    home = library_of_one
    home.organize()
    home.verify()
    [row] = read_rows(home.verified)
    moved = home.archive / folder / "p1.jpg"
    moved.parent.mkdir(parents=True)
    os.rename(row["destination_path"], moved)
    status = moved.stat()
    changed = VERIFY.decode({**row, "destination_path": str(moved)}, "")
    write_rows(home.verified, [VERIFY.as_text(seal(changed))])
    for line in ((), FOREVER):
        assert "a hidden folder or a bin" in home.apply(*line, expect=1).stderr
    assert len(home.photos()) == 1
    assert status.st_size == moved.stat().st_size
    report = by_name(read_rows(home.report))["p1.jpg"]
    write_rows(home.report, [{**report, "destination_path": str(moved)}])
    for path in home.out.glob("*verified*"):
        path.unlink()
    home.verify(expect=1)
    [row] = read_rows(home.unverified)
    assert (row["status"], "a hidden folder or a bin" in row["reason"]) == ("not_archived", True)


@pytest.fixture
def library_of_one(tmp_path: Path) -> Library:
    return Library.at(tmp_path / "one", {"p1.jpg": jpeg(seed=1)})


@pytest.fixture
def stick(library_of_one: Library) -> Iterator[Path]:
    """Another disk, mounted at a year folder of the archive, which holds the copies of that year."""
    library_of_one.organize()
    [folder] = [path for path in library_of_one.archive.iterdir() if path.is_dir()]
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside)
    if os.name == "nt" or subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=False).returncode:
        pytest.skip("a disk can't be mounted inside the archive: run the tests as root on Linux")
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    shutil.rmtree(aside)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a8_a_copy_on_a_disk_that_is_mounted_inside_the_archive_is_no_proof(
    library_of_one: Library, stick: Path
) -> None:
    home = library_of_one
    home.verify(expect=1)
    [row] = read_rows(home.unverified)
    assert row["status"] == "outside_root"
    assert "another disk, mounted inside the archive" in row["reason"]
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    home.organize(mode="report")
    [row] = read_rows(home.report)
    assert (
        "which does not count as archived: another disk is mounted there" in row["review"]
        or stick.name in row["destination_path"]
    )


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_a8_nothing_is_stored_on_a_disk_that_is_mounted_inside_the_archive(
    library_of_one: Library, stick: Path, mode: str
) -> None:
    home = library_of_one
    home.report.unlink()
    (home.out / "report.csv.state.json").unlink()
    for copy in stick.iterdir():
        copy.unlink()
    home.organize(mode=mode, expect=1)
    [row] = read_rows(home.report)
    assert (row["status"], "lies on another disk, mounted inside the archive" in row["reason"]) == ("failed", True)
    assert len(home.photos()) == 1
    assert list(stick.iterdir()) == []


@pytest.mark.parametrize("folder", ["$RECYCLE.BIN", ".Trash-1000", ".snapshots/1", "#recycle", "Trash/files"])
def test_a7_an_archive_in_a_bin_is_refused_by_all_stages_until_it_is_moved(
    library_of_one: Library, folder: str
) -> None:
    home = library_of_one
    home.organize()
    home.verify()
    home.archive.rename(home.root / "moved")
    in_bin = home.root / folder / "archive"
    in_bin.parent.mkdir(parents=True)
    (home.root / "moved").rename(in_bin)
    now_at = ("--archive-now-at", in_bin)
    organize = ("--source", home.source, "--destination-root", in_bin, "--mode", "copy", "--report-csv", "other.csv")
    verify = ("--input-csv", home.report, "--verified-out", "other-verified.csv", *now_at)
    apply = ("--manifest", home.verified, "--expected-run-id", home.run_id, *now_at)
    for script, line in ((scripts.ORGANIZE, organize), (scripts.VERIFY, verify), (scripts.APPLY, apply)):
        done = scripts.call(script, *line, cwd=home.out, expect=2)
        assert "an archive must lie elsewhere" in done.error
    in_bin.rename(home.root / "elsewhere")
    home.apply("--archive-now-at", home.root / "elsewhere")
    assert not list(home.source.glob("*.jpg"))

"""Names that the disk of an archive or a quarantine can't hold: said in the plan, failed with advice, or escaped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.apply.tasks import files_folder, is_quarantine_path, quarantine_path
from common.filesystems import FileSystem, escape_dos_name, is_dos_name
from tests.support import scripts
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.tables import by_name, read_rows, write_rows
from tests.support.trees import archived, contents, read_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
HOSTILE = ["a:b.jpg", "what?.jpg", 'a"b.jpg', "a<b>.jpg", "a|b.jpg", "CON.jpg", "con", "name.", "name ", "tab\t.jpg"]


@pytest.mark.parametrize("name", HOSTILE)
def test_b8_what_dos_refuses_is_escaped_into_what_it_holds(name: str) -> None:
    assert not is_dos_name(name)
    assert is_dos_name(escape_dos_name(name))


def test_b8_no_two_names_are_escaped_into_one() -> None:
    names = [*HOSTILE, "a%3Ab.jpg", "%", "50%.jpg", "plain.jpg", "a%3A%3Ab.jpg", "a:%3Ab.jpg"]
    assert len({escape_dos_name(name) for name in names}) == len(names)
    assert escape_dos_name("50%.jpg") == "50%.jpg"


def test_b8_an_escaped_path_in_a_quarantine_is_known_as_one() -> None:
    source = "/run/user/1000/gvfs/smb-share:server=nas,share=x/a.jpg"
    plain = quarantine_path("/q", RUN_ID, source)
    escaped = quarantine_path("/q", RUN_ID, source, escape_names=True)
    assert escaped == f"/q/{RUN_ID}/files/run/user/1000/gvfs/smb-share%3Aserver=nas,share=x/a.jpg"
    for path in (plain, escaped):
        assert is_quarantine_path(path, RUN_ID, source)
        assert files_folder(path, source) == f"/q/{RUN_ID}/files"


def test_b8_the_plan_warns_and_a_quarantine_escapes_where_the_disk_has_such_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Library.at(tmp_path / "home", {"a:b.jpg": jpeg(seed=1), "plain.jpg": jpeg(seed=2)})
    monkeypatch.setattr(FileSystem, "has_dos_names", property(lambda _: True))
    before = home.source_snapshot()
    home.organize()
    rows = by_name(read_rows(home.report))
    assert "may refuse this name" in rows["a:b.jpg"]["review"]
    assert "may refuse this name" not in rows["plain.jpg"]["review"]
    home.verify()
    home.apply()
    assert sorted(path.name for path in home.quarantined_files.glob("*.jpg")) == ["a%3Ab.jpg", "plain.jpg"]
    home.restore()
    assert home.source_snapshot() == before


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Path]:
    """An exFAT disk."""
    for tool, package in (("mkfs.exfat", "exfatprogs"), ("mount.exfat-fuse", "exfat-fuse"), ("losetup", "mount")):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing: apt install {package}")
    image, folder = tmp_path / "exfat.img", tmp_path / "exfat"
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    folder.mkdir()
    subprocess.run(["mkfs.exfat", image], check=True, capture_output=True)
    loop = subprocess.run(["losetup", "-f", "--show", image], check=False, capture_output=True, text=True)
    if loop.returncode:
        pytest.skip("no loop device: run the tests as root on Linux")
    device = loop.stdout.strip()
    try:
        if subprocess.run(["mount.exfat-fuse", device, folder], check=False, capture_output=True).returncode:
            pytest.skip("exFAT can't be mounted: run the tests as root on Linux, with FUSE")
        yield folder
        subprocess.run(["umount", "-l", folder], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


def test_b8_a_name_that_exfat_refuses_fails_its_row_with_advice_that_works(tmp_path: Path, exfat: Path) -> None:
    tree = {"a:b.jpg": jpeg(seed=1), "plain.jpg": jpeg(seed=2)}
    Library.at(tmp_path / "home", tree)
    home = Library(tmp_path / "home", tmp_path / "home" / "source", exfat / "archive", tmp_path / "home" / "out")
    home.organize(expect=1)
    rows = by_name(read_rows(home.report))
    assert rows["plain.jpg"]["status"] == "copied"
    assert "refuses the name a:b.jpg; make a new report, correct destination_path in it" in rows["a:b.jpg"]["reason"]
    assert contents(read_tree(home.source)) == contents(tree)

    plan = home.out / "plan.csv"
    line = ("--source", home.source, "--destination-root", home.archive)
    scripts.call(scripts.ORGANIZE, *line, "--report-csv", plan, cwd=home.out)
    corrected = [{**row, "destination_path": row["destination_path"].replace("a:b", "a-b")} for row in read_rows(plan)]
    write_rows(plan, corrected)
    scripts.call(scripts.ORGANIZE, "--from-report", plan, "--mode", "copy", cwd=home.out)
    assert contents(archived(home.archive)) == contents(tree)

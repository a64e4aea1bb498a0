"""An archive that is the source under another name: no stage takes it for a second copy, none destroys the only one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.archive import LOCK, create_archive
from tests.campaign.aliases import ALIASES, NESTED, PHOTOS, YEAR, Alias, Place, Roots
from tests.campaign.figures import RecordPoints
from tests.campaign.invariants import contents_of, lost_contents
from tests.campaign.mounts import bind, disk_of_few_files, fuse_view, overlay, require_bindfs, require_mounts
from tests.campaign.planted_bugs import NO_ALIAS_PROBE, plant
from tests.campaign.product import Line, Product
from tests.campaign.scale import sized
from tests.campaign.sealed_rows import write_report, write_verified
from tests.campaign.stopped_runs import Stopper
from tests.campaign.strace_points import require_strace
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.tables import read_rows, statuses, write_rows
from tests.support.trees import read_tree, write_tree

pytestmark = pytest.mark.campaign

ANY_END = (0, 1, 2, 3)
FOR_GOOD = ("--delete-permanently", "--yes-really-delete")


@dataclass(frozen=True, slots=True)
class Scene:
    """An alias ready for use, and a desk for the tables."""

    roots: Roots
    desk: Path

    @property
    def pairs(self) -> list[tuple[Path, Path]]:
        return [(self.roots.source / name, self.roots.archive / name) for name in PHOTOS]

    def call(self, script: str, *args: scripts.Argument, expect: Collection[int] = ANY_END) -> scripts.Result:
        return scripts.call(script, *args, "--jobs", "1", cwd=self.desk, expect=expect)

    def organize(self, mode: str) -> scripts.Result:
        roots = ("--source", self.roots.source, "--destination-root", self.roots.archive)
        return self.call(scripts.ORGANIZE, *roots, "--mode", mode, "--report-csv", self.desk / "report.csv")

    @property
    def verify_line(self) -> tuple[scripts.Argument, ...]:
        outputs = ("--verified-out", self.desk / "verified.csv", "--unverified-out", self.desk / "unverified.csv")
        return ("--input-csv", self.desk / "report.csv", *outputs)

    def verify(self) -> scripts.Result:
        return self.call(scripts.VERIFY, *self.verify_line)

    def apply(self, *more: str) -> scripts.Result:
        manifest = ("--manifest", self.desk / "verified.csv", "--expected-run-id", "auto")
        return self.call(scripts.APPLY, *manifest, *more)


@contextmanager
def alias_at(folder: Path, alias: Alias, judge: Callable[[list[str]], None]) -> Iterator[Scene]:
    """Build an alias; when the block has ended and the views are gone, look for what was lost."""
    alias.require()
    real, views, desk = folder / "real", folder / "views", folder / "desk"
    for path in (real, views, desk):
        path.mkdir()
    with ExitStack() as stack:
        roots = alias.make(Place(real, views, stack))
        before = contents_of(real)
        yield Scene(roots, desk)
    judge(lost_contents(before, real, views))


@pytest.fixture
def judge(record_points: RecordPoints) -> Callable[[list[str]], None]:
    """Count one alias tried in one stage, and fail when it cost a photo."""

    def look(lost: list[str]) -> None:
        record_points("aliases", 1, len(lost))
        assert not lost, "\n".join(lost)

    return look


Judge = Callable[[list[str]], None]


@pytest.mark.parametrize("mode", ["report", "copy", "move"])
@pytest.mark.parametrize("alias", [*ALIASES, *NESTED], ids=str)
def test_incident_1_organizing_a_source_into_itself_loses_nothing(
    alias: Alias, mode: str, tmp_path: Path, judge: Judge
) -> None:
    with alias_at(tmp_path, alias, judge) as scene:
        photos = read_tree(scene.roots.source)
        scene.organize(mode)
        if mode != "move":
            now = read_tree(scene.roots.source)
            assert {name: now.get(name) for name in photos} == photos


@pytest.mark.parametrize("alias", [*ALIASES, *NESTED], ids=str)
def test_the_whole_flow_on_a_source_archived_into_itself_loses_nothing(
    alias: Alias, tmp_path: Path, judge: Judge
) -> None:
    with alias_at(tmp_path, alias, judge) as scene:
        both = scene.organize("copy").code in (0, 1) and scene.verify().code in (0, 1)
        if both and read_rows(scene.desk / "verified.csv"):
            scene.apply(*FOR_GOOD)


@pytest.mark.parametrize("alias", ALIASES, ids=str)
def test_verify_never_calls_an_alias_identical(alias: Alias, tmp_path: Path, judge: Judge) -> None:
    with alias_at(tmp_path, alias, judge) as scene:
        roots = (scene.roots.source, scene.roots.archive)
        write_report(scene.desk / "report.csv", scene.pairs, roots, create_archive(str(scene.roots.archive)))
        if scene.verify().code in (0, 1):
            require_no_pair_proved(scene)


def require_no_pair_proved(scene: Scene) -> None:
    assert read_rows(scene.desk / "verified.csv") == []
    told = statuses(read_rows(scene.desk / "unverified.csv"))
    assert set(told) <= {"same_file", "outside_root", "not_regular"}
    assert sum(told.values()) == len(PHOTOS)


def test_the_campaign_sees_a_missing_probe(tmp_path: Path) -> None:
    alias = next(alias for alias in ALIASES if alias.name == "FUSE view of a folder, in the source")
    bugged = plant(NO_ALIAS_PROBE, tmp_path / "bug")
    with alias_at(tmp_path, alias, lambda _: None) as scene, Product(bugged) as product:
        roots = (scene.roots.source, scene.roots.archive)
        write_report(scene.desk / "report.csv", scene.pairs, roots, create_archive(str(scene.roots.archive)))
        assert product.run(Line(scripts.VERIFY, scene.verify_line, scene.desk)).code == 0
        with pytest.raises(AssertionError):
            require_no_pair_proved(scene)


@pytest.mark.parametrize("destroy", [False, True], ids=["quarantine", "delete permanently"])
@pytest.mark.parametrize("alias", ALIASES, ids=str)
def test_incident_1_a_sealed_manifest_that_calls_an_alias_identical_destroys_nothing(
    alias: Alias, destroy: bool, tmp_path: Path, judge: Judge
) -> None:
    with alias_at(tmp_path, alias, judge) as scene:
        roots = (scene.roots.source, scene.roots.archive)
        write_verified(scene.desk / "verified.csv", scene.pairs, roots, create_archive(str(scene.roots.archive)))
        assert scene.apply(*FOR_GOOD * destroy).code != 0


# --- purging a quarantine that the archive shows -------------------------------------------------------


def _links(make: Callable[[str, str], None]) -> Callable[[Path, Path, ExitStack], None]:
    def show(quarantined: Path, year: Path, stack: ExitStack) -> None:
        for name in os.listdir(quarantined):
            make(str(quarantined / name), str(year / name))

    return show


def _folder_link(quarantined: Path, year: Path, stack: ExitStack) -> None:
    year.rmdir()
    year.symlink_to(quarantined)


def _folder_bind(quarantined: Path, year: Path, stack: ExitStack) -> None:
    stack.enter_context(bind(quarantined, year))


def _file_binds(quarantined: Path, year: Path, stack: ExitStack) -> None:
    for name in os.listdir(quarantined):
        (year / name).touch()
        stack.enter_context(bind(quarantined / name, year / name))


def _folder_view(quarantined: Path, year: Path, stack: ExitStack) -> None:
    require_bindfs()
    stack.enter_context(fuse_view(quarantined, year))


def _folder_overlay(quarantined: Path, year: Path, stack: ExitStack) -> None:
    base = year.parent.parent
    stack.enter_context(overlay(quarantined, year, base / "upper", base / "work"))


@pytest.mark.parametrize(
    "show",
    [_links(os.link), _links(os.symlink), _folder_link, _folder_bind, _file_binds, _folder_view, _folder_overlay],
    ids=["hard links", "symbolic links", "linked folder", "bind mount", "file bind mounts", "FUSE view", "overlay"],
)
def test_purging_a_quarantine_that_the_archive_only_shows_destroys_nothing(
    show: Callable[[Path, Path, ExitStack], None], library: LibraryMaker, judge: Judge
) -> None:
    require_mounts()
    lib = library(PHOTOS)
    before = contents_of(lib.source)
    lib.organize()
    lib.verify()
    lib.apply()
    quarantined = Path(f"{lib.quarantine}/{lib.run_id}/files{lib.source}") / YEAR
    year = lib.archive / YEAR
    shutil.rmtree(year)
    year.mkdir()
    with ExitStack() as stack:
        show(quarantined, year, stack)
        journal = ("--manifest", lib.journal, "--expected-run-id", "auto")
        scripts.call(scripts.APPLY, *journal, *FOR_GOOD, cwd=lib.out, expect=(1, 2, 3))
    judge(lost_contents(before, lib.root))


# --- incidents, by their rows in the table of what can lose a photo --------------------------------------


def test_incident_2_source_and_archive_are_one_path_in_a_row(library: LibraryMaker, judge: Judge) -> None:
    lib = library({"a.jpg": PHOTOS[f"{YEAR}/p1.jpg"]})
    before = contents_of(lib.source)
    lib.organize()
    row = read_rows(lib.report)[0]
    same = row | {"destination_path": row["source_path"], "archive_root": row["source_root"]}
    create_archive(str(lib.source))
    same["archive_id"] = create_archive(str(lib.source))
    write_rows(lib.report, [same])
    assert "holds no second copy of anything" in lib.verify(expect=2).error
    pair = (Path(row["source_path"]), Path(row["source_path"]))
    write_verified(lib.verified, [pair], (lib.source, lib.source), same["archive_id"])
    lib.apply(*FOR_GOOD, expect=2)
    shutil.rmtree(lib.archive)
    judge(lost_contents(before, lib.source))


def test_incident_3_a_view_with_its_own_inodes_is_known_by_a_name_that_appears_in_both(
    tmp_path: Path, judge: Judge
) -> None:
    alias = next(alias for alias in ALIASES if alias.name == "FUSE view of a folder, in the source")
    with alias_at(tmp_path, alias, judge) as scene:
        source, copy = scene.pairs[0]
        assert os.stat(source).st_dev != os.stat(copy).st_dev
        roots = (scene.roots.source, scene.roots.archive)
        write_report(scene.desk / "report.csv", scene.pairs, roots, create_archive(str(scene.roots.archive)))
        scene.verify()
        assert statuses(read_rows(scene.desk / "unverified.csv")) == {"same_file": len(PHOTOS)}
        assert not [name for name in os.listdir(source.parent) if name.startswith(".media-probe-")]


@pytest.mark.parametrize("flags", [(), FOR_GOOD], ids=["quarantine", "delete permanently"])
@pytest.mark.parametrize("name", ["overlay with its changes in the source, as the archive", "bind mount of the root"])
def test_incident_3_a_probe_that_a_full_disk_forbids_is_no_proof_of_two_folders(
    name: str, flags: tuple[str, ...], tmp_path: Path, judge: Judge
) -> None:
    """Nothing can be made on the disk any more, but files can be removed from it: the only copies, here."""
    alias = next(alias for alias in ALIASES if alias.name == name)
    alias.require()
    real, views, desk = tmp_path / "real", tmp_path / "views", tmp_path / "desk"
    for path in (real, views, desk):
        path.mkdir()
    with ExitStack() as stack:
        stack.enter_context(disk_of_few_files(real, 200))
        scene = Scene(alias.make(Place(real, views, stack)), desk)
        roots = (scene.roots.source, scene.roots.archive)
        write_verified(desk / "verified.csv", scene.pairs, roots, create_archive(str(scene.roots.archive)))
        (scene.roots.archive / LOCK).touch()  # as earlier runs have left it
        before = contents_of(real)
        with suppress(OSError):
            for number in range(1_000):
                (real / f"full-{number}").touch()
        assert scene.apply("--quarantine-root", str(desk / "quarantine"), *flags).code in (2, 3)
        judge(lost_contents(before, real, desk))


@pytest.mark.parametrize("alias", NESTED, ids=str)
def test_incident_8_nested_roots_and_pruning_lose_nothing(alias: Alias, tmp_path: Path, judge: Judge) -> None:
    with alias_at(tmp_path, alias, judge) as scene:
        result = scene.organize("copy")
        if alias.name == "source in the archive":
            assert result.code == 2
            return
        assert result.code in (0, 1, 2)
        if result.code < 2 and scene.verify().code < 2 and read_rows(scene.desk / "verified.csv"):
            scene.apply(*FOR_GOOD, "--prune-empty-dirs")
            assert scene.roots.archive.is_dir()
            assert scene.roots.source.is_dir()


# --- an archive that is not mounted -----------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["", "archive"], ids=["the disk itself", "a folder on the disk"])
def test_incident_19_an_unmounted_archive_is_not_a_million_missing_files(
    folder: str, tmp_path: Path, record_points: RecordPoints
) -> None:
    require_mounts()
    disk, at = tmp_path / "disk", tmp_path / "mnt"
    for path in (disk, at):
        path.mkdir()
    lib = Library(tmp_path, tmp_path / "source", at / folder, tmp_path / "out")
    lib.out.mkdir()
    write_tree(lib.source, PHOTOS)
    before = contents_of(lib.source)
    with bind(disk, at):
        lib.organize()
    lib.verify(expect=3)
    assert not lib.verified.exists()
    assert not lib.unverified.exists()
    with bind(disk, at):
        lib.verify()
    lib.apply(*FOR_GOOD, expect=3)
    lib.apply(expect=3)
    lost = lost_contents(before, lib.source)
    record_points("aliases", 4, len(lost))
    assert not lost


@pytest.mark.parametrize("script", ["copy", "move", "verify", "delete permanently"])
def test_incident_19_an_archive_unmounted_in_the_middle_stops_the_run_and_costs_nothing(
    script: str, tmp_path: Path, record_points: RecordPoints
) -> None:
    require_mounts()
    require_strace()
    moments = sized(3, 12)
    with Product() as product:
        stops = 60
        for part in range(moments):
            trial = tmp_path / str(part)
            stops, lost = unmount_while(product, script, trial, 1 + stops * part // moments)
            record_points("aliases", 1, len(lost))
            assert not lost, lost


def unmount_while(product: Product, script: str, folder: Path, moment: int) -> tuple[int, list[str]]:
    """Take the archive's disk away at one moment of a stage; how often it could be stopped, and what was lost."""
    disk, at = folder / "disk", folder / "mnt"
    for path in (folder, disk, at):
        path.mkdir()
    lib = Library(folder, folder / "source", at / "archive", folder / "out")
    lib.out.mkdir()
    write_tree(lib.source, PHOTOS)
    before = contents_of(lib.source)
    line = {
        "copy": Line(scripts.ORGANIZE, lib.organize_line("copy", "--jobs", "1"), lib.out),
        "move": Line(scripts.ORGANIZE, lib.organize_line("move", "--jobs", "1"), lib.out),
        "verify": Line(scripts.VERIFY, lib.verify_line("--jobs", "1"), lib.out),
        "delete permanently": Line(scripts.APPLY, lib.apply_line("--jobs", "1", *FOR_GOOD), lib.out),
    }[script]

    def take_away(stop: int) -> None:
        if stop == moment:
            subprocess.run(["umount", "--lazy", str(at)], check=True)

    stopper = Stopper(take_away)
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "--quiet", str(at)], check=False)
        subprocess.run(["mount", "--bind", str(disk), str(at)], check=True)
        if script in ("verify", "delete permanently"):
            lib.organize()
        if script == "delete permanently":
            lib.verify()
        result = product.run(line, stopper)
    assert "Traceback" not in result.stderr, result.stderr
    if script == "verify" and lib.unverified.exists():
        assert read_rows(lib.unverified) == []
    return stopper.stops, lost_contents(before, lib.source, disk, at)

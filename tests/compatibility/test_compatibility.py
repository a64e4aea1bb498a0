"""What an older version has written is understood: its runs are finished, its manifests applied and taken back.

Each test rebuilds the folders that a version left behind (``data/<commit>``, made by ``make_fixtures``, which says how
a later version is added), runs the present scripts on them as processes, and looks at the disk. Nothing is imported
from the product, so that it can be laid out in any other way.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.compatibility.sealing import sha256
from tests.compatibility.stored_trees import PLACEHOLDER, Stored, load, padded, put_below, rebuild
from tests.support import scripts
from tests.support.scripts import Codes, Result
from tests.support.tables import Row, assert_each_row_once, read_rows, statuses
from tests.support.trees import Entry, archived, contents, read_tree, snapshot

if sys.platform == "win32":
    pytest.skip(
        "Windows has no names with quotes, line ends and bytes that are not UTF-8: run the tests on Linux",
        allow_module_level=True,
    )

DATA = Path(__file__).with_name("data")
VERSIONS = sorted(folder.name for folder in DATA.iterdir() if folder.is_dir())
FOREVER = ("--delete-permanently", "--yes-really-delete")
SPOILED = "2019/IMG_20190731_120000.jpg"
"""The copy in the archive that ``make_fixtures`` changed before it was verified."""
PHOTOS = 8
FOLDERS = 6


@functools.cache
def library_of(version: str) -> dict[str, Stored]:
    """The source of all cases before anything was run, by name."""
    return {entry.name: entry for entry in load(DATA / version / "library.json", {})}


def photos_of(version: str) -> dict[str, bytes]:
    return {name: entry.content for name, entry in library_of(version).items() if entry.content is not None}


@dataclass(frozen=True)
class Home:
    """The folders of one case, rebuilt, and its last command line."""

    version: str
    root: Path
    script: str
    line: tuple[str, ...]

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def report(self) -> Path:
        return self.out / "report.csv"

    @property
    def verified(self) -> Path:
        return self.out / "verified.csv"

    @property
    def unverified(self) -> Path:
        return self.out / "unverified.csv"

    @property
    def quarantine(self) -> Path:
        """The folder of this run in the quarantine."""
        return self.source / ".media-quarantine" / read_rows(self.report)[0]["run_id"]

    @property
    def journal(self) -> Path:
        return self.quarantine / "journal.csv"

    @property
    def state(self) -> Path:
        """The state of the run that filled the quarantine."""
        (path,) = self.quarantine.glob("quarantine-*.state.json")
        return path

    @property
    def quarantined(self) -> dict[str, bytes]:
        return read_tree(Path(f"{self.quarantine}/files{self.source}"))

    @property
    def photos(self) -> dict[str, bytes]:
        """The source without the quarantine."""
        tree = read_tree(self.source)
        return {name: content for name, content in tree.items() if not name.startswith(".media-quarantine/")}

    def again(self, expect: Codes = 0) -> Result:
        """The same command line as the last one of the old version."""
        return self.run(self.script, *self.line, expect=expect)

    def run(self, script: str, *args: str | Path, expect: Codes = 0) -> Result:
        # In the zone in which the old version ran: it dates what has no date but that of its file.
        return scripts.run(script, *args, cwd=self.out, expect=expect, env={"TZ": "UTC"})

    def apply(self, manifest: Path, *args: str, expect: Codes = 0) -> Result:
        how = ("--expected-run-id", "auto", "--json", *args)
        return self.run(scripts.APPLY, "--manifest", manifest, *how, expect=expect)

    def verify(self, manifest: Path, name: str, *args: str, expect: Codes = 0) -> list[Row]:
        """Verify a manifest into outputs of another name, and return all their rows."""
        outputs = [self.out / f"{name}-{which}.csv" for which in ("verified", "unverified")]
        named = ("--verified-out", outputs[0], "--unverified-out", outputs[1])
        self.run(scripts.VERIFY, "--input-csv", manifest, *named, *args, expect=expect)
        return [row for output in outputs for row in read_rows(output)]


OldHome = Callable[[str], Home]


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OldHome:
    """``old("copied")`` rebuilds a case as the version left it."""
    version = str(request.param)

    def make(case: str) -> Home:
        root = padded(tmp_path_factory.mktemp("old").resolve())
        entries, old_root, script, line = stored_case(version, case)
        try:
            rebuild(put_below(entries, str(root), old_root), root)
        except OSError as error:
            if sys.platform == "linux":
                raise
            pytest.skip(f"the file system has no names that are not UTF-8 ({error}): run the tests on Linux")
        home = Home(version, root, script, tuple(word.replace(PLACEHOLDER, str(root)) for word in line))
        assert_nothing_lost(home)
        return home

    return make


def stored_case(version: str, case: str) -> tuple[list[Stored], str, str, list[str]]:
    """What is stored of a case: the tree, the root it had, the script that was run last, and its arguments."""
    folder = DATA / version / case
    document = json.loads((folder / "case.json").read_bytes())
    return load(folder / "tree.json", photos_of(version)), document["root"], document["script"], document["line"]


# --- what is looked at -----------------------------------------------------------------------------


def assert_nothing_lost(home: Home) -> None:
    """Every content of the library is, whole, in the source, the archive or the quarantine."""
    there = {*read_tree(home.source).values(), *archived(home.archive).values()}
    assert set(photos_of(home.version).values()) <= there


def assert_as_before(home: Home, *, folder_times: bool = True) -> None:
    """The source is as it was before anything was run: names, contents, times, and permissions, also of folders."""
    found = {}
    for name, entry in snapshot(home.source).items():
        if not name.startswith(".media-quarantine"):
            mtime_ns = (home.source / name).lstat().st_mtime_ns
            found[name] = (entry.mode, mtime_ns, entry.content)
    expected = {
        name: (entry.mode, entry.mtime_ns, entry.content or b"") for name, entry in library_of(home.version).items()
    }
    if not folder_times:
        folders = {name for name, entry in library_of(home.version).items() if entry.content is None}
        expected, found = (
            {
                name: (mode, 0 if name in folders else mtime_ns, content)
                for name, (mode, mtime_ns, content) in each.items()
            }
            for each in (expected, found)
        )
    assert found == expected


def assert_archive_whole(home: Home) -> None:
    """Each content of the library but that of ``notes.txt`` stands in the archive once."""
    photos = photos_of(home.version)
    del photos["notes.txt"]
    assert contents(archived(home.archive)) == Counter(dict.fromkeys(photos.values(), 1))


def everything(home: Home) -> dict[str, Entry]:
    """All files and folders of a case, but for lock files."""
    return snapshot(home.root)


def told(report: Path) -> list[tuple[str, ...]]:
    """What a report says, apart from where and by which run it was made."""
    rows = read_rows(report)
    assert_each_row_once(rows)
    assert len({row["run_id"] for row in rows}) == 1
    return [
        (
            row["row_id"],
            os.path.relpath(row["source_path"], row["source_root"]),
            row["destination_path"] and os.path.relpath(row["destination_path"], row["archive_root"]),
            *(row[column] for column in ("capture_date", "date_source", "source_mtime", "status", "reason", "sha256")),
        )
        for row in rows
    ]


def proved(rows: list[Row]) -> list[tuple[str, ...]]:
    """What the rows of verify say, apart from where, when and by which run."""
    assert_each_row_once(rows)
    columns = ("row_id", "report_status", "status", "sha256", "size_bytes")
    return sorted(
        (os.path.relpath(row["source_path"], row["source_root"]), *(row[column] for column in columns)) for row in rows
    )


def assert_state_complete(path: Path) -> None:
    assert json.loads(path.read_bytes())["complete"] is True


# --- the stored files themselves -------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_seals_chains_and_digests_come_out_as_the_version_wrote_them(version: str) -> None:
    cases = sorted(folder.name for folder in (DATA / version).iterdir() if folder.is_dir())
    assert len(cases) >= 18
    for case in cases:
        entries, root, _, _ = stored_case(version, case)
        files = {entry.name: entry.content for entry in put_below(entries, root, root)}
        digests = {sha256(content) for content in files.values() if content}
        for entry in entries:
            name = entry.name.replace(PLACEHOLDER, root)
            content = entry.content
            as_written = content.replace(PLACEHOLDER.encode(), root.encode()) if content is not None else None
            assert files[name] == as_written, f"{case}: {name}"
            if name.endswith(".state.json") and content and (manifest := json.loads(content)["manifest"]):
                assert manifest["sha256"] in digests, f"{case}: {name}"


# --- organize --------------------------------------------------------------------------------------


def test_an_unfinished_report_is_finished(old: OldHome) -> None:
    home = old("plan-killed")
    run_id = json.loads((home.out / "plan.csv.state.json").read_bytes())["run_id"]
    home.again()
    assert told(home.out / "plan.csv") == told(old("plan").out / "plan.csv")
    assert read_rows(home.out / "plan.csv")[0]["run_id"] == run_id
    assert_as_before(home)
    assert not home.archive.exists()


@pytest.mark.parametrize(("mode", "finished"), [("copy", "copied"), ("move", "moved")])
def test_an_unfinished_copy_or_move_is_finished(old: OldHome, mode: str, finished: str) -> None:
    home, expected = old(f"{mode}-killed"), old(finished)
    assert 0 < len(archived(home.archive)) < PHOTOS - 1
    assert not read_rows(home.report)
    home.again()
    assert told(home.report) == told(expected.report)
    assert archived(home.archive) == archived(expected.archive)
    assert home.photos == expected.photos
    assert_archive_whole(home)
    assert_state_complete(home.out / "report.csv.state.json")
    rows = read_rows(home.report)
    assert {row["archive_id"] for row in rows} == {
        json.loads((home.archive / ".media-archive.json").read_bytes())["archive_id"]
    }


def test_a_plan_is_carried_out(old: OldHome) -> None:
    home = old("plan")
    home.run(scripts.ORGANIZE, "--from-report", home.out / "plan.csv", "--mode", "copy", "--report-csv", home.report)
    assert told(home.report) == told(old("copied").report)
    assert_archive_whole(home)
    assert_as_before(home)


def test_an_unfinished_copy_by_a_plan_is_finished(old: OldHome) -> None:
    home = old("plan-copy-killed")
    assert 0 < len(archived(home.archive)) < PHOTOS - 1
    home.again()
    assert told(home.report) == told(old("copied").report)
    assert_archive_whole(home)
    assert_as_before(home)


@pytest.mark.parametrize("case", ["plan", "copied", "moved"])
def test_a_finished_report_is_left_as_it_is(old: OldHome, case: str) -> None:
    home = old(case)
    before = everything(home)
    assert "finished report" in home.again(expect=2).error
    assert everything(home) == before


def test_what_was_copied_is_recognised_in_its_archive(old: OldHome) -> None:
    home = old("copied")
    roots = ("--source", home.source, "--destination-root", home.archive, "--mode", "copy")
    home.run(scripts.ORGANIZE, *roots, "--report-csv", home.out / "next.csv")
    old_rows, rows = read_rows(home.report), read_rows(home.out / "next.csv")
    assert statuses(rows) == {"already_archived": PHOTOS, "skipped": 1}
    assert rows[0]["archive_id"] == old_rows[0]["archive_id"]
    assert_archive_whole(home)


# --- verify ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["verify-limited", "verify-killed"])
def test_an_unfinished_verification_is_finished(old: OldHome, case: str) -> None:
    home, expected = old(case), old("verified-well")
    state = home.out / "verified.csv.state.json"
    for _ in range(2):
        if json.loads(state.read_bytes())["complete"]:
            break
        home.again()
    assert_state_complete(state)
    rows = read_rows(home.verified) + read_rows(home.unverified)
    assert proved(rows) == proved(read_rows(expected.verified) + read_rows(expected.unverified))
    assert statuses(rows) == {"identical": PHOTOS, "not_archived": 1}
    assert (home.out / "SHA256SUMS").read_bytes() == (expected.out / "SHA256SUMS").read_bytes()
    home.apply(home.verified)
    assert home.photos.keys() == {"notes.txt"}
    assert_nothing_lost(home)


def test_a_finished_verification_reads_and_changes_nothing(old: OldHome) -> None:
    home = old("verified-well")
    before = read_tree(home.root)
    assert any("NOTHING WAS READ" in note for note in home.again().summary["notes"])
    assert read_tree(home.root) == before


def test_a_copys_report_is_verified_only_where_the_archive_has_its_marker(old: OldHome) -> None:
    home = old("copied")
    marker = home.archive / ".media-archive.json"
    whole = marker.read_bytes()
    another = json.loads(whole) | {"archive_id": "12345678-1234-4123-8123-123456789abc"}
    for content in (json.dumps(another).encode(), None):
        marker.unlink()
        if content:
            marker.write_bytes(content)
        before = everything(home)
        line = ("--input-csv", home.report, "--verified-out", home.verified, "--unverified-out", home.unverified)
        home.run(scripts.VERIFY, *line, expect=3)
        assert everything(home) == before
    marker.write_bytes(whole)
    assert statuses(home.verify(home.report, "now")) == {"identical": PHOTOS, "not_archived": 1}


def test_a_moves_report_is_verified(old: OldHome) -> None:
    home, expected = old("moved"), old("move-verified")
    rows = home.verify(home.report, "now")
    assert statuses(rows) == {"archive_intact": PHOTOS - 1, "identical": 1, "not_archived": 1}
    assert proved(rows) == proved(read_rows(expected.verified) + read_rows(expected.unverified))


def test_what_was_not_verified_is_fed_back_when_its_cause_is_repaired(old: OldHome) -> None:
    home = old("verified")
    assert statuses(read_rows(home.unverified)) == {"content_differs": 2, "not_archived": 1}
    assert statuses(home.verify(home.unverified, "same", expect=1)) == {"content_differs": 2, "not_archived": 1}
    (home.archive / SPOILED).write_bytes(photos_of(home.version)[os.path.basename(SPOILED)])
    rows = home.verify(home.unverified, "mended")
    assert statuses(rows) == {"identical": 2, "not_archived": 1}
    home.apply(home.out / "mended-verified.csv")
    home.apply(home.verified)
    assert home.photos.keys() == {"notes.txt"}
    assert_nothing_lost(home)


@pytest.mark.parametrize("case", ["verified-well", "move-verified", "deleted"])
def test_the_archive_alone_is_checked_with_the_verified_rows_of_old(old: OldHome, case: str) -> None:
    home = old(case)
    assert statuses(home.verify(home.verified, "yearly", "--archive-only")) == {"archive_intact": PHOTOS}


# --- apply -----------------------------------------------------------------------------------------


def test_verified_rows_are_applied_and_the_others_stay(old: OldHome) -> None:
    home = old("verified")
    assert home.apply(home.verified).count("quarantined") == PHOTOS - 2
    kept = {"notes.txt", "IMG_20190731_120000.jpg", "again/IMG_20190731_120000.jpg"}
    assert home.photos.keys() == kept
    assert home.quarantined.keys() == photos_of(home.version).keys() - kept
    assert_nothing_lost(home)
    home.apply(home.journal, "--restore")
    assert_as_before(home)


def test_of_a_moves_rows_only_the_identical_one_is_acted_on(old: OldHome) -> None:
    home = old("move-verified")
    before = archived(home.archive)
    result = home.apply(home.verified)
    assert (result.count("quarantined"), result.count("nothing to do")) == (1, PHOTOS - 1)
    assert home.photos.keys() == {"notes.txt"}
    assert archived(home.archive) == before
    assert_nothing_lost(home)


def test_a_moves_report_is_taken_back(old: OldHome) -> None:
    home = old("moved")
    assert home.apply(home.report, "--restore").count("restored") == PHOTOS - 1
    assert_as_before(home, folder_times=False)
    assert not archived(home.archive)


@pytest.mark.parametrize("case", ["quarantine-killed", "quarantine-limited"])
def test_an_unfinished_quarantine_is_finished_and_brought_back(old: OldHome, case: str) -> None:
    home = old(case)
    taken = len(home.quarantined)
    assert 0 < taken < PHOTOS
    told_before = home.journal.read_bytes()
    result = home.again()
    assert result.summary["complete"]
    photos = photos_of(home.version)
    assert home.photos == {"notes.txt": photos.pop("notes.txt")}
    assert home.quarantined == photos
    assert home.journal.read_bytes().startswith(told_before)
    rows = [row for row in read_rows(home.journal) if row["action"] == "quarantine"]
    assert Counter(row["row_id"] for row in rows if row["phase"] == "planned") == Counter(
        row["row_id"] for row in rows if row["phase"] == "done"
    )
    assert len(rows) == 2 * PHOTOS
    assert any("NOTHING WAS DONE" in note for note in home.again().summary["notes"])
    home.apply(home.journal, "--restore")
    assert_as_before(home)


def test_a_finished_quarantine_is_brought_back_with_its_folders(old: OldHome) -> None:
    home = old("quarantined")
    assert not (home.source / "odd").exists()
    result = home.apply(home.journal, "--restore")
    assert result.count("restored") == PHOTOS + FOLDERS
    assert_as_before(home)
    assert not home.quarantined


def test_a_finished_quarantine_is_purged(old: OldHome) -> None:
    home = old("quarantined")
    result = home.apply(home.journal, *FOREVER)
    assert result.count("purged") == PHOTOS
    assert not home.quarantined
    assert home.photos.keys() == {"notes.txt"}
    assert_archive_whole(home)
    again = home.apply(home.journal, "--restore")
    assert (again.count("restored"), again.count("skipped")) == (FOLDERS, PHOTOS)
    assert home.photos.keys() == {"notes.txt"}


def test_a_finished_quarantine_is_left_as_it_is(old: OldHome) -> None:
    home = old("quarantined")
    photos, journal, archive = home.quarantined, home.journal.read_bytes(), archived(home.archive)
    assert home.again().count("done before") == PHOTOS
    assert (home.quarantined, home.journal.read_bytes(), archived(home.archive)) == (photos, journal, archive)
    assert_state_complete(home.state)


def test_an_unfinished_restore_is_finished(old: OldHome) -> None:
    home = old("restore-killed")
    assert home.quarantined
    home.again()
    assert not home.quarantined
    assert_as_before(home)
    assert_archive_whole(home)


@pytest.mark.parametrize("case", ["purge-killed", "delete-killed"])
def test_an_unfinished_destruction_is_finished(old: OldHome, case: str) -> None:
    home = old(case)
    assert 0 < len(home.quarantined) + len(home.photos) - 1 < PHOTOS
    home.again()
    assert not read_tree(home.quarantine / "files")
    assert home.photos.keys() == {"notes.txt"}
    assert_archive_whole(home)
    assert_nothing_lost(home)


def test_of_a_finished_deletion_the_folders_are_brought_back(old: OldHome) -> None:
    home = old("deleted")
    assert home.photos.keys() == {"notes.txt"}
    home.apply(home.journal, "--restore", expect=(0, 1))
    folders = {name: entry.mode for name, entry in library_of(home.version).items() if entry.content is None}
    found = {name: entry.mode for name, entry in snapshot(home.source).items() if entry.kind == "folder"}
    assert {name: mode for name, mode in found.items() if not name.startswith(".media-quarantine")} == folders
    assert home.photos.keys() == {"notes.txt"}
    assert_archive_whole(home)


@pytest.mark.parametrize("case", ["quarantined", "restore-killed"])
def test_a_journal_that_was_changed_is_refused(old: OldHome, case: str) -> None:
    home = old(case)
    journal = home.journal.read_bytes()
    home.journal.write_bytes(journal.replace(b'"705"', b'"777"'))
    assert home.journal.read_bytes() != journal
    before = everything(home)
    home.apply(home.journal, "--restore", expect=(2, 3))
    assert everything(home) == before

"""A person's year with the three scripts, played at random: what she does, what fails, and what must hold after it.

One story is a small folder of photos with hostile names, copies and namesakes, and some ten things that happen to
it: runs in any order and with any options, killed or not, batch after batch, manifests spoiled, disks taken away,
photos edited, added and removed. The model is the promise itself: a content that is there before a run is there after
it; what is called identical is identical; the counts add up; what was quarantined comes back exactly.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from common.manifests.integrity import seal_of
from tests.campaign.invariants import broken_promises, rows_not_once
from tests.campaign.resettable import is_lock, is_table, see
from tests.campaign.scale import dice
from tests.campaign.syscall_points import in_a_child
from tests.campaign.tampering import Bait, mutate_table
from tests.support.media import jpeg
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, Result, call
from tests.support.tables import Row, assert_each_row_once, read_rows
from tests.support.trees import Entry, Tree, snapshot, write_tree

DELETE = ("--delete-permanently", "--yes-really-delete")
KILLED = -9
TEMPORARY = re.compile(r"\.media-tmp-[0-9a-f]{16}|\.media-probe-[0-9a-f]{8}-[0-9]+-[0-9a-f]{16}")

# --- what a story is made of -----------------------------------------------------------------------

NAMES = (
    "a.jpg",
    "A.JPG",
    "b.jpg",
    "b.xmp",
    "b.jpg.xmp",
    "IMG_0001.jpg",
    "IMG_0001.AAE",
    "IMG_0001.json",
    "new\nline.jpg",
    "return\r.jpg",
    'the "quoted", one.jpg',
    "-n.jpg",
    " .jpg",
    "=1+1.jpg",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    os.fsdecode(b"not utf-8 \xe9.jpg"),
    "~a1b2c3d4.jpg",
    "back\\slash.jpg",
    "l" * 240 + ".jpg",
    "note.txt",
    "empty.jpg",
    ".media-tmp-holiday.jpg",
)
FOLDERS = ("", "", "sub", "sub/deep", "2019", "sp ace", "x\ny", ".media-tmp-not ours")
DATES = (datetime(2019, 7, 14, 10, 30), datetime(2019, 12, 31, 23, 59, 59), datetime(2021, 1, 1))


def content_of(name: str, number: int) -> bytes:
    """One of a few contents, so that duplicates and collisions are the rule; sidecars and notes are text."""
    if name == "empty.jpg":
        return b""
    if not name.lower().endswith(".jpg"):
        return f"text {number % 3}".encode()
    return jpeg(date=DATES[number % len(DATES)], seed=number, size=1024 + 64 * (number % 2))


files = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES), st.integers(0, 5))
trees = st.lists(files, min_size=1, max_size=9, unique_by=lambda file: file[:2]).map(
    lambda drawn: {os.path.join(folder, name): content_of(name, number) for folder, name, number in drawn}
)
kills = st.one_of(st.just(0), st.integers(1, 300))
"""At which moment the first attempt is killed; 0: not at all."""
batches = st.one_of(st.just(0), st.integers(1, 4))
"""How many rows a call handles; 0: all."""
lots = st.integers(0, 2**32)


@dataclass(slots=True)
class Told:
    """What the stories have come to in the end: how many, how many steps, and how runs ended."""

    stories: int = 0
    steps: int = 0
    codes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Papers:
    """The files of one organize run and of what followed it."""

    report: Path
    mode: str
    verified: Path | None = None
    journal: Path | None = None


def is_stored(papers: Papers) -> bool:
    return papers.mode != "report" and papers.verified is None


def is_verified(papers: Papers) -> bool:
    return papers.verified is not None


def is_taken(papers: Papers) -> bool:
    return papers.journal is not None


def is_moved(papers: Papers) -> bool:
    return papers.mode == "move" and papers.verified is None


def there_is(choose: Callable[[Papers], bool]) -> Callable[[Any], bool]:
    """The precondition that some papers fit."""
    return lambda story: any(choose(papers) for papers in story.papers)


class Story(RuleBasedStateMachine):
    """One story. ``folder`` is where it may make its own folder, ``told`` is added to."""

    def __init__(self, folder: Path, told: Told) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="story-", dir=folder))
        self.told = told
        self.papers: list[Papers] = []
        self.number = 0
        self.promised: set[bytes] = set()

    @initialize(tree=trees, nested=st.booleans(), come_far=st.sampled_from(("verified", "moved", "")))
    def begin(self, tree: Tree, nested: bool, come_far: str) -> None:
        """A folder of photos; mostly with its archive already, since what can be lost comes late in a story."""
        self.source = self.root / "source"
        self.archive = self.source / "the archive" if nested else self.root / "archive"
        self.out = self.root / "out"
        self.out.mkdir()
        write_tree(self.source, tree)
        self.promise_anew()
        if come_far:
            self.organize("copy" if come_far == "verified" else "move", "%Y", "skip", "1", 0)
            self.verify(0, 0, "1", 0)

    def teardown(self) -> None:
        self.told.stories += 1
        shutil.rmtree(self.root)

    # --- the model ---------------------------------------------------------------------------------

    def promise_anew(self) -> None:
        """What a person has done to her files is hers: what is there now is what must stay."""
        self.promised = set(self.photos().values())

    def photos(self) -> dict[str, bytes]:
        """Every file that is no table, lock or temporary file of ours, anywhere in the story, by path."""
        return {
            path: Path(path).read_bytes()
            for path in see(self.root).files
            if not (self.is_ours(path) or os.path.islink(path))
        }

    def is_ours(self, path: str) -> bool:
        name = os.path.basename(path)
        ours = is_table(path) or is_lock(path) or name.endswith(".json.tmp")
        if name.endswith(".json"):  # a Takeout sidecar is the person's
            ours = name.startswith(".media-archive") or ".state.json" in name
        return ours or bool(TEMPORARY.fullmatch(name))

    def lost(self) -> set[bytes]:
        return self.promised - set(self.photos().values())

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "source"):
            assert not self.lost(), f"LOST: {self.lost()}"

    @invariant()
    def every_table_parses(self) -> None:
        if hasattr(self, "source"):
            told = broken_promises({}, [], [self.out, self.source / ".media-quarantine"], torn_rows=False)
            told = [complaint for complaint in told if "SHA256SUMS" not in complaint]  # no table, whatever its ending
            assert not told, told

    @contextmanager
    def archive_kept(self) -> Iterator[None]:
        """Within this block nothing in the archive may change or go; things may come."""
        inside = str(self.archive) + os.sep
        before = {path: data for path, data in self.photos().items() if path.startswith(inside)}
        yield
        now = self.photos()
        changed = [path for path, data in before.items() if now.get(path) != data]
        assert not changed, f"ARCHIVE CHANGED: {changed}"

    # --- how runs are made -------------------------------------------------------------------------

    def run(self, script: str, *line: Argument, kill_at: int = 0) -> Result:
        """One command line to its end; with ``kill_at``, once killed before (when it comes so far)."""
        self.told.steps += 1
        if kill_at:
            code = in_a_child(script, *line, "--jobs", "1", cwd=self.out, kill_at=kill_at)
            assert code in (KILLED, 0, 1, 2, 3), f"{script} {line}: exit {code}"
            assert not self.lost(), f"LOST after a kill: {self.lost()}"
            self.told.codes[f"{script} killed"] += code == KILLED
        result = call(script, *line, cwd=self.out, expect=(0, 1, 2, 3))
        self.told.codes[f"{script} {result.code}"] += 1
        return result

    def run_in_batches(self, script: str, *line: Argument, limit: int, kill_at: int = 0) -> Result:
        """The same command line again and again, until all rows are done or it is refused."""
        batch: tuple[Argument, ...] = ("--limit", str(limit)) if limit else ()
        result = self.run(script, *line, *batch, "--json", kill_at=kill_at)
        while result.code in (0, 1) and not result.summary["complete"]:
            result = self.run(script, *line, *batch, "--json")
        return result

    def new_path(self, kind: str) -> Path:
        self.number += 1
        return self.out / f"{kind}-{self.number}.csv"

    def pick(self, draw: int, choose: Callable[[Papers], bool]) -> Papers:
        """One of the papers that fit, the newest for 0. The rule's precondition has seen that there are some."""
        fitting = [papers for papers in reversed(self.papers) if choose(papers)]
        return fitting[draw % len(fitting)]

    # --- organize and verify -----------------------------------------------------------------------

    @precondition(lambda story: len(story.papers) < 6)
    @rule(
        mode=st.sampled_from(("report", "copy", "copy", "copy", "move")),
        layout=st.sampled_from(("%Y", "%Y/%m", "all")),
        duplicates=st.sampled_from(("skip", "keep")),
        jobs=st.sampled_from(("1", "2")),
        kill_at=kills,
    )
    def organize(self, mode: str, layout: str, duplicates: str, jobs: str, kill_at: int) -> None:
        report = self.new_path("report")
        before = self.source_now()
        line = ("--source", self.source, "--destination-root", self.archive, "--mode", mode, "--report-csv", report)
        options = ("--layout", layout, "--duplicates", duplicates)
        with self.archive_kept():
            result = self.run(ORGANIZE, *line, *options, "--jobs", jobs, kill_at=kill_at)
        if result.code == 2 and kill_at:
            assert "finished report" in result.stderr, result.stderr  # it had come to its end before the kill
        elif result.code == 3 and not before:
            assert "the source is empty" in result.stderr, result.stderr  # all of it was moved before
            return
        else:
            assert result.code in (0, 1), result.stderr
        rows = read_rows(report)
        assert_each_row_once(rows)
        assert {row["source_path"] for row in rows} == set(before), "the report is not what was scanned"
        assert "ADD UP" not in result.stdout
        for row in rows:
            if row["status"] in ("copied", "already_archived", "moved"):
                content = before[row["source_path"]]
                assert Path(row["destination_path"]).read_bytes() == content, f"not what was {row['status']}: {row}"
        if mode != "move":
            assert self.source_now() == before, "the source was changed"
        if rows:
            self.papers.append(Papers(report, mode))

    def source_now(self) -> dict[str, bytes]:
        """What a scan of the source must find, by path."""
        left_out = (str(self.archive) + os.sep, str(self.source / ".media-quarantine") + os.sep)
        inside = str(self.source) + os.sep
        return {
            path: data
            for path, data in self.photos().items()
            if path.startswith(inside) and not path.startswith(left_out)
        }

    @precondition(there_is(is_stored))
    @rule(draw=lots, limit=batches, jobs=st.sampled_from(("1", "2")), kill_at=kills)
    def verify(self, draw: int, limit: int, jobs: str, kill_at: int) -> None:
        papers = self.pick(draw, is_stored)
        verified, unverified = self.new_path("verified"), self.new_path("unverified")
        line = ("--input-csv", papers.report, "--verified-out", verified, "--unverified-out", unverified)
        before = self.photos()
        result = self.run_in_batches(VERIFY, *line, "--jobs", jobs, limit=limit, kill_at=kill_at)
        assert result.code in (0, 1), result.stderr
        assert self.photos() == before, "verify changed a file"
        for row in read_rows(verified):
            self.check_proof(row)
        assert len(read_rows(verified)) + len(read_rows(unverified)) == len(read_rows(papers.report))
        assert not rows_not_once(verified, unverified)
        if read_rows(verified):
            self.papers.append(Papers(papers.report, papers.mode, verified))

    def check_proof(self, row: Row) -> None:
        assert row["row_seal"] == seal_of(row)
        copy = Path(row["destination_path"]).read_bytes()
        if row["status"] == "identical":
            assert Path(row["source_path"]).read_bytes() == copy, f"called identical: {row}"
            assert not os.path.samefile(row["source_path"], row["destination_path"])

    # --- apply -------------------------------------------------------------------------------------

    @precondition(there_is(is_verified))
    @rule(draw=lots, limit=batches, prune=st.booleans(), kill_at=kills)
    def quarantine(self, draw: int, limit: int, prune: bool, kill_at: int) -> None:
        papers = self.pick(draw, is_verified)
        options = ("--prune-empty-dirs",) if prune else ()
        with self.archive_kept():
            self.run_in_batches(APPLY, *self.apply_line(papers), *options, limit=limit, kill_at=kill_at)
        self.note_journal(papers)

    @precondition(there_is(is_verified))
    @rule(draw=lots, limit=batches, jobs=st.sampled_from(("1", "2")), kill_at=kills)
    def delete(self, draw: int, limit: int, jobs: str, kill_at: int) -> None:
        papers = self.pick(draw, is_verified)
        with self.archive_kept():
            self.run_in_batches(APPLY, *self.apply_line(papers), *DELETE, "--jobs", jobs, limit=limit, kill_at=kill_at)
        self.note_journal(papers)

    @precondition(there_is(is_verified))
    @rule(draw=lots, limit=st.integers(1, 3), offset=st.none() | st.integers(0, 4), delete=st.booleans())
    def one_batch(self, draw: int, limit: int, offset: int | None, delete: bool) -> None:
        """A call that nobody goes on with for now takes no more than it was asked for, whatever calls came before."""
        papers = self.pick(draw, is_verified)
        window = ("--limit", str(limit), *(() if offset is None else ("--offset", str(offset))))
        before = len(self.source_now())
        with self.archive_kept():
            self.run(APPLY, *self.apply_line(papers), *window, *(DELETE if delete else ()))
        assert before - len(self.source_now()) <= limit, f"took more than {window}"
        self.note_journal(papers)

    @precondition(there_is(is_taken))
    @rule(draw=lots, limit=batches, kill_at=kills)
    def purge(self, draw: int, limit: int, kill_at: int) -> None:
        papers = self.pick(draw, is_taken)
        with self.archive_kept():
            self.run_in_batches(APPLY, *self.journal_line(papers), *DELETE, limit=limit, kill_at=kill_at)

    @precondition(there_is(is_taken))
    @rule(draw=lots, limit=batches, kill_at=kills)
    def restore(self, draw: int, limit: int, kill_at: int) -> None:
        papers = self.pick(draw, is_taken)
        with self.archive_kept():
            self.run_in_batches(APPLY, *self.journal_line(papers), "--restore", limit=limit, kill_at=kill_at)

    @precondition(there_is(is_moved))
    @rule(draw=lots, kill_at=kills)
    def undo_move(self, draw: int, kill_at: int) -> None:
        papers = self.pick(draw, is_moved)
        line = ("--manifest", papers.report, "--expected-run-id", "auto", "--restore")
        self.run(APPLY, *line, kill_at=kill_at)

    @precondition(there_is(is_verified))
    @rule(draw=lots, limit=batches, prune=st.booleans(), kill_at=kills, kill_restore_at=kills)
    def quarantine_and_restore(self, draw: int, limit: int, prune: bool, kill_at: int, kill_restore_at: int) -> None:
        """What has just been quarantined for the first time comes back exactly: names, contents, times, permissions."""
        papers = self.pick(draw, is_verified)
        journal = self.journal_of(papers)
        if journal.exists():
            return
        before = self.source_entries()
        options = ("--prune-empty-dirs",) if prune else ()
        with self.archive_kept():
            taken = self.run_in_batches(APPLY, *self.apply_line(papers), *options, limit=limit, kill_at=kill_at)
            assert taken.code in (0, 1), taken.stderr
            self.note_journal(papers)
            if not papers.journal:
                return  # everything had been moved: nothing was there to be taken
            back = self.run(APPLY, *self.journal_line(papers), "--restore", kill_at=kill_restore_at)
            assert back.code == 0, back.stderr
        assert self.source_entries() == before, "what came back is not what was there"

    def source_entries(self) -> Mapping[str, Entry]:
        return {
            name: entry for name, entry in snapshot(self.source).items() if not name.startswith(".media-quarantine")
        }

    @precondition(there_is(is_verified))
    @rule(draw=lots, action=st.sampled_from(((), DELETE)))
    def dry_run(self, draw: int, action: tuple[str, ...]) -> None:
        papers = self.pick(draw, is_verified)
        before = self.photos(), self.tables()
        self.run(APPLY, *self.apply_line(papers), *action, "--dry-run")
        assert (self.photos(), self.tables()) == before, "a dry run changed something"

    def apply_line(self, papers: Papers) -> tuple[Argument, ...]:
        assert papers.verified
        return ("--manifest", papers.verified, "--expected-run-id", "auto")

    def journal_line(self, papers: Papers) -> tuple[Argument, ...]:
        assert papers.journal
        return ("--manifest", papers.journal, "--expected-run-id", "auto")

    def journal_of(self, papers: Papers) -> Path:
        return self.source / ".media-quarantine" / read_rows(papers.report)[0]["run_id"] / "journal.csv"

    def note_journal(self, papers: Papers) -> None:
        journal = self.journal_of(papers)
        if journal.exists() and read_rows(journal):
            papers.journal = journal

    def tables(self) -> dict[str, bytes]:
        return {path: Path(path).read_bytes() for path in see(self.root).files if is_table(path)}

    # --- what fails --------------------------------------------------------------------------------

    @precondition(there_is(is_verified))
    @rule(draw=lots, delete=st.booleans())
    def tamper(self, draw: int, delete: bool) -> None:
        """A table is spoiled, the run that reads it is made, and the table is put back."""
        papers = self.pick(draw, is_verified)
        chance = dice("stories", draw)
        journal = papers.journal if papers.journal and chance.random() < 0.5 else None
        target = journal or papers.verified
        assert target
        bait = Bait(sorted(self.photos()), [str(self.root), str(self.source), str(self.archive)], [])
        whole = target.read_bytes()
        mutation = mutate_table(whole, chance, bait)
        target.write_bytes(mutation.data)
        action: tuple[str, ...] = DELETE if delete else ("--restore",) if journal else ()
        before = self.photos()
        with self.archive_kept():
            result = self.run(APPLY, "--manifest", target, "--expected-run-id", "auto", *action)
        if result.code == 2:
            assert self.photos() == before, f"refused, but changed: {mutation.what}"
        elif mutation.must_be_refused:
            state = "applied already" in result.stderr
            assert state, f"accepted: {mutation.what}"
        target.write_bytes(whole)

    @precondition(there_is(is_verified))
    @rule(draw=lots, stage=st.sampled_from(("verify", "apply")))
    def archive_unmounted(self, draw: int, stage: str) -> None:
        """Incident 19: the archive's disk is not there; nothing is judged, nothing is done."""
        papers = self.pick(draw, is_verified)
        away = self.root / "unplugged"
        os.rename(self.archive, away)
        self.archive.mkdir()
        before = self.photos()
        if stage == "verify":
            verified = self.new_path("verified")
            line = ("--input-csv", papers.report, "--verified-out", verified, "--unverified-out", f"{verified}.un.csv")
            result = self.run(VERIFY, *line)
        else:
            result = self.run(APPLY, *self.apply_line(papers), *DELETE)
        assert result.code in (2, 3), result
        assert self.photos() == before, "something was done without the archive"
        self.archive.rmdir()
        os.rename(away, self.archive)

    # --- what a person does ------------------------------------------------------------------------

    @rule(file=files)
    def person_adds(self, file: tuple[str, str, int]) -> None:
        folder, name, number = file
        path = self.source / folder / name
        if os.path.lexists(path):
            return
        write_tree(self.source, {os.path.join(folder, name): content_of(name, number)})
        self.promise_anew()

    @rule(draw=lots, quietly=st.booleans())
    def person_edits(self, draw: int, quietly: bool) -> None:
        """In place, with the time of the edit or (quietly) with the old time."""
        if not (path := self.some_photo(draw, self.source)):
            return
        status = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        if quietly:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.promise_anew()

    @rule(draw=lots)
    def person_renames(self, draw: int) -> None:
        if not (path := self.some_photo(draw, self.source)):
            return
        self.number += 1
        os.rename(path, path.with_name(f"renamed {self.number}.jpg"))
        self.promise_anew()

    @rule(draw=lots, rot=st.booleans())
    def archive_is_damaged(self, draw: int, rot: bool) -> None:
        """A copy goes, or its bytes change behind unchanged times."""
        if not (path := self.some_photo(draw, self.archive)):
            return
        if rot:
            status = path.stat()
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        else:
            path.unlink()
        self.promise_anew()

    def some_photo(self, draw: int, folder: Path) -> Path | None:
        """A file with bytes in it below a folder (the archive is not of the source), None where there is none."""
        inside = str(folder) + os.sep
        nested = str(self.archive) + os.sep
        found = sorted(
            path
            for path, data in self.photos().items()
            if path.startswith(inside) and data and (folder == self.archive or not path.startswith(nested))
        )
        return Path(found[draw % len(found)]) if found else None

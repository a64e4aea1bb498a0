"""The whole flow on disks of any kinds: after each stage everything is unmounted, and the media themselves are read.

A stage either comes to its end, or asks for an option with which it does, or is refused with one sentence and has
changed nothing. What is found of each is kept for the table in docs/safety.md (``disk_table``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from common.fileops.temporary import PROBE_PREFIX, TEMPORARY_PREFIX
from common.filesystems import file_system_of
from tests.campaign.disk_kinds import EXT4
from tests.campaign.disks import DEFAULT_SIZE_MIB, Disk, Kind, disks_in
from tests.campaign.invariants import Contents, contents_of, digest_of, digests_below, files_below
from tests.campaign.product import TOO_LONG, Line, Product, Tracer
from tests.support.library import Library
from tests.support.media import jpeg, mp4
from tests.support.scripts import APPLY, ORGANIZE, VERIFY, Argument, Result
from tests.support.tables import read_rows
from tests.support.trees import Tree

PHOTOS: Tree = {
    "2019/IMG_1.jpg": jpeg(datetime(2019, 3, 1), seed=1, size=3000),
    "phone/IMG_1.jpg": jpeg(datetime(2019, 5, 1), seed=2, size=3000),
    "phone/again.jpg": jpeg(datetime(2019, 3, 1), seed=1, size=3000),
    "phone/clip.mp4": mp4(datetime(2020, 6, 1, 12), seed=3),
    "phone/large.jpg": jpeg(datetime(2020, 6, 2), seed=4, size=(1 << 20) + 4096),
    "card/p.jpg": jpeg(datetime(2019, 8, 3), seed=5, size=3000),
}
"""A collision, a duplicate, a file of two writes; a name of DOS each."""

FOR_GOOD = ("--delete-permanently", "--yes-really-delete")
CACHED_READS = "--accept-cached-reads"
MOST_CALLS = 4
MEDIA = (".jpg", ".mp4")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended. ``sentence``: why it was refused, or why rows of it failed. ``faults``: what must not be."""

    stage: str
    code: int
    option: str = ""
    sentence: str = ""
    faults: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        return self.code in (2, 3)

    def describe(self) -> str:
        """In the words of the table."""
        if self.faults:
            return f"FAULT: {self.faults[0]}"
        if self.is_refused:
            return f"refused: {self.sentence}"
        words = f"works with `{self.option}`" if self.option else "works"
        return f"{words}, but for rows: {self.sentence}" if self.code == 1 else words


@dataclass(slots=True)
class Journey:
    """Source, archive and quarantine on disks of their own, and the stages that have been gone through."""

    product: Product
    library: Library
    disks: dict[str, Disk]
    quarantine: Path | None
    photos: Tree
    before: Contents = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    wandered: dict[Path, Path] = field(default_factory=dict)

    # --- the lines of the stages -----------------------------------------------------------------------

    def line(self, stage: str, *more: Argument) -> Line:
        """The command line of a stage."""
        library = self.library
        lines: dict[str, Callable[[], tuple[str, tuple[Argument, ...]]]] = {
            "report": lambda: (ORGANIZE, (*library.organize_line("report"), "--report-csv", library.out / "plan.csv")),
            "copy": lambda: (ORGANIZE, library.organize_line("copy")),
            "move": lambda: (ORGANIZE, library.organize_line("move")),
            "verify": lambda: (VERIFY, library.verify_line()),
            "quarantine": lambda: (APPLY, library.apply_line(*self._quarantine_option)),
            "delete": lambda: (APPLY, library.apply_line(*FOR_GOOD)),
            "restore": lambda: (APPLY, library.restore_line(self.journal)),
            "purge": lambda: (APPLY, ("--manifest", self.journal, "--expected-run-id", "auto", *FOR_GOOD)),
        }
        script, arguments = lines[stage]()
        if stage == "report":
            arguments = tuple(each for each in arguments if each != library.report)
            at = arguments.index("--report-csv")
            arguments = (*arguments[:at], *arguments[at + 1 :])
        return Line(script, (*arguments, *more), library.out)

    @property
    def _quarantine_option(self) -> tuple[Argument, ...]:
        return ("--quarantine-root", self.quarantine) if self.quarantine else ()

    @property
    def journal(self) -> Path:
        return self.now(self.quarantine or self.library.quarantine) / self.library.run_id / "journal.csv"

    # --- going through them ------------------------------------------------------------------------------

    def go(self, *stages: str) -> Outcome:
        """Go through stages with a remount after each, until one is refused; the last outcome."""
        for stage in stages:
            outcome = self.stage(stage)
            if outcome.is_refused or outcome.faults:
                break
        return self.outcomes[-1]

    def stage(self, name: str, *more: Argument, tracer: Tracer | None = None) -> Outcome:
        """Run a stage to its end, with the option it asks for, then look at the media and mount them again."""
        option = ""
        faults: list[str] = []
        shown = self.digests()
        result = self._finish(self.line(name, *more), tracer)
        if result.code in (2, 3):
            faults += self._changed(shown, result)
            if CACHED_READS in result.stderr:
                option = CACHED_READS
                result = self._finish(self.line(name, *more, option), None)
                if result.code in (2, 3):
                    faults += self._changed(shown, result)
        if "Traceback" in result.stderr:
            faults.append(f"TRACEBACK: {result.stderr[-600:]}")
        if result.code not in (0, 1, 2, 3):
            faults.append(f"EXIT {'never ends' if result.code == TOO_LONG else result.code}: {result.stderr[-300:]}")
        if result.code in (0, 1):
            faults += self.unfinished(name, result)
        told = self.reasons(name) if result.code == 1 else ""
        faults += self.remount()
        outcome = Outcome(name, result.code, option, told or sentence_of(result), tuple(faults))
        self.outcomes.append(outcome)
        return outcome

    def _finish(self, line: Line, tracer: Tracer | None) -> Result:
        """Give the command again while it stops early."""
        result = self.product.run(line, tracer)
        for _ in range(MOST_CALLS):
            if result.code != 3:
                break
            result = self.product.run(line)
        return result

    def unfinished(self, stage: str, result: Result) -> list[str]:
        """What a stage that ended well has not done: by what the mounted disks show."""
        if result.code:
            return []
        source, archive = self.photos_below(self.library.source), self.photos_below(self.library.archive)
        photos = {digest_of_bytes(content) for content in self.photos.values()}
        if stage in ("copy", "move"):
            must = photos
        else:
            must = {row["sha256"] for row in read_rows(self.library.verified)} if stage != "report" else set()
        told = [f"NOT ARCHIVED after {stage}, exit 0"] if must - archive else []
        if stage in ("report", "copy", "verify") and photos - source:
            told.append(f"NOT IN THE SOURCE after {stage}, exit 0")
        if stage == "restore" and must - source:
            told.append("NOT IN THE SOURCE after restore, exit 0")
        if stage in ("quarantine", "delete") and must & source:
            told.append(f"STILL IN THE SOURCE after {stage}, exit 0")
        return told

    def reasons(self, stage: str) -> str:
        """Why rows failed, one reason of each kind."""
        tables = {
            "report": self.library.out / "plan.csv",
            "copy": self.library.report,
            "move": self.library.report,
            "verify": self.library.unverified,
        }
        table = tables.get(stage) or self.journal
        reasons = [row["reason"] for row in read_rows(table) if row["reason"]] if table.exists() else []
        return "; ".join(sorted({self.neutral(reason) for reason in reasons}))[:400]

    # --- looking -----------------------------------------------------------------------------------------

    @property
    def roots(self) -> list[Path]:
        roots = [self.library.source, self.library.archive, *([self.quarantine] if self.quarantine else [])]
        return [self.now(root) for root in roots]

    def digests(self) -> dict[str, str]:
        """Every photo as the mounted disks show it."""
        return {path: digest for root in self.roots for path, digest in digests_below(root).items() if is_photo(path)}

    def photos_below(self, root: Path) -> set[str]:
        """The contents of photos below a root, without what is in the quarantine."""
        return {
            digest_of(path)
            for path in files_below(self.now(root))
            if is_photo(path) and "/.media-quarantine/" not in path
        }

    def _changed(self, shown: dict[str, str], result: Result) -> list[str]:
        now = self.digests()
        changed = sorted(path for path in {*shown, *now} if shown.get(path) != now.get(path))
        told = f"CHANGED THOUGH REFUSED, exit {result.code}, {sentence_of(result)}"
        return [f"{told}: {', '.join(changed)}"] if changed else []

    def move_elsewhere(self, role: str) -> None:
        """Mount the disk of this role at another place from now on; the lines of the stages still name the old one."""
        disk = self.disks[role]
        place = disk.at.with_name(f"{disk.at.name}-elsewhere")
        self.wandered[disk.at] = place
        disk.unmount()
        disk.mount(place)

    def now(self, path: Path) -> Path:
        """Where a path of the beginning is, by where its disk is mounted now."""
        for old, new in self.wandered.items():
            if path.is_relative_to(old):
                return new / path.relative_to(old)
        return path

    def remount(self) -> list[str]:
        """Unmount everything, read the media, mount everything again: what was lost, or is cut."""
        places = {role: disk.at for role, disk in self.disks.items()}
        for disk in self.disks.values():
            disk.unmount()
        complaints = self.damage()
        for role, disk in self.disks.items():
            disk.mount(places[role])
        return complaints

    def damage(self) -> list[str]:
        """What is lost or cut, by the media of disks that are not mounted. What is in memory counts as source only."""
        kept: set[str] = set()
        cut: list[str] = []
        for role, disk in self.disks.items():
            with disk.read() as folders:
                if role == "source" or not disk.kind.is_memory:
                    kept |= set(contents_of(*folders))
                cut += [
                    f"CUT: {path}, {Path(path).stat().st_size} bytes, on the medium of the {role}"
                    for path in files_below(*folders)
                    if is_photo(path) and digest_of(path) not in self.before
                ]
        return [f"LOST: {path}" for digest, path in self.before.items() if digest not in kept] + cut

    def neutral_of(self, outcome: Outcome) -> Outcome:
        """An outcome without the paths of this run."""
        faults = tuple(self.neutral(fault) for fault in outcome.faults)
        return replace(outcome, sentence=self.neutral(outcome.sentence), faults=faults)

    def neutral(self, text: str) -> str:
        """A sentence without the paths of this run."""
        for name, path in (
            ("SOURCE", self.library.source),
            ("ARCHIVE", self.library.archive),
            ("OUT", self.library.out),
        ):
            text = text.replace(str(path), name)
        if self.quarantine:
            text = text.replace(str(self.quarantine), "QUARANTINE")
        for role, disk in self.disks.items():
            text = text.replace(str(disk.at), f"the {role}'s disk")
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16}", "…", text)


def require_medium(folder: Path) -> None:
    """Skip the test where its own folder is in memory: then no disk in it is any medium."""
    if file_system_of(str(folder)).is_memory:
        pytest.skip("pytest's folder is in memory: give it a --basetemp on a disk")


def is_photo(path: str) -> bool:
    """Whether a file is a photo or video by its name, and none of our temporary files."""
    name = path.rpartition("/")[2]
    return name.lower().endswith(MEDIA) and not name.startswith((TEMPORARY_PREFIX, PROBE_PREFIX))


def digest_of_bytes(content: bytes) -> str:
    """SHA-256, lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def sentence_of(result: Result) -> str:
    """What a refused run said."""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


@contextmanager
def journey(
    product: Product,
    folder: Path,
    *,
    role: str = "source",
    kind: Kind = EXT4,
    photos: Tree = PHOTOS,
    size_mib: int = 48,
) -> Iterator[Journey]:
    """Disks with photos on the source, all mounted; the one with this role is of this kind and size, the others are
    ext4. They are gone when the block ends. A quarantine has a disk of its own only if that is the role."""
    require_medium(folder)
    mounted, out = folder / "mnt", folder / "out"
    out.mkdir()
    with disks_in(folder / "media") as make:
        roles = ["source", "archive", *([role] if role == "quarantine" else [])]
        disks = {
            name: make(kind, name, size_mib) if name == role else make(EXT4, name, DEFAULT_SIZE_MIB) for name in roles
        }
        disks["source"].fill(photos, mounted / "source", "photos")
        for name in roles[1:]:
            disks[name].mount(mounted / name)
        library = Library(folder, mounted / "source" / "photos", mounted / "archive" / "archive", out)
        root = mounted / "quarantine" / "quarantine" if role == "quarantine" else None
        trip = Journey(product, library, disks, root, photos)
        trip.before = contents_of(library.source)
        assert not trip.remount()
        yield trip

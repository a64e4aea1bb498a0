"""Makes the stored files of one version: what its scripts wrote, and what the folders looked like at that moment.

    python -m tests.compatibility.make_fixtures SCRIPTS_DIR

``SCRIPTS_DIR`` is a git clone of that version, with nothing changed in it. For each case a small library of photos is
made below one root in /tmp (of a fixed length, see ``stored_trees``), the scripts of that version are run on it as
processes, and the whole root is stored as ``data/<commit>/<case>/tree.json``, beside ``case.json`` with the root and
the command line that was the last one (paths in it, as in the tree, with ``{root}``). ``library.json`` is the source
before anything was run. Killed runs are killed by ``killed_run.py`` at a chosen look of the disk.

**To add a later version**: check it out into a folder of its own, run this with it, and commit the new folder below
``data/``. The tests run on every folder there. Never rewrite the files of an old version with newer scripts: that old
files are still understood is what the tests are for. A later version may write more or other columns: ``sealing``
takes them from each file's header. Where it digests, chains or seals in another way, ``sealing`` needs that way beside
the old one, and the old one must stay.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir

from tests.compatibility.stored_trees import PLACEHOLDER, padded, save, stored
from tests.support.media import jpeg
from tests.support.tables import read_rows
from tests.support.trees import MTIME, Tree, write_tree

DATA = Path(__file__).with_name("data")
KILLED_RUN = Path(__file__).with_name("killed_run.py")

ORGANIZE = "organize_media_by_date"
VERIFY = "verify_media_archive"
APPLY = "apply_deletion_manifest"
FOREVER = ("--delete-permanently", "--yes-really-delete")

LIBRARY: Tree = {
    "IMG_20190731_120000.jpg": b"a photo of the year 2019",
    "again/IMG_20190731_120000.jpg": b"a photo of the year 2019",
    "same name/IMG_20190731_120000.jpg": b"another photo of that second",
    "camera/dated inside.jpg": jpeg(datetime(2017, 3, 4, 5, 6, 7)),
    "camera/dated inside.xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    'odd/Z\u00fcrich, "so\n it\'s"_20140506_101010.jpg': b"a name with quotes, a line end and no ASCII",
    os.fsdecode(b"odd/caf\xe9_20130405_101010.jpg"): b"a name that is not UTF-8",
    "odd/deep/er/undated.jpg": b"a photo with no date but that of the file",
    "notes.txt": b"no photo",
}
"""What a user might have. Folders that hold nothing else can be pruned; ``notes.txt`` stays in any case."""

VERIFIED_WELL = "verified-well"
FOLDER_MODES = {"camera": 0o750, "odd": 0o705, "odd/deep": 0o700}
SPOILED = "2019/IMG_20190731_120000.jpg"
"""What verify is to find changed in the archive."""


class Maker:
    """Runs one version's scripts below one root, and stores what came of it."""

    def __init__(self, scripts: Path, root: Path, data: Path) -> None:
        self.scripts = scripts
        self.root = root
        self.data = data
        self.source, self.archive, self.out = root / "source", root / "archive", root / "out"
        self._last: dict[str, object] = {}
        self._is_verified_well = False

    def begin(self) -> None:
        """A root with nothing in it but the library."""
        self._is_verified_well = False
        if self.root.exists():
            shutil.rmtree(self.root)
        self.out.mkdir(parents=True)
        write_tree(self.source, LIBRARY)
        for name, mode in FOLDER_MODES.items():
            (self.source / name).chmod(mode)
        time = int(MTIME.timestamp()) * 1_000_000_000
        for number, (folder, _, names) in enumerate(sorted(os.walk(self.source), reverse=True)):
            for place, name in enumerate(names):
                moment = time + place * 1_000_000_007
                os.utime(os.path.join(folder, name), ns=(moment, moment))
            moment = time - (number + 1) * 86_400_000_000_001
            os.utime(folder, ns=(moment, moment))

    def run(
        self, script: str, *args: str, kill: tuple[str, Path, int] | None = None, codes: tuple[int, ...] = (0,)
    ) -> None:
        """Run a script to its end, or until it is killed when the disk looks as ``kill`` says."""
        if sys.platform == "win32":
            raise NotImplementedError("Windows has no SIGKILL: make the files on Linux")
        line = [*args, "--json"]
        program = [str(self.scripts / f"{script}.py")]
        if kill:
            condition, path, number = kill
            program = [str(KILLED_RUN), *program, condition, str(path), str(number)]
            line += ["--jobs", "1"]
            codes = (-signal.SIGKILL,)
        whole = [sys.executable, *program, *line]
        # What has no date but that of its file is dated by the zone of the machine.
        env = {**os.environ, "TZ": "UTC"}
        result = subprocess.run(whole, check=False, cwd=self.out, env=env, capture_output=True, text=True)
        assert result.returncode in codes, f"{script} {line}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        self._last = {"script": script, "line": [word.replace(str(self.root), PLACEHOLDER) for word in line]}

    def store(self, case: str) -> None:
        """Store everything below the root, and the last command line."""
        base = VERIFIED_WELL if self._is_verified_well and case != VERIFIED_WELL else ""
        folder = self.data / case
        folder.mkdir(parents=True)
        save(folder / "tree.json", stored(self.root), dict(LIBRARY), base)
        document = {"root": str(self.root), **self._last}
        (folder / "case.json").write_text(json.dumps(document, indent=1) + "\n", "ascii")

    # --- the stages ---

    @property
    def run_id(self) -> str:
        return read_rows(self.out / "report.csv")[0]["run_id"]

    @property
    def quarantine(self) -> Path:
        return self.source / ".media-quarantine" / self.run_id

    def plan(self, kill: tuple[str, Path, int] | None = None) -> None:
        roots = ("--source", f"{self.source}", "--destination-root", f"{self.archive}")
        self.run(ORGANIZE, *roots, "--report-csv", f"{self.out}/plan.csv", kill=kill)

    def organize(self, mode: str, kill: tuple[str, Path, int] | None = None) -> None:
        roots = ("--source", f"{self.source}", "--destination-root", f"{self.archive}", "--mode", mode)
        self.run(ORGANIZE, *roots, "--report-csv", f"{self.out}/report.csv", kill=kill)

    def verify(self, *args: str, kill: tuple[str, Path, int] | None = None) -> None:
        outputs = ("--verified-out", f"{self.out}/verified.csv", "--unverified-out", f"{self.out}/unverified.csv")
        self.run(VERIFY, "--input-csv", f"{self.out}/report.csv", *outputs, *args, kill=kill, codes=(0, 1))

    def apply(self, *args: str, kill: tuple[str, Path, int] | None = None) -> None:
        self.run(APPLY, "--manifest", f"{self.out}/verified.csv", "--expected-run-id", "auto", *args, kill=kill)

    def restore(self, kill: tuple[str, Path, int] | None = None) -> None:
        journal = f"{self.quarantine}/journal.csv"
        self.run(APPLY, "--manifest", journal, "--expected-run-id", "auto", "--restore", kill=kill)

    def purge(self, kill: tuple[str, Path, int] | None = None) -> None:
        journal = f"{self.quarantine}/journal.csv"
        self.run(APPLY, "--manifest", journal, "--expected-run-id", "auto", *FOREVER, kill=kill)

    def begin_verified(self) -> None:
        """A library that is copied and verified: made once, so that it is stored once."""
        kept = self.root.parent / "verified well"
        if kept.exists():
            shutil.rmtree(self.root)
        else:
            self.begin()
            self.organize("copy")
            self.verify()
            self.root.rename(kept)
        shutil.copytree(kept, self.root)
        self._is_verified_well = True


# --- the cases -------------------------------------------------------------------------------------


def _plan(maker: Maker) -> None:
    maker.begin()
    maker.plan()


def _plan_killed(maker: Maker) -> None:
    maker.begin()
    maker.plan(kill=("bytes-at-least", maker.out / "plan.csv", 1000))


def _plan_copied(maker: Maker) -> None:
    """A copy that carries out a reviewed plan, killed: its state holds the digest of the plan."""
    maker.begin()
    maker.plan()
    line = ("--from-report", f"{maker.out}/plan.csv", "--mode", "copy", "--report-csv", f"{maker.out}/report.csv")
    maker.run(ORGANIZE, *line, kill=("files-at-least", maker.archive, 3))


def _copied(maker: Maker) -> None:
    maker.begin()
    maker.organize("copy")


def _copy_killed(maker: Maker) -> None:
    maker.begin()
    maker.organize("copy", kill=("files-at-least", maker.archive, 4))


def _moved(maker: Maker) -> None:
    maker.begin()
    maker.organize("move")


def _move_killed(maker: Maker) -> None:
    maker.begin()
    maker.organize("move", kill=("files-at-least", maker.archive, 4))


def _verified(maker: Maker) -> None:
    """One copy was changed meanwhile, behind its size and time, so that there is something in unverified.csv."""
    maker.begin()
    maker.organize("copy")
    copy = maker.archive / SPOILED
    status = copy.stat()
    copy.write_bytes(b"?" * status.st_size)
    os.utime(copy, ns=(status.st_mtime_ns, status.st_mtime_ns))
    maker.verify()


def _verify_limited(maker: Maker) -> None:
    maker.begin()
    maker.organize("copy")
    maker.verify("--limit", "4")


def _verify_killed(maker: Maker) -> None:
    """Rows stand in verified.csv that the state does not know of yet."""
    maker.begin()
    maker.organize("copy")
    maker.verify("--limit", "4")
    known = (maker.out / "verified.csv").stat().st_size
    maker.verify("--limit", "4", kill=("bytes-at-least", maker.out / "verified.csv", known + 1))


def _move_verified(maker: Maker) -> None:
    """The rows of what was moved are ``archive_intact``, those of the duplicate that stayed ``identical``."""
    maker.begin()
    maker.organize("move")
    maker.verify()


def _verified_well(maker: Maker) -> None:
    maker.begin_verified()


def _quarantined(maker: Maker) -> None:
    maker.begin_verified()
    maker.apply("--prune-empty-dirs")


def _quarantine_killed(maker: Maker) -> None:
    """In its second batch, so that the state knows a place in the journal, and more is under way behind it."""
    maker.begin_verified()
    maker.apply("--prune-empty-dirs", "--limit", "4")
    maker.apply("--prune-empty-dirs", "--limit", "4", kill=("files-at-most", maker.source, 2))


def _quarantine_limited(maker: Maker) -> None:
    maker.begin_verified()
    maker.apply("--limit", "4")


def _restore_killed(maker: Maker) -> None:
    maker.begin_verified()
    maker.apply("--prune-empty-dirs")
    maker.restore(kill=("files-at-least", maker.source, 4))


def _purge_killed(maker: Maker) -> None:
    maker.begin_verified()
    maker.apply()
    maker.purge(kill=("files-at-most", maker.quarantine, 4))


def _deleted(maker: Maker) -> None:
    maker.begin_verified()
    maker.apply(*FOREVER, "--prune-empty-dirs")


def _delete_killed(maker: Maker) -> None:
    maker.begin_verified()
    maker.apply(*FOREVER, "--prune-empty-dirs", kill=("files-at-most", maker.source, 4))


CASES: dict[str, Callable[[Maker], None]] = {
    "plan": _plan,
    "plan-killed": _plan_killed,
    "plan-copy-killed": _plan_copied,
    "copied": _copied,
    "copy-killed": _copy_killed,
    "moved": _moved,
    "move-killed": _move_killed,
    "verified": _verified,
    "verify-limited": _verify_limited,
    "verify-killed": _verify_killed,
    "move-verified": _move_verified,
    VERIFIED_WELL: _verified_well,
    "quarantined": _quarantined,
    "quarantine-killed": _quarantine_killed,
    "quarantine-limited": _quarantine_limited,
    "restore-killed": _restore_killed,
    "purge-killed": _purge_killed,
    "deleted": _deleted,
    "delete-killed": _delete_killed,
}


def main() -> None:
    """Make all cases of one version."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tests.compatibility.make_fixtures SCRIPTS_DIR")
    scripts = Path(sys.argv[1]).resolve()
    git = ("git", "-C", str(scripts), "rev-parse", "--short=7", "HEAD")
    data = DATA / subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    if data.exists():
        raise SystemExit(f"{data} exists: the files of a version are made once")
    below = Path(gettempdir()).resolve() / "media-archive-compatibility"
    below.mkdir()  # refused where it exists: it may be somebody's
    try:
        maker = Maker(scripts, padded(below), data)
        maker.begin()
        data.mkdir(parents=True)
        save(data / "library.json", stored(maker.source), {})
        for name, make in CASES.items():
            make(maker)
            maker.store(name)
            print(name)
    finally:
        shutil.rmtree(below)


if __name__ == "__main__":
    main()

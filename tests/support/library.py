"""One person's folder of photos with everything that the three scripts make of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support import scripts
from tests.support.scripts import Argument, Codes, Result
from tests.support.tables import Row, read_rows
from tests.support.trees import Entry, Tree, read_tree, snapshot, write_tree


@dataclass(frozen=True, slots=True)
class Library:
    """A source, an archive and a folder for the manifests, all below ``root``."""

    root: Path
    source: Path
    archive: Path
    out: Path

    @classmethod
    def at(cls, root: Path, tree: Tree, source: Path | None = None) -> Library:
        """Make the folders and the source files. The archive is for organize to make."""
        library = cls(root, source or root / "source", root / "archive", root / "out")
        library.out.mkdir(parents=True)
        write_tree(library.source, tree)
        return library

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
    def run_id(self) -> str:
        return read_rows(self.report)[0]["run_id"]

    @property
    def quarantine(self) -> Path:
        """The default quarantine root."""
        return self.source / ".media-quarantine"

    @property
    def journal(self) -> Path:
        return self.quarantine / self.run_id / "journal.csv"

    @property
    def quarantined_files(self) -> Path:
        """Where the source's files stand in quarantine."""
        return Path(f"{self.quarantine}/{self.run_id}/files{self.source}")

    @property
    def quarantined(self) -> dict[str, bytes]:
        """The quarantined files, named as in the source."""
        return read_tree(self.quarantined_files)

    def organize_line(self, mode: str = "copy", *args: Argument) -> tuple[Argument, ...]:
        roots = ("--source", self.source, "--destination-root", self.archive, "--mode", mode)
        return (*roots, "--report-csv", self.report, *args)

    def verify_line(self, *args: Argument) -> tuple[Argument, ...]:
        outputs = ("--verified-out", self.verified, "--unverified-out", self.unverified)
        return ("--input-csv", self.report, *outputs, *args)

    def apply_line(self, *args: Argument) -> tuple[Argument, ...]:
        return ("--manifest", self.verified, "--expected-run-id", "auto", *args)

    def restore_line(self, manifest: Path | None = None, *args: Argument) -> tuple[Argument, ...]:
        return ("--restore", "--manifest", manifest or self.journal, "--expected-run-id", "auto", *args)

    def organize(self, *args: Argument, mode: str = "copy", expect: Codes = 0) -> Result:
        return scripts.call(scripts.ORGANIZE, *self.organize_line(mode, *args), cwd=self.out, expect=expect)

    def verify(self, *args: Argument, expect: Codes = 0) -> Result:
        return scripts.call(scripts.VERIFY, *self.verify_line(*args), cwd=self.out, expect=expect)

    def apply(self, *args: Argument, expect: Codes = 0) -> Result:
        return scripts.call(scripts.APPLY, *self.apply_line(*args), cwd=self.out, expect=expect)

    def restore(self, manifest: Path | None = None, *args: Argument, expect: Codes = 0) -> Result:
        return scripts.call(scripts.APPLY, *self.restore_line(manifest, *args), cwd=self.out, expect=expect)

    def photos(self) -> dict[str, bytes]:
        """The source as a person sees it: without the quarantine."""
        return {name: data for name, data in read_tree(self.source).items() if not _is_quarantine(name)}

    def source_snapshot(self) -> dict[str, Entry]:
        """The source as ``snapshot`` sees it, without the quarantine."""
        return {name: entry for name, entry in snapshot(self.source).items() if not _is_quarantine(name)}

    def archive_path(self, name: str, rows: list[Row] | None = None) -> Path:
        """Where the source file of that name stands in the archive, by the report."""
        for row in rows if rows is not None else read_rows(self.report):
            if os.path.relpath(row["source_path"], self.source) == name:
                return Path(row["destination_path"])
        raise AssertionError(f"{name} is not in the report")


LibraryMaker = Callable[[Tree], Library]
"""The ``library`` fixture: ``library({"a.jpg": jpeg()})``."""


def _is_quarantine(name: str) -> bool:
    return name.split(os.sep, 1)[0] == ".media-quarantine"

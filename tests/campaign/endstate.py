"""What two runs must have in common in the end: everything on disk that a person could tell apart.

Files and folders with bytes, permissions, times and extended attributes; the rows of the CSV files without what differs
from run to run by its nature (ids made at random, the time of day, inode numbers and what is computed of these; whether
a file could be read cold, which a busy machine decides; which of several witnesses of one date was heard).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.campaign.invariants import digest_of
from tests.support.tables import read_rows

_DIFFERS_BY_NATURE = frozenset(
    "run_id archive_id verified_at source_inode archive_inode row_seal time chain sequence folder_mtime read_mode"
    " date_source review".split()
)


@dataclass(frozen=True, slots=True)
class Facts:
    """One file, folder or link: ``mtime_ns`` is 0 where it is not to be compared, ``content`` a digest or a target."""

    kind: str
    mode: int
    content: str
    mtime_ns: int
    attributes: tuple[tuple[str, bytes], ...]


Snapshot = dict[str, Facts]


def snapshot(root: Path, *, folder_times: bool, leave_out: Iterable[str] = ()) -> Snapshot:
    """Everything below ``root`` (and ``root`` itself, as ``.``) by relative path.

    Lock files are left out: they are meant to stay; so is what FUSE hides until a removed file is closed. ``leave_out``
    are entries of the root, with all below them.
    """
    if not root.exists():
        return {}
    excluded = {str(root / name) for name in leave_out}
    found = {".": _facts(str(root), folder_times)}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if os.path.join(folder, name) not in excluded)
        for name in [*folders, *sorted(names)]:
            path = os.path.join(folder, name)
            if not name.endswith("lock") and not name.startswith(".fuse_hidden") and path not in excluded:
                found[os.path.relpath(path, root)] = _facts(path, folder_times)
    return found


def _facts(path: str, folder_times: bool) -> Facts:
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return Facts("folder", mode, "", status.st_mtime_ns if folder_times else 0, _attributes(path))
    if stat.S_ISLNK(status.st_mode):
        return Facts("link", 0, os.readlink(path), status.st_mtime_ns, ())
    if stat.S_ISREG(status.st_mode):
        of_project = os.path.basename(path).startswith(".media-")
        mtime_ns = 0 if of_project else status.st_mtime_ns
        return Facts("file", mode, digest_of(path), mtime_ns, _attributes(path))
    return Facts("other", mode, "", status.st_mtime_ns, ())


def _attributes(path: str) -> tuple[tuple[str, bytes], ...]:
    names = sorted(name for name in os.listxattr(path) if name.startswith("user."))
    return tuple((name, os.getxattr(path, name)) for name in names)


def renamed(found: Snapshot, names: Mapping[str, str]) -> Snapshot:
    """The same with parts of the paths replaced: a run_id, which is another in every run."""

    def rename(path: str) -> str:
        for old, new in names.items():
            path = path.replace(old, new)
        return path

    return {rename(path): facts for path, facts in found.items()}


def without_records(found: Snapshot) -> Snapshot:
    """The same without CSV and JSON files: their rows are compared by ``told_rows``."""
    return {path: facts for path, facts in found.items() if not path.endswith((".csv", ".json", "SHA256SUMS"))}


def differences(expected: Snapshot, found: Snapshot, *, folder_times: bool = True) -> list[str]:
    """A complaint for each path that is missing, too many, or not the same."""
    if not folder_times:
        expected, found = _without_folder_times(expected), _without_folder_times(found)
    complaints = [f"MISSING: {path}" for path in expected.keys() - found.keys()]
    complaints += [f"TOO MUCH: {path}" for path in found.keys() - expected.keys()]
    for path in expected.keys() & found.keys():
        if expected[path] != found[path]:
            complaints.append(f"DIFFERS: {path}: {expected[path]} became {found[path]}")
    return sorted(complaints)


def _without_folder_times(found: Snapshot) -> Snapshot:
    return {path: replace(facts, mtime_ns=0) if facts.kind == "folder" else facts for path, facts in found.items()}


Told = tuple[tuple[tuple[str, str], ...], ...]


def told_rows(table: Path, run_id: str) -> Told:
    """What a CSV file tells, in a form that is equal for two runs that did the same.

    Of a journal, the order of rows and the words of the reasons may differ: a resumed run finds things done already.
    """
    if not table.exists():
        return ()
    rows = []
    for row in read_rows(table):
        is_journal = "phase" in row
        kept = {
            column: value.replace(run_id, "RUN")
            for column, value in row.items()
            if column not in _DIFFERS_BY_NATURE and not (is_journal and column == "reason")
        }
        rows.append(tuple(sorted(kept.items())))
    return tuple(sorted(rows))

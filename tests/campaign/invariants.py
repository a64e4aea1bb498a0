"""What must hold at every moment of a campaign, whatever has just been killed, cut off or broken.

Each function returns complaints in plain words, an empty list when all is well, so that a campaign can count losses
before it fails. Nothing here changes the disk.

*Conservation*: every distinct content that was there at the start is still, whole, in one of the given roots. A file
under the name that a removal parks it at counts; a temporary file does not, since the next run removes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from common.apply.journal import JournalReader
from common.errors import BadInput
from common.fileops.temporary import PROBE_PREFIX, TEMPORARY_PREFIX
from common.manifests.reader import Reader
from common.manifests.state import SCHEMA

Contents = Mapping[str, str]
"""SHA-256 of each distinct content, with the path at which it was found first."""


def files_below(*roots: Path) -> Iterator[str]:
    """Every regular file below the roots, by path, sorted; a root that is not there has none."""
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if stat.S_ISREG(os.lstat(path).st_mode):
                    yield path


def digest_of(path: str) -> str:
    """SHA-256 of one file, lower-case hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents_of(*roots: Path) -> Contents:
    """Every distinct content below the roots. Temporary files are left out, parked ones are not."""
    found: dict[str, str] = {}
    for path in files_below(*roots):
        if not os.path.basename(path).startswith((TEMPORARY_PREFIX, PROBE_PREFIX)):
            found.setdefault(digest_of(path), path)
    return found


def lost_contents(before: Contents, *roots: Path) -> list[str]:
    """Conservation: a complaint for each content of the start that is whole nowhere below the roots any more."""
    there = contents_of(*roots)
    return [f"LOST: the content of {path}" for digest, path in before.items() if digest not in there]


def overwritten(before: Mapping[str, str], root: Path) -> list[str]:
    """No replacing: a complaint for each file of the start (path to digest) below ``root`` that now differs.

    A file that is gone is conservation's business, not this one's.
    """
    complaints = []
    for path, digest in before.items():
        if Path(path).is_relative_to(root) and os.path.lexists(path) and digest_of(path) != digest:
            complaints.append(f"OVERWRITTEN: {path}")
    return complaints


def digests_below(root: Path) -> dict[str, str]:
    """Each file below a root with its digest, for ``overwritten``."""
    return {path: digest_of(path) for path in files_below(root)}


def unreadable_tables(*folders: Path, torn_rows: bool) -> list[str]:
    """A complaint for each CSV file that the project's own reader refuses.

    ``torn_rows`` allows a last row that was cut short, and a file cut within its header: what a killed run leaves
    before the same command runs again.
    """
    complaints = []
    for path in (path for path in files_below(*folders) if is_table(path)):
        if torn_rows and b"\n" not in Path(path).read_bytes():
            continue
        try:
            read = _read_journal if os.path.basename(path) == "journal.csv" else _read_table
            torn = read(path)
        except BadInput as error:
            complaints.append(f"UNREADABLE: {error}")
            continue
        if torn and not torn_rows:
            complaints.append(f"TORN: {path}, line {torn}")
    return complaints


def is_table(path: str) -> bool:
    """Whether a path is one of the CSV files; a list of checksums may be named after one."""
    return path.endswith(".csv") and not os.path.basename(path).startswith("SHA256SUMS")


def _read_table(path: str) -> int:
    with Reader(path, ()) as reader:
        for _ in reader:
            pass
        return reader.torn_line


def _read_journal(path: str) -> int:
    with Reader(path, ("run_id",)) as reader:
        first = next(iter(reader), None)
    if first is None:
        return 0
    with JournalReader(path, first.values["run_id"]) as journal:
        for _ in journal:
            pass
    return _read_table(path)


def unreadable_states(*folders: Path) -> list[str]:
    """A complaint for each state file that does not parse, or is of another kind. A photo's sidecar is none of ours."""
    complaints = []
    for path in (path for path in files_below(*folders) if path.endswith(".state.json")):
        try:
            document = json.loads(Path(path).read_bytes())
        except ValueError as error:
            complaints.append(f"UNREADABLE: {path}: {error}")
            continue
        if document.get("schema") != SCHEMA:
            complaints.append(f"FOREIGN STATE: {path}")
    return complaints


def rows_not_once(*tables: Path) -> list[str]:
    """A complaint for each row that stands twice in the tables taken together, by row_id and by source.

    A journal has one row for each intention and one for each outcome: there the phase counts as well, and a folder
    has no row_id of its own but its path.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for table in tables:
        with Reader(str(table), ("row_id", "source_path")) as reader:
            for record in reader:
                values = record.values
                if "phase" not in values:
                    seen["row_id", values["row_id"]] += 1
                    seen["source_path", values["source_path"]] += 1
                else:
                    phase = "planned" if values["phase"] == "planned" else "outcome"
                    path = values["from_path"] or values["to_path"]
                    seen["row_id", values["row_id"], values["action"], path, phase] += 1
    names = ", ".join(table.name for table in tables)
    return [f"TWICE in {names}: {' '.join(key)}" for key, count in seen.items() if count > 1]


def broken_promises(
    before: Contents, photos: Iterable[Path], records: Sequence[Path], torn_rows: bool = True
) -> list[str]:
    """All of the above that must hold after a fault: ``photos`` are the roots, ``records`` the folders of manifests."""
    complaints = lost_contents(before, *photos)
    complaints += unreadable_tables(*records, torn_rows=torn_rows)
    complaints += unreadable_states(*records)
    return complaints

"""What apply is to do: a row of a verified.csv, a journal or a move's report, checked, as one task. Changes nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from common.apply.manifest import NONE_SUPERSEDED, ManifestKind, ManifestSurvey, SupersededEntries, find_superseded
from common.errors import BadInput
from common.hashing.digest import is_sha256
from common.hashing.identity import Identity
from common.manifests.integrity import file_digest, seal_of
from common.manifests.reader import Reader, Record
from common.manifests.reasons import parse_folder_permissions, verify_again
from common.manifests.row_ids import RowIds
from common.manifests.rows import JOURNAL, REPORT, VERIFY, JournalRow, ReportRow, VerifyRow
from common.manifests.state import Manifest
from common.paths import is_folder, is_inside, is_plain_absolute, printable
from common.run_id import require_run_id
from common.timestamps import mtime_nanoseconds, mtime_text


@dataclass(frozen=True, slots=True)
class Task:
    """One row of any manifest, as what is to be done.

    ``action`` is quarantine, delete, restore, purge, or empty for a row on which nothing is done.
    ``from_path`` and ``to_path`` are where the file is and where it goes. ``archive_facts`` are
    inode and modification time of the archive copy at verification, empty where there was none.
    """

    action: str
    from_path: str
    to_path: str
    run_id: str
    row_id: int
    source_path: str
    destination_path: str
    source_root: str
    archive_root: str
    archive_id: str
    size_bytes: int
    source_mtime: str
    sha256: str
    source_inode: str = ""
    archive_inode: str = ""
    archive_mtime: str = ""
    verified_at: str = ""
    folder_mode: int = 0
    folder: str = ""
    folder_mtime: str = ""

    @property
    def key(self) -> tuple[int, str, str, str]:
        """What tells the task from all others of its journal: folders have no row of their own."""
        return self.row_id, self.action, self.from_path, self.to_path

    @property
    def from_root(self) -> str:
        """The folder below which ``from_path`` must lie without a link on the way: source, archive or quarantine."""
        if is_inside(self.from_path, self.archive_root):
            return self.archive_root
        if is_quarantine_place(self.from_path, self.run_id, self.source_path):
            return self.from_path.removesuffix(path_below_quarantine(self.source_path)).rstrip(os.sep)
        return self.source_root

    @property
    def touched_folder(self) -> str:
        """The folder in the source whose time the act would change: the nearest one that exists. Reads the disk."""
        folder = os.path.dirname(self.to_path if self.action == "restore_folder" else self.source_path)
        while not is_folder(folder) and is_inside(folder, self.source_root):
            folder = os.path.dirname(folder)
        return folder

    @property
    def expected(self) -> Identity:
        """The identity that the original must have."""
        device, _, inode = self.source_inode.partition(":")
        return Identity(int(device or 0), int(inode or 0), self.size_bytes, mtime_nanoseconds(self.source_mtime))


def survey_manifest(path: str, expected_run_id: str, kind: ManifestKind, start: int = 0) -> ManifestSurvey:
    """Read the whole manifest once and refuse it unless every row is sound and of the expected run. Changes nothing.

    ``start`` is the number of rows before the first one that is to be applied.
    """
    first: dict[str, str] = {}
    seen = RowIds()
    rows = size = start_byte = 0
    with Reader(path, kind.columns) as reader:
        for record in reader:
            where = reader.where(record.line)
            values = record.values
            first = first or values
            require_run_id(values["run_id"], where)
            if expected_run_id not in ("auto", values["run_id"]):
                raise BadInput(
                    f"{where}: the manifest is of run {values['run_id']}, not of the expected {expected_run_id}; "
                    "nothing was changed"
                )
            for column in ("run_id", "source_root", "archive_root", "archive_id"):
                if values[column] != first[column]:
                    raise BadInput(f"{where}: {column} is not that of the rows before; one manifest is of one run")
            task = read_task(kind, record, where, "", NONE_SUPERSEDED)
            if kind.name != "journal" and not seen.add(int(values["row_id"])):
                raise BadInput(f"{where}: row_id {values['row_id']} stands twice; remove the duplicated row")
            rows += 1
            size += task.size_bytes if task else 0
            if rows <= start:
                start_byte = record.end
        torn_line = reader.torn_line
    if not first:
        raise BadInput(f"{printable(path)} has no rows; there is nothing to do")
    void = find_superseded(path, first["run_id"]) if kind.name == "journal" else NONE_SUPERSEDED
    manifest = Manifest(path, file_digest(path), rows, size)
    roots = (first["source_root"], first["archive_root"], first["archive_id"])
    return ManifestSurvey(manifest, first["run_id"], *roots, void, torn_line, start_byte)


def read_task(
    kind: ManifestKind, record: Record, where: str, quarantine_root: str, void: SupersededEntries
) -> Task | None:
    """The task in a row of the manifest; None for a row on which nothing is to be done. Raises ``BadInput``."""
    if kind.name == "verified":
        return _task_of_verified(kind, record, where, quarantine_root)
    if kind.name == "journal":
        return _task_of_journal(kind, record, where, void)
    return _task_of_report(record, where)


def _task_of_verified(kind: ManifestKind, record: Record, where: str, quarantine_root: str) -> Task | None:
    if seal_of(record.values) != record.values["row_seal"]:
        raise BadInput(f"{where}: the row was changed after it was verified; restore it, or delete the whole row")
    row = VERIFY.decode(record.values, where)
    if row.status == "archive_intact":
        return None
    if row.status != "identical":
        raise BadInput(f"{where}: status {row.status!r} is not proof of a copy; give a verified.csv")
    task = Task(
        action=kind.action,
        from_path=row.source_path,
        to_path=quarantine_path(quarantine_root, row.run_id, row.source_path),
        source_inode=row.source_inode,
        archive_inode=row.archive_inode,
        archive_mtime=row.archive_mtime,
        verified_at=row.verified_at,
        **shared_fields(row),
    )
    require_sound(task, where)
    return task


def _task_of_journal(kind: ManifestKind, record: Record, where: str, void: SupersededEntries) -> Task | None:
    row = JOURNAL.decode(record.values, where)
    if row.phase != "planned" or void.covers(row):
        return None
    if row.action == "prune" and kind.action == "restore":
        if not is_plain_absolute(row.from_path) or not is_inside(row.from_path, row.source_root):
            raise BadInput(f"{where}: {printable(row.from_path)} does not lie in the source root; restore the journal")
        mode = parse_folder_permissions(row.reason)
        return Task(
            action="restore_folder", from_path="", to_path=row.from_path, folder_mode=mode, **shared_fields(row)
        )
    if row.action not in ("quarantine", "delete"):
        return None
    if not is_quarantine_place(row.to_path, row.run_id, row.source_path):
        raise BadInput(f"{where}: {printable(row.to_path)} is no place in a quarantine; restore the journal")
    task = Task(
        action=kind.action,
        from_path=row.to_path,
        to_path=row.source_path if kind.action == "restore" else "",
        source_inode=row.source_inode,
        folder=row.folder,
        folder_mtime=row.folder_mtime,
        **shared_fields(row),
    )
    require_sound(task, where)
    return task


def _task_of_report(record: Record, where: str) -> Task | None:
    row = REPORT.decode(record.values, where)
    if row.status != "moved":
        return None
    task = Task(action="restore", from_path=row.destination_path, to_path=row.source_path, **shared_fields(row))
    require_sound(task, where)
    return task


_SHARED = (
    "run_id row_id source_path destination_path source_root archive_root archive_id size_bytes source_mtime sha256"
).split()
_values_of_shared = attrgetter(*_SHARED)


def shared_fields(row: VerifyRow | JournalRow | ReportRow | Task) -> dict[str, Any]:
    """What a task takes over from a row of whatever kind."""
    return dict(zip(_SHARED, _values_of_shared(row), strict=True))


def require_sound(task: Task, where: str) -> None:
    """Raise ``BadInput`` unless paths, hash and facts of a row are such as this project writes. Pure."""
    for path, root in ((task.source_path, task.source_root), (task.destination_path, task.archive_root)):
        if not is_plain_absolute(root) or not is_plain_absolute(path) or not is_inside(path, root):
            raise BadInput(
                f"{where}: {printable(path)} does not lie in its root {printable(root)}; make the manifest anew"
            )
    if task.source_path == task.destination_path or is_inside(task.source_path, task.archive_root):
        raise BadInput(f"{where}: {printable(task.source_path)} lies in the archive itself; make the manifest anew")
    if not is_sha256(task.sha256):
        raise BadInput(f"{where}: sha256 holds {task.sha256[:80]!r}, not 64 lower-case hex digits")
    if not task.archive_id:
        raise BadInput(f"{where}: archive_id is empty; verify the files anew")
    try:
        task.expected  # noqa: B018 - parsed to see whether it can be
    except ValueError:
        raise BadInput(f"{where}: source_mtime or source_inode is not as verify writes it") from None


def quarantine_path(quarantine_root: str, run_id: str, source_path: str) -> str:
    """Where an original goes: its whole absolute path below ``<quarantine_root>/<run_id>/files``. Pure."""
    return os.path.join(quarantine_root, run_id, "files", path_below_quarantine(source_path))


def is_quarantine_place(path: str, run_id: str, source_path: str) -> bool:
    """Whether a path is what ``quarantine_path`` makes for some quarantine root. Pure."""
    return is_plain_absolute(path) and path.endswith(
        os.path.join(os.sep + run_id, "files", path_below_quarantine(source_path))
    )


def path_below_quarantine(path: str) -> str:
    """A path without its leading separator, and without the colon of a drive, so that it can stand below a folder."""
    drive, tail = os.path.splitdrive(path)
    return os.path.join(drive.replace(":", "").strip(os.sep), tail.lstrip(os.sep))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to act on a file, seen at the moment of effect; ``read_first`` asks for a full comparison before."""

    reason: str = ""
    read_first: bool = False


def check_stat(task: Task, source: os.stat_result | None, copy: os.stat_result | None) -> Verdict:
    """Whether original and archive copy are as they were when they were verified. Pure.

    Some file systems number inodes anew at each mount: when only these differ, the contents decide.
    """
    if source is None:
        return Verdict("there is no such file in the source any more")
    if copy is None:
        return Verdict(verify_again("its archive copy is gone"))
    if not stat.S_ISREG(source.st_mode) or not stat.S_ISREG(copy.st_mode):
        return Verdict(verify_again("it, or its archive copy, is not a regular file any more"))
    if (source.st_dev, source.st_ino) == (copy.st_dev, copy.st_ino):
        return Verdict("it and its archive copy are one file on disk")
    if (source.st_size, mtime_text(source.st_mtime_ns)) != (task.size_bytes, task.source_mtime):
        return Verdict(verify_again("it was changed since it was verified"))
    if (copy.st_size, mtime_text(copy.st_mtime_ns)) != (task.size_bytes, task.archive_mtime):
        return Verdict(verify_again("its archive copy was changed since it was verified"))
    now, then = (source.st_ino, copy.st_ino), (task.source_inode, task.archive_inode)
    renumbered = any(str(inode) != place.partition(":")[2] for inode, place in zip(now, then, strict=True))
    return Verdict(read_first=renumbered)

"""The tasks of apply: one for each row of a verified.csv, a journal or the report of a move, after checks."""

import os
import stat
from dataclasses import dataclass

from common.apply.journal import Key
from common.apply.manifest import JournalCheck, ManifestKind
from common.errors import BadInput, RowFailed
from common.filesystems import escape_dos_name
from common.hashing.digest import is_sha256
from common.manifests.integrity import seal_of
from common.manifests.reader import Record
from common.manifests.reasons import parse_folder_permissions, verify_again
from common.manifests.relocation import NOT_RELOCATED, AnyRow, Relocation
from common.manifests.rows import JournalRow, ReportRow, VerifyRow
from common.manifests.statuses import Action, ManifestType, Phase, ReportStatus, VerifyStatus
from common.paths import is_inside, is_plain_absolute, printable
from common.timestamps import may_be_same_time, mtime_nanoseconds, mtime_text

ManifestRow = VerifyRow | JournalRow | ReportRow


@dataclass(frozen=True, slots=True)
class Task:
    """The task for one row: moving a file from ``from_path`` to ``to_path``.

    ``from_path`` is empty for a folder to be recreated, ``to_path`` for the purge of a quarantined file. All paths, and
    those in ``row``, are the present ones, by ``relocation``; manifest and journal rows have the recorded ones.
    """

    action: Action
    from_path: str
    to_path: str
    row: ManifestRow
    relocation: Relocation = NOT_RELOCATED

    @property
    def key(self) -> Key:
        """The key of the task in its journal."""
        return self.row.row_id, self.action, self.from_path, self.to_path

    @property
    def verified_row(self) -> VerifyRow:
        """The row, which must be one of a verified.csv. Raises ``TypeError`` for any other."""
        if not isinstance(self.row, VerifyRow):
            raise TypeError(f"{self.action} needs a row of a verified.csv")
        return self.row

    @property
    def recorded_source_path(self) -> str:
        """The path of the original in the manifest, by which its path in the quarantine is made."""
        return self.relocation.recorded_source_path(self.row.source_path)

    @property
    def folder_mode(self) -> int:
        """The permissions of a folder to be recreated."""
        return parse_folder_permissions(self.row.reason)

    @property
    def from_root(self) -> str:
        """The folder from which no link may lead to ``from_path``: in the source, archive or quarantine."""
        if is_inside(self.from_path, self.row.archive_root):
            return self.row.archive_root
        if is_quarantine_path(self.from_path, self.row.run_id, self.recorded_source_path):
            return files_folder(self.from_path, self.recorded_source_path)
        return self.row.source_root

    @property
    def source_folder(self) -> str:
        """The source folder in which the act adds or removes a name. It may not exist yet."""
        return os.path.dirname(self.to_path if self.action == Action.RESTORE_FOLDER else self.row.source_path)

    def intention(self, folder: str, folder_mtime: str) -> JournalRow:
        """Make the journal row for the intention; the journal adds number, time and chain. Pure.

        It has the recorded roots and paths, and in its reason where the roots are at present.
        """
        row = self.relocation.recorded_row(self.row)
        return JournalRow(
            sequence=0,
            time="",
            phase=Phase.PLANNED,
            action=self.action,
            reason=self.relocation.with_roots(""),
            run_id=row.run_id,
            row_id=row.row_id,
            from_path=self.from_path,
            to_path=self.to_path,
            source_path=row.source_path,
            destination_path=row.destination_path,
            source_root=row.source_root,
            archive_root=row.archive_root,
            archive_id=row.archive_id,
            size_bytes=row.size_bytes,
            source_mtime=row.source_mtime,
            source_inode=_source_inode(row),
            sha256=row.sha256,
            read_mode="",
            folder=folder,
            folder_mtime=folder_mtime,
            chain="",
        )


def _source_inode(row: ManifestRow) -> str:
    return "" if isinstance(row, ReportRow) else row.source_inode


def read_task(
    kind: ManifestKind,
    record: Record,
    where: str,
    quarantine_root: str = "",
    journal: JournalCheck | None = None,
    *,
    relocation: Relocation = NOT_RELOCATED,
    escape_names: bool = False,
) -> Task | None:
    """Make the task for a row of the manifest; None if nothing is to be done. Raises ``BadInput`` for an invalid row.

    Rows that no longer count by the finished check of a ``journal`` have no task. Reads the disk for failed ones.
    ``escape_names``: the quarantine lies where not all names can be held.
    """
    if kind.type == ManifestType.VERIFIED and seal_of(record.values) != record.values["row_seal"]:
        raise BadInput(f"{where}: the row was changed after it was verified; restore it, or delete the whole row")
    row = kind.table.decode(record.values, where)
    if isinstance(row, JournalRow):
        return _task_of_journal(kind.action, row, where, journal, relocation)
    if isinstance(row, ReportRow):
        if row.status != ReportStatus.MOVED:
            return None
        present = _rebase_sound(row, where, relocation)
        return Task(Action.RESTORE, present.destination_path, present.source_path, present, relocation)
    if row.status == VerifyStatus.ARCHIVE_INTACT:
        return None
    if row.status != VerifyStatus.IDENTICAL:
        raise BadInput(f"{where}: status {row.status!r} is not proof of a copy; give a verified.csv")
    verified = _rebase_sound(row, where, relocation)
    target = quarantine_path(quarantine_root, row.run_id, row.source_path, escape_names=escape_names)
    return Task(kind.action, verified.source_path, target, verified, relocation)


def _task_of_journal(
    action: Action, row: JournalRow, where: str, journal: JournalCheck | None, relocation: Relocation
) -> Task | None:
    if row.phase != Phase.PLANNED:
        return None
    present = relocation.rebase_journal_row(row, where)
    if journal and journal.is_superseded(present):
        return None
    if row.action == Action.PRUNE and action == Action.RESTORE:
        folder = present.from_path
        if not is_plain_absolute(folder) or not is_inside(folder, present.source_root):
            raise BadInput(f"{where}: {printable(folder)} does not lie in the source root; restore the journal")
        # The inode is that of some file in it.
        return Task(Action.RESTORE_FOLDER, "", folder, present._replace(source_inode=""), relocation)
    if row.action not in (Action.QUARANTINE, Action.DELETE):
        return None
    if not is_quarantine_path(row.to_path, row.run_id, row.source_path):
        raise BadInput(f"{where}: {printable(row.to_path)} is no place in a quarantine; restore the journal")
    _rebase_sound(row, where, relocation)
    to_path = present.source_path if action == Action.RESTORE else ""
    return Task(action, present.to_path, to_path, present, relocation)


def _rebase_sound(row: AnyRow, where: str, relocation: Relocation) -> AnyRow:
    """The row with its paths at present. Raises ``BadInput`` unless it is sound as recorded and at present. Pure."""
    require_sound(row, where)
    present = relocation.rebase_row(row, where)
    if present is not row:
        require_sound(present, where)
    return present


def require_sound(row: ManifestRow, where: str) -> None:
    """Raise ``BadInput`` unless paths, hash and facts of a row are as this project writes them. Pure."""
    for path, root in ((row.source_path, row.source_root), (row.destination_path, row.archive_root)):
        if not is_plain_absolute(root) or not is_plain_absolute(path) or not is_inside(path, root):
            raise BadInput(
                f"{where}: {printable(path)} does not lie in its root {printable(root)}; make the manifest anew"
            )
    if row.source_path == row.destination_path or is_inside(row.source_path, row.archive_root):
        raise BadInput(f"{where}: {printable(row.source_path)} lies in the archive itself; make the manifest anew")
    if not is_sha256(row.sha256):
        raise BadInput(f"{where}: sha256 holds {row.sha256[:80]!r}, not 64 lower-case hex digits")
    if not row.archive_id:
        raise BadInput(f"{where}: archive_id is empty; verify the files anew")
    device, _, inode = _source_inode(row).partition(":")
    try:
        mtime_nanoseconds(row.source_mtime)
        mtime_nanoseconds((isinstance(row, VerifyRow) and row.archive_mtime) or "0")
        for number in (device, inode):
            int(number or 0)
    except ValueError:
        raise BadInput(f"{where}: source_mtime, archive_mtime or source_inode is not as verify writes it") from None


def check_stat(row: VerifyRow, source: os.stat_result, copy: os.stat_result | None) -> bool:
    """Whether the inode or time of the original or its archive copy is another, so that the contents must be compared.

    Some file systems renumber inodes at each mount, and FAT shows other times in another zone. Raises ``RowFailed`` if
    anything else has changed. Pure.
    """
    if copy is None:
        raise RowFailed(verify_again("its archive copy is gone"))
    if not stat.S_ISREG(source.st_mode) or not stat.S_ISREG(copy.st_mode):
        raise RowFailed(verify_again("it, or its archive copy, is not a regular file any more"))
    if (source.st_dev, source.st_ino) == (copy.st_dev, copy.st_ino):
        raise RowFailed("it and its archive copy are one file on disk")
    is_other_time = False
    for what, status, mtime in (("it", source, row.source_mtime), ("its archive copy", copy, row.archive_mtime)):
        is_same_time = mtime_text(status.st_mtime_ns) == mtime
        # It may be rounded, or shifted with the zone of the machine.
        may_be_same = is_same_time or may_be_same_time(status.st_mtime_ns, mtime_nanoseconds(mtime))
        if status.st_size != row.size_bytes or not may_be_same:
            raise RowFailed(verify_again(f"{what} was changed since it was verified"))
        is_other_time |= not is_same_time
    if is_other_time:
        return True
    now, then = (source.st_ino, copy.st_ino), (row.source_inode, row.archive_inode)
    return any(str(inode) != place.partition(":")[2] for inode, place in zip(now, then, strict=True))


def quarantine_path(quarantine_root: str, run_id: str, source_path: str, *, escape_names: bool = False) -> str:
    """The path of an original in the quarantine: its absolute path below ``<quarantine_root>/<run_id>/files``. Pure.

    ``escape_names``: for file systems that can't hold all names.
    """
    relative = _relative(source_path)
    return os.path.join(quarantine_root, run_id, "files", _escaped(relative) if escape_names else relative)


def is_quarantine_path(path: str, run_id: str, source_path: str) -> bool:
    """Whether a path is one that ``quarantine_path`` makes for any quarantine root. Pure."""
    files = f"{os.sep}{run_id}{os.sep}files{os.sep}"
    relative = _relative(source_path)
    if not is_plain_absolute(path):
        return False
    # Escaping takes longer than all else, and is rare.
    return path.endswith(files + relative) or path.endswith(files + _escaped(relative))


def files_folder(path: str, source_path: str) -> str:
    """The folder ``files`` above the quarantine path of an original. Pure."""
    relative = _relative(source_path)
    end = relative if path.endswith(os.sep + relative) else _escaped(relative)
    return path.removesuffix(end).rstrip(os.sep)


def _escaped(relative: str) -> str:
    return os.sep.join(map(escape_dos_name, relative.split(os.sep)))


def _relative(path: str) -> str:
    """Make an absolute path relative: without its leading separator and the colon of its drive."""
    drive, tail = os.path.splitdrive(path)
    relative = tail.lstrip(os.sep)
    return os.path.join(drive.replace(":", "").strip(os.sep), relative) if drive else relative

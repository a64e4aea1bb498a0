"""Carrying out planned rows: copying and moving files into the archive, batch by batch, durably."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from common.archive import archive_failed
from common.concurrency import ordered_map
from common.errors import RowFailed, StoppedEarly, explain_os_error
from common.fileops.context import DiskAccess
from common.fileops.copying import commit_copy, copy_to_temporary
from common.fileops.folders import make_folders, sync_folders, sync_folders_up_to
from common.fileops.moving import Move, drop_second_name, finish_relocation, relocate
from common.fileops.os_errors import write_error
from common.fileops.renaming import remove_placeholder, restore_set_aside
from common.fileops.temporary import remove_temporaries, set_aside_name
from common.hashing.digest import hash_file
from common.hashing.identity import Identity, is_regular
from common.manifests.reasons import organize_again
from common.manifests.rows import ReportRow
from common.paths import NOT_FOUND_ERRORS, path_exists, printable
from common.timestamps import mtime_nanoseconds

_CHANGED = organize_again("changed since it was scanned")
# What says that a folder of this name can't be, whatever is mended: a plan that was edited may ask for one.
_NO_SUCH_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})


class CopyExecutor:
    """Carries out planned rows of ``organize``. ``apply_batch`` changes archive and source."""

    def __init__(self, disk: DiskAccess, *, mode: str, jobs: int) -> None:
        self._disk = disk
        self._mode = mode
        self._jobs = jobs

    def apply_batch(self, rows: Sequence[ReportRow], again: bool) -> list[ReportRow]:
        """Copy or move the planned rows of a batch; what is returned is durable. Changes the disk.

        With ``again`` the batch may have been carried out in part by a run that was killed: what
        it left is found and finished. Raises ``StoppedEarly`` or ``Interrupted``; the batch is
        then to be given again.
        """
        planned = [row for row in rows if row.status == "planned"]
        impossible = self._make_folders(planned, again)
        store = self._copy if self._mode == "copy" else self._move

        def do(row: ReportRow) -> ReportRow:
            reason = impossible.get(os.path.dirname(row.destination_path))
            return row._replace(status="failed", reason=reason) if reason else store(row, again)

        done: dict[int, ReportRow] = {}

        def carry_out(turn: Iterable[ReportRow]) -> None:
            for row in ordered_map(do, turn, self._jobs):
                done[row.row_id] = row
                self._disk.progress.add_file()

        # The primaries of all groups first: beside one that failed, its companions would stand with somebody else's.
        companions = [row for row in planned if not _is_primary(row)]
        carry_out([row for row in planned if _is_primary(row)])
        fallen = _fallen_primaries(rows, done, {row.group_id for row in companions})
        carry_out([row for row in companions if row.group_id not in fallen])
        for row in companions:
            if row.group_id in fallen:
                reason = f"goes with {os.path.basename(fallen[row.group_id])}, which failed"
                done[row.row_id] = row._replace(status="failed", reason=reason)
        self._sync_folders(row for row in done.values() if row.status != "failed")
        return fail_duplicates_of_failed([done.get(row.row_id, row) for row in rows])

    def _make_folders(self, planned: Sequence[ReportRow], again: bool) -> dict[str, str]:
        """Make the folders in the archive durably, and say which can't be, and why."""
        impossible: dict[str, str] = {}
        for folder in {os.path.dirname(row.destination_path) for row in planned}:
            try:
                make_folders(folder)
            except OSError as error:
                if error.errno in _NO_SUCH_FOLDER:
                    impossible[folder] = f"cannot make {printable(folder)}: {explain_os_error(error)}"
                    continue
                raise StoppedEarly(
                    f"{printable(folder)}: cannot make it: {explain_os_error(error)}; run again"
                ) from None
            if again:
                remove_temporaries(folder)
            sync_folders_up_to(folder, planned[0].archive_root, self._disk.synced_folders)
            if self._disk.real_roots.leads_through_link(os.path.join(folder, "any"), planned[0].archive_root):
                raise StoppedEarly(
                    f"{printable(folder)}: a symbolic link stands on the way in the archive, and verify would "
                    "refuse what is behind it; mount or move the folder itself there"
                )
        return impossible

    def _sync_folders(self, rows: Iterable[ReportRow]) -> None:
        rows = list(rows)
        sync_folders({os.path.dirname(row.destination_path) for row in rows})
        if self._mode == "move":
            sync_folders({os.path.dirname(row.source_path) for row in rows})

    def _copy(self, row: ReportRow, again: bool) -> ReportRow:
        try:
            if again and (finished := self._left_by_killed_run(row, "copied")):
                return finished
            folder = os.path.dirname(row.destination_path)
            staged = copy_to_temporary(row.source_path, folder, self._disk)
            try:
                _require_as_planned(row, staged.identity)
                staged.sync()
                commit_copy(staged, row.destination_path)
            except OSError as error:
                staged.discard()
                if isinstance(error, FileExistsError):
                    return self._destination_taken(row, staged.sha256)
                raise write_error(row.destination_path, error) from None
            except RowFailed:
                staged.discard()
                raise
            self._disk.unsupported_attributes.update(staged.unsupported_attributes)
            return row._replace(status="copied", sha256=staged.sha256)
        except RowFailed as error:
            return row._replace(status="failed", reason=str(error))

    def _move(self, row: ReportRow, again: bool) -> ReportRow:
        with self._disk.hard_links.hold(row.source_path):
            return self._move_in_turn(row, again)

    def _move_in_turn(self, row: ReportRow, again: bool) -> ReportRow:
        set_aside = set_aside_name(row.source_path, row.run_id, row.row_id)
        try:
            if self._disk.real_roots.leads_through_link(row.source_path, row.source_root):
                raise RowFailed("a symbolic link stands on the way in the source")
            if again:
                restore_set_aside(row.source_path, set_aside)
                if not path_exists(row.source_path) and path_exists(row.destination_path):
                    return self._moved_by_killed_run(row)
            found = hash_file(row.source_path, self._disk)
            _require_as_planned(row, found.identity)
            move = Move(row.source_path, row.destination_path, found.identity, found.sha256, set_aside)
            if again and _is_one_file(row.source_path, row.destination_path):
                drop_second_name(move)
            elif again and self._left_by_killed_run(row, "moved"):
                finish_relocation(move, self._disk)
            else:
                self._disk.unsupported_attributes.update(relocate(move, self._disk))
            return row._replace(status="moved", sha256=found.sha256)
        except FileExistsError:
            return self._destination_taken(row, "")
        except RowFailed as error:
            return row._replace(status="failed", reason=str(error))
        except OSError as error:
            return row._replace(status="failed", reason=f"cannot read: {explain_os_error(error)}")

    def _left_by_killed_run(self, row: ReportRow, status: str) -> ReportRow | None:
        """The finished row when a killed run had put the whole content in place already."""
        if not path_exists(row.destination_path):
            return None
        if remove_placeholder(row.destination_path, row.source_path):
            return None
        try:
            there = hash_file(row.destination_path, self._disk)
            here = hash_file(row.source_path, self._disk)
        except OSError as error:
            raise RowFailed(f"cannot read: {explain_os_error(error)}") from None
        _require_as_planned(row, here.identity)
        return row._replace(status=status, sha256=here.sha256) if here.sha256 == there.sha256 else None

    def _moved_by_killed_run(self, row: ReportRow) -> ReportRow:
        """The row of a file that a killed run had moved; the archive's file system may round its time."""
        found = hash_file(row.destination_path, self._disk)
        if found.identity.size != row.size_bytes or row.sha256 not in ("", found.sha256):
            raise RowFailed(organize_again("gone from the source, and another file stands at its destination"))
        return row._replace(status="moved", sha256=found.sha256)

    def _destination_taken(self, row: ReportRow, sha256: str) -> ReportRow:
        """Somebody else put a file there since it was planned: the same content is welcome, another is not touched."""
        try:
            here = sha256 or hash_file(row.source_path).sha256
            if hash_file(row.destination_path).sha256 == here:
                return row._replace(status="already_archived", sha256=here)
        except (OSError, RowFailed):
            pass  # then it is not known to be the same, and the row fails below
        reason = organize_again("another file stands at the destination by now")
        return row._replace(status="failed", reason=reason)


def _may_be_its_copy(row: ReportRow) -> bool:
    try:
        status = os.lstat(row.destination_path)
    except OSError as error:
        if error.errno in NOT_FOUND_ERRORS:
            return False
        raise archive_failed(row.destination_path, error) from None
    return is_regular(status) and status.st_size == row.size_bytes


def _is_one_file(path: str, other: str) -> bool:
    return path_exists(other) and os.path.samefile(path, other)


def _require_as_planned(row: ReportRow, found: Identity) -> None:
    if (found.size, found.mtime_ns) != (row.size_bytes, mtime_nanoseconds(row.source_mtime)):
        raise RowFailed(_CHANGED)


def _is_primary(row: ReportRow) -> bool:
    return row.row_id == row.group_id


def _fallen_primaries(
    rows: Iterable[ReportRow], done: Mapping[int, ReportRow], groups: Collection[int]
) -> dict[int, str]:
    """The source paths, by group, of primaries that are not archived and won't be by this batch. Looks at the disk."""
    under_way = {row.destination_path for row in rows if row.status == "planned" and row.row_id not in done}
    primaries = [done.get(row.row_id, row) for row in rows if _is_primary(row) and row.group_id in groups]
    return {
        row.group_id: row.source_path
        for row in primaries
        if row.status == "failed" or (row.destination_path not in under_way and _why_not_archived(row))
    }


def _why_not_archived(row: ReportRow, failed: Collection[str] = ()) -> str:
    """Why a file that is said to need no copy is not in the archive after all, or an empty string. Looks at the disk.

    At sizes and times: a plan may be older than an edit. The bytes are for verify to compare. ``failed`` are
    destinations that were not reached.
    """
    if row.status not in ("duplicate", "already_archived"):
        return ""
    if row.destination_path in failed or not _may_be_its_copy(row):
        return organize_again(f"{row.reason or 'same content as a file of the archive'}, but that is not stored")
    try:
        status = os.lstat(row.source_path)
    except OSError as error:
        return f"cannot look at it: {explain_os_error(error)}"
    if (status.st_size, status.st_mtime_ns) != (row.size_bytes, mtime_nanoseconds(row.source_mtime)):
        return _CHANGED
    return ""


def fail_duplicates_of_failed(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """A duplicate is accounted for only if what it duplicates stands in the archive. Looks there, changes nothing."""
    failed = {row.destination_path for row in rows if row.status == "failed"}
    checked = []
    for row in rows:
        reason = _why_not_archived(row, failed)
        checked.append(row._replace(status="failed", reason=reason) if reason else row)
    return checked

"""Folders that apply affects: restoring their times, removing emptied ones, tidying the quarantine."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from common.apply.journal import Journal, Key
from common.apply.tasks import Task, files_folder, is_quarantine_path
from common.errors import explain_os_error
from common.fileops.folders import remove_empty_folder, remove_empty_folders_up_to, set_folder_time, sync_folders
from common.manifests.reasons import folder_permissions
from common.manifests.rows import JournalRow
from common.manifests.statuses import Action, Phase
from common.paths import RealRoots, is_folder, is_inside, printable
from common.timestamps import mtime_nanoseconds, mtime_text


def folder_times(folders: Iterable[str]) -> dict[str, str]:
    """The modification times of the folders that exist. Reads the disk. Raises ``OSError`` for an unreadable one."""
    times: dict[str, str] = {}
    for folder in set(folders):
        try:
            times[folder] = mtime_text(os.stat(folder).st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it does not exist yet: no time to restore
    return times


def recorded_folder_times(tasks: Sequence[Task]) -> dict[str, str]:
    """The times that folders had, by the journal, before the files that are now restored were taken. Pure."""
    return {
        task.row.folder: task.row.folder_mtime
        for task in reversed(tasks)
        if task.action == Action.RESTORE and isinstance(task.row, JournalRow) and task.row.folder
    }


def touched_folders(tasks: Iterable[Task]) -> dict[Key, str]:
    """The source folder whose time each task may change: the nearest one that exists. Reads the disk."""
    nearest: dict[str, str] = {}
    touched = {}
    for task in tasks:
        folder = task.source_folder
        if folder not in nearest:
            nearest[folder] = _nearest_folder(folder, task.row.source_root)
        touched[task.key] = nearest[folder]
    return touched


def _nearest_folder(folder: str, root: str) -> str:
    while not is_folder(folder) and is_inside(folder, root):
        folder = os.path.dirname(folder)
    return folder


def restore_folder_times(times: Mapping[str, str]) -> None:
    """Restore the modification times of the folders that exist. Changes the disk."""
    for folder, mtime in times.items():
        if is_folder(folder):
            set_folder_time(folder, mtime_nanoseconds(mtime))


def sync_touched(tasks: Sequence[Task]) -> None:
    """Make renames durable: first the folders that the files are in now, then those they were in. Changes the disk."""
    for paths in ([task.to_path for task in tasks], [task.from_path for task in tasks]):
        folders = {os.path.dirname(path) for path in paths if path}
        sync_folders(folder for folder in folders if os.path.isdir(folder))


def prune(journal: Journal, folders: Iterable[str], task: Task) -> tuple[int, list[str]]:
    """Remove the folders that are empty now, and parents that only held such folders. Changes the disk.

    ``task`` gives the roots and ids for the journal. Returns how many were removed, and why others were not.
    """
    pruning = journal.recovery.pruning
    fresh = [row for row in _prune_intentions(folders, task) if row.from_path not in pruning]
    journal.append(fresh)
    rows = [*pruning.values(), *fresh]
    present_rows = [journal.relocation.rebase_journal_row(row) for row in rows]
    outcomes, refusals = [], []
    for row, present in zip(rows, present_rows, strict=True):
        try:
            removed = remove_empty_folder(present.from_path)
        except OSError as error:
            removed = False
            refusals.append(_refusal(present.from_path, error))
        outcomes.append(row._replace(phase=Phase.DONE if removed else Phase.FAILED))
    times = {row.folder: row.folder_mtime for row in reversed(present_rows)}
    restore_folder_times(times | journal.recovery.folder_times)
    sync_folders({row.folder for row in present_rows if os.path.isdir(row.folder)})
    journal.append(outcomes)
    return sum(outcome.phase == Phase.DONE for outcome in outcomes), refusals


def _prune_intentions(folders: Iterable[str], task: Task) -> list[JournalRow]:
    """The intentions to remove empty folders, parents last; never the root. Reads the disk. Raises ``OSError``."""
    root = task.row.source_root
    empty: dict[str, os.stat_result] = {}
    roots = RealRoots()
    for start in sorted(set(folders), key=len, reverse=True):
        folder = start
        if roots.leads_through_link(os.path.join(folder, "any"), root):
            continue  # a folder behind a link is not in this source
        while is_inside(folder, root) and folder not in empty and _holds_only(folder, empty):
            empty[folder] = os.stat(folder)
            folder = os.path.dirname(folder)
    rows = []
    for folder, status in empty.items():
        above = os.path.dirname(folder)
        intention = task.intention(above, mtime_text(os.stat(above).st_mtime_ns))
        rows.append(
            intention._replace(
                action=Action.PRUNE,
                reason=task.relocation.with_roots(folder_permissions(stat.S_IMODE(status.st_mode))),
                row_id=0,
                from_path=folder,
                to_path="",
                source_path=task.relocation.recorded_source_path(folder),
                size_bytes=0,
                source_mtime=mtime_text(status.st_mtime_ns),
                sha256="",
            )
        )
    return rows


def _holds_only(folder: str, removable: Mapping[str, object]) -> bool:
    try:
        with os.scandir(folder) as entries:
            return all(entry.path in removable for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def tidy_quarantine(tasks: Iterable[Task]) -> list[str]:
    """Remove quarantine folders that tasks emptied, and return why others could not be removed. Changes the disk."""
    root_of: dict[str, str] = {}
    for task in tasks:
        if task.action in (Action.RESTORE, Action.PURGE, Action.DELETE):
            path = task.to_path if task.action == Action.DELETE else task.from_path
            if is_quarantine_path(path, task.row.run_id, task.recorded_source_path):
                root_of[os.path.dirname(path)] = files_folder(path, task.recorded_source_path)
    refusals = []
    for folder, root in root_of.items():
        try:
            remove_empty_folders_up_to(folder, root)
        except OSError as error:
            refusals.append(_refusal(folder, error))
    return refusals


def _refusal(folder: str, error: OSError) -> str:
    path = os.fsdecode(error.filename or folder)
    return (
        f"{printable(path)}: cannot remove this empty folder: {explain_os_error(error)}; "
        "mend that and run the same command again"
    )

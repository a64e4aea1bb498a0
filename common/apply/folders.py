"""The folders around what apply does: their times are given back, emptied ones pruned, the quarantine tidied."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from common.apply.executor import Outcome, journal_row
from common.apply.journal import Journal
from common.apply.tasks import Task, path_below_quarantine
from common.errors import explain_os_error
from common.fileops.folders import remove_empty_folder, remove_empty_folders_up_to, set_folder_time, sync_folders
from common.manifests.reasons import folder_permissions
from common.manifests.rows import JournalRow
from common.paths import RealRoots, is_folder, is_inside, printable
from common.timestamps import mtime_nanoseconds, mtime_text


def folder_times(tasks: Iterable[Task]) -> dict[str, str]:
    """The modification times of the folders in the source that these tasks will touch.

    Reads the disk. Raises ``OSError`` where a time can't be told: what is not known can't be given back.
    """
    times: dict[str, str] = {}
    for folder in {task.touched_folder for task in tasks}:
        try:
            times[folder] = mtime_text(os.stat(folder).st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            continue  # there is no such folder yet, and no time to give back
    return times


def restore_folder_times(times: Mapping[str, str]) -> None:
    """Let no folder of the source look younger for what was taken from it or brought back. Changes the disk."""
    for folder, mtime in times.items():
        if is_folder(folder):
            set_folder_time(folder, mtime_nanoseconds(mtime))


def prune_rows(folders: Iterable[str], task: Task) -> list[JournalRow]:
    """The intentions to remove folders that this run emptied, the deepest first; never a root.

    Reads the disk. Raises ``OSError`` where it can't be told whether a folder is empty.
    """
    root = task.source_root
    empty: dict[str, os.stat_result] = {}
    roots = RealRoots()
    for start in sorted(set(folders), key=len, reverse=True):
        folder = start
        if roots.leads_through_link(os.path.join(folder, "any"), root):
            continue  # what is behind a link is no folder of this source
        while is_inside(folder, root) and folder not in empty and _holds_only(folder, empty):
            empty[folder] = os.stat(folder)
            folder = os.path.dirname(folder)
    rows = []
    for folder, status in empty.items():
        pruned = replace(
            task,
            action="prune",
            from_path=folder,
            to_path="",
            source_path=folder,
            row_id=0,
            size_bytes=0,
            source_mtime=mtime_text(status.st_mtime_ns),
            sha256="",
        )
        above = mtime_text(os.stat(os.path.dirname(folder)).st_mtime_ns)
        rows.append(
            journal_row(pruned, "planned", Outcome("planned", folder_permissions(stat.S_IMODE(status.st_mode))), above)
        )
    return rows


def _holds_only(folder: str, removable: Mapping[str, object]) -> bool:
    try:
        with os.scandir(folder) as entries:
            return all(entry.path in removable for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def sync_touched(tasks: Sequence[Task]) -> None:
    """Make the renames durable: where the files are now before where they were."""
    for path in ("to_path", "from_path"):
        folders = {os.path.dirname(getattr(task, path)) for task in tasks if getattr(task, path)}
        sync_folders(folder for folder in folders if os.path.isdir(folder))


class Pruned(NamedTuple):
    """How many folders were removed, and which empty ones had to stay and why."""

    removed: int
    refusals: list[str]


def prune(journal: Journal, folders: Iterable[str], task: Task) -> Pruned:
    """Remove the folders that this run emptied. Changes the disk."""
    fresh = [row for row in prune_rows(folders, task) if row.from_path not in journal.pruning]
    journal.append(fresh)
    rows = [*journal.pruning.values(), *fresh]
    outcomes, refusals = [], []
    for row in rows:
        try:
            removed = remove_empty_folder(row.from_path)
        except OSError as error:
            removed = False
            refusals.append(_refusal(row.from_path, error))
        outcomes.append(row._replace(phase="done" if removed else "failed"))
    restore_folder_times({row.folder: row.folder_mtime for row in reversed(rows)} | journal.folder_times)
    sync_folders({row.folder for row in rows if os.path.isdir(row.folder)})
    journal.append(outcomes)
    return Pruned(sum(outcome.phase == "done" for outcome in outcomes), refusals)


def tidy_quarantine(tasks: Iterable[Task]) -> list[str]:
    """Remove the folders in the quarantine that a restore, a purge or a deletion left empty.

    Says which empty ones had to stay and why. Changes the disk.
    """
    root_of: dict[str, str] = {}
    for task in tasks:
        if task.action in ("restore", "purge", "delete") and task.from_path:
            place = task.to_path if task.action == "delete" else task.from_path
            suffix = os.path.join("files", path_below_quarantine(task.source_path))
            if place.endswith(suffix):
                root_of[os.path.dirname(place)] = place.removesuffix(suffix) + "files"
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

"""Where a quarantine may be, and who is kept out while it is worked on."""

from __future__ import annotations

import os
from contextlib import ExitStack

from common import archive
from common.apply.folders import restore_folder_times
from common.apply.journal import JournalReader
from common.apply.manifest import ManifestKind, ManifestSurvey
from common.apply.places import RunPaths
from common.apply.tasks import is_quarantine_place, path_below_quarantine
from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.folders import make_folders, mark_quarantine
from common.fileops.locking import Lock, lock_unless_read_only
from common.fileops.mounts import SameDirectoryCheck, remove_stale_probes
from common.media_types import QUARANTINE_FOLDER, is_system_folder
from common.paths import is_inside, path_exists, printable
from common.run_id import is_run_id
from common.timestamps import mtime_text


def prepare_quarantine(kind: ManifestKind, survey: ManifestSurvey, places: RunPaths, stack: ExitStack) -> None:
    """Make the folder of this run, and keep out whoever else would work on it or change the archive.

    So it is with the source where that is an archive as well. Changes the disk. Raises ``BadInput``, with nothing made,
    and ``Locked``. The place was asked for before, by ``require_place``.
    """
    folder = places.folder
    times = {}
    if os.path.isdir(survey.source_root):  # what is in the quarantine can be purged without it
        times = {survey.source_root: mtime_text(os.stat(survey.source_root).st_mtime_ns)}
        remove_stale_probes(survey.source_root)
    if kind.needs_archive and SameDirectoryCheck().same_directory(survey.source_root, survey.archive_root):
        raise BadInput(
            f"{printable(survey.source_root)} and {printable(survey.archive_root)} show the same folder: "
            "there is no second copy of anything; nothing was changed"
        )
    # The quarantine comes last: a run that is refused leaves none behind.
    if kind.needs_archive:
        stack.enter_context(lock_unless_read_only(os.path.join(survey.archive_root, archive.LOCK)))
    if archive.read_archive_id(survey.source_root):
        stack.enter_context(lock_unless_read_only(os.path.join(survey.source_root, archive.LOCK)))
    try:
        make_folders(folder, 0o700)
        if kind.name == "verified":
            mark_quarantine(places.quarantine_root)
    except OSError as error:
        raise BadInput(
            f"{printable(folder)}: cannot make the quarantine: {explain_os_error(error)}; choose another "
            "--quarantine-root"
        ) from None
    restore_folder_times(times)
    stack.enter_context(Lock(os.path.join(folder, "lock")))


def require_place(kind: ManifestKind, survey: ManifestSurvey, places: RunPaths) -> None:
    """Raise ``BadInput`` where no quarantine may be: in the archive, and where it would hide files of others.

    Reads the disk, changes nothing.
    """
    folder = places.folder
    quarantine_root = os.path.realpath(places.quarantine_root)
    if kind.name == "verified" and is_inside(os.path.join(survey.source_root, "any"), quarantine_root):
        raise BadInput(
            f"{printable(quarantine_root)} holds the source: a quarantine there would hide it from every later scan; "
            "choose another --quarantine-root"
        )
    if kind.name == "verified" and holds_others_files(quarantine_root):
        raise BadInput(
            f"{printable(quarantine_root)} holds other files, which a quarantine there would hide from every later "
            "scan; choose a new or an empty folder as --quarantine-root"
        )
    if kind.name == "verified" and is_inside(os.path.realpath(folder), os.path.realpath(survey.archive_root)):
        raise BadInput(f"{printable(folder)} lies in the archive; choose another --quarantine-root")


def require_quarantine(kind: ManifestKind, journal: str, run_id: str) -> None:
    """Raise ``StoppedEarly`` where the quarantine that a journal speaks of is not there: not mounted, or moved away.

    Raises ``BadInput`` for a journal that speaks of none: that of a restore. Reads the disk, changes nothing.
    """
    if kind.name != "journal":
        return
    actions = set()
    with JournalReader(journal, run_id) as reader:
        for row, _ in reader:
            if row.action in ("quarantine", "delete") and is_quarantine_place(row.to_path, run_id, row.source_path):
                folder = row.to_path.removesuffix(os.path.join("files", path_below_quarantine(row.source_path)))
                if not os.path.isdir(folder):
                    raise StoppedEarly(
                        f"{printable(folder)} does not exist: mount its disk, or move the quarantine back"
                    )
                return
            actions.add(row.action)
    if not actions.isdisjoint(("restore", "restore_folder", "purge")):
        raise BadInput(f"{printable(journal)} tells of a restore or a purge alone: give the journal.csv beside it")


def holds_files(places: RunPaths) -> bool:
    """Whether anything of this run is in the quarantine, which a restore could bring back. Reads the disk."""
    return any(names for _, _, names in os.walk(os.path.join(places.folder, "files")))


def holds_others_files(quarantine_root: str) -> bool:
    """Whether a folder that bears no mark of a quarantine yet holds anything but what a killed run began in it."""
    if not os.path.isdir(quarantine_root) or path_exists(os.path.join(quarantine_root, QUARANTINE_FOLDER)):
        return False
    return not all(is_run_id(name) or is_system_folder(name) for name in os.listdir(quarantine_root))

"""Where a quarantine may be, what else must be there, and who is kept out while it is worked on."""

from __future__ import annotations

import os
from contextlib import ExitStack

from common import archive
from common.apply.folders import folder_times, restore_folder_times
from common.apply.manifest import ManifestKind
from common.apply.places import RunPaths
from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.folders import make_folders, mark_quarantine
from common.fileops.locking import Lock, lock_unless_read_only
from common.fileops.mounts import SameDirectoryCheck, remove_stale_probes
from common.manifests.statuses import Action, ManifestType
from common.manifests.survey import ManifestSurvey
from common.media_types import QUARANTINE_FOLDER, is_system_folder
from common.paths import is_inside, path_exists, printable
from common.run_id import is_run_id


def require_disks(kind: ManifestKind, survey: ManifestSurvey, quarantine: str) -> None:
    """Raise ``StoppedEarly`` unless source, archive and quarantine are there, as far as they are needed.

    A missing disk is an error of the surroundings, not of a million rows. A purge leaves the source alone, and needs
    none. ``quarantine`` is the folder that a journal names, or empty. Reads the disk.
    """
    if kind.action != Action.PURGE:
        archive.require_source(survey.source_root)
    if kind.needs_archive:
        archive.require_archive(survey.archive_root, survey.archive_id)
    if quarantine and not os.path.isdir(quarantine):
        folder = os.path.join(quarantine, "")
        raise StoppedEarly(f"{printable(folder)} does not exist: mount its disk, or move the quarantine back")


def require_suitable_quarantine(kind: ManifestKind, survey: ManifestSurvey, paths: RunPaths) -> None:
    """Raise ``BadInput`` where no quarantine may be: in the archive, or where it would hide files of others.

    Reads the disk.
    """
    if kind.type != ManifestType.VERIFIED:
        return
    quarantine_root = os.path.realpath(paths.quarantine_root)
    if is_inside(os.path.join(survey.source_root, "any"), quarantine_root):
        raise BadInput(
            f"{printable(quarantine_root)} holds the source: a quarantine there would hide it from every later scan; "
            "choose another --quarantine-root"
        )
    if _holds_files_of_others(quarantine_root):
        raise BadInput(
            f"{printable(quarantine_root)} holds other files, which a quarantine there would hide from every later "
            "scan; choose a new or an empty folder as --quarantine-root"
        )
    if is_inside(os.path.realpath(paths.folder), os.path.realpath(survey.archive_root)):
        raise BadInput(f"{printable(paths.folder)} lies in the archive; choose another --quarantine-root")


def _holds_files_of_others(quarantine_root: str) -> bool:
    """Whether a folder that has no mark of a quarantine yet holds anything but what a killed run began in it."""
    if not os.path.isdir(quarantine_root) or path_exists(os.path.join(quarantine_root, QUARANTINE_FOLDER)):
        return False
    return not all(is_run_id(name) or is_system_folder(name) for name in os.listdir(quarantine_root))


def prepare_quarantine(kind: ManifestKind, survey: ManifestSurvey, paths: RunPaths, locks: ExitStack) -> None:
    """Make the folder of this run, and lock out all other runs that would work on it or change the archive.

    A source that is an archive as well is locked too. Changes the disk. Raises ``BadInput``, with nothing made, and
    ``Locked``.
    """
    source = [survey.source_root] if os.path.isdir(survey.source_root) else []  # a purge can do without it
    times = folder_times(source)
    for folder in source:
        remove_stale_probes(folder)
    if kind.needs_archive and SameDirectoryCheck().same_directory(survey.source_root, survey.archive_root):
        raise BadInput(
            f"{printable(survey.source_root)} and {printable(survey.archive_root)} show the same folder: "
            "there is no second copy of anything; nothing was changed"
        )
    # The quarantine comes last: a run that is refused leaves none behind.
    if kind.needs_archive:
        locks.enter_context(lock_unless_read_only(os.path.join(survey.archive_root, archive.LOCK)))
    if archive.read_archive_id(survey.source_root):
        locks.enter_context(lock_unless_read_only(os.path.join(survey.source_root, archive.LOCK)))
    try:
        make_folders(paths.folder, 0o700)
        if kind.type == ManifestType.VERIFIED:
            mark_quarantine(paths.quarantine_root)
    except OSError as error:
        raise BadInput(
            f"{printable(paths.folder)}: cannot make the quarantine: {explain_os_error(error)}; choose another "
            "--quarantine-root"
        ) from None
    restore_folder_times(times)
    locks.enter_context(Lock(os.path.join(paths.folder, "lock")))


def holds_files(paths: RunPaths) -> bool:
    """Whether anything of this run is in the quarantine, which a restore could bring back. Reads the disk."""
    return any(names for _, _, names in os.walk(os.path.join(paths.folder, "files")))

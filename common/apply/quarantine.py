"""The quarantine of a run and the files beside it: their paths, the checks before a run, and its locks."""

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from common import archive
from common.apply.folders import folder_times, restore_folder_times
from common.apply.manifest import ManifestKind, Options
from common.errors import BadInput, RowFailed, StoppedEarly, explain_os_error
from common.fileops.folders import make_folders, mark_quarantine, remove_empty_folders_up_to
from common.fileops.locking import Lock, lock_unless_read_only
from common.fileops.mounts import SameDirectoryCheck, remove_stale_probes
from common.fileops.os_errors import NOT_EXTENDABLE
from common.fileops.writing import require_extendable
from common.filesystems import file_system_of
from common.manifests.relocation import Relocation
from common.manifests.state import SUFFIX
from common.manifests.statuses import Action, ManifestType
from common.manifests.survey import ManifestSurvey
from common.media_types import QUARANTINE_FOLDER, is_system_folder
from common.paths import is_inside, path_exists, printable
from common.run_id import is_run_id


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The paths of a run. Journal, state and lock are beside the quarantined files.

    ``escapes_names``: the file system of the quarantine can't hold all names.
    """

    quarantine_root: str
    folder: str
    journal: str
    state: str = ""
    escapes_names: bool = False

    @property
    def purge_journal(self) -> str:
        """The path of the journal of purges of the quarantine that this run fills or restores."""
        return _sibling_journal(self.journal.removesuffix(f"-{Action.RESTORE}.csv"), Action.PURGE)

    def holds_files(self) -> bool:
        """Whether the quarantine holds any file of this run, which could be restored. Reads the disk."""
        return any(names for _, _, names in os.walk(os.path.join(self.folder, "files")))

    def was_restored_since(self) -> bool:
        """Whether files were restored from the quarantine of this run since its state was written. Reads the disk."""
        restore = _sibling_journal(self.journal, Action.RESTORE)
        try:
            return os.stat(restore).st_mtime_ns > os.stat(self.state).st_mtime_ns
        except OSError:
            return False  # there was no restore, or there is no state


def _sibling_journal(journal: str, action: Action) -> str:
    """The path of the journal of a run that restores or purges the files of another journal."""
    return f"{journal.removesuffix('.csv')}-{action}.csv"


def run_paths(options: Options, kind: ManifestKind, run_id: str, source_root: str) -> RunPaths:
    """The paths of a run, without its state file. Reads the disk. Raises ``BadInput`` if the quarantine is a file."""
    quarantine_root = options.quarantine_root or os.path.join(source_root, QUARANTINE_FOLDER)
    if os.path.isfile(quarantine_root):
        raise BadInput(f"{printable(quarantine_root)} is a file, no folder; choose another --quarantine-root")
    if kind.type == ManifestType.VERIFIED:
        folder = os.path.join(quarantine_root, run_id)
        escapes_names = file_system_of(quarantine_root).has_dos_names
        return RunPaths(quarantine_root, folder, os.path.join(folder, "journal.csv"), escapes_names=escapes_names)
    journal = _sibling_journal(options.manifest, kind.action)
    return RunPaths(quarantine_root, os.path.dirname(options.manifest), journal)


def may_have_state(options: Options, kind: ManifestKind, paths: RunPaths) -> bool:
    """Whether a state file for this call may exist, for any digest of its manifest. Reads the disk."""
    if options.state_file:
        return os.path.lexists(options.state_file)
    pattern = _state_name(options, kind, "[0-9a-f]" * 12)
    try:
        return any(fnmatchcase(name, pattern) for name in os.listdir(paths.folder))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # reading the state file will report the error


def with_state(options: Options, kind: ManifestKind, paths: RunPaths, sha256: str) -> RunPaths:
    """Add the path of the state file for a manifest with this digest. Raises ``BadInput`` if it is the journal's."""
    state = options.state_file or os.path.join(paths.folder, _state_name(options, kind, sha256[:12]))
    if os.path.realpath(state) in {os.path.realpath(path) for path in (paths.journal, options.manifest)}:
        raise BadInput(f"{printable(state)} is the journal or the manifest itself; choose another --state-file")
    return replace(paths, state=state)


def _state_name(options: Options, kind: ManifestKind, digest: str) -> str:
    rows = options.row_range
    shard = f"-{rows.start}-{rows.limit or 'end'}" if rows.is_shard else ""
    return f"{kind.action}-{digest}{shard}{SUFFIX}"


def require_disks(kind: ManifestKind, survey: ManifestSurvey, quarantine: str, relocation: Relocation) -> None:
    """Raise ``StoppedEarly`` unless source, archive and quarantine are mounted, as far as they are needed.

    A purge needs no source. ``quarantine`` is the folder that a journal names, or empty. Reads the disk.
    """
    if kind.action != Action.PURGE:
        archive.require_source(survey.source_root, relocation.source_hint)
    if kind.needs_archive:
        archive.require_archive(survey.archive_root, survey.archive_id, relocation.archive_hint)
    if quarantine and not os.path.isdir(quarantine):
        folder = os.path.join(quarantine, "")
        other_way = f", {relocation.source_hint}" if is_inside(quarantine, survey.source_root) else ""
        raise StoppedEarly(
            f"{printable(folder)} does not exist: mount its disk, or move the quarantine back{other_way}"
        )


def require_suitable_quarantine(kind: ManifestKind, survey: ManifestSurvey, paths: RunPaths) -> None:
    """Raise ``BadInput`` for a quarantine in the archive, or that holds other files. Reads the disk."""
    if kind.type != ManifestType.VERIFIED:
        return
    quarantine_root = os.path.realpath(paths.quarantine_root)
    if is_inside(os.path.join(survey.source_root, "any"), quarantine_root):
        raise BadInput(
            f"{printable(quarantine_root)} holds the source; choose a folder of its own as --quarantine-root"
        )
    if _holds_files_of_others(quarantine_root):
        raise BadInput(
            f"{printable(quarantine_root)} holds other files; choose a new or an empty folder as --quarantine-root"
        )
    if is_inside(os.path.realpath(paths.folder), os.path.realpath(survey.archive_root)):
        raise BadInput(f"{printable(paths.folder)} lies in the archive; choose another --quarantine-root")


def _holds_files_of_others(quarantine_root: str) -> bool:
    """Whether an unmarked folder holds anything but system folders and what a killed run left. Reads the disk."""
    if not os.path.isdir(quarantine_root) or path_exists(os.path.join(quarantine_root, QUARANTINE_FOLDER)):
        return False
    return not all(is_run_id(name) or is_system_folder(name) for name in os.listdir(quarantine_root))


def prepare_quarantine(
    kind: ManifestKind,
    survey: ManifestSurvey,
    paths: RunPaths,
    locks: ExitStack,
    *,
    directories: SameDirectoryCheck,
    mounted: archive.MountedDisks,
) -> None:
    """Make the folder of this run, and lock out runs that would use it or change the archive. Changes the disk.

    A source that is itself an archive is locked too. Raises ``Locked``, ``BadInput``, and ``StoppedEarly``.
    """
    source = [survey.source_root] if os.path.isdir(survey.source_root) else []  # a purge doesn't need it
    times = folder_times(source)
    for folder in source:
        remove_stale_probes(folder)
    if kind.needs_archive:
        archive.require_outside_archive(survey.source_root, survey.archive_id)
        _require_two_folders(survey, directories)
    # The quarantine is made last, so that a run that is locked out makes none.
    if kind.needs_archive:
        locks.enter_context(lock_unless_read_only(os.path.join(survey.archive_root, archive.LOCK)))
    if archive.read_archive_id(survey.source_root):
        locks.enter_context(lock_unless_read_only(os.path.join(survey.source_root, archive.LOCK)))
    mounted.require()  # the probes may have taken a while
    _make_quarantine(kind, paths)
    mounted.add(paths.folder)
    restore_folder_times(times)
    locks.enter_context(Lock(os.path.join(paths.folder, "lock")))


def _require_two_folders(survey: ManifestSurvey, directories: SameDirectoryCheck) -> None:
    """Raise ``BadInput`` if source and archive show the same folder, or may do so. Changes the disk: probes both."""
    if not os.path.isdir(survey.source_root):
        return  # a purge doesn't need it
    try:
        if directories.same_directory(survey.source_root, survey.archive_root):
            raise BadInput(
                f"{printable(survey.source_root)} and {printable(survey.archive_root)} show the same folder: "
                "there is no second copy of anything; nothing was changed"
            )
    except RowFailed as doubt:
        raise BadInput(str(doubt)) from None


def _make_quarantine(kind: ManifestKind, paths: RunPaths) -> None:
    """Make and mark the folder of a run. Changes the disk.

    Raises ``BadInput`` if it can't be made or can't hold a journal, ``StoppedEarly`` on a full disk.
    """
    try:
        make_folders(paths.folder, 0o700)
    except OSError as error:
        raise BadInput(
            f"{printable(paths.folder)}: cannot make the quarantine: {explain_os_error(error)}; choose another "
            "--quarantine-root"
        ) from None
    try:
        require_extendable(paths.folder)
        if kind.type == ManifestType.VERIFIED:
            mark_quarantine(paths.quarantine_root)
    except OSError as error:
        with suppress(OSError):
            remove_empty_folders_up_to(paths.folder, os.path.dirname(paths.quarantine_root))
        cause = f"{printable(paths.folder)}: a journal can't be written there: {explain_os_error(error)}"
        if error.errno not in NOT_EXTENDABLE:
            raise StoppedEarly(f"{cause}; put that right (free some space, for instance), then run again") from None
        elsewhere = ", or name --quarantine-root on another disk" if kind.type == ManifestType.VERIFIED else ""
        raise BadInput(
            f"{cause}, since files can't be extended; mount it with a write cache (rclone: --vfs-cache-mode "
            f"writes){elsewhere}"
        ) from None

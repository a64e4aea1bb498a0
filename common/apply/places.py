"""Where originals lie in a quarantine, and where a run keeps its journal and state beside them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from common.apply.config import Options
from common.apply.journal import NAME as JOURNAL_NAME
from common.apply.manifest import ManifestKind
from common.errors import BadInput
from common.manifests.state import SUFFIX
from common.manifests.statuses import Action, ManifestType
from common.media_types import QUARANTINE_FOLDER
from common.paths import is_plain_absolute, printable


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Where this run keeps its files. Journal, state and lock are beside the quarantined files."""

    quarantine_root: str
    folder: str
    journal: str
    state: str = ""


def run_paths(options: Options, kind: ManifestKind, run_id: str, source_root: str) -> RunPaths:
    """The paths of a run, but for its state. Reads the disk. Raises ``BadInput`` where the quarantine is a file."""
    quarantine_root = options.quarantine_root or os.path.join(source_root, QUARANTINE_FOLDER)
    if os.path.isfile(quarantine_root):
        raise BadInput(f"{printable(quarantine_root)} is a file, no folder; choose another --quarantine-root")
    if kind.type == ManifestType.VERIFIED:
        folder = os.path.join(quarantine_root, run_id)
        return RunPaths(quarantine_root, folder, os.path.join(folder, JOURNAL_NAME))
    journal = sibling_journal(options.manifest, kind.action)
    return RunPaths(quarantine_root, os.path.dirname(options.manifest), journal)


def state_path(options: Options, kind: ManifestKind, paths: RunPaths, digest: str) -> str:
    """The state file for a manifest with this digest. Raises ``BadInput`` where it would replace another file."""
    default = f"{kind.action}-{digest[:12]}{_shard_suffix(options)}"
    path = options.state_file or os.path.join(paths.folder, default)
    if os.path.realpath(path) in {os.path.realpath(other) for other in (paths.journal, options.manifest)}:
        raise BadInput(f"{printable(path)} is the journal or the manifest itself; choose another --state-file")
    return path


def may_have_state(options: Options, kind: ManifestKind, paths: RunPaths) -> bool:
    """Whether there may be a state file for this call, whatever the digest of its manifest. Reads the disk."""
    if options.state_file:
        return os.path.lexists(options.state_file)
    name = re.compile(f"{kind.action}-[0-9a-f]{{12}}{re.escape(_shard_suffix(options))}")
    try:
        return any(name.fullmatch(entry) for entry in os.listdir(paths.folder))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the attempt to read the state file says why it can't be read


def _shard_suffix(options: Options) -> str:
    rows = options.row_range
    return f"-{rows.start}-{rows.limit or 'end'}{SUFFIX}" if rows.is_shard else SUFFIX


def was_restored_since(paths: RunPaths, kind: ManifestKind) -> bool:
    """Whether a restore of the quarantine was at work after the state of this run was written. Reads the disk."""
    if kind.type != ManifestType.VERIFIED:
        return False
    try:
        return os.stat(sibling_journal(paths.journal, Action.RESTORE)).st_mtime_ns > os.stat(paths.state).st_mtime_ns
    except OSError:
        return False  # there was no restore, or no state


def purge_journal(paths: RunPaths, kind: ManifestKind) -> str:
    """The journal of the purges of the quarantine that this run fills or restores. Pure."""
    journal = paths.journal
    if kind.action == Action.RESTORE:
        journal = journal.removesuffix(f"-{Action.RESTORE}.csv")
    return sibling_journal(journal, Action.PURGE)


def sibling_journal(journal: str, action: Action) -> str:
    """The journal of a run that restores or purges what another journal names."""
    return f"{journal.removesuffix('.csv')}-{action}.csv"


def quarantine_path(quarantine_root: str, run_id: str, source_path: str) -> str:
    """Where an original goes: its whole absolute path below ``<quarantine_root>/<run_id>/files``. Pure."""
    return os.path.join(quarantine_root, run_id, "files", _relative(source_path))


def is_quarantine_path(path: str, run_id: str, source_path: str) -> bool:
    """Whether a path is what ``quarantine_path`` makes for some quarantine root. Pure."""
    return is_plain_absolute(path) and path.endswith(os.path.join(os.sep + run_id, "files", _relative(source_path)))


def files_folder(path: str, source_path: str) -> str:
    """The folder ``files`` above the quarantine path of an original. Pure."""
    return path.removesuffix(_relative(source_path)).rstrip(os.sep)


def _relative(path: str) -> str:
    """An absolute path in the form that it has below a folder: without its first separator and a drive's colon."""
    drive, tail = os.path.splitdrive(path)
    return os.path.join(drive.replace(":", "").strip(os.sep), tail.lstrip(os.sep))

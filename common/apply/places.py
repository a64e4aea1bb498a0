"""Where originals lie in a quarantine, and where a run keeps its journal and state beside them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

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
    """Where a run keeps its files. Journal, state and lock are beside the quarantined files."""

    quarantine_root: str
    folder: str
    journal: str
    state: str = ""

    @property
    def purge_journal(self) -> str:
        """The journal of the purges of the quarantine that this run fills or restores."""
        return _sibling_journal(self.journal.removesuffix(f"-{Action.RESTORE}.csv"), Action.PURGE)

    def was_restored_since(self) -> bool:
        """Whether the quarantine that this run fills was restored after the state was written. Reads the disk."""
        restore = _sibling_journal(self.journal, Action.RESTORE)
        try:
            return os.stat(restore).st_mtime_ns > os.stat(self.state).st_mtime_ns
        except OSError:
            return False  # there was no restore, or there is no state


def _sibling_journal(journal: str, action: Action) -> str:
    """The journal of a run that restores or purges what another journal names."""
    return f"{journal.removesuffix('.csv')}-{action}.csv"


def run_paths(options: Options, kind: ManifestKind, run_id: str, source_root: str) -> RunPaths:
    """The paths of a run, but for its state. Reads the disk. Raises ``BadInput`` where the quarantine is a file."""
    quarantine_root = options.quarantine_root or os.path.join(source_root, QUARANTINE_FOLDER)
    if os.path.isfile(quarantine_root):
        raise BadInput(f"{printable(quarantine_root)} is a file, no folder; choose another --quarantine-root")
    if kind.type == ManifestType.VERIFIED:
        folder = os.path.join(quarantine_root, run_id)
        return RunPaths(quarantine_root, folder, os.path.join(folder, JOURNAL_NAME))
    journal = _sibling_journal(options.manifest, kind.action)
    return RunPaths(quarantine_root, os.path.dirname(options.manifest), journal)


def may_have_state(options: Options, kind: ManifestKind, paths: RunPaths) -> bool:
    """Whether there may be a state file for this call, whatever the digest of its manifest. Reads the disk."""
    if options.state_file:
        return os.path.lexists(options.state_file)
    name = re.compile(re.escape(_state_name(options, kind, "DIGEST")).replace("DIGEST", "[0-9a-f]{12}"))
    try:
        return any(name.fullmatch(entry) for entry in os.listdir(paths.folder))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the attempt to read the state file says why it can't be read


def with_state(options: Options, kind: ManifestKind, paths: RunPaths, sha256: str) -> RunPaths:
    """The paths with the state file for a manifest of this digest. Raises ``BadInput`` where it is taken."""
    state = options.state_file or os.path.join(paths.folder, _state_name(options, kind, sha256[:12]))
    if os.path.realpath(state) in {os.path.realpath(path) for path in (paths.journal, options.manifest)}:
        raise BadInput(f"{printable(state)} is the journal or the manifest itself; choose another --state-file")
    return replace(paths, state=state)


def _state_name(options: Options, kind: ManifestKind, digest: str) -> str:
    rows = options.row_range
    shard = f"-{rows.start}-{rows.limit or 'end'}" if rows.is_shard else ""
    return f"{kind.action}-{digest}{shard}{SUFFIX}"


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

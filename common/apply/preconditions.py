"""What the disks of a run must promise before anything changes. Reads the disk, changes nothing."""

from common.apply.manifest import ManifestKind
from common.archive import require_outside_bin
from common.errors import BadInput
from common.fileops.moving import Terms
from common.filesystems import FileSystem, crosses_file_systems, file_system_of
from common.manifests.statuses import Action, ManifestType
from common.paths import printable


def require_possible(kind: ManifestKind, source_root: str, archive_root: str, quarantine: str, terms: Terms) -> None:
    """Raise ``BadInput`` for what would fail, or destroy more than the user accepts. Reads the disk.

    ``quarantine``: the folder to which files go, or from which they come.
    """
    if kind.action != Action.RESTORE:
        require_outside_bin(archive_root)
    if kind.action != Action.PURGE:
        _require_writable(source_root, "the source")
    if kind.type != ManifestType.REPORT:
        _require_writable(quarantine, "the quarantine")
    if kind.type == ManifestType.REPORT:
        _require_readable_target(archive_root, source_root, terms)
        return
    if kind.action == Action.RESTORE:
        _require_readable_target(quarantine, source_root, terms)
        return
    crosses = kind.type == ManifestType.VERIFIED and crosses_file_systems(source_root, quarantine)
    if crosses and file_system_of(quarantine).is_memory:
        raise BadInput(
            f"{printable(quarantine)} is in memory: what is quarantined there is gone at the next start of this "
            "machine; name another --quarantine-root"
        )
    if crosses or kind.destroys:
        _require_archive_on_medium(archive_root, terms)


def _require_writable(root: str, what: str) -> None:
    system = file_system_of(root)
    if system.is_read_only:
        raise BadInput(
            f"{printable(root)}: {what} can't be changed: {system.describe()}, mounted read-only; mount it for "
            "writing, then run again"
        )


def _require_archive_on_medium(root: str, terms: Terms) -> None:
    system = file_system_of(root)
    if system.is_memory:
        raise BadInput(
            f"{printable(root)}: the archive is in memory ({system.type}), and gone at the next start of this machine; "
            "organize into an archive on a disk, and verify that"
        )
    if not terms.cached_reads and not system.has_medium:
        images = system.cached_images
        other_way = f"attach {printable(images[0])} by losetup --direct-io=on, or " if images else ""
        raise BadInput(
            f"{printable(root)}: from {system.describe()} the archive copies can't be read from the storage medium "
            f"itself, only through some cache; {other_way}to destroy originals all the same, add --accept-cached-reads"
        )


def _require_readable_target(origin: str, target: str, terms: Terms) -> None:
    """Raise ``BadInput`` if files would be destroyed after a copy to a file system that can't be read back."""
    if not crosses_file_systems(origin, target) or terms.cached_reads:
        return
    system: FileSystem = file_system_of(target)
    if not system.has_medium:
        raise BadInput(
            f"{printable(target)}: files come back by a copy, and from {system.describe()} it can't be read back from "
            "the storage medium itself; to remove them from where they are now all the same, add --accept-cached-reads"
        )

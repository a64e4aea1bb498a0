"""The marker file of an archive, and checks that the disks of archive and source are mounted."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.folders import make_folders
from common.fileops.writing import discard_file, write_atomically
from common.filesystems import block_devices_of, file_system_at, file_system_of, mount_points, mounts
from common.media_types import QUARANTINE_FOLDER, is_system_file, is_system_folder
from common.paths import is_inside, printable, read_prefix, read_small_file, relative_to
from common.timestamps import utc_now_text

MARKER = ".media-archive.json"
LOCK = ".media-archive.lock"
SCHEMA = "media-archive/1"
_TRASH = ("Trash", "files")  # of the desktop (freedesktop.org, Trash specification)
_MOST_BYTES = 65_536
_JOURNAL_BYTES = 4 << 20  # the intentions of several batches: outcomes follow each batch


def read_archive_id(root: str) -> str:
    """Read the archive_id from the marker at a root; return an empty string if there is no marker. Reads the disk.

    Raises ``BadInput`` for an invalid marker, ``StoppedEarly`` when it can't be read.
    """
    import json  # noqa: PLC0415 - neither is needed to show --help
    import uuid  # noqa: PLC0415 - see above

    path = os.path.join(root, MARKER)
    try:
        document = json.loads(read_small_file(path, _MOST_BYTES))
        archive_id = str(document["archive_id"])
        if document["schema"] != SCHEMA or str(uuid.UUID(archive_id)) != archive_id:
            raise ValueError("not a marker")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoppedEarly(f"{printable(path)}: cannot read it: {explain_os_error(error)}; check the disk") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(
            f"{printable(path)} is not a whole archive marker; restore it from a report's archive_id"
        ) from None
    return archive_id


def is_archive(root: str) -> bool:
    """Whether a folder has an archive marker, valid or not. Reads the disk."""
    return os.path.lexists(os.path.join(root, MARKER))


def enclosing_archive(path: str) -> str:
    """The nearest archive that contains a folder, or an empty string. Reads the disk."""
    folder = os.path.dirname(path)
    while not is_archive(folder):
        if folder == os.path.dirname(folder):
            return ""
        folder = os.path.dirname(folder)
    return folder


def create_archive(root: str, require_disks: Callable[[], None] = lambda: None) -> str:
    """Create an archive unless one exists, and return its archive_id. Changes the disk.

    No new one is left behind if ``require_disks`` raises ``StoppedEarly`` then: it lies where no disk is mounted.
    Raises ``BadInput`` if it can't be created or its parent folder is missing; otherwise as ``read_archive_id``.
    """
    import json  # noqa: PLC0415 - neither is needed to show --help
    import uuid  # noqa: PLC0415 - see above

    if archive_id := read_archive_id(root):
        return archive_id
    if not os.path.isdir(os.path.dirname(root)):
        raise BadInput(f"{printable(os.path.dirname(root))} does not exist: mount the disk, or make the folder first")
    archive_id = str(uuid.uuid4())
    document = {"schema": SCHEMA, "archive_id": archive_id, "made_at": utc_now_text()}
    try:
        make_folders(root)
        write_atomically(os.path.join(root, MARKER), (json.dumps(document, indent=1) + "\n").encode("ascii"))
    except OSError as error:
        raise BadInput(
            f"{printable(root)}: cannot begin an archive there: {explain_os_error(error)}; name another folder, or "
            "mount that disk with another driver"
        ) from None
    try:
        require_disks()
    except StoppedEarly:
        discard_file(os.path.join(root, MARKER))
        raise
    return archive_id


def require_archive(root: str, archive_id: str, other_way: str = "") -> None:
    """Raise ``StoppedEarly`` if the marker is missing or of another archive (another disk). Reads the disk.

    ``other_way`` is what the message offers beside mounting the disk.
    """
    present_id = read_archive_id(root)
    if not present_id:
        raise StoppedEarly(
            f"{printable(os.path.join(root, MARKER))} is missing: mount the disk with the archive, then run again"
            f"{_joined(other_way)}"
        )
    if present_id != archive_id:
        raise StoppedEarly(
            f"{printable(root)} holds another archive ({present_id}) than the manifest names ({archive_id}): swap disks"
            f"{_joined(other_way)}"
        )


def require_source(root: str, other_way: str = "") -> None:
    """Raise ``StoppedEarly`` if the source does not exist: its disk is not mounted. Reads the disk.

    ``other_way`` is what the message offers beside mounting the disk.
    """
    if not os.path.isdir(root):
        raise StoppedEarly(
            f"{printable(root)} does not exist: mount the disk of the source, then run again{_joined(other_way)}"
        )


def require_files_in_source(root: str, other_way: str = "", skip_folder: str = "") -> None:
    """Raise ``StoppedEarly`` if the source holds no files, like the mount point of an unmounted disk. Reads the disk.

    Folders alone are none: other disks may be mounted there, or a run that met no disk may have made them. Nor is what
    no scan looks at, ``skip_folder`` among it; but a quarantine that holds files, or a journal in which something was
    done, shows that the disk is there. ``other_way`` is what the message offers beside mounting the disk.
    """
    if not _holds_files(root, skip_folder):
        raise StoppedEarly(
            f"{printable(root)}: the source is empty: is its disk mounted? Nothing was changed; mount it, then run "
            f"again{_joined(other_way)}; a source that is meant to be empty needs a note in it, in any file"
        )


def _holds_files(root: str, skip_folder: str) -> bool:
    folders = [root]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        if not is_system_file(entry.name) and entry.name != QUARANTINE_FOLDER:
                            return True
                    elif entry.name == QUARANTINE_FOLDER:
                        runs = [os.path.join(entry.path, name) for name in os.listdir(entry.path)]
                        if any(map(_has_done_anything, runs)):
                            return True
                        folders += (os.path.join(run, "files") for run in runs)
                    elif not is_system_folder(entry.name) and entry.path != skip_folder:
                        folders.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True  # the scan tells what can't be read
    return False


def _has_done_anything(run_folder: str) -> bool:
    """Whether the folder of a run in a quarantine has a journal with an outcome. Raises ``OSError``. Reads the disk."""
    if not os.path.isdir(run_folder):
        return False
    journals = [name for name in os.listdir(run_folder) if name.startswith("journal") and name.endswith(".csv")]
    return any(b'"done"' in (read_prefix(os.path.join(run_folder, name), _JOURNAL_BYTES) or b"") for name in journals)


def _joined(other_way: str) -> str:
    return other_way and f", {other_way}"


class MountedDisks:
    """The disks of a run as they were mounted at its start, those below the source among them. Reads the disk.

    A disk that goes away leaves an empty folder, or errors, in its place: neither is a fault of any file.
    """

    def __init__(self, *roots: str) -> None:
        real_roots = [os.path.realpath(root) for root in roots]
        below = (point for point in mount_points() for root in real_roots if _is_scanned(point, root))
        self._mounted: dict[str, _Disk] = {}
        for folder in (*roots, *below):
            self.add(folder)

    def add(self, folder: str) -> None:
        """Remember the disk of a folder as it is now, unless it is known already or does not exist. Reads the disk."""
        if folder not in self._mounted:
            with suppress(OSError):
                status = os.stat(folder)
                system, drives = file_system_of(folder), block_devices_of(folder)
                inode = status.st_ino if system.has_stable_inodes else None
                real = os.path.realpath(folder)
                self._mounted[folder] = _Disk(status.st_dev, inode, real, system.mount_point, drives)

    def require_roots(self) -> None:
        """As ``require``, but in some microseconds: only by the numbers of the folders. Reads the disk."""
        for folder, disk in self._mounted.items():
            try:
                status = os.stat(folder)
                is_same = status.st_dev == disk.device and disk.inode in (None, status.st_ino)
            except OSError:
                is_same = False
            if not is_same:
                self.require()

    def require(self) -> None:
        """Raise ``StoppedEarly`` if a disk is not there any more, or can't be reached. Reads the disk."""
        mounted = mounts()
        for folder, disk in self._mounted.items():
            cause = ""
            try:
                with suppress(PermissionError), os.scandir(folder) as entries:  # some disks fail at this only
                    next(entries, None)
                is_same = os.stat(folder).st_dev == disk.device
                if not is_same or file_system_at(disk.real, mounted).mount_point != disk.mount_point:
                    cause = "its disk was taken away while this run was at work"
            except OSError as error:
                cause = f"its disk can't be reached: {explain_os_error(error)}"
            if not cause and not all(map(os.path.exists, disk.drives)):
                cause = "its disk was unplugged while this run was at work"
            if cause:
                raise StoppedEarly(
                    f"{printable(folder)}: {cause}; nothing was recorded about its files: mount the disk again, then "
                    "run the same command again"
                )


def _is_scanned(point: str, root: str) -> bool:
    """Whether a mount point lies below a root, and not in a system folder: snapshots are unmounted by themselves."""
    return is_inside(point, root) and not any(map(is_system_folder, relative_to(point, root).split(os.sep)))


class _Disk(NamedTuple):
    """The disk of a folder: the folder's device, inode and real path, the mount point, and the drives as in /sys.

    ``inode`` is None where a folder may get another number while it is mounted.
    """

    device: int
    inode: int | None
    real: str
    mount_point: str
    drives: tuple[str, ...]


def archive_failed(path: str, error: OSError) -> StoppedEarly:
    """The exception for an I/O error in the archive: it proves nothing about the file, so the run stops. Pure."""
    return StoppedEarly(f"{printable(path)}: cannot read: {explain_os_error(error)}; check the disk, then run again")


def require_outside_bin(root: str) -> None:
    """Raise ``BadInput`` if an archive lies in a bin, or in a folder of snapshots or older versions. Reads the disk."""
    folders = os.path.realpath(root).split(os.sep)
    pairs = zip(folders, [*folders[1:], ""], strict=True)
    if name := next((name for name, below in pairs if is_system_folder(name) or (name, below) == _TRASH), ""):
        raise BadInput(
            f"{printable(root)}: it lies in {printable(name)}, a bin or a folder of older versions, which is emptied "
            "one day: an archive must lie elsewhere; move it there if it exists already (verify and apply: with "
            "--archive-now-at)"
        )


def require_outside_archive(source_root: str, archive_id: str) -> None:
    """Raise ``BadInput`` if the source lies in a view or a clone of its own archive. Reads the disk."""
    if archive_id and (root := ArchiveLookup().root_around(source_root, archive_id)):
        raise BadInput(
            f"{printable(source_root)}: {printable(os.path.join(root, MARKER))} names the very archive, so the source "
            "is a view or a clone of it, and holds no second copy of anything; name another source (if it is a clone "
            "on a disk of its own, remove the marker from the clone)"
        )


class ArchiveLookup:
    """Finds the archives in which folders lie, and remembers them. Any thread may call it. Reads the disk."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._roots: dict[tuple[str, str], str] = {}  # by folder and archive_id

    def root_around(self, folder: str, archive_id: str) -> str:
        """The folder itself, or the nearest above it, that is the root of this archive; empty if there is none."""
        key = folder, archive_id
        if key not in self._roots:
            above = os.path.dirname(folder)
            if self._id_at(folder) == archive_id:
                self._roots[key] = folder
            else:
                self._roots[key] = self.root_around(above, archive_id) if above != folder else ""
        return self._roots[key]

    def _id_at(self, folder: str) -> str:
        if folder not in self._ids:
            try:
                self._ids[folder] = read_archive_id(folder)
            except (BadInput, StoppedEarly):  # it can't be read, so it is not the marker of a mounted archive
                self._ids[folder] = ""
        return self._ids[folder]

"""The two roots of a run: found, checked, and the archive made ready."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass

from common import archive
from common.cli.options import require_folder
from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.folders import make_folders
from common.fileops.locking import Lock
from common.fileops.mounts import SameDirectoryCheck
from common.manifests.survey import ManifestSurvey
from common.media_types import QUARANTINE_FOLDER
from common.organize.config import Options
from common.paths import is_inside, printable


@dataclass(frozen=True)
class Roots:
    """The two roots by their real paths."""

    source: str
    archive: str

    def require_disks(self, archive_id: str = "") -> None:
        """Raise ``StoppedEarly`` where the disk of the source or of the archive with this id is away."""
        archive.require_source(self.source)
        if archive_id:
            archive.require_archive(self.archive, archive_id)


def find_roots(options: Options, edited: ManifestSurvey | None) -> Roots:
    """The roots of the command line, or of an edited report, with which those of the command line must agree.

    Raises ``BadInput`` for folders that don't exist, or overlap in a dangerous way. Reads the disk.
    """
    given = {"--source": options.source, "--destination-root": options.destination_root}
    if edited:
        planned = {"--source": edited.source_root, "--destination-root": edited.archive_root}
        for option, root in planned.items():
            if given[option] and os.path.realpath(given[option]) != os.path.realpath(root):
                path = printable(edited.manifest.path)
                raise BadInput(f"{path} is a report with {option} {printable(root)}; leave the option out")
        given = planned
    source = require_folder(os.path.abspath(given["--source"]), "--source")
    root = os.path.realpath(given["--destination-root"])
    if os.path.lexists(root) and not os.path.isdir(root):
        raise BadInput(f"{printable(root)}: --destination-root is not a folder; name another")
    for folder, option in ((source, "--source"), (root, "--destination-root")):
        if os.path.isfile(os.path.join(folder, QUARANTINE_FOLDER)):
            raise BadInput(
                f"{printable(folder)} is a quarantine, into which no scan looks (its journal with --restore brings "
                f"files back); name another {option}"
            )
    parent = os.path.dirname(root)
    if not os.path.isdir(root) and not os.path.isdir(parent):
        what = "is no folder" if os.path.lexists(parent) else "does not exist: mount the disk, or make the folder first"
        raise BadInput(f"{printable(parent)} {what}")
    if source == root or (os.path.isdir(root) and os.path.samefile(source, root)):
        raise BadInput(f"{printable(source)}: source and archive are the same folder; name another --destination-root")
    if is_inside(source, root):
        raise BadInput(
            f"{printable(source)}: the source lies inside the archive {printable(root)}; name another "
            "--destination-root"
        )
    return Roots(source, root)


def prepare_archive(roots: Roots, expected_id: str, other_way: str, stack: ExitStack) -> str:
    """Lock the archive until the stack is closed, make it where it is new, and return its archive_id. Changes the disk.

    The archive with ``expected_id`` must be there; ``other_way`` says how to begin another run instead. Raises
    ``BadInput``, ``StoppedEarly`` or ``Locked``.
    """
    if expected_id:
        try:
            archive.require_archive(roots.archive, expected_id)
        except StoppedEarly as error:
            raise StoppedEarly(f"{error} (to begin anew with what is there, {other_way})") from None
    try:
        make_folders(roots.archive)
    except OSError as error:
        raise BadInput(f"{printable(roots.archive)}: cannot make the archive: {explain_os_error(error)}") from None
    stack.enter_context(Lock(os.path.join(roots.archive, archive.LOCK)))
    if SameDirectoryCheck().same_directory(roots.source, roots.archive):
        raise BadInput(
            f"{printable(roots.source)} and {printable(roots.archive)} show the same folder (a mount of one on the "
            "other); name another --destination-root"
        )
    return archive.create_archive(roots.archive)

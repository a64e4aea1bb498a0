"""Roots that are mounted elsewhere today than a manifest says, and the paths below them. Pure."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from common.errors import BadInput
from common.manifests.reasons import add_roots, parse_roots
from common.manifests.rows import JournalRow, ReportRow, VerifyRow
from common.paths import is_inside, join_path, printable, relative_to

SOURCE_ELSEWHERE = "or, if it is mounted elsewhere today, add --source-now-at DIR"
ARCHIVE_ELSEWHERE = "or, if it is mounted elsewhere today, add --archive-now-at DIR"
"""The next step that a message about a missing disk offers beside mounting it."""

AnyRow = TypeVar("AnyRow", ReportRow, VerifyRow, JournalRow, ReportRow | VerifyRow | JournalRow)


class Roots(NamedTuple):
    """The root of the originals and that of the archive."""

    source: str = ""
    archive: str = ""


@dataclass(frozen=True, slots=True)
class Relocation:
    """The roots that the rows of a manifest name, and where these are at present (the same, unless relocated)."""

    recorded: Roots
    present: Roots

    @property
    def is_relocated(self) -> bool:
        """Whether any root is elsewhere today."""
        return self.recorded != self.present

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options of a command line for the roots that are elsewhere."""
        return tuple(text for name, _, new in self._changes() for text in (f"--{name}-now-at", new))

    @property
    def settings(self) -> dict[str, str]:
        """What a later call must repeat, if the outputs name the present paths; empty if no root is elsewhere."""
        return {f"{name}_now_at": new for name, _, new in self._changes()}

    @property
    def notes(self) -> list[str]:
        """A sentence for the user for each root that is elsewhere."""
        return [f"the {name} is {printable(new)} today, not {printable(old)}" for name, old, new in self._changes()]

    def _changes(self) -> Iterator[tuple[str, str, str]]:
        for name, old, new in zip(Roots._fields, self.recorded, self.present, strict=True):
            if old != new:
                yield name, old, new

    @property
    def source_hint(self) -> str:
        """The next step for a missing source, beside mounting it."""
        return "or correct --source-now-at" if self.recorded.source != self.present.source else SOURCE_ELSEWHERE

    @property
    def archive_hint(self) -> str:
        """The next step for a missing archive, beside mounting it."""
        return "or correct --archive-now-at" if self.recorded.archive != self.present.archive else ARCHIVE_ELSEWHERE

    def rebase(self, path: str) -> str:
        """The present path of a file or folder below one of the roots, an unchanged path for any other.

        An archive may lie in the source, so the archive comes first.
        """
        if self.is_relocated:
            for old, new in (
                (self.recorded.archive, self.present.archive),
                (self.recorded.source, self.present.source),
            ):
                if path == old or is_inside(path, old):
                    return _moved(path, old, new)
        return path

    def recorded_source_path(self, path: str) -> str:
        """The path that a present path in the source has in the manifest: the opposite of ``rebase``."""
        return _moved(path, self.present.source, self.recorded.source)

    def rebase_row(self, row: AnyRow, where: str) -> AnyRow:
        """The row with the present roots, and with its source and destination paths below these.

        Raises ``BadInput``, with ``where`` in the message, if a path is not in its root and a root is elsewhere.
        """
        if not self.is_relocated:
            return row
        (old_source, old_archive), (source, archive) = self.recorded, self.present
        for path, root in ((row.source_path, old_source), (row.destination_path, old_archive)):
            if path and not is_inside(path, root):
                raise BadInput(
                    f"{where}: {printable(path)} does not lie in its root {printable(root)}; restore or delete the row"
                )
        return row._replace(
            source_path=_moved(row.source_path, old_source, source),
            destination_path=row.destination_path and _moved(row.destination_path, old_archive, archive),
            source_root=source,
            archive_root=archive,
        )

    def recorded_row(self, row: AnyRow) -> AnyRow:
        """The row with the recorded roots and paths: the opposite of ``rebase_row``."""
        return Relocation(self.present, self.recorded).rebase_row(row, "")

    def rebase_journal_row(self, row: JournalRow, where: str = "") -> JournalRow:
        """The row of a journal with all its paths at present, wherever the roots were when it was written.

        Raises ``BadInput`` as ``rebase_row`` does.
        """
        recorded = Roots(row.source_root, row.archive_root)
        roots = parse_roots(row.reason)
        earlier = Relocation(Roots(*roots) if roots else recorded, self.present if self.is_relocated else recorded)
        if not (self.is_relocated or earlier.is_relocated):
            return row
        return self.rebase_row(row, where)._replace(
            from_path=earlier.rebase(row.from_path),
            to_path=earlier.rebase(row.to_path),
            folder=earlier.rebase(row.folder),
        )

    def with_roots(self, reason: str) -> str:
        """The reason of an intention, with the present roots if any is elsewhere."""
        return add_roots(reason, *self.present) if self.is_relocated else reason


NOT_RELOCATED = Relocation(Roots(), Roots())
"""For rows whose paths are as recorded."""


def _moved(path: str, old: str, new: str) -> str:
    """A path that is or lies below a folder, as it is when that folder is another one."""
    if old == new:
        return path
    relative = relative_to(path, old)
    return join_path(new, relative) if relative else new.rstrip(os.sep) or os.sep

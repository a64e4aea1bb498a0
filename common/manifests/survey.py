"""Checking a whole manifest before anything is done with its rows. Reads the disk."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from common.errors import BadInput
from common.manifests.reader import Reader, Record
from common.manifests.rows import RowIds
from common.manifests.state import Manifest
from common.paths import printable
from common.run_id import require_run_id

AUTO = "auto"
"""The value of ``--expected-run-id`` that accepts any run_id."""
_SAME_IN_ALL_ROWS = ("run_id", "source_root", "archive_root", "archive_id")


@dataclass(frozen=True, slots=True)
class ManifestSurvey:
    """The facts about a whole manifest: its digest and size, and the run_id and roots that all rows share.

    ``torn_line``: the line of a torn last row, which is left out; else 0. ``start_byte``: the byte offset of the first
    row to handle, -1 if a resumed run takes it from its state.
    """

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    torn_line: int = 0
    start_byte: int = -1


class ManifestInput(Reader):
    """A manifest that is opened before the work, for its columns, digest and first row, and to check all rows."""

    def __init__(self, path: str, required: Iterable[str]) -> None:
        super().__init__(path, required)
        self._sha256 = ""

    def first_record(self) -> Record | None:
        """Read the first row; return None if the manifest has no rows."""
        self.seek(0)
        return next(iter(self), None)

    def is_empty(self) -> bool:
        """Whether the file has a header only, as if a stage before found no new files."""
        return self.first_record() is None and not self.torn_line

    def sha256(self) -> str:
        """The digest of the whole file, by which a state file recognizes it."""
        if not self._sha256:
            self.seek(0)
            self._sha256 = self.sha256_to_end()
        return self._sha256

    def survey(
        self,
        check: Callable[[Record, str], int],
        *,
        expected_run_id: str = AUTO,
        start: int = 0,
        unique_row_ids: bool = True,
    ) -> ManifestSurvey:
        """Check all rows and compute the digest in one pass. Raises ``BadInput`` unless all are valid and of one run.

        ``check`` gets each row and its path and line for messages; it raises ``BadInput`` or returns the size of the
        file in bytes, 0 if nothing is to be done. ``start`` is the number of rows before the first one to handle.
        """
        first: dict[str, str] = {}
        seen = RowIds()
        rows = media_bytes = start_byte = 0
        self.seek(0)
        for record in self:
            where = self.where(record.line)
            values = record.values
            if not first:
                first = values
                require_run_id(values["run_id"], where)
                require_expected_run_id(values["run_id"], expected_run_id, where)
            for column in _SAME_IN_ALL_ROWS:
                if values[column] != first[column]:
                    raise BadInput(f"{where}: {column} is not that of the rows before; give the rows of one run")
            media_bytes += check(record, where)
            if unique_row_ids and not seen.add(int(values["row_id"])):
                raise BadInput(f"{where}: row_id {values['row_id']} stands twice; remove the duplicated row")
            rows += 1
            if rows <= start:
                start_byte = record.end
        torn_line = self.torn_line
        self._sha256 = self.sha256_to_end()
        return self._survey(Manifest(self.path, self._sha256, rows, media_bytes), first, torn_line, start_byte)

    def known_survey(self, manifest: Manifest) -> ManifestSurvey:
        """Make the survey of a manifest that was checked by the run to be resumed. Reads only the first row."""
        first = self.first_record()
        return self._survey(manifest, first.values if first else {}, torn_line=0, start_byte=-1)

    def byte_offset(self, rows: int) -> int:
        """The byte offset of the row after this many rows, 0 for the first row. Reads these rows."""
        self.seek(0)
        return max((record.end for record in islice(self, rows)), default=0)

    def _survey(self, manifest: Manifest, first: Mapping[str, str], torn_line: int, start_byte: int) -> ManifestSurvey:
        if not first:
            raise BadInput(f"{printable(self.path)} has no rows; there is nothing to do")
        run_id, source_root, archive_root, archive_id = (first[column] for column in _SAME_IN_ALL_ROWS)
        return ManifestSurvey(manifest, run_id, source_root, archive_root, archive_id, torn_line, start_byte)


def require_expected_run_id(run_id: str, expected: str, where: str) -> None:
    """Raise ``BadInput`` unless the manifest is of the expected run. Pure."""
    if expected not in (AUTO, run_id):
        raise BadInput(f"{where}: the manifest is of run {run_id}, not of the expected {expected}; nothing was changed")

"""The check of a whole manifest before anything is done with its rows. Reads the disk."""

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
"""The expected run_id that accepts whichever one the manifest has."""
_SAME_IN_ALL_ROWS = ("run_id", "source_root", "archive_root", "archive_id")


@dataclass(frozen=True, slots=True)
class ManifestSurvey:
    """A manifest as a whole: its digest and size, and the run and roots that all rows share.

    ``torn_line``: the line of a last row that is cut short and left out, else 0. ``start_byte``: where the first row to
    be handled begins, -1 where a resumed run takes that from its state.
    """

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    torn_line: int = 0
    start_byte: int = -1


class ManifestInput(Reader):
    """A manifest that is opened once before the work, for its columns, digest and first row, and to check all rows."""

    def __init__(self, path: str, required: Iterable[str]) -> None:
        super().__init__(path, required)
        self._sha256 = ""

    def first_record(self) -> Record | None:
        """The first row, None if there is none."""
        self.seek(0)
        return next(iter(self), None)

    def is_empty(self) -> bool:
        """Whether the file has a header and nothing else: the normal end of a chain without new files."""
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
        """Check all rows, and compute the digest, in one pass. Raises ``BadInput`` unless all are sound and of one run.

        ``check`` gets each row and the place that messages name, and raises ``BadInput`` or returns the size of the
        file in bytes, 0 where there is nothing to do. ``start`` is the number of rows before the first to be handled.
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
        """The survey of a manifest whose rows were checked by the run that is resumed. Reads the first row only."""
        first = self.first_record()
        return self._survey(manifest, first.values if first else {}, torn_line=0, start_byte=-1)

    def byte_offset(self, rows: int) -> int:
        """Where the row begins that follows so many rows. Reads these rows."""
        self.seek(0)
        return max((record.end for record in islice(self, rows)), default=0)

    def _survey(self, manifest: Manifest, first: Mapping[str, str], torn_line: int, start_byte: int) -> ManifestSurvey:
        if not first:
            raise BadInput(f"{printable(self.path)} has no rows; there is nothing to do")
        run_id, source_root, archive_root, archive_id = (first[column] for column in _SAME_IN_ALL_ROWS)
        return ManifestSurvey(manifest, run_id, source_root, archive_root, archive_id, torn_line, start_byte)


def require_expected_run_id(run_id: str, expected: str, where: str) -> None:
    """Raise ``BadInput`` for the manifest of another run than expected. Pure."""
    if expected not in (AUTO, run_id):
        raise BadInput(f"{where}: the manifest is of run {run_id}, not of the expected {expected}; nothing was changed")

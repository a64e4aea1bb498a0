"""Finds files with equal content: by size, then by a sample, then by digest. Reads the disk."""

from collections.abc import Callable
from dataclasses import dataclass

from common.errors import RowFailed
from common.hashing.digest import hash_file, sample_of
from common.paths import join_path, path_exists


@dataclass(slots=True, eq=False)
class IndexedFile:
    """A planned file, or a file in the archive (``row_id`` 0). Folder and name are apart, to share folder strings."""

    folder: str
    name: str
    row_id: int = 0
    source_folder: str = ""
    source_name: str = ""
    sample: bytes = b""
    sha256: str = ""

    @property
    def path(self) -> str:
        """Its present or future path in the archive."""
        return join_path(self.folder, self.name)

    def readable_path(self) -> str:
        """The path of its content now: in the source until it is moved, then in the archive. Reads the disk."""
        source = join_path(self.source_folder, self.source_name)
        is_in_source = self.source_name and (not self.name or path_exists(source))
        return source if is_in_source else self.path


class DuplicateIndex:
    """Finds the indexed file that has the same content as a given one.

    Only files that agree in size and sample are read whole. An indexed file that can't be read is no match, and
    ``on_unreadable`` is called: storing the same content twice is harmless, losing it is not.
    """

    def __init__(self, on_unreadable: Callable[[str, Exception], None]) -> None:
        self._single: dict[int, IndexedFile | None] = {}  # by size; None once several files have the size
        self._by_sample: dict[bytes, list[IndexedFile]] = {}
        self._excluded_rows: set[int] = set()
        self._on_unreadable = on_unreadable

    def exclude_row(self, row_id: int) -> None:
        """Stop matching the file of a row, since it could not be stored."""
        self._excluded_rows.add(row_id)

    def add(self, size: int, indexed: IndexedFile) -> None:
        """Index a file. Reads samples only where several files have its size."""
        if size not in self._single:
            self._single[size] = indexed
            return
        self._sample_single(size)
        self._add_by_sample(indexed)

    def find(self, candidate: IndexedFile, size: int) -> IndexedFile | None:
        """Find an indexed file with the candidate's content, preferring files of this run over those in the archive.

        Fills in the candidate's sample and digest as needed. Raises ``OSError`` or ``RowFailed`` if it can't be read.
        """
        if size not in self._single:
            return None
        self._sample_single(size)
        candidate.sample = sample_of(candidate.readable_path())
        similar = [k for k in self._by_sample.get(candidate.sample, ()) if k.row_id not in self._excluded_rows]
        if not similar:
            return None
        candidate.sha256 = hash_file(candidate.readable_path()).sha256
        equal = [indexed for indexed in similar if self._digest(indexed) == candidate.sha256]
        return min(equal, key=lambda indexed: (indexed.row_id == 0, indexed.row_id), default=None)

    def _sample_single(self, size: int) -> None:
        """Index by its sample the file that has been the only one of its size so far."""
        if single := self._single[size]:
            self._single[size] = None
            self._add_by_sample(single)

    def _add_by_sample(self, indexed: IndexedFile) -> None:
        try:
            indexed.sample = indexed.sample or sample_of(indexed.readable_path())
        except (OSError, RowFailed) as error:
            self._on_unreadable(indexed.readable_path(), error)
            return
        self._by_sample.setdefault(indexed.sample, []).append(indexed)

    def _digest(self, indexed: IndexedFile) -> str:
        if not indexed.sha256:
            try:
                indexed.sha256 = hash_file(indexed.readable_path()).sha256
            except (OSError, RowFailed) as error:
                self._on_unreadable(indexed.readable_path(), error)
        return indexed.sha256

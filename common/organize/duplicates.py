"""Which contents are already known: compared by size, then by a cheap sample, then by digest. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from common.errors import RowFailed
from common.hashing.digest import hash_file, sample_of
from common.paths import join_path, path_exists


class IndexedFile:
    """A file whose content the run has stored, or found in the archive (then ``row_id`` is 0).

    Folder and name are kept apart since a million files share few folders.
    """

    __slots__ = ("folder", "name", "row_id", "sample", "sha256", "source_folder", "source_name")

    def __init__(self, folder: str, name: str, row_id: int = 0, source_folder: str = "", source_name: str = "") -> None:
        self.folder = folder
        self.name = name
        self.row_id = row_id
        self.source_folder = source_folder
        self.source_name = source_name
        self.sample = b""
        self.sha256 = ""

    @property
    def path(self) -> str:
        """Where it is, or will be, in the archive."""
        return join_path(self.folder, self.name)

    def readable_path(self) -> str:
        """Where its content can be read now: in the source until it is moved, else in the archive."""
        source = join_path(self.source_folder, self.source_name)
        is_in_source = self.source_name and (not self.name or path_exists(source))
        return source if is_in_source else self.path


class DuplicateIndex:
    """Finds the known file that has the same content as a given one.

    Sizes are compared first, then samples, and only files that agree in both are read whole, each
    once. A known file that can't be read is no match, and ``on_unreadable`` is told: storing a
    content twice is harmless, taking two for one is not.
    """

    def __init__(self, on_unreadable: Callable[[str, Exception], None]) -> None:
        self._alone: dict[int, IndexedFile | None] = {}  # by size; None once several files share the size
        self._by_sample: dict[bytes, list[IndexedFile]] = {}
        self._not_stored: set[int] = set()
        self._on_unreadable = on_unreadable

    def withdraw(self, row_id: int) -> None:
        """A row of this run could not be stored after all: nothing is a duplicate of it from now on."""
        self._not_stored.add(row_id)

    def add(self, size: int, known: IndexedFile) -> None:
        """Make a file known. Reads samples only where several files have the size."""
        if size not in self._alone:
            self._alone[size] = known
            return
        self._share(size)
        self._add_by_sample(known)

    def find(self, candidate: IndexedFile, size: int) -> IndexedFile | None:
        """The known file with the candidate's content; those of this run before those of the archive.

        Fills in the candidate's sample and digest when they had to be read. Raises ``OSError`` or
        ``RowFailed`` when the candidate itself can't be read.
        """
        if size not in self._alone:
            return None
        self._share(size)
        candidate.sample = sample_of(candidate.readable_path())
        rivals = [k for k in self._by_sample.get(candidate.sample, ()) if k.row_id not in self._not_stored]
        if not rivals:
            return None
        candidate.sha256 = hash_file(candidate.readable_path()).sha256
        same = [known for known in rivals if self._digest(known) == candidate.sha256]
        return min(same, key=lambda known: (known.row_id == 0, known.row_id), default=None)

    def _share(self, size: int) -> None:
        if alone := self._alone[size]:
            self._alone[size] = None
            self._add_by_sample(alone)

    def _add_by_sample(self, known: IndexedFile) -> None:
        try:
            known.sample = known.sample or sample_of(known.readable_path())
        except (OSError, RowFailed) as error:
            self._on_unreadable(known.readable_path(), error)
            return
        self._by_sample.setdefault(known.sample, []).append(known)

    def _digest(self, known: IndexedFile) -> str:
        if not known.sha256:
            try:
                known.sha256 = hash_file(known.readable_path()).sha256
            except (OSError, RowFailed) as error:
                self._on_unreadable(known.readable_path(), error)
        return known.sha256

"""Decides where each file goes in the archive: duplicates, collisions, one stem for a whole group. Reads the disk."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from common.dates.model import Dated
from common.dates.notes import NOTE_SEPARATOR
from common.errors import RowFailed, explain_os_error
from common.filesystems import is_dos_name
from common.hashing.digest import hash_file
from common.hashing.identity import is_regular
from common.manifests.reasons import same_companion, same_content
from common.manifests.rows import ReportRow
from common.manifests.statuses import ReportStatus
from common.media_types import kind_of
from common.organize.duplicates import DuplicateIndex, IndexedFile
from common.organize.grouping import MediaGroup
from common.organize.naming import (
    CountedPlaces,
    NameRegistry,
    collision_suffixes,
    companion_name,
    suffix_between,
    with_suffix,
)
from common.organize.scan import FoundFile, NotScanned
from common.paths import casefold_name, is_inside, path_exists, printable, relative_to
from common.timestamps import mtime_text

# Bound once: in Python 3.11 an enum member costs a function call.
_PLANNED, _ARCHIVED, _DUPLICATE = ReportStatus.PLANNED, ReportStatus.ALREADY_ARCHIVED, ReportStatus.DUPLICATE
_SKIPPED, _FAILED = ReportStatus.SKIPPED, ReportStatus.FAILED
_STORED = frozenset({_PLANNED, ReportStatus.COPIED, ReportStatus.MOVED, _ARCHIVED})


class _Spot(NamedTuple):
    """A name in the archive, and the status that a file would get under it.

    ``status`` is ``planned`` for a free name, and empty if other content has the name. ``already_archived``: ``name``
    is the name in the archive, which may differ in case or Unicode form, and ``sha256`` the digest of both files.
    """

    name: str
    status: str
    sha256: str = ""


@dataclass(kw_only=True)
class DestinationPlanner:
    """Decides where files go, group by group in scan order, and remembers the names that it assigned.

    ``has_late_names``: the archive may hold files whose names don't show yet.
    """

    duplicates: DuplicateIndex
    uncounted: DuplicateIndex
    places: CountedPlaces
    names: NameRegistry
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    keep_duplicates: bool
    has_dos_names: bool = False
    has_late_names: bool = False
    _folders: dict[str, str] = field(default_factory=dict)

    def plan(self, group: MediaGroup) -> list[ReportRow]:
        """The rows of one group, the primary's first. A companion that can't be read fails alone."""
        try:
            row, anchor = self._plan_primary(group)
        except (OSError, RowFailed) as error:
            return self.unplaced_group(group, _FAILED, self._describe_error(error))
        companions = range(1, 1 + len(group.companions))
        return [row, *(self._plan_companion(group, position, anchor) for position in companions)]

    def add_recorded(self, row: ReportRow) -> None:
        """Claim the name and index the content of a row from an earlier, unfinished call."""
        if row.status not in _STORED:
            return
        folder, name = os.path.split(row.destination_path)
        self.names.claim(folder, name)
        if row.media_kind != "sidecar" and row.status != _ARCHIVED and not self.keep_duplicates:
            indexed = IndexedFile(folder, name, row.row_id, *os.path.split(row.source_path))
            indexed.sha256 = row.sha256
            self.duplicates.add(row.size_bytes, indexed)

    def unplaced_group(self, group: MediaGroup, status: str, reason: str) -> list[ReportRow]:
        """The rows of a group that is skipped or fails for the reason of its primary, companions included."""
        effect = "failed" if status == _FAILED else f"is left out: {reason}"
        with_primary = f"goes with {group.primary.name}, which {effect}"
        positions = range(1 + len(group.companions))
        return [
            self._row(group, position, status, reason=with_primary if position else reason) for position in positions
        ]

    def unscanned(self, problem: NotScanned, row_id: int) -> ReportRow:
        """The row of an entry that was not scanned, such as a link, a pipe, an excluded file or a locked folder."""
        group = MediaGroup(FoundFile(*os.path.split(problem.path), 0, 0), row_id=row_id)
        row = self._row(group, 0, _FAILED if problem.failed else _SKIPPED, reason=problem.reason)
        return row._replace(media_kind="", source_mtime="")

    def _plan_primary(self, group: MediaGroup) -> tuple[ReportRow, IndexedFile]:
        """Plan the primary's row; return it with the file next to which its companions are stored."""
        primary = group.primary
        candidate = IndexedFile("", "", group.row_id, primary.folder, primary.name)
        if not self.keep_duplicates and (same := self.duplicates.find(candidate, primary.size)):
            return self._duplicate_row(group, 0, same, candidate.sha256), same
        folder = self._folder(group.dated.folder)
        spot = self._choose_name(group, folder, candidate)
        self._claim(spot, folder, candidate, primary.size, is_indexed=not self.keep_duplicates)
        row = self._row(group, 0, spot.status, target=candidate.path, sha256=candidate.sha256)
        if spot.status == _PLANNED and (note := self._note_on_uncounted(group)):
            row = row._replace(review=NOTE_SEPARATOR.join(filter(None, [row.review, note])))
        return row, candidate

    def _note_on_uncounted(self, group: MediaGroup) -> str:
        """A note if the archive holds the content of the primary in a place where no copy counts."""
        primary = group.primary
        candidate = IndexedFile("", "", group.row_id, primary.folder, primary.name)
        same = self.uncounted.find(candidate, primary.size)
        if same is None:
            return ""
        reason = self.places.reason_against(same.folder)
        return f"the same content lies in {same.path}, which does not count as archived: {reason}"

    def _folder(self, relative: str) -> str:
        """The path of a folder of the archive, as one shared string: it may have a million files."""
        if relative not in self._folders:
            self._folders[relative] = os.path.join(self.archive_root, relative)
        return self._folders[relative]

    def _choose_name(self, group: MediaGroup, folder: str, candidate: IndexedFile) -> _Spot:
        """The first name for the primary under which the whole group is free or archived already."""
        primary = group.primary
        suffixes = _group_suffixes(group, candidate) if self.has_late_names else _suffixes(candidate)
        for suffix in chain([""], suffixes):
            name = _suffixed(group, suffix) if suffix else primary.name
            spot = self._spot(primary, folder, name, is_plain=not suffix)
            if spot.status and all(
                self._spot(
                    file, folder, companion_name(file.name, primary.name, name, suffix), is_plain=not suffix
                ).status
                for file in group.companions
            ):
                return spot
        raise AssertionError("the suffixes never end")

    def _spot(self, file: FoundFile, folder: str, name: str, *, is_plain: bool) -> _Spot:
        """The result of storing a file under a name in the archive.

        Where names show late, a plain name that seems free may be that of another file by now, which would be
        overwritten: only names with digits of the contents are free there.
        """
        owner = self.names.owner_of(folder, name)
        if not owner:
            return _Spot(name, "" if is_plain and self.has_late_names else _PLANNED)
        same = _find_same_content(file, folder, name) if owner == "archive" else None
        return same or _Spot(name, "")

    def _claim(self, spot: _Spot, folder: str, candidate: IndexedFile, size: int, *, is_indexed: bool) -> None:
        candidate.folder, candidate.name = folder, spot.name
        candidate.sha256 = candidate.sha256 or spot.sha256
        self.names.claim(folder, spot.name)
        if is_indexed:
            self.duplicates.add(size, candidate)

    def _plan_companion(self, group: MediaGroup, position: int, anchor: IndexedFile) -> ReportRow:
        """Plan a companion next to the anchor, under its stem, with a suffix of its own if that name is taken.

        A movie or RAW of known content is a duplicate like any other file. A sidecar stays with its photo, even if
        other sidecars have the same content.
        """
        original, companion = group.primary.name, group.files[position]
        wanted = companion_name(companion.name, original, anchor.name, suffix_between(original, anchor.name))
        candidate = IndexedFile("", "", group.row_id + position, companion.folder, companion.name)
        is_indexed = not self.keep_duplicates and kind_of(companion.name) != "sidecar"
        reason = ""
        try:
            if is_indexed and (same := self.duplicates.find(candidate, companion.size)):
                return self._duplicate_row(group, position, same, candidate.sha256)
            for suffix in chain([""], _suffixes(candidate)):
                name = with_suffix(wanted, suffix) if suffix else wanted
                is_plain = not suffix and anchor.row_id != group.row_id  # else it has the digits of its group
                spot = self._spot(companion, anchor.folder, name, is_plain=is_plain)
                if not spot.status and anchor.row_id != group.row_id:
                    stored = _find_stored_companion(companion, anchor, name)
                    if not stored:
                        continue
                    spot = stored._replace(status=_DUPLICATE if anchor.row_id else _ARCHIVED)
                    reason = same_companion(anchor.row_id) if anchor.row_id else ""
                if spot.status:
                    break
        except (OSError, RowFailed) as error:
            return self._row(group, position, _FAILED, reason=self._describe_error(error))
        self._claim(spot, anchor.folder, candidate, companion.size, is_indexed=is_indexed)
        sha256 = candidate.sha256
        return self._row(group, position, spot.status, target=candidate.path, reason=reason, sha256=sha256)

    def _describe_error(self, error: OSError | RowFailed) -> str:
        if isinstance(error, RowFailed):
            return str(error)
        path = os.fsdecode(error.filename or "")
        copy = f" {printable(path)}" if is_inside(path, self.archive_root) else ""
        return f"cannot read{copy}: {explain_os_error(error)}"

    def _duplicate_row(self, group: MediaGroup, position: int, same: IndexedFile, sha256: str) -> ReportRow:
        if not same.row_id:
            return self._row(group, position, _ARCHIVED, target=same.path, sha256=sha256)
        reason = same_content(same.row_id)
        row = self._row(group, position, _DUPLICATE, target=same.path, reason=reason, sha256=sha256)
        note = self._folder_note(group.dated, same)
        return row._replace(review=NOTE_SEPARATOR.join(filter(None, [row.review, note])))

    def _folder_note(self, dated: Dated, same: IndexedFile) -> str:
        """A note if a duplicate's own date, unless it is a modification time, leads to another folder."""
        if dated.date_source in ("", "filesystem:mtime") or same.folder == self._folder(dated.folder):
            return ""
        stored = f"row {same.row_id} of this content is in {relative_to(same.folder, self.archive_root)}"
        return f"by {dated.date_source} it would go to {dated.folder}, and {stored}"

    def _with_note_on_name(self, review: str, target: str) -> str:
        """The review text, with a note if the file system of the archive may refuse the planned name."""
        if not self.has_dos_names or all(map(is_dos_name, relative_to(target, self.archive_root).split(os.sep))):
            return review
        note = "the archive's file system may refuse this name: correct destination_path"
        return NOTE_SEPARATOR.join(filter(None, [review, note]))

    def _row(
        self, group: MediaGroup, position: int, status: str, *, target: str = "", reason: str = "", sha256: str = ""
    ) -> ReportRow:
        """The row of one file of a group; the primary is at position 0."""
        file, dated = group.files[position], group.dated
        return ReportRow(
            run_id=self.run_id,
            row_id=group.row_id + position,
            source_path=file.path,
            destination_path=target,
            source_root=self.source_root,
            archive_root=self.archive_root,
            archive_id=self.archive_id,
            media_kind=kind_of(file.name),
            group_id=group.row_id,
            size_bytes=file.size,
            source_mtime=mtime_text(file.mtime_ns),
            capture_date=dated.capture_date,
            date_source=dated.date_source,
            review=self._with_note_on_name(dated.review, target) if status == _PLANNED else dated.review,
            status=status,
            reason=reason,
            sha256=sha256,
        )


def _suffixes(candidate: IndexedFile) -> Iterator[str]:
    """Suffixes from the digest of a file, which is read only if its plain name is taken."""
    candidate.sha256 = candidate.sha256 or hash_file(candidate.readable_path()).sha256
    yield from collision_suffixes(candidate.sha256)


def _group_suffixes(group: MediaGroup, candidate: IndexedFile) -> Iterator[str]:
    """Suffixes from the digests of all files of a group, so that different companions give another name."""
    candidate.sha256 = candidate.sha256 or hash_file(candidate.readable_path()).sha256
    if not group.companions:
        return collision_suffixes(candidate.sha256)
    digests = candidate.sha256 + "".join(_digest_if_readable(file.path) for file in group.companions)
    return collision_suffixes(hashlib.sha256(digests.encode("ascii")).hexdigest())


def _digest_if_readable(path: str) -> str:
    try:
        return hash_file(path).sha256
    except (OSError, RowFailed):  # its own row tells
        return ""


def _suffixed(group: MediaGroup, suffix: str) -> str:
    """The primary's name with a suffix, short enough that its companions can have the same stem. Pure."""
    name = group.primary.name
    longest = max(len(os.fsencode(file.name)) for file in group.files)
    return with_suffix(name, suffix, spare=longest - len(os.fsencode(name)))


def _find_stored_companion(companion: FoundFile, anchor: IndexedFile, name: str) -> _Spot | None:
    """Find an equal companion of the file that the primary duplicates, in the archive or still in the source.

    Reads the disk.
    """
    if stored := _find_same_content(companion, anchor.folder, name):
        return stored
    if not anchor.source_folder:  # the file was in the archive before this run
        return None
    in_source = _find_same_content(companion, anchor.source_folder, companion.name)
    if in_source is None:
        return None
    suffix = suffix_between(anchor.source_name, anchor.name)
    return in_source._replace(name=companion_name(in_source.name, anchor.source_name, anchor.name, suffix))


def _find_same_content(file: FoundFile, folder: str, name: str) -> _Spot | None:
    """Find in a folder a file with this name (in any case or Unicode form) and the content of ``file``. Reads the disk.

    Raises ``OSError`` or ``RowFailed`` if either can't be read: whether they are equal would be a guess.
    """
    for similar in _similar_names(folder, name):
        path = os.path.join(folder, similar)
        try:
            status = os.lstat(path)
            may_be_equal = is_regular(status) and status.st_size == file.size and not os.path.samefile(path, file.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if may_be_equal and (sha256 := hash_file(path).sha256) == hash_file(file.path).sha256:
            return _Spot(similar, _ARCHIVED, sha256)
    return None


def _similar_names(folder: str, name: str) -> list[str]:
    """The name itself if it is in a folder, else those that differ only by case or Unicode form. Reads the disk."""
    if path_exists(os.path.join(folder, name)):
        return [name]
    folded = casefold_name(name)
    try:
        return sorted(entry for entry in os.listdir(folder) if casefold_name(entry) == folded)
    except FileNotFoundError:
        return []

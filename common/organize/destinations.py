"""Where a file goes in the archive: duplicates, collisions, and one name for a whole group.

``DestinationPlanner`` decides, and report, dry run and real run all carry out what it decides. It reads the
disk where contents must be compared, and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from common.dates.model import UNDATED
from common.errors import RowFailed, explain_os_error
from common.hashing.digest import hash_file
from common.hashing.identity import is_regular
from common.manifests.reasons import same_companion, same_content
from common.manifests.rows import ReportRow
from common.organize.duplicates import DuplicateIndex, IndexedFile
from common.organize.model import FoundFile, Member, NotScanned, RunFacts
from common.organize.naming import NameRegistry, _suffix_between, collision_suffixes, companion_name, with_suffix
from common.paths import casefold_name, path_exists, relative_to
from common.timestamps import mtime_text


class DestinationPlanner:
    """Decides, group after group in scan order, where files go. Remembers what it gave away."""

    def __init__(self, facts: RunFacts, contents: DuplicateIndex, names: NameRegistry) -> None:
        self._facts = facts
        self._contents = contents
        self._names = names
        self._folders: dict[str, str] = {}

    def plan(self, members: Sequence[Member]) -> list[ReportRow]:
        """The rows of one group, the primary's first. A file that can't be read fails its row alone."""
        primary, *companions = members
        row, anchor = self._plan_primary(members)
        if not anchor:
            return self.unplaced_group(members, row.status, row.reason)
        return [row, *(self._plan_companion(companion, primary, anchor) for companion in companions)]

    def resume_from(self, row: ReportRow) -> None:
        """Remember a row of an earlier, unfinished run as if it had just been planned."""
        if row.status not in ("planned", "copied", "moved", "already_archived"):
            return
        folder, name = os.path.split(row.destination_path)
        self._names.claim(folder, name)
        if row.media_kind != "sidecar" and row.status != "already_archived" and not self._facts.keep_duplicates:
            source_folder, source_name = os.path.split(row.source_path)
            known = IndexedFile(folder, name, row.row_id, source_folder, source_name)
            known.sha256 = row.sha256
            self._contents.add(row.size_bytes, known)

    def withdraw(self, row: ReportRow) -> None:
        """A planned row could not be carried out: nothing is to be taken for its duplicate."""
        self._contents.withdraw(row.row_id)

    def unplaced_group(self, members: Sequence[Member], status: str, reason: str) -> list[ReportRow]:
        """The rows of a group that goes nowhere: the reason is the primary's, and the companions go with it."""
        primary, *companions = members
        fate = "failed" if status == "failed" else f"is left out: {reason}"
        beside = f"goes with {primary.file.name}, which {fate}"
        return [
            self.unplaced(primary, status, reason),
            *(self.unplaced(companion, status, beside) for companion in companions),
        ]

    def unplaced(self, member: Member, status: str, reason: str) -> ReportRow:
        """The row of a file that goes nowhere: skipped or failed."""
        return self._row(member, "", status, reason, "")

    def unscanned(self, problem: NotScanned, row_id: int) -> ReportRow:
        """The row of something that is no readable regular file: a link, a pipe, a locked folder."""
        folder, name = os.path.split(problem.path)
        nothing = Member(FoundFile(folder, name, 0, 0), "", row_id, row_id, UNDATED)
        status = "failed" if problem.failed else "skipped"
        return self.unplaced(nothing, status, problem.reason)._replace(source_mtime="")

    def _plan_primary(self, members: Sequence[Member]) -> tuple[ReportRow, IndexedFile | None]:
        """The primary's row, and the file that its companions are to stand beside (None when it failed)."""
        primary = members[0]
        folder = self._folder(primary.dated.folder)
        candidate = IndexedFile("", "", primary.row_id, primary.file.folder, primary.file.name)
        try:
            if not self._facts.keep_duplicates and (same := self._contents.find(candidate, primary.file.size)):
                return self._as_duplicate(primary, same, candidate.sha256), same
            spot = self._choose_name(members, folder, candidate)
        except (OSError, RowFailed) as error:
            return self.unplaced(primary, "failed", _unreadable(error)), None
        candidate.folder, candidate.name = folder, spot.name
        candidate.sha256 = candidate.sha256 or spot.sha256
        self._names.claim(folder, spot.name)
        if not self._facts.keep_duplicates:
            self._contents.add(primary.file.size, candidate)
        return self._row(primary, candidate.path, spot.status, "", candidate.sha256), candidate

    def _folder(self, relative: str) -> str:
        """The path of a folder of the archive, one text for all of its files: a million files share few folders."""
        if relative not in self._folders:
            self._folders[relative] = os.path.join(self._facts.archive_root, relative)
        return self._folders[relative]

    def _as_duplicate(self, member: Member, same: IndexedFile, sha256: str) -> ReportRow:
        if not same.row_id:
            return self._row(member, same.path, "already_archived", "", sha256)
        row = self._row(member, same.path, "duplicate", same_content(same.row_id), sha256)
        return row._replace(review="; ".join(filter(None, [row.review, self._doubt_about_folder(member, same)])))

    def _doubt_about_folder(self, member: Member, same: IndexedFile) -> str:
        """What the name or a companion of an equal file says of another folder than the one where the first went.

        When a file was changed is not heard: of copies that differs nearly always.
        """
        dated = member.dated
        if dated.date_source in ("", "filesystem:mtime") or same.folder == self._folder(dated.folder):
            return ""
        stored = f"row {same.row_id} of this content is in {relative_to(same.folder, self._facts.archive_root)}"
        return f"by {dated.date_source} it would go to {dated.folder}, and {stored}"

    def _choose_name(self, members: Sequence[Member], folder: str, candidate: IndexedFile) -> _Spot:
        """The first name under which the whole group is free, for the primary.

        A file that is there already keeps the name that it has there, whatever its case or Unicode form.
        """
        primary, *companions = members
        for suffix in chain([""], self._suffixes(candidate)):
            name = _suffixed(primary, companions, suffix) if suffix else primary.file.name
            spot = self._look_at(primary.file, folder, name)
            if spot.status and all(
                self._look_at(c.file, folder, companion_name(c.file.name, primary.file.name, name, suffix)).status
                for c in companions
            ):
                return spot
        raise AssertionError("the suffixes never end")

    def _suffixes(self, candidate: IndexedFile) -> Iterator[str]:
        """Suffixes from the content's digest, which is read only when the plain name is taken."""
        candidate.sha256 = candidate.sha256 or hash_file(candidate.readable_path()).sha256
        yield from collision_suffixes(candidate.sha256)

    def _look_at(self, file: FoundFile, folder: str, name: str) -> _Spot:
        """What a file would be under a name of the archive."""
        taken_by = self._names.owner_of(folder, name)
        if not taken_by:
            return _Spot(name, "planned")
        same = _same_content(file, folder, name) if taken_by == "archive" else None
        return same or _Spot(name, "")

    def _plan_companion(self, companion: Member, primary: Member, anchor: IndexedFile) -> ReportRow:
        """Beside the primary under the primary's stem; under a suffix of its own where other content stands there.

        A movie or RAW whose content is known already is a duplicate like any other file. A sidecar
        belongs beside its photo, whatever other sidecars hold the same few bytes.
        """
        suffix = _suffix_between(primary.file.name, anchor.name)
        wanted = companion_name(companion.file.name, primary.file.name, anchor.name, suffix)
        candidate = IndexedFile("", "", companion.row_id, companion.file.folder, companion.file.name)
        is_shared = companion.kind != "sidecar" and not self._facts.keep_duplicates
        reason = ""
        try:
            if is_shared and (same := self._contents.find(candidate, companion.file.size)):
                return self._as_duplicate(companion, same, candidate.sha256)
            for own_suffix in chain([""], self._suffixes(candidate)):
                name = with_suffix(wanted, own_suffix) if own_suffix else wanted
                spot = self._look_at(companion.file, anchor.folder, name)
                if not spot.status and anchor.row_id != primary.row_id:
                    stored = self._stored_companion(companion, anchor, name)
                    if not stored:
                        continue
                    spot = stored._replace(status="duplicate" if anchor.row_id else "already_archived")
                    reason = same_companion(anchor.row_id) if anchor.row_id else ""
                if spot.status:
                    break
        except (OSError, RowFailed) as error:
            return self.unplaced(companion, "failed", _unreadable(error))
        candidate.folder, candidate.name = anchor.folder, spot.name
        candidate.sha256 = candidate.sha256 or spot.sha256
        self._names.claim(anchor.folder, spot.name)
        if is_shared:
            self._contents.add(companion.file.size, candidate)
        return self._row(companion, candidate.path, spot.status, reason, candidate.sha256)

    def _stored_companion(self, companion: Member, anchor: IndexedFile, name: str) -> _Spot | None:
        """The companion of the row that the primary duplicates, in the archive, if its content is the same.

        In a run that has stored nothing yet, the companion beside the first primary stands for it.
        """
        if there := _same_content(companion.file, anchor.folder, name):
            return there
        if not anchor.source_folder:  # it stood in the archive before this run
            return None
        beside = _same_content(companion.file, anchor.source_folder, companion.file.name)
        if beside is None:
            return None
        suffix = _suffix_between(anchor.source_name, anchor.name)
        return beside._replace(name=companion_name(beside.name, anchor.source_name, anchor.name, suffix))

    def _row(self, member: Member, destination: str, status: str, reason: str, sha256: str) -> ReportRow:
        return ReportRow(
            run_id=self._facts.run_id,
            row_id=member.row_id,
            source_path=member.file.path,
            destination_path=destination,
            source_root=self._facts.source_root,
            archive_root=self._facts.archive_root,
            archive_id=self._facts.archive_id,
            media_kind=member.kind,
            group_id=member.group_id,
            size_bytes=member.file.size,
            source_mtime=mtime_text(member.file.mtime_ns),
            capture_date=member.dated.capture_date,
            date_source=member.dated.date_source,
            review=member.dated.review,
            status=status,
            reason=reason,
            sha256=sha256,
        )


def _suffixed(primary: Member, companions: Sequence[Member], suffix: str) -> str:
    """The primary's name with a suffix, short enough for its companions to have the same stem."""
    own = len(os.fsencode(primary.file.name))
    longest = max((len(os.fsencode(companion.file.name)) for companion in companions), default=0)
    return with_suffix(primary.file.name, suffix, spare=max(0, longest - own))


class _Spot(NamedTuple):
    """A name in the archive, and what a file would be there.

    ``status`` is ``planned``, ``already_archived`` (then the name is that of the file in the archive, which may differ
    in case or Unicode form, and ``sha256`` that of both), or empty when other content has the name.
    """

    name: str
    status: str
    sha256: str = ""


def _same_content(file: FoundFile, folder: str, name: str) -> _Spot | None:
    """The file in a folder, of this name or one that folds alike, that has the content of a file.

    Raises ``OSError`` and ``RowFailed`` when that can't be told: then storing it once more would be a guess.
    """
    for there in _names_alike(folder, name):
        path = os.path.join(folder, there)
        try:
            status = os.lstat(path)
            may_be = is_regular(status) and status.st_size == file.size and not os.path.samefile(path, file.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if may_be and (sha256 := hash_file(path).sha256) == hash_file(file.path).sha256:
            return _Spot(there, "already_archived", sha256)
    return None


def _names_alike(folder: str, name: str) -> list[str]:
    """The name itself if it stands in a folder, else the names there that fold alike, in order. Reads the disk."""
    if path_exists(os.path.join(folder, name)):
        return [name]
    wanted = casefold_name(name)
    try:
        return sorted(there for there in os.listdir(folder) if casefold_name(there) == wanted)
    except FileNotFoundError:
        return []


def _unreadable(error: OSError | RowFailed) -> str:
    return f"cannot read: {explain_os_error(error)}" if isinstance(error, OSError) else str(error)

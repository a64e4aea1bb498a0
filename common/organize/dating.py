"""Decides when a group was taken, from the evidence of all its files. Reads the disk."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.dates import notes
from common.dates.choose import Rules, choose, iso_text, offset_of_still, rejection_reason
from common.dates.filename import candidates_from_name
from common.dates.filesystem import candidate_from_mtime
from common.dates.findings import EDITED
from common.dates.formats import read_media
from common.dates.model import Candidate, Choice, Dated, Reading, Source
from common.dates.sidecar import candidates_from_sidecar
from common.errors import RowFailed
from common.media_types import UNDATED_FOLDER, extension_of, kind_of
from common.organize.grouping import MediaGroup
from common.organize.scan import FoundFile

_METADATA, _FILESYSTEM = Source.METADATA, Source.FILESYSTEM  # in Python 3.11 an enum member costs a function call


@dataclass(slots=True)
class _Evidence:
    """The candidates of a group, the problems of its readers, and the errors of the disk."""

    candidates: list[Candidate] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def add(self, reading: Reading, prefix: str) -> None:
        """Add one file's evidence; ``prefix`` precedes its problem."""
        self.candidates += reading.candidates
        if reading.problem:
            (self.unread if reading.unreadable else self.problems).append(f"{prefix}{reading.problem}")


@dataclass(frozen=True)
class Dater:
    """Dates groups by the rules of one run. ``fallback`` reads a file in which our own readers find no date."""

    rules: Rules
    fallback: Callable[[str], Reading]
    read: Callable[[str], Reading] = read_media

    def date(self, group: MediaGroup) -> Choice:
        """Decide by the best evidence; if that is only a name or a file time, ``review`` names problems of readers.

        Raises ``RowFailed`` if a disk error hides evidence that might decide. Damaged content raises nothing.
        """
        rules, primary, companions = self.rules, group.primary, group.companions
        evidence = _Evidence()
        if _METADATA in rules.order:
            self._read_metadata(primary.path, evidence, "")
            if evidence.unread:
                raise RowFailed(evidence.unread[0])
            for companion in companions:
                # A RAW, a movie or a preview (.thm) may have the moment of capture that the primary lacks.
                has_metadata = kind_of(companion.name) in ("image", "video") or extension_of(companion.name) == ".thm"
                if has_metadata and not _is_dated(evidence.candidates, rules.now, better_than=EDITED):
                    self._read_metadata(companion.path, evidence, f"{companion.name}: ")
            if evidence.unread and not _is_dated(evidence.candidates, rules.now, better_than=EDITED):
                raise RowFailed(evidence.unread[0])
        if (companions or group.shared_sidecar) and Source.SIDECAR in rules.order:
            paths = [file.path for file in companions if extension_of(file.name) in (".xmp", ".json")]
            for path in [*paths, *filter(None, [group.shared_sidecar])]:
                evidence.add(candidates_from_sidecar(path), f"{os.path.basename(path)}: ")
        evidence.candidates += candidates_from_name(primary.name)
        choice = choose(evidence.candidates, rules)
        if choice.moment is None or rules.order[-1] is not _FILESYSTEM:
            # Usually the file system is the last source, which is needed only if no other one decides.
            choice = choose([*evidence.candidates, candidate_from_mtime(primary.mtime_ns)], rules)
        remarks = self._movie_notes(choice, group) if companions else []
        if choice.tag.partition(":")[0] in ("", "filename", "filesystem"):
            if evidence.unread:
                raise RowFailed(evidence.unread[0])
            remarks += evidence.problems
        return choice._replace(review="; ".join(filter(None, [choice.review, *remarks]))) if remarks else choice

    def paths_read(self, group: MediaGroup) -> list[str]:
        """The media files, not sidecars, that ``date`` reads if the primary has a date, in this order. Pure."""
        photo = [group.primary.path] if _METADATA in self.rules.order else []
        return [*photo, *(movie.path for movie in _movies_of_photo(group))]

    def _read_metadata(self, path: str, evidence: _Evidence, prefix: str) -> None:
        """Add the dates in a file and, if none of them is believable, those that the fallback finds."""
        reading = self.read(path)
        if _is_dated(reading.candidates, self.rules.now):
            evidence.candidates += reading.candidates  # damage elsewhere in the file does not matter
            return
        evidence.add(reading, prefix)
        if not reading.unreadable:
            evidence.add(self.fallback(path), prefix)

    def _movie_notes(self, choice: Choice, group: MediaGroup) -> list[str]:
        """Notes for movies of another year than their photo: a reset camera counter causes such false pairs."""
        remarks: list[str] = []
        if choice.moment is None:
            return remarks
        for movie in _movies_of_photo(group):
            candidates = self.read(movie.path).candidates
            own = choose(candidates, self.rules._replace(paired_offset=offset_of_still(choice, candidates)))
            if own.moment and own.moment.year != choice.moment.year:
                says = notes.says_year(movie.name, own.moment.year)
                remarks.append(notes.years_disagree(choice.tag, choice.moment.year, [says]))
        return remarks


def _movies_of_photo(group: MediaGroup) -> list[FoundFile]:
    """The movies among the companions of a photo; none if the primary is no photo."""
    if not group.companions or kind_of(group.primary.name) != "image":
        return []
    return [companion for companion in group.companions if kind_of(companion.name) == "video"]


def dated_as(choice: Choice, layout: str) -> Dated:
    """A decision as the folder by a strftime pattern, and as columns of the report. Pure."""
    folder = UNDATED_FOLDER
    if moment := choice.moment:
        # strftime calls the C library and takes as long as all other columns: avoid it for the default layout.
        folder = f"{moment.year:04}" if layout == "%Y" else moment.strftime(layout)
    return Dated(folder, iso_text(choice), choice.tag, choice.review)


def _is_dated(candidates: Sequence[Candidate], now: datetime, better_than: int | None = None) -> bool:
    """Whether any candidate is believable and, if ``better_than`` is given, has a better rank than that."""
    for candidate in candidates:
        if (better_than is None or candidate.rank < better_than) and not rejection_reason(candidate, now):
            return True
    return False

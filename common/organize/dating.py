"""When a group was taken: all evidence of its files and companions, gathered for one decision. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.dates import notes
from common.dates.choose import Rules, choose, iso_text, offset_of_still, rejection_reason
from common.dates.filename import candidates_from_name
from common.dates.filesystem import candidate_from_mtime
from common.dates.findings import EDITED
from common.dates.formats import read_media
from common.dates.model import Candidate, Choice, Dated, Reading, Source
from common.dates.sidecar import candidates_from_sidecar
from common.errors import RowFailed
from common.media_types import extension_of, kind_of
from common.organize.model import FoundFile

UNKNOWN_DATE = "unknown-date"
_METADATA, _FILESYSTEM = Source.METADATA, Source.FILESYSTEM  # Python 3.11 takes a function call to get at one


class Asks(Protocol):
    """Who is asked about a file in which our own readers find no date."""

    def ask(self, path: str) -> Reading: ...


@dataclass(frozen=True)
class Dater:
    """Dates groups by the rules of one run. ``read`` tells what our own readers find in a file."""

    rules: Rules
    second_opinion: Asks
    read: Callable[[str], Reading] = read_media

    def date(self, primary: FoundFile, companions: Sequence[FoundFile], shared_sidecar: str = "") -> Choice:
        """The decision for a group, made by its best evidence. Reads its files; raises nothing for their content.

        ``shared_sidecar`` is the path of one that describes the primary though it belongs to
        another group. What a reader or a tool could not do stands in ``review``. Raises ``RowFailed`` where the
        disk kept back what would have decided: a file is not misfiled because it could not be read for once.
        """
        rules = self.rules
        evidence = _Evidence()
        if _METADATA in rules.order:
            self._hear_metadata(primary.path, evidence, "")
            if evidence.unread:
                raise RowFailed(evidence.unread[0])
            for companion in companions:
                # A RAW, a movie or a preview (.thm) tells when the shutter was pressed if the primary does not.
                if _has_metadata(companion.name) and not _is_dated(evidence.candidates, rules.now, better_than=EDITED):
                    self._hear_metadata(companion.path, evidence, f"{companion.name}: ")
            if evidence.unread and not _is_dated(evidence.candidates, rules.now, better_than=EDITED):
                raise RowFailed(evidence.unread[0])
        if (companions or shared_sidecar) and Source.SIDECAR in rules.order:
            paths = [c.path for c in companions if extension_of(c.name) in (".xmp", ".json")]
            for path in [*paths, *filter(None, [shared_sidecar])]:
                evidence.hear(candidates_from_sidecar(path), f"{os.path.basename(path)}: ")
        evidence.candidates += candidates_from_name(primary.name)
        choice = choose(evidence.candidates, rules)
        if choice.moment is None or rules.order[-1] is not _FILESYSTEM:
            # The file system is mostly the last resort, and then it is heard only where nothing else decides.
            choice = choose([*evidence.candidates, candidate_from_mtime(primary.mtime_ns)], rules)
        doubts = self._doubts_of_movies(choice, primary, companions) if companions else []
        if choice.tag.partition(":")[0] in ("", "filename", "filesystem"):
            if evidence.unread:
                raise RowFailed(evidence.unread[0])
            doubts += evidence.problems
        return choice._replace(review="; ".join(filter(None, [choice.review, *doubts]))) if doubts else choice

    def files_read(self, primary: FoundFile, companions: Sequence[FoundFile]) -> list[str]:
        """The paths of what ``date`` reads, in this order, of a group whose primary tells its date. Pure."""
        photo = [primary.path] if _METADATA in self.rules.order else []
        return [*photo, *(movie.path for movie in _movies_beside(primary, companions))]

    def _hear_metadata(self, path: str, evidence: _Evidence, where: str) -> None:
        """What a file says; where it says no date that can be believed, also what others find in it."""
        reading = self.read(path)
        if _is_dated(reading.candidates, self.rules.now):
            evidence.candidates += reading.candidates  # what may be damaged behind them does not matter
            return
        evidence.hear(reading, where)
        if not reading.unreadable:
            evidence.hear(self.second_opinion.ask(path), where)

    def _doubts_of_movies(self, choice: Choice, photo: FoundFile, companions: Sequence[FoundFile]) -> list[str]:
        """What movies beside a photo say of another year: a counter that began anew makes such pairs."""
        doubts: list[str] = []
        if choice.moment is None:
            return doubts
        for movie in _movies_beside(photo, companions):
            candidates = self.read(movie.path).candidates
            own = choose(candidates, self.rules._replace(paired_offset=offset_of_still(choice, candidates)))
            if own.moment and own.moment.year != choice.moment.year:
                other = notes.says_year(movie.name, own.moment.year)
                doubts.append(notes.years_disagree(choice.tag, choice.moment.year, [other]))
        return doubts


class _Evidence:
    """What the files of a group say, what readers could not do, and what the disk did not let them see."""

    __slots__ = ("candidates", "problems", "unread")

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.problems: list[str] = []
        self.unread: list[str] = []

    def hear(self, reading: Reading, where: str) -> None:
        """Take up one file's evidence; ``where`` stands before what is told of a problem."""
        self.candidates += reading.candidates
        if reading.problem:
            (self.unread if reading.unreadable else self.problems).append(f"{where}{reading.problem}")


def _movies_beside(photo: FoundFile, companions: Sequence[FoundFile]) -> list[FoundFile]:
    """The movies among the companions of a photo; of any other primary none."""
    if not companions or kind_of(photo.name) != "image":
        return []
    return [companion for companion in companions if kind_of(companion.name) == "video"]


def dated_as(choice: Choice, layout: str) -> Dated:
    """The folder, by a strftime pattern, and the report's columns for a decision. Pure."""
    folder = _folder(choice.moment, layout) if choice.moment else UNKNOWN_DATE
    return Dated(folder, iso_text(choice), choice.tag, choice.review)


def _folder(moment: datetime, layout: str) -> str:
    # The default layout: strftime asks the C library, which takes as long as all the rest of the columns.
    return f"{moment.year:04}" if layout == "%Y" else moment.strftime(layout)


def _has_metadata(name: str) -> bool:
    return kind_of(name) in ("image", "video") or extension_of(name) == ".thm"


def _is_dated(candidates: Sequence[Candidate], now: datetime, better_than: int | None = None) -> bool:
    """Whether there is a believable date, of a rank better than one if that is given."""
    for candidate in candidates:
        if (better_than is None or candidate.rank < better_than) and not rejection_reason(candidate, now):
            return True
    return False

"""When a group was taken: all evidence of its files and companions, gathered for one decision. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple, Protocol

from common.dates.choose import Rules, choose, iso_text, offset_of_still, why_not_believed
from common.dates.filename import candidates_from_name
from common.dates.filesystem import candidate_from_mtime
from common.dates.found import EDITED
from common.dates.model import Candidate, Choice, Dated, Reading, Source
from common.dates.read import read_media
from common.dates.sidecar import candidates_from_sidecar
from common.errors import RowFailed
from common.media_types import extension_of, kind_of
from common.scan import FoundFile

UNKNOWN_DATE = "unknown-date"


class Asks(Protocol):
    """Who is asked about a file in which our own readers find no date."""

    def ask(self, path: str) -> Reading: ...


@dataclass(frozen=True)
class Dater:
    """Dates groups by the rules of one run."""

    order: tuple[Source, ...]
    zone: tzinfo
    second_opinion: Asks

    def date(self, primary: FoundFile, companions: Sequence[FoundFile], shared_sidecar: str = "") -> Choice:
        """The decision for a group, made by its best evidence. Reads its files; raises nothing for their content.

        ``shared_sidecar`` is the path of one that describes the primary though it belongs to
        another group. What a reader or a tool could not do stands in ``review``. Raises ``RowFailed`` where the
        disk kept back what would have decided: a file is not misfiled because it could not be read for once.
        """
        candidates: list[Candidate] = []
        problems = _Problems([], [])
        now = datetime.now(UTC)
        if Source.METADATA in self.order:
            candidates += self._metadata(primary.path, now, problems, "")
            if problems.unread:
                raise RowFailed(problems.unread[0])
            for companion in companions:
                # A RAW, a movie or a preview (.thm) tells when the shutter was pressed if the primary does not.
                if _has_metadata(companion.name) and not _is_dated(candidates, now, better_than=EDITED):
                    candidates += self._metadata(companion.path, now, problems, f"{companion.name}: ")
        if Source.SIDECAR in self.order:
            paths = [c.path for c in companions if extension_of(c.name) in (".xmp", ".json")]
            for path in [*paths, *filter(None, [shared_sidecar])]:
                reading = candidates_from_sidecar(path)
                candidates += reading.candidates
                problems.note(reading, f"{os.path.basename(path)}: ")
        candidates += candidates_from_name(primary.name)
        rules = Rules(self.order, self.zone, now)
        choice = choose(candidates, rules)
        if choice.moment is None or self.order[-1] is not Source.FILESYSTEM:
            # The file system is mostly the last resort, and then it is heard only where nothing else decides.
            choice = choose([*candidates, candidate_from_mtime(primary.mtime_ns)], rules)
        if doubts := self._doubts_of_movies(choice, primary, companions, rules):
            choice = choice._replace(review="; ".join(filter(None, [choice.review, *doubts])))
        if choice.tag.partition(":")[0] in ("", "filename", "filesystem"):
            if problems.unread:
                raise RowFailed(problems.unread[0])
            if problems.told:
                choice = choice._replace(review="; ".join(filter(None, [choice.review, *problems.told])))
        return choice

    def _doubts_of_movies(
        self, choice: Choice, photo: FoundFile, companions: Sequence[FoundFile], rules: Rules
    ) -> list[str]:
        """What movies beside a photo say of another year: a counter that began anew makes such pairs."""
        doubts = []
        for movie in companions:
            if choice.moment is None or kind_of(movie.name) != "video" or kind_of(photo.name) != "image":
                continue
            candidates = read_media(movie.path).candidates
            own = choose(candidates, rules._replace(paired_offset=offset_of_still(choice, candidates)))
            if own.moment and own.moment.year != choice.moment.year:
                doubts.append(f"{choice.tag} says {choice.moment.year}, but {movie.name} says {own.moment.year}")
        return doubts

    def _metadata(self, path: str, now: datetime, problems: _Problems, where: str) -> list[Candidate]:
        reading = read_media(path)
        candidates = list(reading.candidates)
        if reading.unreadable:
            problems.note(reading, where)
        elif not _is_dated(candidates, now):
            opinion = self.second_opinion.ask(path)
            candidates += opinion.candidates
            problems.note(reading, where)
            problems.note(opinion, where)
        return candidates


class _Problems(NamedTuple):
    """What readers could not do (``told``), and what the disk did not let them see (``unread``)."""

    told: list[str]
    unread: list[str]

    def note(self, reading: Reading, where: str) -> None:
        if reading.problem:
            (self.unread if reading.unreadable else self.told).append(f"{where}{reading.problem}")


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
    return any(
        not why_not_believed(candidate, now) and (better_than is None or candidate.rank < better_than)
        for candidate in candidates
    )

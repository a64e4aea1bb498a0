"""When a group was taken: all evidence of its files and companions, gathered for one decision. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from common.dates.choose import Rules, choose
from common.dates.filename import candidates_from_name
from common.dates.filesystem import candidate_from_mtime
from common.dates.model import Candidate, Choice, Reading, Source
from common.dates.read import read_media
from common.dates.sidecar import candidates_from_sidecar
from common.media_types import extension_of, kind_of
from common.scan import FoundFile

# A companion's own evidence counts after all of the primary's: its ranks begin here.
_COMPANION_RANK = 1000


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
        another group. What a reader or a tool could not do stands in ``review``.
        """
        candidates: list[Candidate] = []
        problems: list[str] = []
        media = [companion for companion in companions if kind_of(companion.name) in ("image", "video")]
        if Source.METADATA in self.order:
            candidates += self._metadata(primary.path, problems)
            for companion in media:
                found = self._metadata(companion.path, problems) if not _is_dated(candidates) else []
                candidates += [replace(candidate, rank=candidate.rank + _COMPANION_RANK) for candidate in found]
        if Source.SIDECAR in self.order:
            paths = [c.path for c in companions if extension_of(c.name) in (".xmp", ".json")]
            for path in [*paths, *filter(None, [shared_sidecar])]:
                reading = candidates_from_sidecar(path)
                candidates += reading.candidates
                if reading.problem:
                    problems.append(f"{os.path.basename(path)}: {reading.problem}")
        candidates += candidates_from_name(primary.name)
        candidates.append(candidate_from_mtime(primary.mtime_ns))
        choice = choose(candidates, Rules(order=self.order, zone=self.zone, now=datetime.now(UTC)))
        if problems and choice.tag.partition(":")[0] in ("", "filename", "filesystem"):
            choice = replace(choice, review="; ".join(filter(None, [choice.review, *problems])))
        return choice

    def _metadata(self, path: str, problems: list[str]) -> list[Candidate]:
        reading = read_media(path)
        candidates = list(reading.candidates)
        if not _is_dated(candidates):
            opinion = self.second_opinion.ask(path)
            candidates += opinion.candidates
            problems += filter(None, [reading.problem, opinion.problem])
        return candidates


def _is_dated(candidates: Sequence[Candidate]) -> bool:
    return any(candidate.moment for candidate in candidates)

"""What the three pages have in common: rows go in one by one, a page and the rows that need a person come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from common.manifests.rows import JournalRow, ReportRow, VerifyRow
from common.media_types import kind_of
from common.paths import is_inside
from common.review.aggregates import AmountTable, Sample, SampleCollector
from common.review.labels import StatusLabel, status_label
from common.review.model import Item, Line, Page, ReviewFacts

MediaRow = TypeVar("MediaRow", bound=ReportRow | VerifyRow | JournalRow)


def places_inside(row: ReportRow | VerifyRow | JournalRow) -> tuple[str, ...]:
    """Source and destination of a row, as far as they lie in their roots and are named like photos or videos."""
    both = (row.source_path, row.source_root), (row.destination_path, row.archive_root)
    return tuple(path for path, root in both if is_inside(path, root) and kind_of(path) in ("image", "video"))


def status_lines(ledger: AmountTable, meanings: Mapping[str, StatusLabel]) -> list[Line]:
    """The lines of a table of statuses, each with what it means."""
    return [
        Line(meaning.label, meaning.words, meaning.tone, amount)
        for status, amount in ledger.largest_first()
        for meaning in [status_label(status, meanings)]
    ]


class RowCollector(ABC, Generic[MediaRow]):
    """Gathers the rows of one kind of file in bounded memory. Touches no disk."""

    def __init__(self, most_kept: int) -> None:
        self.keeper: SampleCollector[MediaRow] = SampleCollector(most_kept)

    @abstractmethod
    def add(self, row: MediaRow) -> None:
        """Count one row, and keep it if it needs a person."""

    def finish(self) -> None:
        """All rows have been taken."""
        return

    @property
    @abstractmethod
    def order(self) -> Sequence[str]:
        """The keys of the needs in the order in which a person should see them."""

    @abstractmethod
    def item(self, kept: Sample[MediaRow]) -> Item:
        """How the page shows a row."""

    @abstractmethod
    def page(self, run_id: str, facts: ReviewFacts) -> Page:
        """Everything but the items."""

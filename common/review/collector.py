"""The base of the three pages: collects rows one by one, then makes the page and the rows to look at."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from common.counts import count_text, size_text
from common.manifests.rows import JournalRow, ReportRow, VerifyRow
from common.media_types import kind_of
from common.paths import is_inside
from common.review.aggregates import Amount, AmountTable, Sample, SampleCollector
from common.review.labels import StatusLabel, clipped, inside_root, status_label
from common.review.model import Item, Line, Page, ReviewReason, Tile

MediaRow = TypeVar("MediaRow", bound=ReportRow | VerifyRow | JournalRow)


def media_paths(row: ReportRow | VerifyRow | JournalRow) -> tuple[str, ...]:
    """Source and destination of a row, if they lie in their roots and are named like photos or videos. Pure."""
    paths = (row.source_path, row.source_root), (row.destination_path, row.archive_root)
    return tuple(path for path, root in paths if is_inside(path, root) and kind_of(path) in ("image", "video"))


class RowCollector(ABC, Generic[MediaRow]):
    """Collects the rows of one kind of file in bounded memory. Does not access the disk.

    ``headings``: title and lead of the page by mode; those under an empty text are for any other mode.
    ``reasons``: the reasons to look, in the order in which a person should see their rows; unknown keys get the first.
    """

    kind: ClassVar[str]
    labels: ClassVar[Mapping[str, StatusLabel]]
    headings: ClassVar[Mapping[str, tuple[str, str]]]
    reasons: ClassVar[Sequence[ReviewReason]]
    attention_tone: ClassVar[str] = "bad"

    def __init__(self, samples_per_reason: int, mode: str) -> None:
        self.samples: SampleCollector[MediaRow] = SampleCollector(samples_per_reason)
        self._mode = mode
        self._amounts = AmountTable()  # by status, or by what was done
        self._roots = ("", "")

    def add(self, row: MediaRow) -> None:
        """Count one row, and keep it if it needs a person."""
        if not self._roots[0]:
            self._roots = row.source_root, row.archive_root

    def finish(self) -> None:
        """Complete the collection; call this after the last row."""

    @property
    def reason_keys(self) -> Sequence[str]:
        """The keys of the reasons to look, in the order in which a person should see their rows."""
        return [reason.key for reason in self.reasons]

    def review_reason(self, key: str) -> ReviewReason:
        """The reason with this key, the first one if it is unknown."""
        return next((reason for reason in self.reasons if reason.key == key), self.reasons[0])

    @abstractmethod
    def _tiles(self) -> list[Tile]:
        """The tiles at the top."""

    def _attention_tile(self, of_what: str, at_least: str = "") -> Tile:
        """The tile for the rows that a person should look at."""
        count = self.samples.counts.total()
        tone = self.attention_tone if count else "good"
        return Tile("to look at", at_least + count_text(count), f"of {of_what}", tone, "#look")

    def _totals(self) -> list[Line]:
        """The table of all rows, which adds up to the total."""
        return [
            Line(label.label, label.explanation, label.tone, amount)
            for status, amount in self._amounts.largest_first()
            for label in [status_label(status, self.labels)]
        ]

    def _total(self) -> Amount:
        return self._amounts.total()

    def _listed_keys(self) -> Sequence[str]:
        """The keys of the reasons in the order of the list above the rows."""
        return [key for key in self.reason_keys if self.samples.counts[key]]

    def item(self, sample: Sample[MediaRow]) -> Item:
        """A row as the page shows it, without its picture and link."""
        row = sample.row
        folder, name = os.path.split(inside_root(row.source_path, row.source_root))
        if isinstance(row, JournalRow):
            kind = kind_of(row.source_path)
            status = f"{clipped(row.action.replace('_', ' '), 40)}: {clipped(row.phase, 40)}"
        else:
            kind, status = row.media_kind, status_label(row.status, self.labels).label
        return Item(
            row_id=row.row_id,
            name=clipped(name),
            folder=clipped(folder),
            kind=kind or "other",
            size=row.size_bytes,
            companions=sample.companions,
            destination=clipped(inside_root(row.destination_path, row.archive_root)),
            status=status,
            review_reason=self.review_reason(sample.reason_key),
            remarks=[clipped(row.reason)] if row.reason else [],
        )

    def page(self, run_id: str) -> Page:
        """The page without its items."""
        title, lead = self.headings.get(self._mode) or self.headings[""]
        return Page(
            kind=self.kind,
            title=title,
            lead=lead,
            source_root=clipped(self._roots[0]),
            archive_root=clipped(self._roots[1]),
            run_id=run_id,
            tiles=self._tiles(),
            totals=self._totals(),
            total=self._total(),
            review_reasons=[(self.review_reason(key), self.samples.counts[key]) for key in self._listed_keys()],
        )


def amount_tile(label: str, amount: Amount, link: str) -> Tile:
    """The tile for the files that went well. Pure."""
    return Tile(label, count_text(amount.files), size_text(amount.size), "good", link)

"""The values that a review page shows. Their texts are printable but not yet escaped: the templates do that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.review.aggregates import Amount


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What a page shows of its run besides the rows: parts of the summary.

    ``mode``: what was done (report, copy, move; verify, archive-only; quarantine, delete, restore, purge).
    ``expected_rows``: the number of rows, if known; the page warns when there are more or fewer.
    """

    mode: str
    outputs: Mapping[str, str]
    notes: Sequence[str] = ()
    next_steps: Sequence[str] = ()
    expected_rows: int | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the few figures at the top. ``link`` leads to the part of the page that explains it."""

    label: str
    figure: str
    explanation: str
    tone: str = "plain"
    link: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table that adds up. ``tone`` is good, plain, look or bad; of evidence sure, likely or weak."""

    label: str
    explanation: str
    tone: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Share(Line):
    """One kind of evidence: its part of the whole starts at ``start`` in a bar of 1000 and is ``width`` wide."""

    percent: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Year:
    """A line of the calendar. ``sure`` and ``look`` are lengths in a bar of 1000. A gap between years has no months.

    Each month has its number of files and a level from 0 (none) to 4 (the fullest).
    """

    label: str
    sure: int
    look: int
    to_review: int
    amount: Amount
    months: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """A reason for a person to look at rows: its name, and what to do about it."""

    key: str
    label: str
    advice: str
    tone: str = "look"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate for the date."""

    source: str
    date: str
    explanation: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One row that needs a person. ``link`` is a ``file:`` address, ``picture`` a ``data:`` URI."""

    row_id: int
    name: str
    folder: str
    kind: str
    size: int
    companions: int
    destination: str
    status: str
    review_reason: ReviewReason
    remarks: Sequence[str]
    capture_date: str = ""
    evidence: Sequence[Evidence] = ()
    link: str = ""
    picture: str = ""

    def texts(self) -> tuple[str, ...]:
        """All texts of variable length that the page prints for the item; it prints the name twice."""
        shown = (self.name, self.name, self.folder, self.link, self.capture_date, self.destination, self.status)
        evidence = (text for each in self.evidence for text in (each.source, each.date, each.explanation))
        return (*shown, *self.remarks, *evidence)


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page. An empty list is a part that it does not have; ``review_reasons`` come with their counts."""

    kind: str
    title: str
    lead: str
    source_root: str
    archive_root: str
    run_id: str
    tiles: Sequence[Tile]
    totals: Sequence[Line]
    total: Amount
    review_reasons: Sequence[tuple[ReviewReason, int]]
    destination_label: str = "Archive copy"
    kinds: Sequence[Line] = ()
    years: Sequence[Year] = ()
    evidence: Sequence[Share] = ()
    left_out: Sequence[Line] = ()

"""What a review page shows, as plain values: the templates only lay it out. All texts here are safe to print, none
is safe as markup: escaping is the templates' work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.review.aggregates import Amount


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What a script knows of its run and the rows do not.

    ``mode``: what was done, as the script calls it (report, copy, move; verify; quarantine, delete, restore, purge).
    ``outputs``: the files that hold everything, by kind, as in the summary. ``notes`` and ``next_steps`` are those of
    the summary. ``found``: how many rows there must be, when that is known from elsewhere; the page is loud when the
    sum is another. ``complete``: whether the run has come to its end.
    """

    mode: str
    outputs: Mapping[str, str]
    notes: Sequence[str] = ()
    next_steps: Sequence[str] = ()
    found: int | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the few figures at the top. ``link`` leads to the part of the page that explains it."""

    label: str
    figure: str
    words: str
    tone: str = "plain"
    link: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table that adds up."""

    label: str
    words: str
    tone: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of evidence: ``width`` of 1000 is its part of the whole, ``start`` where that begins in the bar."""

    label: str
    words: str
    grade: str
    amount: Amount
    percent: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Month:
    """A cell of the calendar: ``level`` is 0 (none) to 4 (the fullest)."""

    files: int
    level: int


@dataclass(frozen=True, slots=True)
class Year:
    """A line of the chart. ``sure`` and ``look`` are parts of a bar of 1000. A gap of years has no months."""

    label: str
    sure: int
    look: int
    looked_at: int
    amount: Amount
    months: tuple[Month, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """A reason for a person to look: what it is called, what to do about it, and how many rows have it."""

    key: str
    label: str
    advice: str
    tone: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate for the date, as the page shows it."""

    source: str
    says: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One row that needs a person. ``taken`` and ``evidence`` are empty where dates are not the
    question. ``link`` is a ``file:`` address, ``picture`` a ``data:`` URI."""

    row_id: int
    name: str
    folder: str
    kind: str
    size: int
    companions: int
    taken: str
    evidence: tuple[Evidence, ...]
    place: str
    status: str
    need: ReviewReason
    reasons: tuple[str, ...]
    link: str = ""
    picture: str = ""

    def texts(self) -> tuple[str, ...]:
        """Everything of variable length that the page prints for it."""
        parts = (self.name, self.name, self.folder, self.link, self.taken, self.place, self.status, *self.reasons)
        return (*parts, *(text for one in self.evidence for text in (one.source, one.says, one.words)))


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page. Lists that are empty are parts that it does not have."""

    kind: str
    title: str
    lead: str
    source_root: str
    archive_root: str
    run_id: str
    tiles: Sequence[Tile]
    totals: Sequence[Line]
    total: Amount
    kinds: Sequence[Line]
    years: Sequence[Year]
    evidence: Sequence[Share]
    left_out: Sequence[Line]
    needs: Sequence[ReviewReason]
    place_label: str
    alarms: Sequence[str] = ()

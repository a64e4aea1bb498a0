"""What verify's rows tell a person: what was proved, what was not, and why. Gathered in bounded memory. Pure."""

from __future__ import annotations

import os
from dataclasses import replace

from common.counts import count_text, size_text
from common.manifests.rows import VerifyRow
from common.review.aggregates import Amount, AmountTable, Sample
from common.review.collector import RowCollector, status_lines
from common.review.labels import VERIFY_LABELS, clipped, inside_root, status_label
from common.review.model import Item, Page, ReviewFacts, ReviewReason, Tile

_GOOD = frozenset({"identical", "archive_intact"})
# What organize was to leave out needs nobody; what failed there does.
_LEFT_OUT = "skipped"

_LEADS = {
    "verify": "Proved means: every byte of the original and of its archive copy was read, and they are the same.",
    "archive-only": "Proved means: every byte of the archive copy was read, and its hash is the one that was recorded.",
}


def review_reason_key(row: VerifyRow) -> str:
    """The key of what a person should look at (the row's status), or an empty text. Pure."""
    return "" if row.status in _GOOD or row.report_status == _LEFT_OUT else row.status


class VerifyCollector(RowCollector[VerifyRow]):
    """Gathers the rows of verified.csv and unverified.csv, in any order."""

    def __init__(self, most_kept: int) -> None:
        super().__init__(most_kept)
        self._statuses = AmountTable()
        self._cold = AmountTable()
        self._roots = ("", "")

    def add(self, row: VerifyRow) -> None:
        self._roots = self._roots if self._roots[0] else (row.source_root, row.archive_root)
        self._statuses.add(row.status, row.size_bytes)
        if row.status in _GOOD:
            self._cold.add(row.read_mode, row.size_bytes)
        if need := review_reason_key(row):
            self.keeper.add(need if need in VERIFY_LABELS else "other", row)

    def item(self, kept: Sample[VerifyRow]) -> Item:
        row = kept.row
        folder, name = os.path.split(row.source_path)
        return Item(
            row_id=row.row_id,
            name=clipped(name),
            folder=clipped(inside_root(folder, row.source_root) if folder != row.source_root else ""),
            kind=row.media_kind or "other",
            size=row.size_bytes,
            companions=kept.companions,
            taken="",
            evidence=(),
            place=clipped(inside_root(row.destination_path, row.archive_root)),
            status=status_label(row.status, VERIFY_LABELS).label,
            need=_need(kept.need),
            reasons=tuple(filter(None, [clipped(row.reason)])),
        )

    def page(self, run_id: str, facts: ReviewFacts) -> Page:
        total = self._statuses.total()
        identical, intact = self._statuses["identical"], self._statuses["archive_intact"]
        proved = Amount(identical.files + intact.files, identical.size + intact.size)
        needing = sum(self.keeper.counts.values())
        cached = self._cold["cached"]
        medium = (
            "all read from the storage medium" if not cached.files else f"{count_text(cached.files)} only from memory"
        )
        tiles = [
            Tile("proved", count_text(proved.files), size_text(proved.size), "good", "#sums"),
            Tile("to look at", count_text(needing), f"of {count_text(total.files)} rows", _tone(needing), "#look"),
            Tile(
                "how they were read", "cached" if cached.files else "cold", medium, "look" if cached.files else "good"
            ),
        ]
        return Page(
            kind="verify",
            title="What was proved of your archive",
            lead=_LEADS.get(facts.mode, _LEADS["verify"]),
            source_root=clipped(self._roots[0]),
            archive_root=clipped(self._roots[1]),
            run_id=run_id,
            tiles=tiles if proved.files else tiles[:2],
            totals=status_lines(self._statuses, VERIFY_LABELS),
            total=total,
            kinds=(),
            years=(),
            evidence=(),
            left_out=(),
            needs=[replace(_need(key), count=count) for key, count in self.keeper.counts.most_common()],
            place_label="Archive copy",
        )

    @property
    def order(self) -> list[str]:
        """The needs, the rarest first: they are the least expected."""
        return sorted(self.keeper.counts, key=self.keeper.counts.__getitem__)


def _need(key: str) -> ReviewReason:
    meaning = status_label(key, VERIFY_LABELS)
    return ReviewReason(key, meaning.label.capitalize(), meaning.words, "bad" if meaning.tone == "bad" else "look")


def _tone(needing: int) -> str:
    return "bad" if needing else "good"

"""What apply's journal tells a person: what was done, what was refused and why. Gathered in bounded memory. Pure."""

from __future__ import annotations

import os
from dataclasses import replace

from common.counts import count_text, size_text
from common.manifests.rows import JournalRow
from common.media_types import kind_of
from common.review.aggregates import Amount, AmountTable, Sample
from common.review.collector import RowCollector, status_lines
from common.review.labels import APPLY_LABELS, clipped, inside_root
from common.review.model import Item, Line, Page, ReviewFacts, ReviewReason, Tile

NEEDS = (
    ReviewReason("failed", "Refused or failed", "The file was left where it is. The reason says what to mend.", "bad"),
    ReviewReason("skipped", "Nothing was there to do", "The reason says why; nothing was changed.", "plain"),
    ReviewReason("open", "No outcome yet", "The run was interrupted: the same command again finishes it.", "look"),
)
_NEED = {need.key: need for need in NEEDS}


class ApplyCollector(RowCollector[JournalRow]):
    """Gathers the rows of a journal, in their order: the last word about a row is what counts."""

    order = tuple(need.key for need in NEEDS)

    def __init__(self, most_kept: int) -> None:
        super().__init__(most_kept)
        self._most_open = 4 * most_kept
        self._done = AmountTable()
        self._unsettled_amounts = AmountTable()
        self._unsettled: dict[tuple[str, int, str], JournalRow] = {}
        self._overflow = False
        self._roots = ("", "")

    def add(self, row: JournalRow) -> None:
        self._roots = self._roots if self._roots[0] else (row.source_root, row.archive_root)
        key = (row.action, row.row_id, row.from_path if row.action == "prune" else "")
        if row.phase == "done":
            self._done.add(row.action, row.size_bytes)
            self._unsettled.pop(key, None)
        elif key in self._unsettled or len(self._unsettled) < self._most_open:
            self._unsettled[key] = row
        else:
            self._overflow = True

    def finish(self) -> None:
        # What has no good end needs a person.
        for row in self._unsettled.values():
            if row.action != "prune":
                need = "open" if row.phase == "planned" else row.phase
                self.keeper.add(need, row)
                self._unsettled_amounts.add(need, row.size_bytes)
        self._unsettled.clear()

    def item(self, kept: Sample[JournalRow]) -> Item:
        row = kept.row
        folder, name = os.path.split(row.source_path)
        return Item(
            row_id=row.row_id,
            name=clipped(name),
            folder=clipped(inside_root(folder, row.source_root) if folder != row.source_root else ""),
            kind=kind_of(row.source_path) or "other",
            size=row.size_bytes,
            companions=kept.companions,
            taken="",
            evidence=(),
            place=clipped(inside_root(row.destination_path, row.archive_root)),
            status=f"{clipped(row.action.replace('_', ' '), 40)}: {clipped(row.phase, 40)}",
            need=_NEED.get(kept.need, NEEDS[0]),
            reasons=tuple(filter(None, [clipped(row.reason)])),
        )

    def page(self, run_id: str, facts: ReviewFacts) -> Page:
        counts = self.keeper.counts
        done, undone = self._done.total(), self._unsettled_amounts.total()
        unsettled = [
            Line(need.label.lower(), need.advice, need.tone, amount)
            for key, amount in self._unsettled_amounts.largest_first()
            for need in [_NEED.get(key, NEEDS[0])]
        ]
        files = Amount()
        for action, amount in self._done.largest_first():
            if action not in ("prune", "restore_folder"):
                files = Amount(files.files + amount.files, files.size + amount.size)
        needing = sum(counts.values())
        at_least = "at least " if self._overflow else ""
        tiles = [
            Tile(
                _DONE_WORDS.get(facts.mode, "done"),
                count_text(files.files),
                size_text(files.size),
                "good",
                "#sums",
            ),
            Tile(
                "to look at",
                at_least + count_text(needing),
                f"of {count_text(done.files + undone.files)}",
                "bad" if needing else "good",
                "#look",
            ),
        ]
        return Page(
            kind="apply",
            title=_TITLES.get(facts.mode, "What was done to the originals"),
            lead=_LEADS.get(facts.mode, ""),
            source_root=clipped(self._roots[0]),
            archive_root=clipped(self._roots[1]),
            run_id=run_id,
            tiles=tiles,
            totals=[*status_lines(self._done, APPLY_LABELS), *unsettled],
            total=Amount(done.files + undone.files, done.size + undone.size),
            kinds=(),
            years=(),
            evidence=(),
            left_out=(),
            needs=[replace(need, count=counts[need.key]) for need in NEEDS if counts[need.key]],
            place_label="Archive copy",
        )


_TITLES = {
    "quarantine": "What was moved to quarantine",
    "delete": "What was deleted for good",
    "restore": "What was brought back",
    "purge": "What was purged from quarantine",
}
_LEADS = {
    "quarantine": "Nothing was destroyed: the originals were renamed, and --restore brings all of them back.",
    "delete": "Each original was compared with its archive copy, read back from the medium, before it was removed.",
    "restore": "The files stand where they were before.",
    "purge": "Each file was compared with its archive copy, read back from the medium, before it was removed.",
}
_DONE_WORDS = {
    "quarantine": "in quarantine",
    "delete": "deleted for good",
    "restore": "brought back",
    "purge": "purged",
}

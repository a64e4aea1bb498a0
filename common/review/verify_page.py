"""The review page of verify: what was proved, what was not, and why, collected in bounded memory. Pure."""

from typing import ClassVar

from common.counts import count_text
from common.manifests.rows import VerifyRow
from common.manifests.statuses import VERIFIED_STATUSES, ReadMode, ReportStatus
from common.review.aggregates import AmountTable
from common.review.collector import RowCollector, amount_tile
from common.review.labels import VERIFY_LABELS, status_label
from common.review.model import ReviewReason, Tile

# Rows that organize left out on purpose need no look; rows that failed there do.
_LEFT_OUT = ReportStatus.SKIPPED
_TITLE = "What was proved of your archive"


class VerifyCollector(RowCollector[VerifyRow]):
    """Collects the rows of verified.csv and unverified.csv, in any order."""

    kind = "verify"
    labels = VERIFY_LABELS
    headings: ClassVar = {
        "": (
            _TITLE,
            "Proved means: every byte of the original and of its archive copy was read, and they are the same.",
        ),
        "archive-only": (
            _TITLE,
            "Proved means: every byte of the archive copy was read, and its hash is the one that was recorded.",
        ),
    }

    def __init__(self, samples_per_reason: int, mode: str) -> None:
        super().__init__(samples_per_reason, mode)
        self._proved = AmountTable()  # by read mode

    def add(self, row: VerifyRow) -> None:
        super().add(row)
        self._amounts.add(row.status, row.size_bytes)
        if row.status in VERIFIED_STATUSES:
            self._proved.add(row.read_mode, row.size_bytes)
        elif row.report_status != _LEFT_OUT:
            self.samples.add(row.status if row.status in VERIFY_LABELS else "other", row)

    @property
    def reason_keys(self) -> list[str]:
        """The rarest reasons first: they are the least expected."""
        return sorted(self.samples.counts, key=self.samples.counts.__getitem__)

    def _listed_keys(self) -> list[str]:
        return [key for key, _ in self.samples.counts.most_common()]

    def review_reason(self, key: str) -> ReviewReason:
        label = status_label(key, VERIFY_LABELS)
        return ReviewReason(key, label.label.capitalize(), label.explanation, "bad" if label.tone == "bad" else "look")

    def _tiles(self) -> list[Tile]:
        proved, cached = self._proved.total(), self._proved[ReadMode.CACHED].files
        tiles = [
            amount_tile("proved", proved, "#sums"),
            self._attention_tile(f"{count_text(self._total().files)} rows"),
        ]
        if cached:
            tiles.append(Tile("how they were read", "cached", f"{count_text(cached)} only from memory", "look"))
        elif proved.files:
            tiles.append(Tile("how they were read", "cold", "all read from the storage medium", "good"))
        return tiles

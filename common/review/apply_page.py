"""The review page of apply: what was done, what was refused, and why, collected in bounded memory. Pure."""

from typing import ClassVar

from common.counts import count_text
from common.manifests.rows import JournalRow
from common.manifests.statuses import Action, Phase
from common.review.aggregates import Amount, AmountTable
from common.review.collector import RowCollector, amount_tile
from common.review.labels import APPLY_LABELS
from common.review.model import Line, ReviewReason, Tile

_OPEN = "open"
_PLANNED, _DONE, _PRUNE = Phase.PLANNED, Phase.DONE, Action.PRUNE
_OF_FOLDERS = frozenset({Action.PRUNE, Action.RESTORE_FOLDER})
_LABELS = {"delete": "deleted for good", "purge": "purged", "quarantine": "in quarantine", "restore": "brought back"}


class ApplyCollector(RowCollector[JournalRow]):
    """Collects the rows of a journal in their order: a later row about a file replaces an unresolved one."""

    kind = "apply"
    labels = APPLY_LABELS
    reasons = (
        ReviewReason(
            Phase.FAILED, "Refused or failed", "The file was left where it is. The reason says what to mend.", "bad"
        ),
        ReviewReason(Phase.SKIPPED, "Nothing was there to do", "The reason says why; nothing was changed.", "plain"),
        ReviewReason(_OPEN, "No outcome yet", "The run was interrupted: the same command again finishes it."),
    )
    headings: ClassVar = {
        "": ("What was done to the originals", ""),
        "quarantine": (
            "What was moved to quarantine",
            "Nothing was destroyed: the originals were renamed, and --restore brings all of them back.",
        ),
        "delete": (
            "What was deleted for good",
            "Each original was compared with its archive copy, read back from the medium, before it was removed.",
        ),
        "restore": ("What was brought back", "The files stand where they were before."),
        "purge": (
            "What was purged from quarantine",
            "Each file was compared with its archive copy, read back from the medium, before it was removed.",
        ),
    }

    def __init__(self, samples_per_reason: int, mode: str) -> None:
        super().__init__(samples_per_reason, mode)
        self._unresolved_limit = 4 * samples_per_reason
        self._unresolved: dict[tuple[str, int, str], JournalRow] = {}
        self._unresolved_amounts = AmountTable()
        self._overflow = False

    def add(self, row: JournalRow) -> None:
        super().add(row)
        key = (row.action, row.row_id, row.from_path if row.action == _PRUNE else "")
        if row.phase == _DONE:
            self._amounts.add(row.action, row.size_bytes)
            self._unresolved.pop(key, None)
        elif key in self._unresolved or len(self._unresolved) < self._unresolved_limit:
            self._unresolved[key] = row
        else:
            self._overflow = True

    def finish(self) -> None:
        """Keep the rows of files that were not done, since a person should look at them."""
        for row in self._unresolved.values():
            if row.action != _PRUNE:
                reason_key = _OPEN if row.phase == _PLANNED else row.phase
                self.samples.add(reason_key, row)
                self._unresolved_amounts.add(reason_key, row.size_bytes)
        self._unresolved.clear()

    def _totals(self) -> list[Line]:
        return super()._totals() + [
            Line(reason.label.lower(), reason.advice, reason.tone, amount)
            for key, amount in self._unresolved_amounts.largest_first()
            for reason in [self.review_reason(key)]
        ]

    def _total(self) -> Amount:
        return self._amounts.total() + self._unresolved_amounts.total()

    def _tiles(self) -> list[Tile]:
        files = sum((amount for action, amount in self._amounts.items() if action not in _OF_FOLDERS), Amount())
        label = _LABELS.get(self._mode, "done")
        return [
            amount_tile(label, files, "#sums"),
            self._attention_tile(count_text(self._total().files), at_least="at least " if self._overflow else ""),
        ]
